"""Trust policies must name their principals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.rule import Example, resource_rule, violation


def _federated(statement: Mapping[str, Any], provider: str) -> Iterator[str]:
    keys = documents.condition_keys(statement)
    for wanted, what in ((":sub", "which subject"), (":aud", "for which audience")):
        if not any(key.endswith(wanted) for key in keys):
            yield violation(
                f"{provider} gives the role to any token",
                f"a condition on its {wanted[1:]} must say {what}",
                "otherwise anyone with an account there may assume it",
                f"add a condition on {wanted}",
            )


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in documents.allowing(args.props["assumeRolePolicy"]):
        named = documents.principals(statement)
        if "NotPrincipal" in statement or any(documents.is_wild(name) for _, name in named):
            yield violation(
                "anyone may assume the role",
                "the principals must be named",
                "whoever assumes a role has its permissions",
                "name the principals",
            )
            continue
        kinds = dict(named)
        if "AWS" in kinds and "sts:externalid" not in documents.condition_keys(statement):
            yield violation(
                "another role may assume it without sts:ExternalId",
                "it must identify the network that it acts for",
                "otherwise it can be misused for the wrong one (the confused deputy)",
                "add the condition",
            )
        if "Federated" in kinds:
            yield from _federated(statement, kinds["Federated"])


RULE = resource_rule(
    "roles-name-who-may-assume-them",
    "Trust policies must name their principals, other accounts' with an external id, tokens with sub and aud.",
    {documents.ROLE: _role},
    Severity.CRITICAL,
    why="A trusted party that serves several customers can be tricked into using the wrong one's role (confused "
    "deputy).",
    fix="Name the principal; add a condition on `sts:ExternalId`, or on the token's `sub` and `aud`.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    example=Example(
        "aws:iam/role:Role",
        {
            "assumeRolePolicy": json.dumps(
                {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
            )
        },
    ),
)
