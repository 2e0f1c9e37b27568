"""The words of the command line: help, bad usage, exit codes, and how little is loaded at the start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import cli.__main__ as entry
from cli.__main__ import CHECKOUT, COMMANDS, main, parser
from cli.commands import check, new
from estate.errors import CheckFailed, UsageError

Run = Callable[..., tuple[int, str, str]]

CONTRACT = {
    *("up", "plan", "prove", "reach", "probe", "status", "ssh", "logs", "down", "map", "new", "key", "drill"),
    *("check", "test", "completion"),
}
MISSPELT = [
    ("statu", "did you mean status?"),
    ("up --liv", "did you mean --live?"),
    ("plan --liv", "did you mean --live?"),
    ("prove --explian=x", "did you mean --explain?"),
    ("reach a b --protcol tcp", "did you mean --protocol?"),
    ("probe --sampel 3", "did you mean --sample?"),
    ("status --jsn", "did you mean --json?"),
    ("ssh --netwrk terra host", "did you mean --network?"),
    ("logs host --unti x", "did you mean --unit?"),
    ("down --netwrk terra", "unknown option --netwrk"),
    ("map --sgv x", "did you mean --svg?"),
    ("new name --json", "unknown option --json"),
    ("key renew-tabel", "did you mean renew-table?"),
    ("key move --form ash1", "did you mean --from?"),
    ("drill caos", "did you mean chaos?"),
    ("drill chaos --fault 3", "did you mean --faults?"),
    ("drill --lst", "did you mean --list?"),
    ("check --jsonn", "did you mean --json?"),
    ("completion bsh", "did you mean bash?"),
    ("--versoin", "did you mean --version?"),
]
INCOMPLETE = [
    ("ssh", "HOST"),
    ("logs", "HOST"),
    ("logs host --lines ten", "whole number"),
    ("logs host --lines -1", "--lines"),
    ("new", "NETWORK"),
    ("key", "CEREMONY"),
    ("key join", "SITE"),
    ("probe --seed x", "whole number"),
    ("reach a b --port http", "whole number"),
    ("prove --diff one", "--diff"),
    ("plan one two", "unexpected argument two"),
    ("probe cosmoshub terra", "unexpected argument terra"),
    ("drill kill-owner --seed 3", "unknown option --seed"),
    ("drill kill-owner --faults 3", "unknown option --faults"),
    ("drill no-gate --heights 3", "unknown option --heights"),
    ("drill chaos --network terra", "unknown option --network"),
    ("completion", "SHELL"),
]
REFUSED = [
    "up cosmoshubb",
    "plan cosmoshubb",
    "prove cosmoshubb",
    "reach internet web --network cosmoshubb",
    "probe cosmoshubb",
    "status cosmoshubb",
    "ssh --network cosmoshubb host",
    "logs host --network cosmoshubb",
    "down cosmoshubb",
    "up cosmoshub cosmoshubb",
    "down cosmoshub cosmoshubb",
    "status cosmoshub cosmoshubb",
    "map cosmoshubb",
    "key status cosmoshubb",
    "drill kill-owner --network cosmoshubb",
    "check cosmoshubb",
]


@pytest.fixture
def bad_usage(capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """The message of a line that is refused while it is read, with exit code 2 and nothing on standard output."""

    def refused(line: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(line.split())
        said = capsys.readouterr()
        assert (caught.value.code, said.out) == (2, "")
        return said.err

    return refused


def test_the_commands_are_those_of_the_contract() -> None:
    assert set(COMMANDS) == CONTRACT
    modules = {path.stem for path in (CHECKOUT / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert modules == CONTRACT, "each command is the module of its name"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: bin/estate {command}" in capsys.readouterr().out


def test_every_argument_says_what_it_is() -> None:
    silent = []
    waiting = [parser(*COMMANDS)]
    while waiting:
        each = waiting.pop()
        for action in each.arguments():
            if isinstance(action.choices, dict):
                waiting += action.choices.values()
            elif not action.help:
                silent.append((each.prog, action.dest))
    assert silent == []


def test_no_words_at_all_print_the_help_and_are_bad_usage(estate: Run) -> None:
    code, out, err = estate()
    assert (code, out) == (2, "")
    assert all(f"\n    {command}" in err for command in COMMANDS)


@pytest.mark.parametrize(("line", "hint"), MISSPELT)
def test_after_a_misspelt_word_the_nearest_is_named(line: str, hint: str, bad_usage: Callable[[str], str]) -> None:
    assert hint in bad_usage(line)


@pytest.mark.parametrize(("line", "reason"), INCOMPLETE)
def test_a_line_that_cannot_be_run_is_bad_usage(line: str, reason: str, bad_usage: Callable[[str], str]) -> None:
    assert reason in bad_usage(line)


@pytest.mark.parametrize("line", REFUSED)
def test_an_unknown_network_is_bad_usage_of_every_command_and_the_nearest_is_named(line: str, estate: Run) -> None:
    code, out, err = estate(*line.split())
    assert (code, out) == (2, "")
    assert "'cosmoshubb'" in err and "did you mean cosmoshub?" in err and "terra" in err


@pytest.mark.parametrize("command", ["check", "prove", "status", "probe"])
def test_with_json_an_error_is_on_standard_error_alone(command: str, estate: Run) -> None:
    code, out, err = estate(command, "nosuchnetwork", "--json")
    assert (code, out) == (2, "")
    assert err.startswith("estate: ") and "Traceback" not in err


def test_an_unknown_network_may_be_a_new_one(estate: Run) -> None:
    code, _, err = estate("check", "nosuchnetwork")
    assert code == 2 and "bin/estate new nosuchnetwork" in err and "did you mean" not in err


@pytest.mark.parametrize("command", ["ssh", "logs"])
def test_after_a_misspelt_host_the_nearest_and_all_that_exist_are_named(command: str, estate: Run) -> None:
    code, _, err = estate(command, "validator-ash1-1")
    assert code == 2
    assert "did you mean validator-ash1-01?" in err and "cosmoshub-signer-zrh1-02" in err


def test_after_a_misspelt_claim_the_nearest_is_named(estate: Run) -> None:
    code, _, err = estate("prove", "--explain", "no-publc-ssh")
    assert code == 2 and "did you mean no-public-ssh?" in err


def test_a_network_name_that_cannot_be_one_is_refused_with_the_rule_and_a_fix(estate: Run) -> None:
    code, _, err = estate("new", "Cosmos_Hub")
    assert code == 2
    assert "'Cosmos_Hub'" in err and "lower-case" in err and "choose" in err


def test_new_leaves_an_existing_declaration_as_it_is(estate: Run) -> None:
    before = (CHECKOUT / "stacks" / "Pulumi.cosmoshub.yaml").read_bytes()
    code, _, err = estate("new", "cosmoshub")
    assert code == 2 and "left as it is" in err
    assert (CHECKOUT / "stacks" / "Pulumi.cosmoshub.yaml").read_bytes() == before


def test_a_declaration_that_cannot_be_written_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write stacks/datacentres/dal1.yaml: No such file or directory; .*"):
        new.run(tmp_path, parser("new").parse_args(["new", "osmosis"]))


def test_a_picture_that_cannot_be_written_is_bad_usage(estate: Run, tmp_path: Path) -> None:
    code, _, err = estate("map", "--svg", tmp_path / "none" / "map.svg")
    assert code == 2 and "cannot write" in err and "--svg" in err


def test_the_drills_are_listed_one_a_line(estate: Run) -> None:
    code, out, _ = estate("drill", "--list")
    assert code == 0
    heading, *lines = out.splitlines()
    assert heading.split()[0] == "drill"
    assert {"chaos", "kill-owner", "no-gate"} <= {line.split()[0] for line in lines}
    assert all(len(line.split()) > 3 for line in lines)
    assert estate("drill")[1] == out


def test_options_for_pytest_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from cli import testing

    passed: list[list[str]] = []
    monkeypatch.setattr(testing.subprocess, "call", lambda command, **_: passed.append(command) or 0)
    assert main(["test", "--fast", "-x", "-k", "some words", "tests/cli"]) == 0
    assert passed[0][-4:] == ["-x", "-k", "some words", "tests/cli"]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CheckFailed("it did not hold"), 1, "estate: it did not hold\n"),
        (UsageError("ask otherwise"), 2, "estate: ask otherwise\n"),
        (ExceptionGroup("two", [CheckFailed("a"), UsageError("b")]), 2, "estate: two\n  a\n  b\n"),
        (KeyboardInterrupt(), 130, "estate: interrupted; run the same command again to continue\n"),
    ],
)
def test_an_error_that_is_expected_is_a_message_and_an_exit_code(
    error: BaseException, code: int, said: str, estate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> int:
        raise error

    monkeypatch.setattr(check, "run", end)
    assert estate("check") == (code, "", said)


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> int:
        raise ExceptionGroup("two", [CheckFailed("a"), ZeroDivisionError()])

    monkeypatch.setattr(check, "run", end)
    with pytest.raises(ExceptionGroup, match="two"):
        main(["check"])


@pytest.mark.slow
@pytest.mark.parametrize("words", [["check"], ["check", "--json"], ["--version"]])
def test_a_reader_that_has_gone_ends_a_command_quietly(words: list[str]) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", *words], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    with running.stderr:
        assert running.stderr.read() == b""
    assert running.wait() == entry.NOBODY_READS == 141


@pytest.mark.slow
@pytest.mark.parametrize("words", [["check"], ["check", "--json"], ["--version"]])
def test_an_output_that_is_full_is_an_error_without_a_traceback(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "cli", *words], cwd=CHECKOUT, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "estate: the output, or a file, could not be written whole: No space left on device; "
        "free space, then run the same command again\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_standard_stream_that_is_closed_is_no_fault(closed: str) -> None:
    line = f'"{sys.executable}" -m cli check {closed}'
    done = subprocess.run(["sh", "-c", line], cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_command_interrupted_from_the_keyboard_says_so_and_ends_with_130(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    os.mkfifo(state)
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "prove", "--state", state],
        cwd=CHECKOUT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    with state.open("wb"):
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (130, "estate: interrupted; run the same command again to continue\n")


def modules_after(statements: str) -> set[str]:
    """The packages loaded in a process of its own."""
    script = f"import sys\n{statements}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.slow
def test_the_parser_loads_nothing_slow() -> None:
    quick = [command for command in COMMANDS if command != "drill"]
    loaded = modules_after(f"from cli.__main__ import parser; parser(*{quick!r})")
    assert not loaded & {"pulumi", "pyinfra", "pydantic", "rich", "yaml", "argcomplete", "lab", "engine"}


@pytest.mark.slow
def test_a_command_loads_neither_pulumi_nor_pyinfra() -> None:
    for line in ("check", "drill --list"):
        loaded = modules_after(f"from cli.__main__ import main; main({line.split()!r})")
        assert "estate" in loaded and not loaded & {"pulumi", "pulumi_aws", "pyinfra"}
