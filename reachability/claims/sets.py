"""Sets of destinations and services for claims."""

from __future__ import annotations

from collections.abc import Iterable

from reachability import services
from reachability.addresses import EVERYWHERE, Interval, Intervals, difference, intersection, union

CONNECTIONS = difference(services.ANY, services.ICMP_ERRORS)
"""All services that open a connection: all except ICMP errors."""

Allowance = tuple[Intervals, Intervals]
"""(destinations as sent, services as sent) that a sender may use."""


def port(protocol: int, number: int) -> Intervals:
    """One port of a protocol as services."""
    return (services.of(protocol, number, number),)


def ports(protocol: int, low: int, high: int) -> Intervals:
    """Several ports of a protocol, ends included."""
    return (services.of(protocol, low, high),)


def point(address: object) -> Interval:
    """An address of the declaration as an interval of one."""
    return int(address), int(address)  # type: ignore[call-overload]


def cells(allowances: Iterable[Allowance]) -> tuple[Allowance, ...]:
    """All destinations, cut where the allowances differ; for each part, the services that no allowance permits."""
    given = [(destinations, used) for destinations, used in allowances if destinations and used]
    cuts = sorted(
        {low for low, _ in EVERYWHERE}
        | {edge for destinations, _ in given for low, high in destinations for edge in (low, high + 1)}
    )
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for number, (destinations, _) in enumerate(given):
        for low, high in destinations:
            starts.setdefault(low, []).append(number)
            ends.setdefault(high + 1, []).append(number)
    by_services: dict[frozenset[int], list[Interval]] = {}
    active: dict[int, int] = {}
    bounds = [*cuts[1:], EVERYWHERE[-1][1] + 1]
    for low, after in zip(cuts, bounds, strict=True):
        for number in ends.get(low, ()):
            active[number] -= 1
        for number in starts.get(low, ()):
            active[number] = active.get(number, 0) + 1
        if low < after:
            holding = frozenset(number for number, count in active.items() if count > 0)
            by_services.setdefault(holding, []).append((low, after - 1))
    return tuple(
        (
            intersection(union(parts), EVERYWHERE),
            difference(CONNECTIONS, union(*(given[number][1] for number in holding))),
        )
        for holding, parts in by_services.items()
    )
