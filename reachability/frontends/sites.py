"""The model of datacentres: segments, servers with legs on them, edge routers with tunnels and an uplink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reachability.addresses import Interval, Intervals


@dataclass(frozen=True, slots=True)
class Leg:
    """A server's interface on a segment. ``addresses`` are points on the address axis."""

    device: str
    segment: str
    addresses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """An edge's end of a tunnel. ``key`` joins it to the cloud's end: ``tunnel <inside CIDR> to <edge's address>``.

    ``reaches``: the destinations that it routes there.
    """

    device: str
    key: str
    reaches: Intervals
    address: int


@dataclass(frozen=True, slots=True)
class Server:
    """A bare-metal host. ``routes``: (destinations, device), longest prefix wins; segments' own prefixes included."""

    name: str
    legs: tuple[Leg, ...]
    routes: tuple[tuple[Interval, str], ...]
    forwards: bool = False
    source_routes: tuple[tuple[int, Interval, str], ...] = ()
    """(own source address, destinations, device): policy routing that precedes ``routes`` for that source."""
    tunnels: tuple[TunnelEnd, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """A VLAN. ``gateways``: the servers that forward packets to destinations outside ``block`` (any of them may).
    ``uplink``: whether it connects to the internet, for the addresses in ``public``."""

    name: str
    block: Interval
    gateways: tuple[str, ...] = ()
    uplink: bool = False
    public: Interval | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """One datacentre. ``announces``: the blocks that it announces to the clouds over its tunnels."""

    name: str
    segments: tuple[Segment, ...]
    servers: tuple[Server, ...]
    announces: Intervals = ()
