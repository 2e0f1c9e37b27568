"""What the public is served, it is served by TLS."""

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
"""TLS 1.2 and up, without ciphers of old: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html."""


def _listener(args: ResourceValidationArgs) -> Iterator[str]:
    protocol, policy = stated(args.props, "protocol"), stated(args.props, "sslPolicy")
    if protocol not in ("TLS", "HTTPS"):
        yield violation(
            f"the protocol is {protocol}", "it is TLS or HTTPS", "answers must not be forged on the way", "state TLS"
        )
    if policy not in POLICIES:
        yield violation(
            f"sslPolicy is {policy}", f"it is one of {', '.join(POLICIES)}", "others take broken ciphers", "state one"
        )
    if stated(args.props, "certificateArn") is None:
        yield violation(
            "there is no certificate", "a listener has one", "TLS proves nothing without", "give certificateArn"
        )


RULE = resource_rule(
    "listeners-speak-tls",
    "Load balancers' listeners speak TLS 1.2 or later, with a certificate.",
    {"aws:lb/listener:Listener": _listener},
    Severity.HIGH,
    why="An answer that can be forged on its way is worth nothing to a wallet; old TLS versions can be forged.",
    fix="State `protocol: TLS` (or HTTPS), one of the policies, and a `certificateArn`.",
    source="https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html",
    example=Example("aws:lb/listener:Listener", {"sslPolicy": "ELBSecurityPolicy-2016-08"}),
)
