"""The signing watermark only rises: gates may only update a head, and nobody may delete it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import UNKNOWN, listed, stated, words
from policies.rule import Example, resource_rule, violation

GATE = {"-signing-head": {"dynamodb:updateitem"}, "-signing-claims": {"dynamodb:putitem"}}
"""The actions of a gate, by table name suffix. It cannot create a head, so it cannot sign with an empty table."""

CEREMONY = {"dynamodb:getitem", "dynamodb:putitem", "dynamodb:updateitem"}
CEREMONY_ROLE = "-signing-ceremony"
ROW_CONDITION, SECOND_FACTOR = "dynamodb:leadingkeys", "aws:multifactorauthpresent"
DELETING = {"dynamodb:deleteitem", "dynamodb:deletetable"}


def _given(statement: Mapping[str, Any]) -> set[str]:
    """The DynamoDB actions of a statement, in lower case."""
    actions = {action.lower() for action in documents.actions(statement)}
    return {action for action in actions if action.startswith("dynamodb:") or action == "*"}


def _touched(statement: Mapping[str, Any]) -> Iterator[str]:
    """The name suffixes of the signing tables to which a statement may apply."""
    for resource in documents.resources(statement):
        _, found, rest = resource.partition(":table/")
        name = rest.partition("/")[0] if found else resource
        for end in GATE:
            if name.endswith(end) or (documents.is_wild(name) and (found or name == "*")):
                yield end


def _statement(statement: Mapping[str, Any], in_ceremony: bool) -> Iterator[str]:
    given = _given(statement)
    for end in sorted(set(_touched(statement))) if given else ():
        allowed = CEREMONY if in_ceremony else GATE[end]
        if more := sorted(given - allowed):
            yield violation(
                f"{words(more)} allowed on a table *{end}",
                f"only {words(sorted(allowed))} may be allowed",
                "a watermark that can be deleted or recreated lets a validator sign twice",
                "name only the actions that a gate or a ceremony needs",
            )
        elif ROW_CONDITION not in documents.condition_keys(statement):
            yield violation(
                f"{words(sorted(given))} allowed on all rows of a table *{end}",
                "a condition on dynamodb:LeadingKeys must name the chain",
                "otherwise one chain's gate could stop another chain's validator",
                "add the condition",
            )


def _role_policy(args: ResourceValidationArgs) -> Iterator[str]:
    in_ceremony = _is_ceremony(stated(args.props, "role"))
    for statement in documents.of_identity(args):
        yield from _statement(statement, in_ceremony)


def _managed(args: ResourceValidationArgs) -> Iterator[str]:
    """A managed policy is a permissions boundary, which allows what any role needs: it must deny deletion."""
    statements = [each for each in documents.of_identity(args) if _given(each) and any(_touched(each))]
    for statement in statements:
        yield from _statement(statement, in_ceremony=True)
    if statements and not _denied(args) >= DELETING:
        yield violation(
            "a managed policy allows writes on a signing table",
            f"it must also deny {words(sorted(DELETING))}",
            "a boundary limits whatever a role is given later",
            "deny them on the same tables",
        )


def _denied(args: ResourceValidationArgs) -> set[str]:
    statements = listed(json.loads(args.props["policy"])["Statement"])
    return {action.lower() for each in statements if each["Effect"] == "Deny" for action in documents.actions(each)}


def _is_ceremony(role: Any) -> bool:
    return role is not UNKNOWN and str(role).endswith(CEREMONY_ROLE)


def _role(args: ResourceValidationArgs) -> Iterator[str]:
    in_ceremony = _is_ceremony(stated(args.props, "name"))
    for statement in documents.of_identity(args):
        yield from _statement(statement, in_ceremony)
    for statement in documents.allowing(args.props["assumeRolePolicy"]) if in_ceremony else ():
        if not _with_second_factor(statement):
            yield violation(
                "the ceremonies' role can be assumed without a second factor",
                "aws:MultiFactorAuthPresent must be true",
                "whoever seeds the watermark decides what may be signed again",
                "add the condition",
            )


def _with_second_factor(statement: Mapping[str, Any]) -> bool:
    """``Bool`` is required: ``BoolIfExists`` also matches a request without a session."""
    required = statement.get("Condition", {}).get("Bool", {})
    return any(key.lower() == SECOND_FACTOR and str(value).lower() == "true" for key, value in required.items())


def _document(*actions: str) -> str:
    statement = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/cosmoshub-signing-head",
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["cosmoshub-4|*"]}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


RULE = resource_rule(
    "signing-watermark-only-rises",
    "Gates may only update a signing head and insert signing claims, ceremonies need MFA, and nobody may delete.",
    {
        "aws:iam/rolePolicy:RolePolicy": _role_policy,
        "aws:iam/policy:Policy": _managed,
        documents.ROLE: _role,
    },
    Severity.CRITICAL,
    why="The head says how far a key has signed. If it can be deleted, recreated or restored, two sites can sign one "
    "height, and the validator is slashed.",
    fix="Allow a gate `dynamodb:UpdateItem` on the head and `dynamodb:PutItem` on the signing claims, under a "
    "condition on "
    "`dynamodb:LeadingKeys`; a ceremony's role besides `GetItem` and `PutItem`, with `aws:MultiFactorAuthPresent`.",
    source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html",
    example=Example("aws:iam/rolePolicy:RolePolicy", {"policy": _document("dynamodb:UpdateItem", "dynamodb:PutItem")}),
    firm="it keeps a validator from signing twice",
)
