"""The default security group of each VPC must be managed by the stack and have no rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.properties import each
from policies.rule import Example, referred, stack_rule, violation

GROUP, VPC = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:ec2/vpc:Vpc"


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    groups = [resource for resource in resources if resource.resource_type == GROUP]
    for group in groups:
        if each(group.props, "ingress") or each(group.props, "egress"):
            yield (
                violation(
                    "the default security group has rules",
                    "it must have none",
                    "an interface without a group of its own gets it",
                    "remove them",
                ),
                group.urn,
            )
    taken = {vpc.urn for group in groups if (vpc := referred(group, "vpcId", VPC))}
    for vpc in resources:
        if vpc.resource_type == VPC and vpc.urn not in taken:
            yield (
                violation(
                    "the VPC's default security group is as AWS created it",
                    "it must be emptied",
                    "AWS's version allows all traffic between its members",
                    "add a DefaultSecurityGroup",
                ),
                vpc.urn,
            )


RULE = stack_rule(
    "default-groups-are-empty",
    "The default security group of each VPC must be managed by the stack and have no rules.",
    check,
    Severity.HIGH,
    why="An interface without a group of its own gets the default one, which allows all traffic between its members.",
    fix="Add a `DefaultSecurityGroup` for the VPC, without rules.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",
    example=Example(GROUP, {"ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}]}),
)
