"""Production validators and signers must have `protect`."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, in_production, tag
from policies.rule import Example, resource_rule, violation
from policies.rules.validators_are_hidden import ROLES


def _check(args: ResourceValidationArgs) -> Iterator[str]:
    role = tag(args.props, "Role")
    if (role is UNKNOWN or role in ROLES) and in_production(args.props) and not args.opts.protect:
        yield violation(
            f"protect is off on a {role}",
            "in production it must be set",
            "a validator that is recreated while the old one runs signs twice and is slashed",
            "set protect and retain_on_delete",
        )


RULE = resource_rule(
    "validators-are-protected",
    "Production validators and signers in a cloud, and their disks, must have Pulumi's `protect`.",
    dict.fromkeys(
        ("aws:ec2/instance:Instance", "gcp:compute/disk:Disk", "gcp:compute/instance:Instance"),
        _check,
    ),
    Severity.CRITICAL,
    why="Pulumi creates a replacement before it deletes the old one: two validators with one key sign twice. "
    "A policy cannot see `retain_on_delete`; the components' tests check it.",
    fix="Set `protect` (and `retain_on_delete`) in the resource's options.",
    source="https://www.pulumi.com/docs/iac/concepts/options/protect/",
    example=Example("gcp:compute/instance:Instance", {"labels": {"role": "validator"}}, protect=False),
    firm="it keeps a validator from existing twice",
)
