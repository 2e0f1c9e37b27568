"""iam:PassRole must name the role and the service."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import words
from policies.rule import Example, resource_rule, violation

PASS = "iam:passrole"
SERVICE_CONDITION = "iam:passedtoservice"
REASON = "whoever passes a role to a machine gains all its permissions"


def _identity(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in documents.of_identity(args):
        if PASS not in map(str.lower, documents.actions(statement)):
            continue
        if wild := [name for name in documents.resources(statement) if documents.is_wild(name)]:
            yield violation(
                f"iam:PassRole is allowed on {words(wild)}", "the role must be named", REASON, "set the role's ARN"
            )
        if SERVICE_CONDITION not in documents.condition_keys(statement):
            yield violation(
                "iam:PassRole is allowed to any service",
                "a condition on iam:PassedToService must name it",
                REASON,
                "add the condition",
            )


RULE = resource_rule(
    "roles-are-passed-by-name",
    "iam:PassRole must name the role and the service that it is passed to.",
    dict.fromkeys((*documents.IDENTITY, documents.ROLE), _identity),
    Severity.CRITICAL,
    why="Whoever may pass any role can start an instance with the strongest one and act as it.",
    fix="Name the role's ARN, and add `Condition: {StringEquals: {iam:PassedToService: …}}`.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
    example=Example(
        "aws:iam/policy:Policy",
        {
            "policy": json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "iam:PassRole",
                            "Resource": "arn:aws:iam::123456789012:role/cosmoshub-*",
                            "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
                        }
                    ]
                }
            )
        },
    ),
)
