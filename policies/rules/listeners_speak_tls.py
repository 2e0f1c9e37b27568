"""Listeners of load balancers must use TLS."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import stated
from policies.rule import Example, resource_rule, violation

POLICIES = (
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
)
"""TLS 1.2 or later, without weak ciphers: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html."""


def _listener(args: ResourceValidationArgs) -> Iterator[str]:
    protocol, policy = stated(args.props, "protocol"), stated(args.props, "sslPolicy")
    if protocol not in ("TLS", "HTTPS"):
        yield violation(
            f"the protocol is {protocol}",
            "it must be TLS or HTTPS",
            "answers must not be forgeable in transit",
            "set it to TLS",
        )
    if policy not in POLICIES:
        yield violation(
            f"sslPolicy is {policy}",
            f"it must be one of {', '.join(POLICIES)}",
            "other values accept broken ciphers",
            "set one of them",
        )
    if stated(args.props, "certificateArn") is None:
        yield violation(
            "there is no certificate",
            "a listener must have one",
            "without one, TLS does not authenticate the server",
            "set certificateArn",
        )


RULE = resource_rule(
    "listeners-speak-tls",
    "Listeners of load balancers must use TLS 1.2 or later, with a certificate.",
    {"aws:lb/listener:Listener": _listener},
    Severity.HIGH,
    why="A wallet cannot trust an answer that can be forged in transit, and old TLS versions can be broken.",
    fix="Set `protocol: TLS` (or HTTPS), one of the policies, and a `certificateArn`.",
    source="https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html",
    example=Example("aws:lb/listener:Listener", {"sslPolicy": "ELBSecurityPolicy-2016-08"}),
)
