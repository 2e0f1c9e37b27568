"""Secrets must be encrypted with a customer-managed key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, at, each, is_own_key, stated
from policies.rule import Example, resource_rule, violation

REASON = "our key then also decides who may read a secret"
CUSTOMER_KEY = ("customerManagedEncryption", "kmsKeyName")


def _secret(args: ResourceValidationArgs) -> Iterator[str]:
    if not is_own_key(stated(args.props, "kmsKeyId")):
        yield violation("the secret names no key", "secrets must use the network's own key", REASON, "set kmsKeyId")
    for replica in each(args.props, "replicas"):
        if replica is UNKNOWN or not is_own_key(stated(replica, "kmsKeyId")):
            yield violation(
                "a replica names no key", "each replica must use its region's key", REASON, "set kmsKeyId in replicas"
            )


def _parameter(args: ResourceValidationArgs) -> Iterator[str]:
    kind = stated(args.props, "type")
    if kind != "SecureString":
        yield violation(
            f"type is {kind}", "parameters must be SecureString", "other types are stored in plain text", "set it"
        )
    if not is_own_key(stated(args.props, "keyId")):
        yield violation("the parameter names no key", "it must use the network's own key", REASON, "set keyId")


def _replicas(replication: Mapping[str, Any]) -> list[Any]:
    """The replication entries of a Google Cloud secret: user-managed replicas, or the automatic replication."""
    automatic, managed = stated(replication, "auto"), stated(replication, "userManaged", {})
    return ([] if automatic is None else [automatic]) + ([UNKNOWN] if managed is UNKNOWN else each(managed, "replicas"))


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    replication = stated(args.props, "replication", {})
    replicas = [UNKNOWN] if replication is UNKNOWN else _replicas(replication)
    if not replicas or any(replica is UNKNOWN or not is_own_key(at(replica, *CUSTOMER_KEY)) for replica in replicas):
        yield violation(
            "the secret, or a replica, names no key",
            "secrets must use the network's own key",
            REASON,
            f"set {'.'.join(CUSTOMER_KEY)} in replication",
        )


RULE = resource_rule(
    "secrets-are-encrypted",
    "Secrets and parameters must be encrypted with a customer-managed key, in every region.",
    {
        "aws:secretsmanager/secret:Secret": _secret,
        "aws:ssm/parameter:Parameter": _parameter,
        "gcp:secretmanager/secret:Secret": _google,
    },
    Severity.HIGH,
    why="With the cloud's own key, a permission to read the secret is enough; with ours, the key must allow it as "
    "well.",
    fix="Set `kmsKeyId` (`keyId` of a parameter, `customerManagedEncryption` on Google Cloud), also in replicas.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
    example=Example("aws:secretsmanager/secret:Secret", {"kmsKeyId": None}),
)
