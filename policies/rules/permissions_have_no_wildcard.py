"""IAM policies must name actions and resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import UNKNOWN, each, stated, words
from policies.rule import Example, resource_rule, violation

UNSCOPABLE = frozenset({"ec2:DescribeInstances"})
"""Actions for which AWS accepts no resource but ``*``; they must be restricted to regions instead."""

REGION_CONDITION = "aws:requestedregion"
REASON = "whoever takes a host gets every permission of its role"


def _unbounded(resource: str) -> bool:
    return resource == "*" or (resource.startswith("arn:") and resource.split(":", 5)[-1] == "*")


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    if "NotAction" in statement or "NotResource" in statement:
        yield violation("NotAction or NotResource is used to allow", "what is allowed must be named", REASON, "name it")
        return
    actions = documents.actions(statement)
    if wild := [action for action in actions if documents.is_wild(action)]:
        yield violation(
            f"actions {words(wild)} are allowed", "an action must have no wildcard", REASON, "name the actions"
        )
    held = set(actions) <= UNSCOPABLE and REGION_CONDITION in documents.condition_keys(statement)
    if any(map(_unbounded, documents.resources(statement))) and not held:
        yield violation(
            f"{words(actions)} are allowed on every resource",
            f"resources must be named, except for {words(sorted(UNSCOPABLE))} under a condition on aws:RequestedRegion",
            REASON,
            "name the resources",
        )


def _identity(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in documents.of_identity(args):
        yield from _statement(statement)


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    if any(inline is UNKNOWN for inline in each(args.props, "inlinePolicies")):
        yield violation("an inline policy is unknown", "it must be set", REASON, "set it, or use a RolePolicy")
    yield from _identity(args)
    if stated(args.props, "permissionsBoundary") is None:
        yield violation(
            "the role has no boundary",
            "every role must have one",
            "it limits whatever is attached later",
            "set permissionsBoundary",
        )


RULE = resource_rule(
    "permissions-have-no-wildcard",
    "IAM policies must name actions and resources, and roles must have a permissions boundary.",
    {**dict.fromkeys(documents.IDENTITY, _identity), documents.ROLE: _role},
    Severity.CRITICAL,
    why="Whoever takes a host gets every permission of its role.",
    fix="Name actions and resources; set the role's `permissionsBoundary`.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
    example=Example(
        "aws:iam/policy:Policy",
        {
            "policy": json.dumps(
                {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::backups/validator"}]}
            )
        },
    ),
)
