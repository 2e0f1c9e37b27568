"""Who may assume a role is named, and comes for this network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import listed
from .rule import resource_rule, violation


def _principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement["Principal"]
    if isinstance(principal, str):
        return [principal]
    return [each for given in principal.values() for each in listed(given)]


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in listed(json.loads(args.props["assumeRolePolicy"])["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        if any("*" in principal for principal in _principals(statement)):
            yield violation(
                "anyone may assume the role", "who may is named", "a role is what it lets one do", "name the principal"
            )
        if "AWS" in (statement["Principal"] if isinstance(statement["Principal"], Mapping) else {}):
            keys = {key for condition in statement.get("Condition", {}).values() for key in condition}
            if "sts:ExternalId" not in keys:
                yield violation(
                    "another role may assume it without sts:ExternalId",
                    "it says for which network it comes",
                    "else it can be led to the wrong one (the confused deputy)",
                    "add the condition",
                )


RULE = resource_rule(
    "roles-name-who-may-assume-them",
    "Trust policies name their principals; roles of others come with an external id.",
    {"aws:iam/role:Role": _role},
    Severity.CRITICAL,
)
