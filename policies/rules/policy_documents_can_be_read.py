"""Policy documents must be well-formed, so that the other rules can check them."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import UNKNOWN, stated
from policies.rule import Check, Example, resource_rule, violation


def _of(property_: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        text = stated(args.props, property_)
        if text is None or text is UNKNOWN:
            return
        if reason := documents.malformed(text):
            yield violation(
                f"{property_} {reason}",
                "it must be a policy document",
                "a document that cannot be parsed cannot be checked",
                "write Statement, each with Effect Allow or Deny",
            )

    return check


RULE = resource_rule(
    "policy-documents-can-be-read",
    "Policy documents must be JSON with statements that allow or deny.",
    {type_: _of(property_) for type_, property_ in documents.ALL.items()},
    Severity.HIGH,
    why="The rules on permissions check statements: a document without statements would pass them all.",
    fix="Write a JSON document with `Statement`, each with `Effect` `Allow` or `Deny`.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
    example=Example("aws:iam/policy:Policy", {"policy": "{}"}),
)
