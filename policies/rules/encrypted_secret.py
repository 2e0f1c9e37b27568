"""Secrets are encrypted with a key of ours."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, at, each, stated
from .rule import Example, resource_rule, violation

REASON = "who may read a secret is then decided by our key too"
CUSTOMER_KEY = ("customerManagedEncryption", "kmsKeyName")


def _secret(args: ResourceValidationArgs) -> Iterator[str]:
    if stated(args.props, "kmsKeyId") is None:
        yield violation("the secret names no key", "secrets have the network's own key", REASON, "give kmsKeyId")
    for replica in each(args.props, "replicas"):
        if replica is UNKNOWN or stated(replica, "kmsKeyId") is None:
            yield violation("a replica names no key", "each has its region's key", REASON, "give kmsKeyId in replicas")


def _parameter(args: ResourceValidationArgs) -> Iterator[str]:
    kind = stated(args.props, "type")
    if kind != "SecureString":
        yield violation(f"type is {kind}", "parameters are SecureString", "others are kept in clear", "state it")
    if stated(args.props, "keyId") is None:
        yield violation("the parameter names no key", "it has the network's own key", REASON, "give keyId")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    replication = stated(args.props, "replication", {})
    replicas = [UNKNOWN] if replication is UNKNOWN else []
    if not replicas:
        managed = at(replication, "userManaged", "replicas")
        replicas = [UNKNOWN] if managed is UNKNOWN else [*(managed or ()), *_automatic(replication)]
    if not replicas or any(replica is UNKNOWN or at(replica, *CUSTOMER_KEY) is None for replica in replicas):
        yield violation(
            "the secret, or a replica, names no key",
            "secrets have the network's own key",
            REASON,
            f"give {'.'.join(CUSTOMER_KEY)} in replication",
        )


def _automatic(replication: object) -> list[object]:
    automatic = at(replication, "auto")  # type: ignore[arg-type]
    return [] if automatic is None else [automatic]


RULE = resource_rule(
    "secrets-are-encrypted",
    "Secrets and parameters are encrypted with a customer-managed key, in every region.",
    {
        "aws:secretsmanager/secret:Secret": _secret,
        "aws:ssm/parameter:Parameter": _parameter,
        "gcp:secretmanager/secret:Secret": _google,
    },
    Severity.HIGH,
    why="With the cloud's own key, a permission to read the secret is enough; with ours, the key must allow it as "
    "well.",
    fix="Give `kmsKeyId` (`keyId` of a parameter, `customerManagedEncryption` on Google Cloud), also in replicas.",
    source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
    example=Example("aws:secretsmanager/secret:Secret", {"kmsKeyId": None}),
)
