"""Named sets and maps, and the checks of their elements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reachability import addresses
from reachability.addresses import Interval
from reachability.frontends.nftables import values
from reachability.frontends.nftables.errors import NftError, NotModelled
from reachability.frontends.nftables.ruleset import SetText


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set or map of a table: its elements as text, without options.

    ``changing``: why its elements are unknown; empty if they are known.
    """

    name: str
    elements: tuple[str, ...]
    changing: str = ""
    is_map: bool = False
    flags: frozenset[str] = frozenset()


def split_pair(text: str) -> tuple[str, str]:
    """Key and datum of one element of a map. Raises ``NftError``."""
    found = re.search(r"\s+:\s*|:\s+", text)
    if found:
        key, datum = text[: found.start()], text[found.end() :]
    else:
        key, _, datum = text.rpartition(":")
    key = OPTIONS_AFTER_KEY.sub("", key + " ").strip()
    if not key or not datum.strip():
        raise NftError(0, text, "an element of a map is a key, a colon and a value", "write key : value")
    return key, datum.strip()


OPTIONS_AFTER_KEY = values.OPTIONS

TYPES = {
    "ipv4_addr": "v4", "ip saddr": "v4", "ip daddr": "v4", "ipv6_addr": "v6", "ip6 saddr": "v6", "ip6 daddr": "v6",
    "inet_service": "port", "tcp dport": "port", "udp dport": "port", "th dport": "port", "tcp sport": "port",
    "udp sport": "port", "inet_proto": "protocol", "ip protocol": "protocol", "meta l4proto": "protocol",
    "icmp_type": "icmp type", "icmpv6_type": "icmpv6 type", "icmp type": "icmp type", "icmpv6 type": "icmpv6 type",
}  # fmt: skip


DATATYPES = frozenset(
    {
        *(
            "ipv4_addr",
            "ipv6_addr",
            "ether_addr",
            "inet_proto",
            "inet_service",
            "icmp_type",
            "icmp_code",
            "icmpv6_type",
        ),
        *(
            "icmpv6_code",
            "icmpx_code",
            "mark",
            "ifname",
            "iface_index",
            "iface_type",
            "ct_state",
            "ct_status",
            "ct_dir",
        ),
        *(
            "ct_label",
            "ct_id",
            "uid",
            "gid",
            "time",
            "day",
            "hour",
            "boolean",
            "cgroupsv2",
            "realm",
            "ether_type",
            "dscp",
        ),
        *(
            "ecn",
            "classid",
            "pkt_type",
            "devgroup",
            "fib_addrtype",
            "nf_proto",
            "tcp_flag",
            "ll_addr",
            "integer",
            "string",
        ),
        *("arp_op", "verdict", "igmp_type", "dccp_pkttype", "mh_type", "queue", "tc_handle"),
    }
)


Fields = tuple[Interval | str, ...]
"""The key of an element: an interval for each field of a known kind, else its text."""


def check_elements(made: SetText) -> None:
    """Checks that nft would load a set with its elements: their type, ranges, conflicts, number and timeouts.

    Raises ``NftError``, ``NotModelled``.
    """
    if not made.type:
        raise NotModelled("its type is not declared")
    key_type, _, datum_type = (part.strip() for part in made.type.partition(" : "))
    if made.is_type and any(part.strip() not in DATATYPES for part in key_type.split(" . ")):
        raise NftError(
            0, f"{made.name}: {made.type}", "it is not a type that nft has", "write ipv4_addr, inet_service, …"
        )
    if made.element_expires and "timeout" not in made.flags:
        raise NftError(
            0, made.name, "an element has a timeout, and the set has not the flag for it", "add 'flags timeout'"
        )
    kinds = [TYPES.get(part.strip()) for part in key_type.split(" . ")]
    keys: dict[Fields, str] = {}
    for each in made.elements:
        key, datum = split_pair(each) if made.is_map else (each, "")
        if key == "*":
            continue
        fields = element_fields(made.name, key, kinds)
        if "interval" not in made.flags and is_ranged(key, kinds, fields):
            raise NftError(
                0, f"{made.name}: {each}", "only an interval set has prefixes and ranges", "add 'flags interval'"
            )
        _add_datum(keys, fields, datum, each)
        if datum_type == "verdict" and not VERDICT.fullmatch(datum):
            raise NftError(
                0, f"{made.name}: {datum}", "it is not a verdict", "write accept, drop, return, continue, jump or goto"
            )
    if "interval" in made.flags and not (made.auto_merge and len(kinds) == 1):
        check_conflicts(made.name, keys)
    if made.size is not None and _count(keys, merge=made.auto_merge and len(kinds) == 1) > made.size:
        raise NftError(0, f"{made.name}: size {made.size}", "it has more elements than its size", "raise the size")


