import subprocess
import sys
from pathlib import Path

import pytest

from cli.__main__ import CHECKOUT, main, parser

COMMANDS = ("up", "plan", "status", "ssh", "logs", "down", "map", "new", "test")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_contract_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as caught:
        parser().parse_args([command, "--help"])
    assert caught.value.code == 0
    assert command in capsys.readouterr().out


def test_an_unknown_network_is_bad_usage_and_the_declared_ones_are_named(capsys):
    assert main(["check", "nosuchnetwork"]) == 2
    said = capsys.readouterr().err
    assert "nosuchnetwork" in said and "cosmoshub" in said and "bin/estate new nosuchnetwork" in said


def test_an_unknown_word_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["down", "cosmoshub", "--al"])
    assert caught.value.code == 2
    assert "--al" in capsys.readouterr().err


def test_a_network_name_that_cannot_be_one_is_refused_with_the_rule_and_a_fix(capsys):
    assert main(["new", "Cosmos_Hub"]) == 2
    said = capsys.readouterr().err
    assert "'Cosmos_Hub'" in said and "lower-case" in said and "choose" in said


def test_new_leaves_an_existing_declaration_as_it_is(capsys):
    before = (CHECKOUT / "stacks" / "Pulumi.cosmoshub.yaml").read_bytes()
    assert main(["new", "cosmoshub"]) == 2
    assert "left as it is" in capsys.readouterr().err
    assert (CHECKOUT / "stacks" / "Pulumi.cosmoshub.yaml").read_bytes() == before


def test_the_command_line_starts_without_loading_pulumi_or_pyinfra():
    script = "import sys, cli.__main__, cli.commands.plan, cli.commands.status, cli.commands.check; sys.exit(any(name.split('.')[0] in ('pulumi', 'pyinfra') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(CHECKOUT)).returncode == 0
