"""Topics and queues must be encrypted with a customer-managed key."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import is_own_key, stated
from policies.rule import Check, Example, resource_rule, violation


def _key(property_: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        given = stated(args.props, property_)
        if not is_own_key(given):
            yield violation(
                f"{property_} is {given}",
                "topics and queues must use the network's own key",
                "alarms reveal where the estate is vulnerable",
                f"set {property_}",
            )

    return check


RULE = resource_rule(
    "messages-are-encrypted",
    "Topics and queues must be encrypted with a customer-managed key.",
    {
        "aws:sns/topic:Topic": _key("kmsMasterKeyId"),
        "aws:sqs/queue:Queue": _key("kmsMasterKeyId"),
        "gcp:pubsub/topic:Topic": _key("kmsKeyName"),
    },
    Severity.HIGH,
    why="An alarm in a queue reveals where the estate is vulnerable at this moment.",
    fix="Set the region's key as `kmsMasterKeyId` (on Google Cloud `kmsKeyName`); `alias/aws/…` is the cloud's own.",
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html",
    example=Example("aws:sqs/queue:Queue", {"kmsMasterKeyId": "alias/aws/sqs"}),
)
