"""The model of a key's whole life: it holds without a fault, and finds each fault that is switched on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Share
from verification.life import worlds
from verification.life.worlds import Outcome

MODEL = worlds.MODEL.read_text()
RARE = {"relockingWithoutRound"}
"""Found by the long check only; `test_replay` has a trace of it on the product."""

SEED = 1_000_003
"""With which the common run reaches every fault that is not rare: a run of its own costs most of a minute each. Quint
gives nearly equal traces for seeds that follow one another."""


@pytest.fixture(scope="module")
def ran(share: Share[Outcome]) -> Outcome:
    """One run of all worlds."""
    faults = list(worlds.FAULTS.values())
    return share(
        "life", lambda: worlds.simulate(worlds.EVERY_WORLD, "soundHolds", samples=400, seed=SEED, witnesses=faults)
    )


@pytest.mark.slow
def test_every_world_holds_without_a_fault(ran: Outcome) -> None:
    assert ran.held, ran.text


@pytest.mark.slow
@pytest.mark.parametrize("fault", [each for each in worlds.FAULTS if each not in RARE])
def test_a_fault_that_is_switched_on_is_found(ran: Outcome, fault: str) -> None:
    """In the common run, or, where that has too few traces of the world, in a run of its own."""
    assert ran.witnessed[worlds.FAULTS[fault]] > 0 or worlds.trace_of(fault, samples=1000, seed=1)


@pytest.mark.parametrize("world", [*worlds.SOUND, *worlds.FAULTS])
def test_every_world_of_the_model_is_run(world: str) -> None:
    unread, run = [worlds.EVERY_WORLD], set()
    while unread:
        if any_of := re.search(rf"action {unread.pop()} = any {{(.*?)}}", MODEL, re.S):
            unread += re.findall(r"\w+", any_of[1])
            run |= set(unread)
    assert world in run
    assert f"action {world} =" in MODEL


@pytest.mark.slow
def test_a_model_that_cannot_be_read_is_an_error_and_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "MODEL", tmp_path / "torn.qnt")
    (tmp_path / "torn.qnt").write_text("module torn {")
    with pytest.raises(RuntimeError, match="no verdict"):
        worlds.simulate("init", "safe", samples=1, seed=1)
