"""File systems must be encrypted with a customer-managed key."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import is_own_key, stated
from policies.rule import Example, resource_rule, violation


def _file_system(args: ResourceValidationArgs) -> Iterator[str]:
    encrypted, key = stated(args.props, "encrypted"), stated(args.props, "kmsKeyId")
    if encrypted is not True or not is_own_key(key):
        yield violation(
            f"encrypted is {encrypted}, kmsKeyId is {key}",
            "file systems must use the network's own key",
            "AWS cannot encrypt an existing file system",
            "set encrypted: true and kmsKeyId",
        )


RULE = resource_rule(
    "file-systems-are-encrypted",
    "EFS file systems must be encrypted with a customer-managed key.",
    {"aws:efs/fileSystem:FileSystem": _file_system},
    Severity.HIGH,
    why="A file system can only be encrypted when it is created.",
    fix="Set `encrypted: true` and `kmsKeyId`.",
    source="https://docs.aws.amazon.com/efs/latest/ug/encryption-at-rest.html",
    example=Example("aws:efs/fileSystem:FileSystem", {"encrypted": False}),
)
