"""Roles must not have permissions that allow privilege escalation."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import words
from policies.rule import Example, resource_rule, violation

GRANTING = frozenset(
    {
        "iam:addusertogroup",
        "iam:attachgrouppolicy",
        "iam:attachrolepolicy",
        "iam:attachuserpolicy",
        "iam:createaccesskey",
        "iam:createloginprofile",
        "iam:createpolicyversion",
        "iam:deleterolepermissionsboundary",
        "iam:putgrouppolicy",
        "iam:putrolepermissionsboundary",
        "iam:putrolepolicy",
        "iam:putuserpolicy",
        "iam:setdefaultpolicyversion",
        "iam:updateassumerolepolicy",
        "iam:updateloginprofile",
        "kms:creategrant",
        "kms:putkeypolicy",
        "lambda:updatefunctioncode",
        "ssm:sendcommand",
        "ssm:startsession",
    }
)
GRANT_CONDITION = "kms:grantisforawsresource"


def _identity(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in documents.of_identity(args):
        found = [action for action in documents.actions(statement) if action.lower() in GRANTING]
        if GRANT_CONDITION in documents.condition_keys(statement):
            found = [action for action in found if action.lower() != "kms:creategrant"]
        if found:
            yield violation(
                f"{words(found)} are allowed",
                "a role must not grant permissions, keys or shells",
                "whoever takes its host would gain all permissions",
                "leave these actions to the deployment's own role",
            )


RULE = resource_rule(
    "no-permission-grants-more",
    "Roles must not grant permissions, create credentials, change key policies or open shells.",
    dict.fromkeys((*documents.IDENTITY, documents.ROLE), _identity),
    Severity.CRITICAL,
    why="Each of these actions is a known privilege escalation; hosts need none.",
    fix="Remove the action; allow `kms:CreateGrant` only under a condition on `kms:GrantIsForAWSResource`.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    example=Example(
        "aws:iam/policy:Policy",
        {
            "policy": json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "iam:PutRolePolicy",
                            "Resource": "arn:aws:iam::123456789012:role/cosmoshub-seed",
                        }
                    ]
                }
            )
        },
    ),
)
