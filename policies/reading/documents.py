"""Reads IAM policy documents: identity or resource policy, and what their statements allow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs

from policies.reading.properties import UNKNOWN, each, listed

IDENTITY = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
}
"""Identity policies: types with the property that holds the document. A role's inline policies count too."""

RESOURCE = {
    "aws:dynamodb/resourcePolicy:ResourcePolicy": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""Resource policies: types with the property that holds the document."""

ROLE, KEY, ENDPOINT = "aws:iam/role:Role", "aws:kms/key:Key", "aws:ec2/vpcEndpoint:VpcEndpoint"
TRUST = {ROLE: "assumeRolePolicy"}
ALL = IDENTITY | RESOURCE | TRUST | {KEY: "policy", ENDPOINT: "policy"}


def malformed(text: Any) -> str | None:
    """Why a document cannot be checked, ``None`` if it can."""
    try:
        document = json.loads(text)
    except (TypeError, ValueError):
        return "is not JSON"
    if not isinstance(document, Mapping) or "Statement" not in document:
        return "has no Statement"
    for statement in listed(document["Statement"]):
        if not isinstance(statement, Mapping):
            return "has a statement that is not a mapping"
        if statement.get("Effect") not in ("Allow", "Deny"):
            return f"has a statement with Effect {statement.get('Effect')}"
    return None


def allowing(text: str) -> Iterator[Mapping[str, Any]]:
    """The statements with Effect Allow; none if the document cannot be parsed (another rule rejects it)."""
    if malformed(text) is None:
        yield from (each for each in listed(json.loads(text)["Statement"]) if each["Effect"] == "Allow")


def of_identity(args: ResourceValidationArgs) -> Iterator[Mapping[str, Any]]:
    """The statements that this resource allows an identity: a policy, or a role with its inline policies.

    Raises:
        UnknownValueError: the document is unknown during the preview.
    """
    if args.resource_type in IDENTITY:
        yield from allowing(args.props[IDENTITY[args.resource_type]])
    for inline in each(args.props, "inlinePolicies"):
        if inline is not UNKNOWN:
            yield from allowing(inline["policy"])


def actions(statement: Mapping[str, Any]) -> list[str]:
    return [str(action) for action in listed(statement.get("Action", []))]


def resources(statement: Mapping[str, Any]) -> list[str]:
    return [str(resource) for resource in listed(statement.get("Resource", []))]


def principals(statement: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Kind (``AWS``, ``Service``, ``Federated``, …) and name; the public principal is ``("*", "*")``."""
    principal = statement.get("Principal", "*")
    if isinstance(principal, str):
        return [("*", principal)]
    return [(str(kind), str(name)) for kind, given in principal.items() for name in listed(given)]


def condition_keys(statement: Mapping[str, Any]) -> set[str]:
    """The condition keys of the statement, in lower case."""
    return {key.lower() for operator in statement.get("Condition", {}).values() for key in operator}


def is_wild(name: str) -> bool:
    return "*" in name or "?" in name
