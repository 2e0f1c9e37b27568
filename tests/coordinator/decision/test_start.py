"""A gate starts from its watermark and the row, or says why not."""

from __future__ import annotations

import pytest

from coordinator.decision.effects import Cause, Missing, Seen, Unknown
from coordinator.decision.handle import NotStarted, Standing, start
from coordinator.decision.position import Position
from coordinator.decision.records import Gate, Head

GATE = Gate("ash", "boot", "lab-1", 1)
FLOOR = Position(7, 0, 3)


def row(position: Position = FLOOR, generation: int = 1, gates: tuple[tuple[str, str], ...] = (("ash", "boot"),)):
    return Seen(Head(generation, position, gates))


@pytest.mark.parametrize("position", [FLOOR, Position(8, 0, 1)])
def test_a_gate_starts_on_a_row_that_is_not_below_its_watermark(position: Position):
    assert start(GATE, FLOOR, None, row(position)) == Standing(floor=position, highest_seen=position)


@pytest.mark.parametrize(
    ("halted", "seen", "cause", "reason"),
    [
        (Cause.ROW_TAKEN, row(), Cause.HALTED, "because of row-taken"),
        (None, Missing(), Cause.TABLE_MISSING, "has no row for this key"),
        (None, Unknown("timeout"), Cause.TABLE_UNKNOWN, "did not answer: timeout"),
        (None, row(generation=2), Cause.FENCED, "is at generation 2 and admits ash; this is ash of generation 1"),
        (None, row(gates=(("ash", "newer"),)), Cause.FENCED, "admits ash;"),
        (None, row(gates=()), Cause.FENCED, "admits no gate"),
        (None, row(Position(7, 0, 2)), Cause.TABLE_WENT_BACK, "was rolled back"),
    ],
)
def test_a_gate_does_not_start(halted: Cause | None, seen: Seen | Missing | Unknown, cause: Cause, reason: str):
    found = start(GATE, FLOOR, halted, seen)
    assert isinstance(found, NotStarted)
    assert found.cause is cause
    assert reason in found.reason
