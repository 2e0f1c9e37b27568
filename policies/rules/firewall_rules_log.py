"""Google Cloud firewall rules must log the connections that they decide."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.firewalls import FIREWALL, POLICY_RULE
from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

REASON = "without a log it is unknown which connections a rule allowed"


def _firewall(args: ResourceValidationArgs) -> Iterator[str]:
    config = stated(args.props, "logConfig")
    if config is None or config is UNKNOWN:
        yield violation(f"logConfig is {config}", "it must be set", REASON, "set logConfig.metadata")


def _rule(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "enableLogging")
    if given is not True:
        yield violation(f"enableLogging is {given}", "it must be true", REASON, "set it to true")


RULE = resource_rule(
    "firewall-rules-log",
    "Google Cloud firewall rules must log the connections that they decide.",
    {FIREWALL: _firewall, POLICY_RULE: _rule},
    Severity.MEDIUM,
    why="Google's flow logs are sampled; only the firewall's log says which rule allowed a connection.",
    fix="Set `logConfig: {metadata: INCLUDE_ALL_METADATA}` (of a policy's rule `enableLogging: true`).",
    source="https://docs.cloud.google.com/firewall/docs/firewall-rules-logging",
    example=Example(FIREWALL, {"logConfig": None}),
)
