"""Production resources that cannot be recreated must have `protect`."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import in_production
from policies.rule import Example, resource_rule, violation

IRREPLACEABLE = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ec2/eip:Eip",
    "aws:ec2/vpc:Vpc",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "gcp:compute/address:Address",
    "gcp:compute/disk:Disk",
    "gcp:dns/managedZone:ManagedZone",
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:secretmanager/secret:Secret",
    "gcp:sql/databaseInstance:DatabaseInstance",
    "gcp:storage/bucket:Bucket",
)
"""Data, keys and published addresses. Google's networks are not listed: they have no labels, so no stage."""


def _check(args: ResourceValidationArgs) -> Iterator[str]:
    if in_production(args.props) and not args.opts.protect:
        yield violation(
            "protect is off",
            "in production it must be set",
            "data, a published address or a key would be lost",
            "set protect in the resource's options",
        )


RULE = resource_rule(
    "irreplaceable-resources-are-protected",
    "Production networks, addresses, disks, databases, secrets, keys, zones, tables and logs must have Pulumi's "
    "`protect`.",
    dict.fromkeys(IRREPLACEABLE, _check),
    Severity.HIGH,
    why="Data, a key, or an address that partners have configured cannot be recreated; "
    "renaming one resource would delete it.",
    fix="Set `protect` in the resource's options.",
    source="https://www.pulumi.com/docs/iac/concepts/options/protect/",
    example=Example("aws:kms/key:Key", protect=False),
)
