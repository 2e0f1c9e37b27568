"""Which filter rules the claims exercised: a rule that decided no packet of theirs is one that nothing speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from reachability.network import Rule
from reachability.prover import Prover, Sender


@dataclass(frozen=True, slots=True)
class Unexercised:
    """A rule that decided no packet. ``place``: the stage or host; ``origin``: the URN or file that it came from."""

    place: str
    rule: str
    origin: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """``by_origin``: (total, exercised) rules by the resource or host that they belong to."""

    total: int
    exercised: int
    by_origin: dict[str, tuple[int, int]]
    unexercised: tuple[Unexercised, ...]

    def document(self) -> dict[str, Any]:
        """As ``prove --json`` prints it."""
        return {
            "rules": self.total,
            "exercised": self.exercised,
            "by_origin": {
                origin: {"rules": total, "exercised": exercised}
                for origin, (total, exercised) in self.by_origin.items()
            },
            "unexercised": [{"at": each.place, "rule": each.rule, "origin": each.origin} for each in self.unexercised],
        }


def coverage(
    prover: Prover, senders: Iterable[Sender], counts: Callable[[str, Rule], bool] = lambda place, rule: True
) -> Coverage:
    """Which rules decided some packet of these senders' walks. A rule that several places share counts once.

    ``counts`` says of (place, rule) whether to speak of it.
    """
    decided = prover.exercised(senders)
    seen: set[int] = set()
    tally: dict[str, list[int]] = {}
    missed: list[Unexercised] = []
    for place, rule in prover.rules():
        if id(rule) in seen or not counts(place, rule):
            continue
        seen.add(id(rule))
        origin = rule.origin or place
        count = tally.setdefault(origin, [0, 0])
        count[0] += 1
        if id(rule) in decided:
            count[1] += 1
        else:
            missed.append(Unexercised(place, rule.name, rule.origin))
    return Coverage(
        total=len(seen),
        exercised=len(seen) - len(missed),
        by_origin={origin: (total, exercised) for origin, (total, exercised) in tally.items()},
        unexercised=tuple(missed),
    )
