"""Roles must not have AWS managed policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each
from policies.rule import Example, resource_rule, violation

FOREIGN = ":iam::aws:policy/"


def _judge(arn: Any) -> Iterator[str]:
    if arn is UNKNOWN or FOREIGN in arn:
        yield violation(
            f"{arn} is attached",
            "policies must be our own",
            "AWS's policies allow far more than is needed, and AWS changes them",
            "write a policy with the actions and resources that are needed",
        )


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    for arn in each(args.props, "managedPolicyArns"):
        yield from _judge(arn)


def _attachment(args: ResourceValidationArgs) -> Iterator[str]:
    yield from _judge(args.props["policyArn"])


RULE = resource_rule(
    "attached-policies-are-ours",
    "Roles must not have policies that AWS manages.",
    {"aws:iam/role:Role": _role, "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment},
    Severity.CRITICAL,
    why="AdministratorAccess is the worst, but the others too allow `*` on `*` for a service, and AWS widens them.",
    fix="Write a policy with the actions and resources that are needed.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html",
    example=Example("aws:iam/role:Role", {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}),
)
