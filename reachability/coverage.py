"""Which filter rules the claims exercised. A rule that decided none of their packets is covered by no claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from reachability.network import Rule
from reachability.prover import Prover, Sender


@dataclass(frozen=True, slots=True)
class Unexercised:
    """A rule that decided no packet. ``place``: the stage or host; ``origin``: its URN or file."""

    place: str
    rule: str
    origin: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """``by_origin``: (total, exercised) rules by resource or host."""

    total: int
    exercised: int
    by_origin: dict[str, tuple[int, int]]
    unexercised: tuple[Unexercised, ...]

    def joined(self, other: Coverage) -> Coverage:
        """The coverage of both sets of rules together."""
        by_origin = dict(self.by_origin)
        for origin, (total, exercised) in other.by_origin.items():
            before = by_origin.get(origin, (0, 0))
            by_origin[origin] = before[0] + total, before[1] + exercised
        return Coverage(
            self.total + other.total,
            self.exercised + other.exercised,
            by_origin,
            (*self.unexercised, *other.unexercised),
        )

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


NOTHING = Coverage(0, 0, {}, ())


def coverage(
    prover: Prover, senders: Iterable[Sender], owner: Callable[[str, Rule], str] = lambda place, rule: ""
) -> dict[str, Coverage]:
    """Which rules decided some packet of these senders' walks. A rule that several places share counts once.

    Grouped by ``owner``, which maps (place, rule) to the owner of the rule.
    """
    decided = prover.exercised(senders)
    seen: set[int] = set()
    tally: dict[str, dict[str, list[int]]] = {}
    missed: dict[str, list[Unexercised]] = {}
    for place, rule in prover.rules():
        if id(rule) in seen:
            continue
        seen.add(id(rule))
        whose = owner(place, rule)
        count = tally.setdefault(whose, {}).setdefault(rule.origin or place, [0, 0])
        count[0] += 1
        if id(rule) in decided:
            count[1] += 1
        else:
            missed.setdefault(whose, []).append(Unexercised(place, rule.name, rule.origin))
    return {
        whose: Coverage(
            total=sum(total for total, _ in counts.values()),
            exercised=sum(exercised for _, exercised in counts.values()),
            by_origin={origin: (total, exercised) for origin, (total, exercised) in counts.items()},
            unexercised=tuple(missed.get(whose, ())),
        )
        for whose, counts in tally.items()
    }
