"""KMS keys must rotate, and be administered by their own account only."""

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
                "anyone may use the key",
                "the principals must be named",
                "the key decrypts disks, logs and backups",
                "name the principals",
            )
        root = bool(named) and all(kind == "AWS" and name.endswith(":root") for kind, name in named)
        if any(documents.is_wild(action) for action in documents.actions(statement)) and not root:
            yield violation(
                "every action on the key is allowed",
                "only the key's own account may have all actions",
                "whoever uses a key must not be able to delete it",
                "name the actions",
            )


def _key(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "enableKeyRotation") is not True:
        yield violation(
            f"enableKeyRotation is {stated(args.props, 'enableKeyRotation')}",
            "keys must rotate",
            "a leaked key must become useless with time",
            "set it to true",
        )
    window = stated(args.props, "deletionWindowInDays")
    if window != SHORTEST_WINDOW_DAYS:
        yield violation(
            f"deletionWindowInDays is {window}",
            f"it must be {SHORTEST_WINDOW_DAYS}",
            "a mistake must be noticed while it can still be undone",
            "set it",
        )
    if stated(args.props, "bypassPolicyLockoutSafetyCheck", False) is not False:
        yield violation(
            "bypassPolicyLockoutSafetyCheck is on",
            "it must be off",
            "a key that nobody can administer is lost",
            "remove it",
        )
    if stated(args.props, "policy") is None:
        yield violation("the key has no policy", "it must be set", "it must be visible who may use the key", "set it")
    else:
        yield from _statements(args.props["policy"])


RULE = resource_rule(
    "keys-rotate-and-have-one-administrator",
    "KMS keys must rotate, wait 30 days before deletion, and be administered by their own account only.",
    {"aws:kms/key:Key": _key},
    Severity.HIGH,
    why="A key decrypts disks, logs and backups: its users must not be able to delete it, and a mistake must be "
    "reversible.",
    fix="Set `enableKeyRotation: true`, `deletionWindowInDays: 30`, and a `policy` that gives `kms:*` to the "
    "account's root only.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    example=Example("aws:kms/key:Key", {"enableKeyRotation": False}),
)
