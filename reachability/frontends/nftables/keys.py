"""The selectors of tests, and the packets that match a value.

Which first packets are new follows Linux: ``nf_conntrack_proto_icmp.c`` and ``nf_conntrack_proto_icmpv6.c``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reachability import addresses, services
from reachability.addresses import Intervals, difference
from reachability.frontends.nftables import values
from reachability.frontends.nftables.boxes import (
    DESTINATIONS,
    INCOMING,
    OUTGOING,
    SERVICES,
    SOURCE_PORTS,
    SOURCES,
    STATES,
    TRANSLATED,
    UNCERTAIN,
    V4,
    V6,
    Part,
    Parts,
)
from reachability.network import State

NOT_TRACKED: Intervals = tuple(
    services.icmp(services.ICMPV6, low)[:1] + services.icmp(services.ICMPV6, high)[1:]
    for low, high in ((130, 136), (143, 143))
)
"""Multicast listener and neighbour discovery, which Linux marks untracked (``icmpv6_error``)."""
_OPENING = addresses.union(
    [services.icmp(services.ICMP, kind) for kind in (8, 13, 15, 17)]
    + [services.icmp(services.ICMPV6, kind) for kind in (128, 139)]
)
_ICMP = addresses.union([services.of(services.ICMP)], [services.of(services.ICMPV6)])
INVALID_WHEN_FIRST: Intervals = difference(difference(_ICMP, _OPENING), NOT_TRACKED)
"""ICMP that opens no connection: a first packet has state invalid (``valid_new`` in nf_conntrack_proto_icmp.c)."""
UNTRANSLATED: Intervals = addresses.union(NOT_TRACKED, INVALID_WHEN_FIRST)
"""Services that never reach a chain of type nat, because they have no connection."""
TRACKED: Intervals = difference(services.ANY, UNTRANSLATED)
"""First packets whose state is new."""

EXTENSION_HEADERS = (0, 43, 44, 51, 60, 135, 139, 140)
TRANSPORTS = {
    "tcp": services.TCP, "udp": services.UDP, "sctp": services.SCTP, "dccp": services.DCCP,
    "udplite": services.UDPLITE, "icmp": services.ICMP, "icmpv6": services.ICMPV6, "esp": services.ESP,
    "ah": services.AH, "comp": 108, "igmp": 2, "gre": 47,
}  # fmt: skip
UNQUALIFIED = frozenset(
    [
        "mark",
        "iif",
        "iifname",
        "iiftype",
        "oif",
        "oifname",
        "oiftype",
        "skuid",
        "skgid",
        "nftrace",
        "rtclassid",
        "ibriport",
        "ibrname",
        "obriport",
        "obrname",
        "pkttype",
        "cpu",
        "iifgroup",
        "oifgroup",
        "cgroup",
        "time",
        "day",
        "hour",
        "iifkind",
        "oifkind",
        "sdif",
        "sdifname",
    ]
)
QUALIFIED = frozenset(
    [
        "length",
        "nfproto",
        "l4proto",
        "protocol",
        "priority",
        "random",
        "secmark",
        "ibrpvid",
        "ibrvproto",
        "ipsec",
        "secpath",
    ]
)
CONNECTION = frozenset(
    [
        "state",
        "direction",
        "status",
        "mark",
        "expiration",
        "helper",
        "label",
        "zone",
        "l3proto",
        "protocol",
        "proto-src",
        "proto-dst",
        "saddr",
        "daddr",
        "bytes",
        "packets",
        "avgpkt",
        "id",
        "secmark",
        "event",
    ]
)
FIELDS = {
    "ip": "version hdrlength dscp ecn length id frag-off ttl protocol checksum saddr daddr",
    "ip6": "version dscp ecn flowlabel length nexthdr hoplimit saddr daddr",
    "tcp": "sport dport sequence ackseq doff reserved flags window checksum urgptr",
    "udp": "sport dport length checksum", "udplite": "sport dport checksum",
    "sctp": "sport dport vtag checksum", "dccp": "sport dport type", "th": "sport dport",
    "icmp": "type code checksum id sequence gateway mtu",
    "icmpv6": "type code checksum parameter-problem packet-too-big id sequence max-delay",
    "igmp": "type mrt checksum group", "ah": "nexthdr hdrlength reserved spi sequence", "esp": "spi sequence",
    "comp": "nexthdr flags cpi", "ether": "saddr daddr type", "vlan": "id dei pcp type",
    "hbh": "nexthdr hdrlength", "rt": "nexthdr hdrlength type seg-left", "frag": "nexthdr frag-off id more-fragments",
    "dst": "nexthdr hdrlength", "mh": "nexthdr hdrlength type checksum",
}  # fmt: skip
HEADERS = {name: frozenset(fields.split()) for name, fields in FIELDS.items()}


@dataclass(frozen=True, slots=True)
class Key:
    """A selector of a test. ``kind`` of its values (``values``); ``parts``: the packets for which it has one of them.

    ``always``: restrictions that are implied by the selector.
    """

    name: str
    kind: str
    parts: Callable[[Intervals], Parts]
    always: Part = ()
    transport: int = 0
    family: str = ""


def _addressed(name: str, kind: str, field: int, family: str) -> Key:
    return Key(name, kind, lambda found: [((field, found),)], family=family)


def _protocols(found: Intervals) -> Intervals:
    return tuple((low << 16, high << 16 | 65535) for low, high in found)


def _next_header(found: Intervals) -> Parts:
    """The first header of an IPv6 packet is the transport header, unless there are extension headers."""
    return [(V6[0], (SERVICES, _protocols(found)))]


def _port_keys(name: str, number: int) -> list[Key]:
    base, every = number << 16, (services.of(number),)

    def to(found: Intervals) -> Parts:
        return [((SERVICES, tuple((base | low, base | high) for low, high in found)),)]

    def come_from(found: Intervals) -> Parts:
        return [((SERVICES, every), (SOURCE_PORTS, found))]

    return [
        Key(f"{name} dport", "port", to, transport=number),
        Key(f"{name} sport", "port", come_from, transport=number),
    ]


_PORTLESS = difference(services.ANY, tuple(sorted(services.of(number) for number in services.WITH_PORTS)))
_NO_HEADER = "the bytes at the position of ports are unknown for this protocol"


def _any_port_keys() -> list[Key]:
    def to(found: Intervals) -> Parts:
        known = sorted((n << 16 | low, n << 16 | high) for n in services.WITH_PORTS for low, high in found)
        return [((SERVICES, tuple(known)),), ((SERVICES, _PORTLESS), (UNCERTAIN, _NO_HEADER))]

    def come_from(found: Intervals) -> Parts:
        known = tuple(sorted(services.of(number) for number in services.WITH_PORTS))
        return [((SERVICES, known), (SOURCE_PORTS, found)), ((SERVICES, _PORTLESS), (UNCERTAIN, _NO_HEADER))]

    return [Key("th dport", "port", to), Key("th sport", "port", come_from)]


def _icmp_keys(name: str, number: int, family: Part) -> list[Key]:
    base = number << 16

    def kind(found: Intervals) -> Parts:
        return [(family[0], (SERVICES, tuple((base | low << 8, base | high << 8 | 255) for low, high in found)))]

    def code(found: Intervals) -> Parts:
        each = [(base | kind << 8 | low, base | kind << 8 | high) for kind in range(256) for low, high in found]
        return [(family[0], (SERVICES, addresses.union(each)))]

    return [
        Key(f"{name} type", f"{name} type", kind, transport=number),
        Key(f"{name} code", f"{name} code", code, transport=number),
    ]


def _families(numbers: Mapping[int, Part]) -> Callable[[Intervals], Parts]:
    def parts(found: Intervals) -> Parts:
        return [part for number, part in numbers.items() if addresses.contains(found, number)]

    return parts


KEYS: dict[str, Key] = {
    key.name: key
    for key in (
        _addressed("ip saddr", "v4", SOURCES, "ip"),
        _addressed("ip daddr", "v4", DESTINATIONS, "ip"),
        _addressed("ip6 saddr", "v6", SOURCES, "ip6"),
        _addressed("ip6 daddr", "v6", DESTINATIONS, "ip6"),
        Key("ip protocol", "protocol", lambda found: [(V4[0], (SERVICES, _protocols(found)))], family="ip"),
        Key("ip6 nexthdr", "protocol", _next_header, family="ip6"),
        Key("meta l4proto", "protocol", lambda found: [((SERVICES, _protocols(found)),)]),
        Key("meta nfproto", "family", _families({2: V4, 10: V6})),
        Key("meta protocol", "frame", _families({0x0800: V4, 0x86DD: V6})),
        *(key for name in ("tcp", "udp", "sctp", "dccp", "udplite") for key in _port_keys(name, TRANSPORTS[name])),
        *_any_port_keys(),
        *_icmp_keys("icmp", services.ICMP, V4),
        *_icmp_keys("icmpv6", services.ICMPV6, V6),
    )
}
DEVICE_KEYS = {"meta iif": INCOMING, "meta iifname": INCOMING, "meta oif": OUTGOING, "meta oifname": OUTGOING}


def states(words: frozenset[str]) -> Parts:
    """The packets that are in one of these states.

    An answer is established. A first packet is new where its protocol opens connections, else invalid or untracked.
    Related packets are left out: they are errors about connections, or come by helpers, which are not modelled.
    """
    later = frozenset(State(word) for word in words & {"established", "invalid"})
    first: Intervals = addresses.union(
        TRACKED if "new" in words else (),
        INVALID_WHEN_FIRST if "invalid" in words else (),
        NOT_TRACKED if "untracked" in words else (),
    )
    new = frozenset({State.NEW})
    if first == services.ANY:
        return [((STATES, later | new),)] if len(later) < 2 else [()]
    parts: Parts = [((STATES, later),)] if later else []
    return [*parts, ((STATES, new), (SERVICES, first))] if first else parts


def statuses(words: frozenset[str]) -> Parts:
    uncertain = "other connection tracking status bits are unknown"
    parts: Parts = [((TRANSLATED, True),)] if "dnat" in words else []
    return parts + ([((UNCERTAIN, uncertain),)] if words - {"dnat"} else [])


def _directions(words: frozenset[str]) -> Parts:
    parts: Parts = []
    if words & {"original", "0"}:
        parts.append(((STATES, frozenset({State.NEW})), (SERVICES, TRACKED)))
    if words & {"reply", "1"}:
        parts.append(((STATES, frozenset({State.ESTABLISHED})),))
    return parts


WORD_KEYS: dict[str, tuple[frozenset[str], Callable[[frozenset[str]], Parts]]] = {
    "ct state": (values.STATES, states),
    "ct direction": (frozenset({"original", "reply"}), _directions),
}


def everything(keys: list[Key]) -> Parts:
    """The packets that have all of the fields."""
    parts: Parts = [()]
    for key in keys:
        if key.kind in values.WHOLE:
            whole = key.parts(values.WHOLE[key.kind])
        else:
            whole = key.parts(()) if key.kind == "" else [()]
        parts = [(*one, *other) for one in parts for other in whole]
    return parts
