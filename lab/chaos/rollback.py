"""The last act of a campaign: the table goes back to a snapshot, which no fault before it may do.

What the row has lost cannot be recovered from it, so signing must not resume by itself.
"""

from __future__ import annotations

from coordinator.decision.effects import Cause
from coordinator.decision.records import Claim
from lab.chaos.testbed import Testbed
from lab.errors import PromiseBroken

WATCHED_HEIGHTS = 8
STOPPED = (Cause.HALTED, Cause.TABLE_WENT_BACK)
PATIENCE_SECONDS = 60
UNDER_WAY_SECONDS = 0.5
"""After this a call that had reached the table is carried out."""


def act(bed: Testbed, forgotten: list[Claim]) -> None:
    """Rolls the table back twice: while the gates run, then while they do not. ``forgotten`` gets the claims of which
    the table then has no record.

    Raises:
        PromiseBroken: a gate that had to notice did not, or something was signed that must not be.
    """
    fast = bed.fast
    bed.table.front.pause()
    fast.wait(UNDER_WAY_SECONDS)
    forgotten += bed.table.claims()
    bed.table.roll_back()
    bed.table.front.resume()
    if not fast.wait_until(lambda: _count(bed, "halted") > 0, PATIENCE_SECONDS):
        raise PromiseBroken(f"the table was rolled back and no gate that ran halted: {bed.lately()}")
    fast.wait_for(fast.height() + WATCHED_HEIGHTS, PATIENCE_SECONDS)
    for site in bed.sites.values():
        site.gate.remove()
    fast.wait(UNDER_WAY_SECONDS)
    forgotten += bed.table.claims()
    bed.table.roll_back()
    bed.look()
    before = len(bed.signatures)
    for site in bed.sites.values():
        site.gate.start()
    if not fast.wait_until(lambda: all(_is_stopped(bed, name) for name in bed.sites), PATIENCE_SECONDS):
        raise PromiseBroken(f"the table was rolled back, and a gate that began on it did not refuse: {bed.lately()}")
    fast.wait_for(fast.height() + WATCHED_HEIGHTS, PATIENCE_SECONDS)
    bed.look()
    if len(bed.signatures) != before:
        raise PromiseBroken(f"on a table that was rolled back {len(bed.signatures) - before} signatures were made")


def _count(bed: Testbed, what: str) -> int:
    bed.look()
    return sum(bed.answers[name, what] for name in bed.sites)


def _is_stopped(bed: Testbed, name: str) -> bool:
    """Whether the last answers of this run of the gate are all refusals because of the table's going back."""
    bed.look()
    recent = bed.recent(name)
    return bool(recent) and all(each.get("cause") in STOPPED for each in recent)
