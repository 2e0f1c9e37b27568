"""Security groups and firewall rules must have a description."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.firewalls import TYPES
from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

MEANINGLESS = ("", "Managed by Pulumi", "Managed by Terraform")


def _described(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "description", "")
    if given is UNKNOWN or given in MEANINGLESS:
        yield violation(
            f"the description is {given if given is UNKNOWN else given or 'empty'}",
            "it must say what the rule is for",
            "a rule without an explanation is never removed",
            "name the flow",
        )


RULE = resource_rule(
    "security-groups-are-described",
    "Security groups, their rules and firewall rules must have a description.",
    dict.fromkeys(
        (
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            *TYPES,
        ),
        _described,
    ),
    Severity.LOW,
    why="A rule without an explanation is never removed.",
    fix="Name the flow in `description`.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    example=Example("aws:ec2/securityGroup:SecurityGroup", {"description": "Managed by Pulumi"}),
)
