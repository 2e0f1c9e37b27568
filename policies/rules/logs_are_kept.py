"""Logs must have a retention of at least a year."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Check, Example, resource_rule, violation

SHORTEST_DAYS = 365


def _kept(property_: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        days = stated(args.props, property_)
        if days is None or days is UNKNOWN or days < SHORTEST_DAYS:
            yield violation(
                f"{property_} is {days}",
                f"it must be set, to {SHORTEST_DAYS} days or more",
                "a break-in is often found months later, and 0 means no expiry",
                "set it",
            )

    return check


RULE = resource_rule(
    "logs-are-kept",
    "Log groups must have a retention of at least a year.",
    {
        "aws:cloudwatch/logGroup:LogGroup": _kept("retentionInDays"),
        "gcp:logging/projectBucketConfig:ProjectBucketConfig": _kept("retentionDays"),
    },
    Severity.MEDIUM,
    why="A break-in is found months later; without a retention AWS keeps logs, and bills for them, indefinitely.",
    fix="Set `retentionInDays: 365` or more (Google Cloud: `retentionDays`).",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    example=Example("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 30}),
)
