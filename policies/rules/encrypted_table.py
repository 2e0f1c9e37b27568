"""Tables are encrypted with a key of ours."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, stated
from .rule import resource_rule, violation


def _table(args: ResourceValidationArgs) -> Iterator[str]:
    encryption = stated(args.props, "serverSideEncryption", {})
    given = {} if encryption is UNKNOWN else encryption
    if stated(given, "enabled") is not True or stated(given, "kmsKeyArn") is None:
        yield violation(
            f"enabled is {stated(given, 'enabled')}, kmsKeyArn is {stated(given, 'kmsKeyArn')}",
            "tables have the network's own key",
            "signing rights are nobody else's business",
            "state enabled: true and kmsKeyArn in serverSideEncryption",
        )


RULE = resource_rule(
    "tables-are-encrypted",
    "DynamoDB tables are encrypted with a customer-managed key.",
    {"aws:dynamodb/table:Table": _table},
    Severity.HIGH,
)
