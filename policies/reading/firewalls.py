"""One reader for Google Cloud firewall rules, of a network or of a firewall policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.reading.properties import UNKNOWN, each, stated

FIREWALL = "gcp:compute/firewall:Firewall"
POLICY_RULE = "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule"
TYPES = (FIREWALL, POLICY_RULE)
TCP = ("tcp", "6")
EVERY_PORT = (0, 65535)
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class Allowed:
    """A protocol that a rule allows (``all``, a name or a number), with its port ranges; none means every port."""

    protocol: Any
    ports: tuple[Any, ...]

    def covers(self, protocol: tuple[str, ...], port: int) -> bool:
        """Whether it may allow ``port``; an unknown value may."""
        if self.protocol is not UNKNOWN and self.protocol not in (*protocol, "all"):
            return False
        return not self.ports or any(each is UNKNOWN or each[0] <= port <= each[1] for each in self.ports)


def _range(given: Any) -> Any:
    if given is UNKNOWN:
        return UNKNOWN
    low, _, high = str(given).partition("-")
    return (int(low), int(high or low)) if low.isdigit() and (high or low).isdigit() else UNKNOWN


def _allowed(entries: list[Any], protocol_key: str) -> Iterator[Allowed]:
    for entry in entries:
        if entry is UNKNOWN:
            yield Allowed(UNKNOWN, ())
        else:
            protocol = stated(entry, protocol_key)
            name = protocol if protocol is UNKNOWN else str(protocol).lower()
            yield Allowed(name, tuple(_range(port) for port in each(entry, "ports")))


def allows(type_: str, properties: Mapping[str, Any]) -> list[Allowed]:
    """What the rule allows; nothing if it is a deny rule."""
    if type_ == FIREWALL:
        return list(_allowed(each(properties, "allows"), "protocol"))
    action = stated(properties, "action")
    if action is not UNKNOWN and action not in ("allow", "apply_security_profile_group"):
        return []
    match = stated(properties, "match", {})
    return [Allowed(UNKNOWN, ())] if match is UNKNOWN else list(_allowed(each(match, "layer4Configs"), "ipProtocol"))


def is_direction(properties: Mapping[str, Any], wanted: str) -> bool:
    """Whether the rule may have this direction. The default is ``INGRESS``; an unknown direction may be either."""
    direction = stated(properties, "direction", "INGRESS")
    return direction is UNKNOWN or direction == wanted


def sources(type_: str, properties: Mapping[str, Any]) -> list[Any]:
    """The source addresses that a rule allows. A rule without any source allows all."""
    if type_ == FIREWALL:
        named = each(properties, "sourceTags") or each(properties, "sourceServiceAccounts")
        return each(properties, "sourceRanges") or ([] if named else [ANYWHERE])
    match = stated(properties, "match", {})
    if match is UNKNOWN:
        return [UNKNOWN]
    by_other_means = any(
        each(match, key) for key in ("srcSecureTags", "srcNetworks", "srcAddressGroups", "srcFqdns", "srcRegionCodes")
    )
    return each(match, "srcIpRanges") or ([UNKNOWN] if by_other_means else [ANYWHERE])


def destinations(type_: str, properties: Mapping[str, Any]) -> list[Any]:
    """The destination addresses that a rule allows. A rule without any destination allows all."""
    match = properties if type_ == FIREWALL else stated(properties, "match", {})
    if match is UNKNOWN:
        return [UNKNOWN]
    return each(match, "destinationRanges" if type_ == FIREWALL else "destIpRanges") or [ANYWHERE]


def targets(type_: str, properties: Mapping[str, Any]) -> list[Any]:
    """Target tags of the rule; none: all instances of the network, or those of a service account."""
    return each(properties, "targetTags") if type_ == FIREWALL else []
