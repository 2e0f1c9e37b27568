"""The difference in reachability between two states, independent of the rules that cause it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reachability.addresses import ALL_V4, ALL_V6, GLOBAL, V6, Intervals, covers, difference, intersection, texts, union
from reachability.network import INTERNET, Machine
from reachability.prover import Arrival, Prover, Sender
from reachability.question import NOT_MODELLED, REACHABLE, by_protocol

Box = tuple[Intervals, Intervals, Intervals]
"""Packets by (sources, destinations, services): every combination."""

UNSURE = "what passes depends on values that are unknown, in one of the states only"
LISTED = 4
"""The maximum number of hosts or blocks that a sentence names."""


@dataclass(frozen=True, slots=True)
class Change:
    """Reachability that all of ``senders`` gained or lost towards all of ``targets``.

    ``sources`` and ``destinations`` are set if one side is the internet or an external network; else empty.
    """

    senders: tuple[str, ...]
    targets: tuple[str, ...]
    services: Intervals
    sources: Intervals = ()
    destinations: Intervals = ()

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "from": list(self.senders),
            "to": list(self.targets),
            "flows": [
                {"protocol": protocol, "ports": [list(each) for each in ports]}
                for protocol, ports, _ in by_protocol(self.services)
            ],
            "sources": texts(self.sources),
            "destinations": texts(self.destinations),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes reachable and what stops being reachable.

    ``unmodelled``: why something else may become or stop being reachable: parts of either state that are not modelled,
    and packets that depend on unknown values in only one of them.
    """

    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    unmodelled: tuple[str, ...]
    _roles: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """``not-modelled`` if something else may change too, else ``different`` or ``same``."""
        if self.unmodelled:
            return NOT_MODELLED
        return "different" if self.gained or self.lost else "same"

    def keeps(self, expected: str) -> bool:
        """Whether all that was ``reachable`` (or ``unreachable``) in the old state surely is so in the new one."""
        return not self.unmodelled and not (self.lost if expected == REACHABLE else self.gained)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "becomes_reachable": [change.document() for change in self.gained],
            "stops_being_reachable": [change.document() for change in self.lost],
            "not_modelled": list(self.unmodelled),
        }

    def sentences(self) -> Iterator[tuple[str, str]]:
        """(``becomes reachable`` or ``stops being reachable``, what) of every change."""
        for kind, changes in (("becomes reachable", self.gained), ("stops being reachable", self.lost)):
            for change in changes:
                yield kind, in_words(change, self._roles)


def services_in_words(asked: Intervals) -> str:
    """``tcp 22 and 26656-26660, udp (all ports)``."""
    parts = []
    for protocol, ports, types in by_protocol(asked):
        if types:
            parts.append(f"{protocol} type {', '.join(types)}")
        elif not ports:
            parts.append("other protocols" if protocol == "other" else protocol)
        elif ports == [(0, 65535)]:
            parts.append(f"{protocol} (all ports)")
        else:
            shown = [str(low) if low == high else f"{low}-{high}" for low, high in ports]
            parts.append(f"{protocol} {shown[0] if len(shown) == 1 else ', '.join(shown[:-1]) + ' and ' + shown[-1]}")
    return ", ".join(parts)


def _blocks(found: Intervals) -> str:
    if covers(found, GLOBAL):
        return "anywhere"
    for name, family in (("any IPv4 address", ALL_V4), ("any IPv6 address", ALL_V6)):
        if covers(found, intersection(GLOBAL, (family,))) and found == intersection(found, (family,)):
            return name
    shown = texts(found)
    more = f" and {len(shown) - LISTED} blocks more" if len(shown) > LISTED else ""
    return ", ".join(shown[:LISTED]) + more


