"""The last act of a campaign: the table goes back to a snapshot, which no fault before it may do.

What a row forgot cannot be had back from it, so here signing must not come back by itself.
"""

from __future__ import annotations

from coordinator.decision.effects import Cause
from coordinator.decision.records import Claim
from lab.chaos.ground import Ground
from lab.errors import PromiseBroken

WATCHED_HEIGHTS = 8
STOPPED = (Cause.HALTED, Cause.TABLE_WENT_BACK)
PATIENCE_SECONDS = 60
UNDER_WAY_SECONDS = 0.5
"""After this a call that had reached the table is carried out."""


def act(stand: Ground, forgotten: list[Claim]) -> None:
    """Rolls the table back twice: while the gates run, then while they do not. ``forgotten`` gets the claims of which
    the table then knows nothing.

    Raises:
        PromiseBroken: a gate that had to notice did not, or something was signed that must not be.
    """
    fast = stand.fast
    stand.table.front.pause()
    fast.wait(UNDER_WAY_SECONDS)
    forgotten += stand.table.claims()
    stand.table.roll_back()
    stand.table.front.resume()
    if not fast.wait_until(lambda: _count(stand, "halted") > 0, PATIENCE_SECONDS):
        raise PromiseBroken(f"the table was rolled back and no gate that ran halted: {stand.lately()}")
    fast.wait_for(fast.height() + WATCHED_HEIGHTS, PATIENCE_SECONDS)
    for site in stand.sites.values():
        site.gate.remove()
    fast.wait(UNDER_WAY_SECONDS)
    forgotten += stand.table.claims()
    stand.table.roll_back()
    stand.look()
    before = len(stand.signatures)
    for site in stand.sites.values():
        site.gate.start()
    if not fast.wait_until(lambda: all(_is_stopped(stand, name) for name in stand.sites), PATIENCE_SECONDS):
        raise PromiseBroken(f"the table was rolled back, and a gate that began on it did not refuse: {stand.lately()}")
    fast.wait_for(fast.height() + WATCHED_HEIGHTS, PATIENCE_SECONDS)
    stand.look()
    if len(stand.signatures) != before:
        raise PromiseBroken(f"on a table that was rolled back {len(stand.signatures) - before} signatures were made")


def _count(stand: Ground, what: str) -> int:
    stand.look()
    return sum(stand.answers[name, what] for name in stand.sites)


def _is_stopped(stand: Ground, name: str) -> bool:
    """Whether the last answers of this run of the gate are all refusals because of the table's going back."""
    stand.look()
    recent = stand.recent(name)
    return bool(recent) and all(each.get("cause") in STOPPED for each in recent)
