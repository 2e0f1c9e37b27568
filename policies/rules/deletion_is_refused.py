"""Production resources that carry the service must have the cloud's deletion protection."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, at, each, in_production, stated
from policies.rule import Check, Example, resource_rule, violation

REASON = "one wrong API call would end the service"


def _flag(*path: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        if in_production(args.props) and (given := at(args.props, *path)) is not True:
            yield violation(f"{'.'.join(path)} is {given}", "in production it must be true", REASON, "set it to true")

    return check


def _table(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _flag("deletionProtectionEnabled")(args)
    for replica in each(args.props, "replicas") if in_production(args.props) else ():
        given = replica if replica is UNKNOWN else stated(replica, "deletionProtectionEnabled")
        if given is not True:
            yield violation(
                f"a replica's deletionProtectionEnabled is {given}",
                "in production it must be true",
                REASON,
                "set it to true",
            )


RULE = resource_rule(
    "deletion-is-refused",
    "Production instances, load balancers, tables and databases must have the cloud's deletion protection.",
    {
        "aws:ec2/instance:Instance": _flag("disableApiTermination"),
        "aws:lb/loadBalancer:LoadBalancer": _flag("enableDeletionProtection"),
        "aws:dynamodb/table:Table": _table,
        "aws:rds/instance:Instance": _flag("deletionProtection"),
        "aws:rds/cluster:Cluster": _flag("deletionProtection"),
        "gcp:compute/instance:Instance": _flag("deletionProtection"),
        "gcp:sql/databaseInstance:DatabaseInstance": _flag("settings", "deletionProtectionEnabled"),
    },
    Severity.HIGH,
    why="Pulumi's `protect` only stops Pulumi; only the cloud's own protection stops a console or a script.",
    fix="Set the type's protection true: `disableApiTermination`, `enableDeletionProtection`, "
    "`deletionProtectionEnabled`, "
    "`deletionProtection`.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html",
    example=Example("aws:dynamodb/table:Table", {"deletionProtectionEnabled": False}),
)
