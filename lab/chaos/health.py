"""What the log of a gate's current run shows of its health. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coordinator.decision.effects import Cause
from coordinator.decision.position import parse

UNHEALTHY = {
    Cause.SIGNER_ABSENT,
    Cause.SITTING_OUT,
    Cause.TABLE_UNKNOWN,
    Cause.TABLE_MISSING,
    Cause.FENCED,
    Cause.DISK,
    Cause.SIGNER_FAILED,
    Cause.BAD_SIGNATURE,
    Cause.HALTED,
}
ANSWERS = 3
"""A gate is healthy if its last answers, this many, show no trouble."""

LINKS_UP = {"signer-up", "node-up"}
LINKS_DOWN = {"signer-down": "signer-up", "node-down": "node-up"}
ANSWERED = ("signed", "replayed", "refused")
BEGINS = "gate-up"
"""The first event of a run."""

OTHERS = (BEGINS, "halted", "not-started")
"""Events after which earlier answers say nothing about the gate any more."""


@dataclass
class GateLog:
    """``answers``: the last ones of this run of the gate, as it logged them. ``links``: which of ``LINKS_UP`` are."""

    answers: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=ANSWERS))
    links: set[str] = field(default_factory=set)

    def see(self, event: Mapping[str, Any]) -> None:
        """Takes in the next event of the log."""
        kind = event["event"]
        if kind in ANSWERED:
            self.answers.append(event)
        elif kind in OTHERS:
            self.answers.clear()
        if kind == BEGINS:
            self.links.clear()
        elif kind in LINKS_UP:
            self.links.add(kind)
        elif kind in LINKS_DOWN:
            self.links.discard(LINKS_DOWN[kind])

    def troubles(self, height: int) -> Sequence[str]:
        """Why the gate does not do its part; none if it does. ``height`` was final when the log was read."""
        found = [f"no {each}" for each in sorted(LINKS_UP - self.links)]
        if len(self.answers) < ANSWERS:
            return [*found, f"only {len(self.answers)} answers in this run"]
        if causes := [each["cause"] for each in self.answers if each.get("cause") in UNHEALTHY]:
            found.append(f"answered {', '.join(causes)}")
        position = self.answers[-1].get("position")
        last = parse(position).height if position else 0
        if last < height - 1:
            found.append(f"last asked for height {last}, when {height} was final")
        return found

    @property
    def text(self) -> str:
        """The last answers."""
        return " ".join(each.get("cause") or each["event"] for each in self.answers) or "silent"
