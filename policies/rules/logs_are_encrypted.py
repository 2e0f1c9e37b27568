"""Logs must be encrypted with a customer-managed key."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import at, is_own_key
from policies.rule import Check, Example, resource_rule, violation


def _key(*path: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        if not is_own_key(at(args.props, *path)):
            yield violation(
                "the log group has no customer-managed key",
                "log groups must use the network's own key",
                "logs reveal who talks to whom",
                f"set {'.'.join(path)}",
            )

    return check


RULE = resource_rule(
    "logs-are-encrypted",
    "Log groups must be encrypted with a customer-managed key.",
    {
        "aws:cloudwatch/logGroup:LogGroup": _key("kmsKeyId"),
        "gcp:logging/projectBucketConfig:ProjectBucketConfig": _key("cmekSettings", "kmsKeyName"),
    },
    Severity.HIGH,
    why="Logs reveal who talks to whom, and when a validator is in trouble.",
    fix="Set the region's key as `kmsKeyId` (on Google Cloud `cmekSettings.kmsKeyName`).",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    example=Example("aws:cloudwatch/logGroup:LogGroup", {"kmsKeyId": None}),
)
