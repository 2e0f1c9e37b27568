"""The axis of services: protocol and destination port, or ICMP type and code, as one integer.

``protocol << 16 | detail``; the detail is the destination port where the protocol has ports, ``type << 8 | code`` for
ICMP, and arbitrary for other protocols (no rule can distinguish their packets).
"""

from __future__ import annotations

from reachability.addresses import Interval, Intervals

ICMP, TCP, UDP, ESP, AH, ICMPV6, VRRP, SCTP, UDPLITE, DCCP = 1, 6, 17, 50, 51, 58, 112, 132, 136, 33
NUMBERS = {
    "icmp": ICMP, "tcp": TCP, "udp": UDP, "gre": 47, "esp": ESP, "ah": AH, "icmpv6": ICMPV6, "ipv6-icmp": ICMPV6,
    "icmp6": ICMPV6, "vrrp": VRRP, "sctp": SCTP, "udplite": UDPLITE, "dccp": DCCP, "ipip": 94, "igmp": 2,
}  # fmt: skip
NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", 47: "gre", ESP: "esp", AH: "ah", ICMPV6: "icmpv6", VRRP: "vrrp",
         SCTP: "sctp", UDPLITE: "udplite", DCCP: "dccp", 94: "ipip", 2: "igmp"}  # fmt: skip
WITH_PORTS = frozenset({TCP, UDP, SCTP, UDPLITE, DCCP})
LAST = (1 << 24) - 1
ANY: Intervals = ((0, LAST),)
PORTS: Interval = (0, 65535)
CLIENT_PORTS: Interval = (32768, 60999)
"""The source ports of clients (Linux's default range)."""


def protocol(name: str | int) -> int:
    """The number of a protocol given by number or name. Raises ``ValueError``."""
    text = str(name).strip().lower()
    if text in NUMBERS:
        return NUMBERS[text]
    if text.isdigit() and int(text) < 256:
        return int(text)
    raise ValueError(f"{name!r} is not an IP protocol; write tcp, udp, icmp, or a number below 256")


def of(number: int, low: int = 0, high: int = 65535) -> Interval:
    """The services of a protocol with a destination port (or ICMP type and code) from ``low`` to ``high``."""
    return number << 16 | low, number << 16 | high


def icmp(number: int, kind: int | None = None, code: int | None = None) -> Interval:
    """ICMP (``number`` 1 or 58) of one type and code, or of all."""
    if kind is None:
        return of(number)
    return of(number, kind << 8, kind << 8 | 255) if code is None else of(number, kind << 8 | code, kind << 8 | code)


def number(service: int) -> int:
    """The protocol of a service."""
    return service >> 16


def port(service: int) -> int | None:
    """The destination port, if the protocol has ports."""
    return service & 0xFFFF if service >> 16 in WITH_PORTS else None


def text(service: int) -> str:
    """A service as text: ``tcp 22``, ``icmp type 8 code 0``, ``protocol 50``."""
    protocol_number, detail = service >> 16, service & 0xFFFF
    name = NAMES.get(protocol_number, f"protocol {protocol_number}")
    if protocol_number in WITH_PORTS:
        return f"{name} {detail}"
    if protocol_number in (ICMP, ICMPV6):
        return f"{name} type {detail >> 8} code {detail & 255}"
    return name


ICMP_ERRORS: Intervals = tuple(
    sorted([icmp(ICMP, 3), icmp(ICMP, 11), icmp(ICMP, 12), icmp(ICMPV6, 1), icmp(ICMPV6, 2), icmp(ICMPV6, 3),
            icmp(ICMPV6, 4)])
)  # fmt: skip
"""ICMP errors. They open no connection, and path MTU discovery fails without them (RFC 4890)."""
