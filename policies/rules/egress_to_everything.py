"""What leaves is listed."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .cidr import network
from .reading import UNKNOWN, stated
from .rule import resource_rule, violation

REASON = "a host that can send anywhere can send keys anywhere"


def _egress(args: ResourceValidationArgs) -> Iterator[str]:
    protocol = stated(args.props, "ipProtocol")
    if protocol is UNKNOWN or protocol == "-1":
        yield violation(
            f"protocol {protocol} goes out", "a rule names its protocol", REASON, "state tcp or udp, and ports"
        )
    destinations = [stated(args.props, key) for key in ("cidrIpv4", "cidrIpv6")]
    if UNKNOWN in destinations or any(given is not None and network(given).prefixlen == 0 for given in destinations):
        given = next(given for given in destinations if given is not None)
        yield violation(f"everything may be sent to {given}", "a rule names where to", REASON, "state the destinations")


RULE = resource_rule(
    "egress-is-listed",
    "No security group lets everything out, by protocol or by destination.",
    {"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _egress},
    Severity.HIGH,
)
