"""Resource policies must name principals and actions."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import stated, words
from policies.rule import Check, Example, resource_rule, violation

NARROWING = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:principalorgid", "aws:principalarn"})
"""Condition keys that restrict the caller where the principal cannot."""


def _of(property_: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        if stated(args.props, property_) is None:
            return
        for statement in documents.allowing(args.props[property_]):
            anyone = any(name == "*" for _, name in documents.principals(statement))
            if "NotPrincipal" in statement or (anyone and not documents.condition_keys(statement) & NARROWING):
                yield violation(
                    f"{words(documents.actions(statement))} are allowed to anyone",
                    "the principals must be named",
                    "a resource's policy alone admits any account in the world",
                    "name the principals",
                )
            if wild := [action for action in documents.actions(statement) if action in ("*",) or action.endswith(":*")]:
                yield violation(
                    f"{words(wild)} is allowed",
                    "actions must be named",
                    "its users could delete it",
                    "name the actions",
                )

    return check


def _endpoint(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "policy") is None:
        return
    for statement in documents.allowing(args.props["policy"]):
        if any(name == "*" for _, name in documents.principals(statement)) and "*" in documents.resources(statement):
            yield violation(
                "the endpoint lets anyone use everything",
                "it must name principals or resources",
                "data could be sent to another account's bucket",
                "name the resources",
            )


RULE = resource_rule(
    "resource-policies-name-who",
    "Policies of buckets, topics, queues, secrets, tables, file systems and endpoints must name principals and "
    "actions.",
    {type_: _of(property_) for type_, property_ in documents.RESOURCE.items()} | {documents.ENDPOINT: _endpoint},
    Severity.CRITICAL,
    why="A resource's policy alone can admit another account: `*` admits all of them.",
    fix="Name the principals; where a service is one, restrict it by `aws:SourceArn` or `aws:SourceAccount`.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    example=Example(
        "aws:sqs/queuePolicy:QueuePolicy",
        {
            "policy": json.dumps(
                {
                    "Statement": [
                        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:x"}
                    ]
                }
            )
        },
    ),
)
