"""Databases must be encrypted with a customer-managed key, and in transit."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import at, is_own_key, stated
from policies.rule import Example, resource_rule, violation

ENCRYPTED_ONLY = ("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED")


def _database(args: ResourceValidationArgs) -> Iterator[str]:
    encrypted, key = stated(args.props, "storageEncrypted"), stated(args.props, "kmsKeyId")
    if encrypted is not True or not is_own_key(key):
        yield violation(
            f"storageEncrypted is {encrypted}, kmsKeyId is {key}",
            "databases must use the network's own key",
            "AWS cannot encrypt an existing database",
            "set storageEncrypted: true and kmsKeyId",
        )


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "encryptionKeyName") is None:
        yield violation(
            "the database names no key",
            "databases must use the network's own key",
            "Google cannot change the key later",
            "set encryptionKeyName",
        )
    mode = at(args.props, "settings", "ipConfiguration", "sslMode")
    if mode not in ENCRYPTED_ONLY:
        yield violation(
            f"sslMode is {mode}",
            f"it must be one of {', '.join(ENCRYPTED_ONLY)}",
            "otherwise a client may connect unencrypted",
            "set it in settings.ipConfiguration",
        )


RULE = resource_rule(
    "databases-are-encrypted",
    "Databases must be encrypted with a customer-managed key and, on Google Cloud, refuse unencrypted connections.",
    {
        "aws:rds/instance:Instance": _database,
        "aws:rds/cluster:Cluster": _database,
        "gcp:sql/databaseInstance:DatabaseInstance": _google,
    },
    Severity.HIGH,
    why="A database can only be encrypted when it is created; unencrypted connections can be read in transit.",
    fix="Set `storageEncrypted: true` and `kmsKeyId` (Google Cloud: `encryptionKeyName` and an `sslMode`).",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
    example=Example("aws:rds/instance:Instance", {"storageEncrypted": False}),
)