def _crowd(names: tuple[str, ...], roles: Mapping[str, str]) -> str:
    """Hosts by role where all of a role are included, else by name."""
    rest = set(names)
    shown = []
    for role in sorted(set(roles.values())):
        members = {name for name, each in roles.items() if each == role}
        if len(members) > 1 and members <= rest:
            shown.append(f"all {len(members)} {role} hosts")
            rest -= members
    single = sorted(rest)
    shown += single if len(single) <= LISTED + 1 else [*single[:LISTED], f"{len(single) - LISTED} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def in_words(change: Change, roles: Mapping[str, str]) -> str:
    """One sentence: senders, targets, services."""
    who = "the internet" if change.senders == (INTERNET,) else _crowd(change.senders, roles)
    whom = "the internet" if change.targets == (INTERNET,) else _crowd(change.targets, roles)
    where = f" from {_blocks(change.sources)}" if change.sources else ""
    where += f" to {_blocks(change.destinations)}" if change.destinations else ""
    return f"{who} → {whom}: {services_in_words(change.services)}{where}"


def _name(name: str) -> str:
    """A name that is equal in both states: a URN's last part."""
    return name.rsplit("::", 1)[-1] if name.startswith("urn:pulumi:") else name


class _Names:
    """The names of senders and targets in both states: that of ``_name``, with the type if several have it."""

    def __init__(self, provers: Iterable[Prover]) -> None:
        urns = {each.split("::", 2)[-1] for prover in provers for each in _called(prover) if each.startswith("urn:")}
        count = Counter(_name(f"urn:pulumi:{each}") for each in urns)
        self._shared = {name for name, times in count.items() if times > 1}

    def __call__(self, name: str) -> str:
        short = _name(name)
        if short not in self._shared or short == name:
            return short
        kind = name.split("::")[2].rsplit("$", 1)[-1]
        return f"{short} ({kind})"


def _called(prover: Prover) -> Iterator[str]:
    for sender in prover.senders():
        yield sender.name
        yield from (arrival.to for arrival in prover.arrivals(sender))


def _family(found: Intervals) -> Intervals:
    """The whole family of the addresses: a changed address of a host is not a change in reachability."""
    return union(*((ALL_V6 if low >= V6 else ALL_V4,) for low, _ in found))


def _foreign(name: str) -> bool:
    return name == INTERNET or name.startswith("outside ")


def _boxes(sender: Sender, arrival: Arrival, ours: Intervals) -> Iterator[Box]:
    """The arriving packets; ``ours`` are the estate's public addresses in either state."""
    for sources, destinations, sent in arrival.flows():
        sources = difference(sources, ours) if _foreign(sender.name) else _family(sources)
        destinations = difference(destinations, ours) if _foreign(arrival.to) else _family(destinations)
        if sources and destinations:
            yield sources, destinations, sent


def _rounded(found: Intervals, ours: Intervals) -> Intervals:
    """The set, with the estate's own addresses added if it has all others of a family."""
    for family in (ALL_V4, ALL_V6):
        whole = intersection(GLOBAL, (family,))
        if covers(found, difference(whole, ours)):
            found = union(found, whole)
    return found


def _merged(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """The same packets in fewer boxes: boxes that differ in one field only are merged."""
    found = set(boxes)
    for field in (1, 0, 2):
        grouped: dict[tuple[Intervals, ...], list[Intervals]] = {}
        for box in found:
            grouped.setdefault(tuple(part for at, part in enumerate(box) if at != field), []).append(box[field])
        found = set()
        for rest, parts in grouped.items():
            joined = list(rest)
            joined.insert(field, union(*parts))
            found.add((joined[0], joined[1], joined[2]))
    return tuple(sorted(found))


def _reached(
    prover: Prover, ours: Intervals, names: _Names, *, may: bool = True
) -> dict[tuple[str, str], tuple[Box, ...]]:
    """The packets that may (or must) arrive, by (sender, target)."""
    found: dict[tuple[str, str], list[Box]] = {}
    for sender in prover.senders():
        for arrival in prover.arrivals(sender, may=may):
            pair = names(sender.name), names(arrival.to)
            if pair[0] != pair[1]:
                found.setdefault(pair, []).extend(_boxes(sender, arrival, ours))
    return {pair: _merged(boxes) for pair, boxes in found.items()}


def _without(box: Box, other: Box) -> Iterator[Box]:
    """The packets of one box that are not in another, as boxes."""
    sources, destinations, sent = box
    if apart := difference(sources, other[0]):
        yield apart, destinations, sent
    common = intersection(sources, other[0])
    if not common:
        return
    if apart := difference(destinations, other[1]):
        yield common, apart, sent
    both = intersection(destinations, other[1])
    if both and (apart := difference(sent, other[2])):
        yield common, both, apart


def subtract(boxes: Iterable[Box], others: Iterable[Box]) -> tuple[Box, ...]:
    """The packets of ``boxes`` that are in none of ``others``."""
    rest = list(boxes)
    for other in others:
        rest = [part for box in rest for part in _without(box, other)]
        if not rest:
            return ()
    return _merged(rest)


def _changes(
    one: Mapping[tuple[str, str], tuple[Box, ...]], other: Mapping[tuple[str, str], tuple[Box, ...]], ours: Intervals
) -> tuple[Change, ...]:
    """The packets that arrive in ``one`` and not in ``other``; pairs with the same change are grouped."""
    by_sender: dict[tuple[str, Box], list[str]] = {}
    for (who, whom), boxes in one.items():
        for box in subtract(boxes, other.get((who, whom), ())):
            sources = _rounded(box[0], ours) if _foreign(who) else ()
            destinations = _rounded(box[1], ours) if _foreign(whom) else ()
            shown = (sources, destinations, box[2])
            by_sender.setdefault((who, shown), []).append(whom)
    together: dict[tuple[Box, tuple[str, ...]], set[str]] = {}
    for (who, box), whoms in by_sender.items():
        together.setdefault((box, tuple(sorted(set(whoms)))), set()).add(who)
    changes = [Change(tuple(sorted(whos)), whoms, box[2], box[0], box[1]) for (box, whoms), whos in together.items()]
    return tuple(
        sorted(changes, key=lambda each: (INTERNET not in each.senders, each.senders, each.targets, each.services))
    )


def _roles(machines: Iterable[Machine]) -> dict[str, str]:
    return {_name(machine.name): machine.labels["Role"] for machine in machines if machine.labels.get("Role")}


def _unsure(
    may: Mapping[tuple[str, str], tuple[Box, ...]], must: Mapping[tuple[str, str], tuple[Box, ...]]
) -> dict[tuple[str, str], tuple[Box, ...]]:
    """The packets that may arrive and need not, by pair, without pairs that have none."""
    differing = {pair: boxes for pair, boxes in may.items() if boxes != must.get(pair, ())}
    found = {pair: subtract(boxes, must.get(pair, ())) for pair, boxes in differing.items()}
    return {pair: boxes for pair, boxes in found.items() if boxes}


def compare(old: Prover, new: Prover) -> Difference:
    """The changes in reachability between two states of an estate."""
    ours = union(old.assembly.public, new.assembly.public)
    names = _Names((old, new))
    before, after = _reached(old, ours, names), _reached(new, ours, names)
    reasons = [
        f"{which} state: {reason}"
        for which, prover in (("old", old), ("new", new))
        for reason in dict.fromkeys(each for sender in prover.senders() for each in prover.unmodelled(sender))
    ]
    if old.assembly.uncertain or new.assembly.uncertain:
        unsure = [
            _unsure(found, _reached(prover, ours, names, may=False)) for prover, found in ((old, before), (new, after))
        ]
        reasons += [
            f"{who} → {whom}: {UNSURE}"
            for who, whom in sorted(unsure[0].keys() | unsure[1].keys())
            if unsure[0].get((who, whom)) != unsure[1].get((who, whom))
        ]
    roles = _roles(old.assembly.machines.values()) | _roles(new.assembly.machines.values())
    return Difference(_changes(after, before, ours), _changes(before, after, ours), tuple(reasons), roles)
