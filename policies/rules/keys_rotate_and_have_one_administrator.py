"""Keys rotate, and only the account administers them."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading import documents
from policies.reading.properties import stated
from policies.rule import Example, resource_rule, violation

SHORTEST_WINDOW_DAYS = 30


def _statements(text: str) -> Iterator[str]:
    """In a key's policy the resource ``*`` is that key, so only principals and actions matter."""
    for statement in documents.allowing(text):
        named = documents.principals(statement)
        if "NotPrincipal" in statement or any(name == "*" for _, name in named):
            yield violation(
                "anyone may use the key", "who may is named", "it opens disks, logs and backups", "name the principal"
            )
        root = bool(named) and all(kind == "AWS" and name.endswith(":root") for kind, name in named)
        if any(documents.is_wild(action) for action in documents.actions(statement)) and not root:
            yield violation(
                "all may be done with the key",
                "only by its own account",
                "who uses a key must not dispose of it",
                "name the actions",
            )


def _key(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "enableKeyRotation") is not True:
        yield violation(
            f"enableKeyRotation is {stated(args.props, 'enableKeyRotation')}",
            "keys rotate",
            "what leaks must grow old",
            "state true",
        )
    window = stated(args.props, "deletionWindowInDays")
    if window != SHORTEST_WINDOW_DAYS:
        yield violation(
            f"deletionWindowInDays is {window}",
            f"it is {SHORTEST_WINDOW_DAYS}",
            "a mistake must be seen before it is final",
            "state it",
        )
    if stated(args.props, "bypassPolicyLockoutSafetyCheck", False) is not False:
        yield violation(
            "bypassPolicyLockoutSafetyCheck is on",
            "it is off",
            "a key that nobody administers is lost",
            "leave it out",
        )
    if stated(args.props, "policy") is None:
        yield violation("the key has no policy", "it is stated", "who may use it must be seen", "state it")
    else:
        yield from _statements(args.props["policy"])


RULE = resource_rule(
    "keys-rotate-and-have-one-administrator",
    "KMS keys rotate, are deleted slowly, and are administered by their own account only.",
    {"aws:kms/key:Key": _key},
    Severity.HIGH,
    why="A key opens disks, logs and backups: who uses it must not dispose of it, and a mistake must be seen in time.",
    fix="State `enableKeyRotation: true`, `deletionWindowInDays: 30`, and a `policy` that gives `kms:*` to the "
    "account's root only.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    example=Example("aws:kms/key:Key", {"enableKeyRotation": False}),
)
