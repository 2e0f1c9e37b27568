"""Databases must have no public address."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import at, stated
from policies.rule import Example, resource_rule, violation

REASON = "only our own hosts use a database"


def _database(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "publiclyAccessible")
    if given is not False:
        yield violation(f"publiclyAccessible is {given}", "it must be set to false", REASON, "set it to false")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    public = at(args.props, "settings", "ipConfiguration", "ipv4Enabled")
    if public is not False:
        yield violation(
            f"ipv4Enabled is {public}", "it must be set to false", REASON, "set it to false, and set privateNetwork"
        )


RULE = resource_rule(
    "databases-have-no-public-address",
    "Databases must only be reachable by private addresses.",
    {
        "aws:rds/instance:Instance": _database,
        "aws:rds/cluster:Cluster": _database,
        "gcp:sql/databaseInstance:DatabaseInstance": _google,
    },
    Severity.CRITICAL,
    why="Only our own hosts use a database; on Google Cloud a public address is the default.",
    fix="Set `publiclyAccessible: false` (Google Cloud: `ipv4Enabled: false` with a `privateNetwork`).",
    source="https://docs.cloud.google.com/sql/docs/postgres/private-ip",
    example=Example(
        "gcp:sql/databaseInstance:DatabaseInstance", {"settings": {"ipConfiguration": {"ipv4Enabled": True}}}
    ),
)
