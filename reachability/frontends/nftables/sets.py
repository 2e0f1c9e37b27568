"""Named sets and maps, and the checks of their elements."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reachability.frontends.nftables import values
from reachability.frontends.nftables.errors import NftError, NotModelled


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set or map of a table: its elements as text, without options.

    ``changing``: why its elements are unknown; empty if they are known.
    """

    name: str
    elements: tuple[str, ...]
    changing: str = ""
    is_map: bool = False


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


def check_elements(name: str, type_: str, elements: list[str], *, is_map: bool, is_type: bool) -> None:
    """Checks that elements have the type of their set. Raises ``NftError``, ``NotModelled``."""
    if not type_:
        raise NotModelled("its type is not declared")
    key_type, _, datum_type = (part.strip() for part in type_.partition(" : "))
    if is_type and any(part.strip() not in DATATYPES for part in key_type.split(" . ")):
        raise NftError(0, f"{name}: {type_}", "it is not a type that nft has", "write ipv4_addr, inet_service, …")
    kinds = [TYPES.get(part.strip()) for part in key_type.split(" . ")]
    seen: dict[str, set[str]] = {}
    for each in elements:
        key, datum = split_pair(each) if is_map else (each, "")
        if key == "*":
            continue
        fields = re.split(r"\s+\.\s+", key)
        if len(fields) != len(kinds):
            raise NftError(
                0, f"{name}: {each}", f"an element has {len(kinds)} fields here", "write one value for each field"
            )
        for kind, field in zip(kinds, fields, strict=True):
            if kind is not None and field not in seen.setdefault(kind, set()):
                values.element(kind, field)
                seen[kind].add(field)
        if datum_type == "verdict" and not VERDICT.fullmatch(datum):
            raise NftError(
                0, f"{name}: {datum}", "it is not a verdict", "write accept, drop, return, continue, jump or goto"
            )


VERDICT = re.compile(r"accept|drop|return|continue|queue.*|(?:jump|goto)\s+\S+")
