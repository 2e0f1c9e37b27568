"""Tunnels are authenticated by certificate, or by a key that lies nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import stated
from policies.rule import Example, resource_rule, violation

REASON = "a shared key lies in the state and in two devices, and never changes"
IKE_VERSION = 2


def _gateway(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "certificateArn") is None:
        yield violation("the customer gateway has no certificate", "it has one", REASON, "give certificateArn")


def _connection(args: ResourceValidationArgs) -> Iterator[str]:
    if given := [key for key in ("tunnel1PresharedKey", "tunnel2PresharedKey") if stated(args.props, key) is not None]:
        yield violation(f"{', '.join(given)} is given", "there is none", REASON, "leave it out")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "sharedSecret") is not None:
        yield violation(
            "sharedSecret is given", "the key is write-only", "it would lie in the state", "use sharedSecretWo"
        )
    if (version := stated(args.props, "ikeVersion", IKE_VERSION)) != IKE_VERSION:
        yield violation(f"ikeVersion is {version}", "it is 2", "the first shows who speaks", "state 2")


RULE = resource_rule(
    "tunnels-have-certificates",
    "Site-to-site tunnels are authenticated by certificates; Google Cloud's, which take none, by a key that is never "
    "kept.",
    {
        "aws:ec2/customerGateway:CustomerGateway": _gateway,
        "aws:ec2/vpnConnection:VpnConnection": _connection,
        "gcp:compute/vPNTunnel:VPNTunnel": _google,
    },
    Severity.HIGH,
    why="A shared key lies in the engine's state and in two devices, and never changes.",
    fix="Give `certificateArn` and no pre-shared key (Google Cloud: `sharedSecretWo` only, IKE version 2).",
    source="https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-tunnel-authentication-options.html",
    example=Example("aws:ec2/vpnConnection:VpnConnection", {"tunnel1PresharedKey": "0123456789abcdef"}),
)
