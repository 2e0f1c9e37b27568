"""Databases have no public address."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import at, stated
from policies.rule import Example, resource_rule, violation

REASON = "a database is asked by our own hosts only"


def _database(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "publiclyAccessible")
    if given is not False:
        yield violation(f"publiclyAccessible is {given}", "it is stated, false", REASON, "state false")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    public = at(args.props, "settings", "ipConfiguration", "ipv4Enabled")
    if public is not False:
        yield violation(
            f"ipv4Enabled is {public}", "it is stated, false", REASON, "state false, and give privateNetwork"
        )


RULE = resource_rule(
    "databases-have-no-public-address",
    "Databases are reached by private addresses only.",
    {
        "aws:rds/instance:Instance": _database,
        "aws:rds/cluster:Cluster": _database,
        "gcp:sql/databaseInstance:DatabaseInstance": _google,
    },
    Severity.CRITICAL,
    why="Who asks a database is one of our own hosts; on Google Cloud a public address is the default.",
    fix="State `publiclyAccessible: false` (Google Cloud: `ipv4Enabled: false` with a `privateNetwork`).",
    source="https://docs.cloud.google.com/sql/docs/postgres/private-ip",
    example=Example(
        "gcp:sql/databaseInstance:DatabaseInstance", {"settings": {"ipConfiguration": {"ipv4Enabled": True}}}
    ),
)
