"""Keys rotate, and only the account administers them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import listed, stated
from .rule import resource_rule, violation

SHORTEST_WINDOW_DAYS = 30


def _statements(text: str) -> Iterator[str]:
    """In a key's policy the resource ``*`` is that key, so only principals and actions matter."""
    for statement in listed(json.loads(text)["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        principal = statement["Principal"]
        named = [] if isinstance(principal, str) else [each for given in principal.values() for each in listed(given)]
        if isinstance(principal, str) or "*" in named:
            yield violation(
                "anyone may use the key", "who may is named", "it opens disks, logs and backups", "name the principal"
            )
        root = (
            isinstance(principal, Mapping)
            and set(principal) == {"AWS"}
            and all(str(each).endswith(":root") for each in named)
        )
        if any("*" in action for action in listed(statement["Action"])) and not root:
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
    if stated(args.props, "policy") is None:
        yield violation("the key has no policy", "it is stated", "who may use it must be seen", "state it")
    else:
        yield from _statements(args.props["policy"])


RULE = resource_rule(
    "keys-rotate-and-have-one-administrator",
    "KMS keys rotate, are deleted slowly, and are administered by their own account only.",
    {"aws:kms/key:Key": _key},
    Severity.HIGH,
)
