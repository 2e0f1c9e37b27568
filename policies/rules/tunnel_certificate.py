"""Tunnels are authenticated by certificate."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import stated
from .rule import resource_rule, violation

REASON = "a shared key lies in the state and in two devices, and never changes"


def _gateway(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "certificateArn") is None:
        yield violation("the customer gateway has no certificate", "it has one", REASON, "give certificateArn")


def _connection(args: ResourceValidationArgs) -> Iterator[str]:
    if given := [key for key in ("tunnel1PresharedKey", "tunnel2PresharedKey") if stated(args.props, key) is not None]:
        yield violation(f"{', '.join(given)} is given", "there is none", REASON, "leave it out")


RULE = resource_rule(
    "tunnels-have-certificates",
    "Site-to-site tunnels are authenticated by certificates and have no shared key.",
    {"aws:ec2/customerGateway:CustomerGateway": _gateway, "aws:ec2/vpnConnection:VpnConnection": _connection},
    Severity.HIGH,
)
