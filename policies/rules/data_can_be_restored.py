"""Tables and databases must have point-in-time recovery."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, at, each, stated
from policies.rule import Example, resource_rule, violation

SHORTEST_DAYS = 7
REASON = "data that was deleted or overwritten by mistake must be restorable"


def _table(args: ResourceValidationArgs) -> Iterator[str]:
    if (given := at(args.props, "pointInTimeRecovery", "enabled")) is not True:
        yield violation(f"pointInTimeRecovery.enabled is {given}", "it must be true", REASON, "set it to true")
    for replica in each(args.props, "replicas"):
        given = replica if replica is UNKNOWN else stated(replica, "pointInTimeRecovery")
        if given is not True:
            yield violation(f"a replica's pointInTimeRecovery is {given}", "it must be true", REASON, "set it to true")


def _database(args: ResourceValidationArgs) -> Iterator[str]:
    days = stated(args.props, "backupRetentionPeriod")
    if days is None or days is UNKNOWN or days < SHORTEST_DAYS:
        yield violation(
            f"backupRetentionPeriod is {days}", f"it must be {SHORTEST_DAYS} or more", REASON, "set it, in days"
        )


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    for key in ("enabled", "pointInTimeRecoveryEnabled"):
        if (given := at(args.props, "settings", "backupConfiguration", key)) is not True:
            yield violation(f"backupConfiguration.{key} is {given}", "it must be true", REASON, "set it to true")


RULE = resource_rule(
    "data-can-be-restored",
    "Tables and databases, and every replica, must have point-in-time recovery.",
    {
        "aws:dynamodb/table:Table": _table,
        "aws:rds/instance:Instance": _database,
        "aws:rds/cluster:Cluster": _database,
        "gcp:sql/databaseInstance:DatabaseInstance": _google,
    },
    Severity.HIGH,
    why="The coordination table's watermark is what keeps a validator from signing twice: if it is lost, it "
    "must be restored "
    "whole.",
    fix="Set `pointInTimeRecovery: {enabled: true}`; in each replica `pointInTimeRecovery: true`.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",
    example=Example("aws:dynamodb/table:Table", {"pointInTimeRecovery": {"enabled": False}}),
)
