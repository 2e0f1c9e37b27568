"""Logs are encrypted with a key of ours."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import stated
from .rule import resource_rule, violation


def _group(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "kmsKeyId") is None:
        yield violation(
            "the log group names no key",
            "logs have the network's own key",
            "they say who talks to whom",
            "give kmsKeyId",
        )


RULE = resource_rule(
    "logs-are-encrypted",
    "Log groups are encrypted with a customer-managed key.",
    {"aws:cloudwatch/logGroup:LogGroup": _group},
    Severity.HIGH,
)
