"""SSH comes from private addresses only, however few the public ones would be."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .cidr import is_private
from .reading import UNKNOWN, stated
from .rule import resource_rule, violation

SSH_PORT = 22
ALL_PROTOCOLS = "-1"


def _covers_ssh(args: ResourceValidationArgs) -> bool:
    protocol, low, high = (stated(args.props, key) for key in ("ipProtocol", "fromPort", "toPort"))
    if UNKNOWN in (protocol, low, high) or protocol == ALL_PROTOCOLS:
        return True
    return protocol in ("tcp", "6") and (low is None or high is None or low <= SSH_PORT <= high)


def _ingress(args: ResourceValidationArgs) -> Iterator[str]:
    if not _covers_ssh(args):
        return
    for key in ("cidrIpv4", "cidrIpv6"):
        source = stated(args.props, key)
        if source is UNKNOWN or (source is not None and not is_private(source)):
            yield violation(
                f"TCP 22 is open to {source}",
                "SSH comes from private addresses",
                "operators come through the VPN",
                "name the VPN's address",
            )


RULE = resource_rule(
    "ssh-is-never-public",
    "No security group lets SSH in from a public address.",
    {"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ingress},
    Severity.CRITICAL,
)
