"""Permissions name what they allow, and on what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, each, listed, stated, words
from .rule import resource_rule, violation

UNSCOPABLE = frozenset({"ec2:DescribeInstances"})
"""Actions for which AWS takes no resource but ``*``; they must be held to regions instead."""

REGION_CONDITION = "aws:RequestedRegion"
BROAD = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
REASON = "a role that may do more than it does is a way on for who takes it"


def _held_to_regions(statement: Mapping[str, Any]) -> bool:
    return any(REGION_CONDITION in keys for keys in statement.get("Condition", {}).values())


def _unbounded(resource: str) -> bool:
    return resource == "*" or (resource.startswith("arn:") and resource.split(":", 5)[-1] == "*")


def statements(text: str) -> Iterator[str]:
    """What is wrong with a policy document."""
    for statement in listed(json.loads(text)["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        if "NotAction" in statement or "NotResource" in statement:
            yield violation("NotAction or NotResource allows", "what is allowed is named", REASON, "name it")
            continue
        actions = listed(statement["Action"])
        if wild := [action for action in actions if "*" in action]:
            yield violation(
                f"actions {words(wild)} are allowed", "an action has no wildcard", REASON, "name the actions"
            )
        if any(map(_unbounded, listed(statement.get("Resource", [])))) and not (
            set(actions) <= UNSCOPABLE and _held_to_regions(statement)
        ):
            yield violation(
                f"{words(actions)} are allowed on every resource",
                f"resources are named, but for {words(sorted(UNSCOPABLE))} under a condition on {REGION_CONDITION}",
                REASON,
                "name the resources",
            )


def _policy(args: ResourceValidationArgs) -> Iterator[str]:
    yield from statements(args.props["policy"])


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    for inline in each(args.props, "inlinePolicies"):
        yield from statements(inline["policy"])
    for arn in each(args.props, "managedPolicyArns"):
        if arn is UNKNOWN or arn.endswith(BROAD):
            yield violation(f"{arn} is attached", "policies are ours", REASON, "write what is needed")
    if stated(args.props, "permissionsBoundary") is None:
        yield violation(
            "the role has no boundary",
            "every role has one",
            "it holds whatever is attached later",
            "give permissionsBoundary",
        )


RULE = resource_rule(
    "permissions-have-no-wildcard",
    "IAM policies name actions and resources, and roles have a permissions boundary.",
    {"aws:iam/policy:Policy": _policy, "aws:iam/rolePolicy:RolePolicy": _policy, "aws:iam/role:Role": _role},
    Severity.CRITICAL,
)
