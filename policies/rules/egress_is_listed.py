"""Outbound rules must name protocols and destinations."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import firewalls
from policies.reading.cidr import network
from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

REASON = "a host that can send anywhere can send keys anywhere"


def _egress(args: ResourceValidationArgs) -> Iterator[str]:
    protocol = stated(args.props, "ipProtocol")
    if protocol is UNKNOWN or protocol == "-1":
        yield violation(
            f"outbound protocol is {protocol}", "a rule must name its protocol", REASON, "set tcp or udp, and ports"
        )
    destinations = [stated(args.props, key) for key in ("cidrIpv4", "cidrIpv6")]
    if UNKNOWN in destinations or any(given is not None and network(given).prefixlen == 0 for given in destinations):
        given = next(given for given in destinations if given is not None)
        yield violation(
            f"everything may be sent to {given}", "a rule must name its destinations", REASON, "name the destinations"
        )


def _firewall(args: ResourceValidationArgs) -> Iterator[str]:
    if not firewalls.is_direction(args.props, "EGRESS"):
        return
    allowed = firewalls.allows(args.resource_type, args.props)
    if any(each.protocol is UNKNOWN or each.protocol == "all" for each in allowed):
        yield violation(
            "every protocol is allowed out", "a rule must name its protocol", REASON, "set tcp or udp, and ports"
        )
    for given in firewalls.destinations(args.resource_type, args.props) if allowed else ():
        if given is UNKNOWN or network(given).prefixlen == 0:
            yield violation(
                f"everything may be sent to {given}",
                "a rule must name its destinations",
                REASON,
                "name the destinations",
            )


RULE = resource_rule(
    "egress-is-listed",
    "Outbound rules must name protocols and destinations; none may allow everything.",
    {
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _egress,
        **dict.fromkeys(firewalls.TYPES, _firewall),
    },
    Severity.HIGH,
    why="A host that can send anywhere can send keys anywhere.",
    fix="Set protocol, ports and destinations.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    example=Example("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", {"cidrIpv4": "0.0.0.0/0"}),
)
