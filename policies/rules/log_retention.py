"""Logs are kept for a year at least, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, stated
from .rule import resource_rule, violation

SHORTEST_DAYS = 365


def _group(args: ResourceValidationArgs) -> Iterator[str]:
    days = stated(args.props, "retentionInDays")
    if days is None or days is UNKNOWN or days < SHORTEST_DAYS:
        yield violation(
            f"retentionInDays is {days}",
            f"it is stated, {SHORTEST_DAYS} or more",
            "a break-in is found late; 0 is for ever",
            "state it",
        )


RULE = resource_rule(
    "logs-are-kept",
    "Log groups state how long they are kept, at least a year.",
    {"aws:cloudwatch/logGroup:LogGroup": _group},
    Severity.MEDIUM,
)
