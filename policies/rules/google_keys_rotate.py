"""Google Cloud keys must rotate, and wait before they are destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

DAY_SECONDS = 86_400
LONGEST_PERIOD_DAYS = 365
SHORTEST_WINDOW_DAYS = 30


def _days(given: Any) -> float | None:
    """A duration such as ``7776000s`` in days; ``None`` if it is malformed."""
    if given is None or given is UNKNOWN:
        return None
    number = str(given).removesuffix("s")
    return int(number) / DAY_SECONDS if number.isdigit() else None


def _key(args: ResourceValidationArgs) -> Iterator[str]:
    purpose = stated(args.props, "purpose", "ENCRYPT_DECRYPT")
    period = stated(args.props, "rotationPeriod")
    if purpose == "ENCRYPT_DECRYPT" and not ((days := _days(period)) and days <= LONGEST_PERIOD_DAYS):
        yield violation(
            f"rotationPeriod is {period}",
            f"it must be set, to {LONGEST_PERIOD_DAYS} days or less",
            "a leaked key must become useless with time",
            "set it in seconds, e.g. 7776000s",
        )
    window = stated(args.props, "destroyScheduledDuration")
    if not ((days := _days(window)) and days >= SHORTEST_WINDOW_DAYS):
        yield violation(
            f"destroyScheduledDuration is {window}",
            f"it must be set, to {SHORTEST_WINDOW_DAYS} days or more",
            "a mistake must be noticed while it can still be undone",
            "set it in seconds, e.g. 2592000s",
        )


RULE = resource_rule(
    "google-keys-rotate",
    "Google Cloud keys must rotate within a year and wait at least a month before they are destroyed.",
    {"gcp:kms/cryptoKey:CryptoKey": _key},
    Severity.HIGH,
    why="A leaked key must become useless with time, and a destruction by mistake must be reversible.",
    fix="Set `rotationPeriod: 7776000s` and `destroyScheduledDuration: 2592000s`.",
    source="https://docs.cloud.google.com/kms/docs/key-rotation",
    example=Example("gcp:kms/cryptoKey:CryptoKey", {"rotationPeriod": None}),
)
