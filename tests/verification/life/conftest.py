"""One run of the model for all tests: its verdict, and the traces that it kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.table_stack import local_table
from verification.life import worlds
from verification.life.worlds import Outcome

__all__ = ["local_table"]


@dataclass(frozen=True)
class Ran:
    outcome: Outcome
    traces: list[Path]


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    directory = tmp_path_factory.mktemp("life")
    outcome = worlds.simulate(
        worlds.EVERY_WORLD,
        "soundHolds",
        samples=400,
        seed=1,
        witnesses=list(worlds.FAULTS.values()),
        traces=directory / "trace-{seq}.itf.json",
        kept=60,
    )
    return Ran(outcome, sorted(directory.glob("trace-*.itf.json")))
