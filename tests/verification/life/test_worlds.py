"""The model of a key's whole life: it holds without a fault, and finds each fault that is switched on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verification.life import worlds

MODEL = worlds.MODEL.read_text()


@pytest.mark.slow
def test_every_fault_is_found_and_the_same_worlds_hold_without_it() -> None:
    outcome = worlds.simulate(
        worlds.EVERY_WORLD, "soundHolds", samples=400, seed=1, witnesses=list(worlds.FAULTS.values())
    )
    assert outcome.held, outcome.text
    assert {fault for fault, witness in worlds.FAULTS.items() if not outcome.witnessed[witness]} == set()


@pytest.mark.parametrize("world", [*worlds.SOUND, *worlds.FAULTS])
def test_every_world_of_the_model_is_run(world: str) -> None:
    every = re.search(rf"action {worlds.EVERY_WORLD} = any {{(.*?)}}", MODEL, re.S)
    assert every and re.search(rf"\b{world}\b", every[1])
    assert f"action {world} =" in MODEL


@pytest.mark.slow
def test_a_model_that_cannot_be_read_is_an_error_and_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "MODEL", tmp_path / "torn.qnt")
    (tmp_path / "torn.qnt").write_text("module torn {")
    with pytest.raises(RuntimeError, match="no verdict"):
        worlds.simulate("init", "safe", samples=1, seed=1)