def element_fields(name: str, key: str, kinds: Sequence[str | None]) -> Fields:
    """The fields of one key. Raises ``NftError``, ``NotModelled``."""
    texts = re.split(r"\s+\.\s+", key)
    if len(texts) != len(kinds):
        raise NftError(
            0, f"{name}: {key}", f"an element has {len(kinds)} fields here", "write one value for each field"
        )
    return tuple(text if kind is None else values.element(kind, text) for kind, text in zip(kinds, texts, strict=True))


def is_ranged(key: str, kinds: Sequence[str | None], fields: Fields) -> bool:
    """Whether a field of a key is written as a prefix or as a range."""
    for text, kind, value in zip(re.split(r"\s+\.\s+", key), kinds, fields, strict=True):
        if isinstance(value, tuple) and kind is not None:
            named = text in values.NAMES.get(kind, ())
            if value[0] != value[1] or (not named and ("/" in text or "-" in text)):
                return True
    return False


def _add_datum(keys: dict[Fields, str], fields: Fields, datum: str, text: str) -> None:
    """Adds an element; the same key again must have the same datum."""
    datum = " ".join(datum.split())
    if keys.setdefault(fields, datum) != datum:
        raise NftError(0, text, f"this key has the value {keys[fields]!r} already", "write each key once")


def check_map(name: str, elements: Iterable[str], kinds: Sequence[str | None]) -> None:
    """Checks that no key of an anonymous map selects two data. Raises ``NftError``, ``NotModelled``."""
    keys: dict[Fields, str] = {}
    for each in elements:
        key, datum = split_pair(each)
        if key != "*":
            _add_datum(keys, element_fields(name, key, kinds), datum, each)
    check_conflicts(name, keys)


Box = tuple[Interval, ...]


def check_conflicts(name: str, keys: Iterable[Fields]) -> None:
    """Checks that no two different keys conflict in an interval set. Raises ``NftError``.

    Intervals conflict if they overlap. A concatenation conflicts with an earlier one that contains its lower or its
    upper end: the kernel looks no further (``nft_pipapo_insert``).
    """
    boxes = [tuple(field for field in fields if not isinstance(field, str)) for fields in keys if _is_known(fields)]
    order = {box: position for position, box in reversed(list(enumerate(boxes)))}
    open_: list[Box] = []
    for box in sorted(order):
        open_ = [other for other in open_ if other[0][1] >= box[0][0]]
        for other in open_:
            earlier, later = (box, other) if order[box] < order[other] else (other, box)
            if len(box) == 1 or _holds(earlier, later, 0) or _holds(earlier, later, 1):
                raise NftError(
                    0, f"{name}: {_written(later)}", f"it overlaps with {_written(earlier)}", "write disjoint elements"
                )
        open_.append(box)


def _holds(box: Box, other: Box, end: int) -> bool:
    """Whether a box contains the lower (0) or the upper (1) end of another."""
    return all(low <= each[end] <= high for (low, high), each in zip(box, other, strict=True))


def _is_known(fields: Fields) -> bool:
    return not any(isinstance(field, str) for field in fields)


def _written(box: Box) -> str:
    shown = []
    for low, high in box:
        ends = [addresses.text(end) if high > 0xFFFF else str(end) for end in (low, high)]
        shown.append(ends[0] if low == high else "-".join(ends))
    return " . ".join(shown)


def _count(keys: Mapping[Fields, str], *, merge: bool) -> int:
    if not merge:
        return len(keys)
    return len(addresses.union([field for fields in keys for field in fields if not isinstance(field, str)]))


VERDICT = re.compile(r"accept|drop|return|continue|queue.*|(?:jump|goto)\s+\S+")
