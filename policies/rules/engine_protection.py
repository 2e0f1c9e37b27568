"""In production, the engine refuses to delete what cannot be had again."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import in_production
from .rule import resource_rule, violation

IRREPLACEABLE = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ec2/eip:Eip",
    "aws:ec2/vpc:Vpc",
    "aws:kms/key:Key",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
)


def _check(args: ResourceValidationArgs) -> Iterator[str]:
    if in_production(args.props) and not args.opts.protect:
        yield violation(
            "protect is off", "in production it is on", "data, a known address or a key would be lost", "set protect"
        )


RULE = resource_rule(
    "irreplaceable-resources-are-protected",
    "Production networks, addresses, disks, keys, zones, tables and logs have the engine's protection.",
    dict.fromkeys(IRREPLACEABLE, _check),
    Severity.HIGH,
)
