"""SSH must only be allowed from private addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import firewalls
from policies.reading.cidr import is_private
from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

SSH_PORT = 22
ALL_PROTOCOLS = "-1"


def _judge(source: Any) -> Iterator[str]:
    if source is UNKNOWN or (source is not None and not is_private(source)):
        yield violation(
            f"TCP 22 is open to {source}",
            "SSH must only be allowed from private addresses",
            "operators connect through the VPN",
            "set the VPN's address as the source",
        )


def _covers_ssh(args: ResourceValidationArgs) -> bool:
    protocol, low, high = (stated(args.props, key) for key in ("ipProtocol", "fromPort", "toPort"))
    if UNKNOWN in (protocol, low, high) or protocol == ALL_PROTOCOLS:
        return True
    return protocol in ("tcp", "6") and (low is None or high is None or low <= SSH_PORT <= high)


def _ingress(args: ResourceValidationArgs) -> Iterator[str]:
    for key in ("cidrIpv4", "cidrIpv6") if _covers_ssh(args) else ():
        yield from _judge(stated(args.props, key))


def _firewall(args: ResourceValidationArgs) -> Iterator[str]:
    allowed = firewalls.allows(args.resource_type, args.props)
    covered = any(each.covers(firewalls.TCP, SSH_PORT) for each in allowed)
    if covered and firewalls.is_direction(args.props, "INGRESS"):
        for source in firewalls.sources(args.resource_type, args.props):
            yield from _judge(source)


RULE = resource_rule(
    "ssh-is-never-public",
    "SSH must only be allowed from private addresses.",
    {
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ingress,
        **dict.fromkeys(firewalls.TYPES, _firewall),
    },
    Severity.CRITICAL,
    why="Operators connect through the VPN, with a second factor; an SSH port on the internet is attacked "
    "within minutes.",
    fix="Set the VPN gateway's private address as the source.",
    source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-13",
    example=Example(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"cidrIpv4": "198.51.100.7/32", "fromPort": 22, "toPort": 22},
    ),
    firm="there is no valid reason: operators connect through the VPN",
)
