"""Protocols and ports as security groups and network ACLs write them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from reachability import services
from reachability.addresses import Intervals
from reachability.frontends.aws.index import Malformed, whole
from reachability.resources import UNKNOWN

ALL = ("-1", "all", -1)


@lru_cache(maxsize=1 << 12, typed=True)
def read(protocol: Any, low: Any, high: Any) -> tuple[Intervals | None, str, str]:
    """The services, their text, and why they are unknown (or empty). ``low`` and ``high`` are ports, or
    ICMP type and code. Raises ``Malformed``.
    """
    if protocol is UNKNOWN:
        return None, "any protocol", "its protocol is not known yet"
    if isinstance(protocol, float) and protocol == int(protocol):
        protocol = int(protocol)
    if protocol in ALL:
        return None, "all", ""
    if protocol is None or protocol == "":
        raise Malformed("it has no protocol")
    try:
        number = services.protocol(protocol)
    except ValueError as error:
        raise Malformed(str(error)) from None
    name = services.NAMES.get(number, f"protocol {number}")
    if number in (services.ICMP, services.ICMPV6):
        return _icmp(number, name, low, high)
    if number not in (services.TCP, services.UDP):
        return (services.of(number),), name, ""
    if low is UNKNOWN or high is UNKNOWN:
        return (services.of(number),), f"{name} any port", "its ports are not known yet"
    if low is None and high is None:
        return (services.of(number),), name, ""
    first, last = whole(0 if low is None else low, "fromPort"), whole(65535 if high is None else high, "toPort")
    if first == last == -1:
        return (services.of(number),), name, ""
    if not 0 <= first <= last <= 65535:
        raise Malformed(f"ports {first}-{last} are not a range within 0-65535")
    shown = f"{first}" if first == last else f"{first}-{last}"
    return (services.of(number, first, last),), name if shown == "0-65535" else f"{name} {shown}", ""


def _icmp(number: int, name: str, low: Any, high: Any) -> tuple[Intervals | None, str, str]:
    if low is UNKNOWN or high is UNKNOWN:
        return (services.of(number),), f"{name} any type", "its ICMP type is not known yet"
    kind = -1 if low is None else whole(low, "ICMP type")
    code = -1 if high is None else whole(high, "ICMP code")
    if kind == -1:
        return (services.of(number),), name, ""
    if not 0 <= kind <= 255 or not -1 <= code <= 255:
        raise Malformed(f"ICMP type {kind} code {code} is not within 0-255")
    if code == -1:
        return (services.icmp(number, kind),), f"{name} type {kind}", ""
    return (services.icmp(number, kind, code),), f"{name} type {kind} code {code}", ""


def of_entry(entry: Mapping[str, Any]) -> tuple[Intervals | None, str, str]:
    """``read`` for an ACL entry, which has separate properties for ICMP type and code."""
    protocol = entry.get("protocol")
    icmp = not isinstance(protocol, float) and str(protocol).lower() in ("1", "58", "icmp", "icmpv6")
    if icmp or protocol in (1, 58):
        low, high = entry.get("icmpType", entry.get("fromPort")), entry.get("icmpCode", entry.get("toPort"))
        return read(protocol, low, high)
    return read(protocol, entry.get("fromPort"), entry.get("toPort"))
