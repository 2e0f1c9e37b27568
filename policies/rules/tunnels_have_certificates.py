"""Tunnels must be authenticated by a certificate, or by a key that is not stored."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import stated
from policies.rule import Example, resource_rule, violation

REASON = "a pre-shared key is stored in the state and in two devices, and never changes"
IKE_VERSION = 2


def _gateway(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "certificateArn") is None:
        yield violation("the customer gateway has no certificate", "it must have one", REASON, "set certificateArn")


def _connection(args: ResourceValidationArgs) -> Iterator[str]:
    if given := [key for key in ("tunnel1PresharedKey", "tunnel2PresharedKey") if stated(args.props, key) is not None]:
        yield violation(f"{', '.join(given)} is set", "there must be none", REASON, "remove it")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "sharedSecret") is not None:
        yield violation(
            "sharedSecret is set", "the key must be write-only", "it would be stored in the state", "use sharedSecretWo"
        )
    if (version := stated(args.props, "ikeVersion", IKE_VERSION)) != IKE_VERSION:
        yield violation(
            f"ikeVersion is {version}", "it must be 2", "version 1 reveals the identity of the peers", "set it to 2"
        )


RULE = resource_rule(
    "tunnels-have-certificates",
    "Site-to-site tunnels must be authenticated by certificates; Google Cloud's, which take none, by a key that is not "
    "stored.",
    {
        "aws:ec2/customerGateway:CustomerGateway": _gateway,
        "aws:ec2/vpnConnection:VpnConnection": _connection,
        "gcp:compute/vPNTunnel:VPNTunnel": _google,
    },
    Severity.HIGH,
    why="A pre-shared key is stored in Pulumi's state and in two devices, and never changes.",
    fix="Set `certificateArn` and no pre-shared key (Google Cloud: `sharedSecretWo` only, IKE version 2).",
    source="https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-tunnel-authentication-options.html",
    example=Example("aws:ec2/vpnConnection:VpnConnection", {"tunnel1PresharedKey": "0123456789abcdef"}),
)
