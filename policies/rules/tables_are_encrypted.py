"""Tables must be encrypted with a customer-managed key, in every region."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each, is_own_key, stated
from policies.rule import Example, resource_rule, violation

REASON = "the coordination table must only be readable with our key"


def _table(args: ResourceValidationArgs) -> Iterator[str]:
    encryption = stated(args.props, "serverSideEncryption", {})
    given = {} if encryption is UNKNOWN else encryption
    if stated(given, "enabled") is not True or not is_own_key(stated(given, "kmsKeyArn")):
        yield violation(
            f"enabled is {stated(given, 'enabled')}, kmsKeyArn is {stated(given, 'kmsKeyArn')}",
            "tables must use the network's own key",
            REASON,
            "set enabled: true and kmsKeyArn in serverSideEncryption",
        )
    for replica in each(args.props, "replicas"):
        if replica is UNKNOWN or not is_own_key(stated(replica, "kmsKeyArn")):
            place = replica if replica is UNKNOWN else stated(replica, "regionName")
            yield violation(
                f"the replica in {place} names no key",
                "each replica must use its region's key",
                REASON,
                "set kmsKeyArn",
            )


RULE = resource_rule(
    "tables-are-encrypted",
    "DynamoDB tables and their replicas must be encrypted with a customer-managed key.",
    {"aws:dynamodb/table:Table": _table},
    Severity.HIGH,
    why="The coordination table says what was signed and by whom; our key must decide who can read or restore it.",
    fix="Set `serverSideEncryption: {enabled: true, kmsKeyArn: …}`, and `kmsKeyArn` in each replica.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html",
    example=Example("aws:dynamodb/table:Table", {"serverSideEncryption": {"kmsKeyArn": None}}),
)
