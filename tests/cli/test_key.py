"""What ``bin/estate key`` prints of a key: its holders, the missing ceremony as a command, and problems."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from ceremonies import key_ceremonies
from ceremonies.gate_ceremonies import GateCeremonies, GateStatus
from ceremonies.gates import Declared
from ceremonies.steps import Pace, Transcript
from cli.__main__ import CHECKOUT, _parse
from cli.key import show
from cli.page import Page
from estate.declaration import files
from tests.ceremonies.key_hosts import FakeSigners, gated

FIRST, SECOND = "cosmoshub-signer-ash1-01", "cosmoshub-signer-zrh1-01"
HUB = files.deployed(CHECKOUT, "cosmoshub")


@pytest.fixture
def ceremonies(tmp_path: Path) -> GateCeremonies:
    world = gated(FIRST, SECOND)
    transcript = Transcript(tmp_path / "transcript.jsonl")
    key_ceremonies.generate(world.signers, target=FIRST, transcript=transcript, start=False)
    ticks = iter(range(0, 1_000_000, 5))
    return GateCeremonies(
        signers=world.signers,
        chain=world,
        table=world.table,
        declared=Declared(gates=frozenset({FIRST, SECOND}), generation=1),
        transcript=transcript,
        pace=Pace(sleep=lambda _: world.step(), clock=lambda: float(next(ticks))),
    )


def missing(status: GateStatus, capsys: pytest.CaptureFixture[str], *, network: str, live: bool) -> str:
    """The command that is named as the missing ceremony."""
    show(status, HUB.model_copy(update={"name": network}), Page(), live=live)
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("missing")]
    return line.partition(": ")[2]


@pytest.mark.parametrize(("live", "words"), [(False, ""), (True, " cosmoshub --live")])
def test_the_missing_ceremony_is_a_command_that_can_be_typed_as_it_is(
    ceremonies: GateCeremonies, capsys: pytest.CaptureFixture[str], live: bool, words: str
) -> None:
    first = missing(ceremonies.status(), capsys, network="cosmoshub", live=live)
    ceremonies.start(FIRST)
    second = missing(ceremonies.status(), capsys, network="cosmoshub", live=live)
    assert (first, second) == (f"bin/estate key start{words}", f"bin/estate key join zrh1{words}")
    for command in (first, second):
        assert isinstance(_parse(command.split()[1:]), argparse.Namespace)


def test_another_network_than_the_default_one_is_named_in_the_command(
    ceremonies: GateCeremonies, capsys: pytest.CaptureFixture[str]
) -> None:
    assert missing(ceremonies.status(), capsys, network="terra", live=False) == "bin/estate key start terra"


def test_a_problem_says_what_its_commands_need_and_never_commands_the_terminal(
    ceremonies: GateCeremonies, capsys: pytest.CaptureFixture[str]
) -> None:
    status = replace(ceremonies.status(), problems=("host\x1b]0;title\x07: call bin/estate key join",))
    show(status, HUB, Page(), live=True)
    said = capsys.readouterr().out
    assert "problem   host\\x1b]0;title\\x07: call bin/estate key join" in said
    assert said.splitlines()[-1] == "each `bin/estate key` command of a problem needs cosmoshub --live"


def test_a_network_without_a_key_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    world: FakeSigners = gated(FIRST).signers
    show(key_ceremonies.status(world), HUB, Page())
    assert capsys.readouterr().out == "no consensus key has been generated\n"
