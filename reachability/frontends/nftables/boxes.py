"""Sets of packets as products of intervals, one per field of a ``Match``, which the tests of a rule restrict.

A ``Box`` is one product, a list of boxes their union.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reachability import addresses, services
from reachability.addresses import ALL_V4, ALL_V6, Intervals, difference, intersection
from reachability.frontends.nftables.errors import NotModelled
from reachability.network import Devices, State

SOURCES, DESTINATIONS, SERVICES, SOURCE_PORTS, STATES, INCOMING, OUTGOING, TRANSLATED, UNCERTAIN = range(9)
Box = list[Any]
"""The nine fields of a ``Match``, each of its own type, in its order; ``None`` is no restriction."""
Part = tuple[tuple[int, object], ...]
"""Restrictions that apply together: (field, value)."""
Parts = list[Part]
"""Alternatives."""

MOST_BOXES = 20_000
"""The maximum number of boxes of one rule; beyond it, the rule is not modelled."""

V4: Part = ((DESTINATIONS, (ALL_V4,)),)
V6: Part = ((DESTINATIONS, (ALL_V6,)),)


def devices(names: frozenset[str], *, negated: bool = False) -> frozenset[str] | Devices:
    """Interfaces by name, or all others."""
    return Devices(excluded=names) if negated else names


def both_devices(one: frozenset[str] | Devices, other: frozenset[str] | Devices) -> frozenset[str] | Devices:
    first = one if isinstance(one, Devices) else Devices(names=one)
    second = other if isinstance(other, Devices) else Devices(names=other)
    excluded = first.excluded | second.excluded
    if first.names is None or second.names is None:
        names = second.names if first.names is None else first.names
    else:
        names = frozenset(each for each in first.names if _inside(each, second.names)) | frozenset(
            each for each in second.names if _inside(each, first.names)
        )
    if names is not None:
        names = frozenset(each for each in names if not _inside(each, excluded))
        if not any(_inside(each, names) for each in excluded):
            return names
    return Devices(names=names, excluded=excluded)


def _inside(pattern: str, names: frozenset[str]) -> bool:
    """Whether every interface that matches a pattern is among ``names``."""
    return pattern in names or any(name[-1:] == "*" and pattern.startswith(name[:-1]) for name in names)


_MEET: list[Callable[[Any, Any], object]] = [
    intersection, intersection, intersection, intersection, frozenset.intersection, both_devices, both_devices,
    lambda one, other: one if one is other else (),
    lambda one, other: one if other in one else f"{one}; {other}",
]  # fmt: skip


def narrowed(boxes: list[Box], parts: Parts) -> list[Box]:
    found = []
    for part in parts:
        for box in boxes:
            narrowed = box.copy()
            for field, value in part:
                present = narrowed[field]
                if present is None or present == "":
                    narrowed[field] = value
                else:
                    met = _MEET[field](present, value)
                    if met == () or met == frozenset():
                        break
                    narrowed[field] = met
            else:
                found.append(narrowed)
    return found


def without(boxes: list[Box], removed: list[Box]) -> list[Box]:
    """The packets of ``boxes`` that are in none of ``removed``."""
    for other in removed:
        if other[UNCERTAIN]:
            boxes = narrowed(boxes, [((UNCERTAIN, other[UNCERTAIN]),)])
            continue
        boxes = [piece for box in boxes for piece in _cut(box, other)]
        if len(boxes) > MOST_BOXES:
            raise NotModelled("the rule has too many cases")
    return boxes


_WHOLE_FIELD: list[Intervals] = [addresses.EVERYWHERE, addresses.EVERYWHERE, services.ANY, (services.PORTS,)]


def _cut(box: Box, other: Box) -> list[Box]:
    """``box`` without ``other``, in disjoint pieces."""
    pieces: list[Box] = []
    rest = box
    for field, value in enumerate(other[:UNCERTAIN]):
        if value is None:
            continue
        present = rest[field]
        if field <= SOURCE_PORTS:
            have = _WHOLE_FIELD[field] if present is None else present
            outside: object = difference(have, value)
            inside: object = intersection(have, value)
        elif field == STATES:
            have = frozenset(State) if present is None else present
            outside, inside = have - value, have & value
        elif field in (INCOMING, OUTGOING):
            if isinstance(value, Devices) and value.names is not None:
                raise NotModelled("all interfaces but those of a set")
            others = value.excluded if isinstance(value, Devices) else devices(value, negated=True)
            inside = value if present is None else both_devices(present, value)
            outside = others if present is None else both_devices(present, others)
        else:
            if present is not None and present is not value:
                return [*pieces, rest]
            outside, inside = (not value if present is None else None), value
        if outside or (outside is False):
            piece = rest.copy()
            piece[field] = outside
            pieces.append(piece)
        if not inside and inside is not False:
            return pieces
        rest = rest.copy()
        rest[field] = inside
    return pieces
