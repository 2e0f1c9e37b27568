"""What a part of a check consulted, and whether a revised network answers it the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reachability.network import Arrive, Check
from reachability.prover import Arrival, Prover, Sender
from reachability.trace import Asked


@dataclass(slots=True)
class Consulted:
    """Everything that a check read and that a change of filters may change.

    ``senders``: all arrivals of a sender; ``arrivals``: those at one place; ``targets``: all that arrives at a place,
    from whomever; ``walks``: whether a sender's walk is modelled. ``groups``: the machines whose security groups were
    read. ``types``: the types of resources. ``asked``: what traces asked of filters. ``failures``: whether the places
    of resources were read.
    """

    senders: dict[Sender, None] = field(default_factory=dict)
    arrivals: dict[tuple[Sender, str], None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    walks: dict[Sender, None] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)
    types: dict[str, None] = field(default_factory=dict)
    asked: Asked = field(default_factory=dict)
    failures: bool = False

    def add(self, other: Consulted) -> None:
        """What both consulted."""
        self.senders |= other.senders
        self.arrivals |= other.arrivals
        self.targets |= other.targets
        self.walks |= other.walks
        self.groups |= other.groups
        self.types |= other.types
        self.failures |= other.failures
        for question, packets in other.asked.items():
            self.asked[question] = self.asked.get(question, 0) | packets

    def single(self) -> dict[Sender, None]:
        """The senders that were consulted one by one."""
        return {**self.senders, **dict.fromkeys(sender for sender, _ in self.arrivals), **self.walks}


class Change:
    """The answers that differ between a prover and the one that it was revised to.

    ``changed``: the filters that differ. ``types``: the types of the resources that differ.
    """

    def __init__(
        self, before: Prover, after: Prover, changed: frozenset[str], types: frozenset[str], *, moved: bool
    ) -> None:
        self._before, self._after, self._changed = before, after, changed
        self._types = types
        self._moved = moved
        self._groups = frozenset(_machines(after, changed))
        self._arrivals: set[tuple[Sender, str]] = set()
        self._lost: set[Sender] = set()
        for sender in after.differing:
            for may in (True, False):
                self._compare(sender, may)
        self._senders = {sender for sender, _ in self._arrivals}
        self._targets = {to for _, to in self._arrivals}

    def _compare(self, sender: Sender, may: bool) -> None:
        before, after = self._before.walked(sender, may=may), self._after.walked(sender, may=may)
        if before.lost or after.lost:
            self._lost.add(sender)
        old, new = (_contents(each.arrivals(sender, may=may)) for each in (self._before, self._after))
        self._arrivals.update((sender, to) for to in old.keys() | new.keys() if old.get(to) != new.get(to))

    def touches(self, read: Consulted) -> bool:
        """Whether something that was consulted differs."""
        return (
            (self._moved and read.failures)
            or not self._types.isdisjoint(read.types)
            or not self._groups.isdisjoint(read.groups)
            or not self._arrivals.isdisjoint(read.arrivals)
            or not self._senders.isdisjoint(read.senders)
            or not self._targets.isdisjoint(read.targets)
            or any(read.targets or each in read.single() for each in self._lost)
            or any(
                question[1] in self._changed and self._before.decides(self._after, question, packets)
                for question, packets in read.asked.items()
            )
        )


def _machines(prover: Prover, changed: frozenset[str]) -> Iterable[str]:
    """The machines before or behind some filters, with nothing but filters between."""
    stages, machines = prover.assembly.stages, prover.assembly.machines
    for key in changed:
        stage, passed = stages.get(key), {key}
        while isinstance(stage, Check) and stage.then not in passed:
            passed.add(stage.then)
            stage = stages.get(stage.then)
        if isinstance(stage, Arrive):
            yield stage.machine
    for name, machine in machines.items():
        for leg in machine.interfaces:
            key, seen = leg.out, set[str]()
            while isinstance(stage := stages.get(key), Check) and key not in seen:
                seen.add(key)
                if key in changed:
                    yield name
                key = stage.then


def _contents(arrivals: Iterable[Arrival]) -> Mapping[str, list[tuple[str, dict[tuple[object, ...], int]]]]:
    """What arrives, by place and device."""
    found: dict[str, list[tuple[str, dict[tuple[object, ...], int]]]] = {}
    for each in arrivals:
        found.setdefault(each.to, []).append((each.device, each.content()))
    return found
