"""Nothing may be granted to allUsers or allAuthenticatedUsers."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each, stated, words
from policies.rule import Example, resource_rule, violation

EVERYONE = ("allUsers", "allAuthenticatedUsers")
REASON = "they include everyone, with or without a Google account"


def _grant(args: ResourceValidationArgs) -> Iterator[str]:
    members = [stated(args.props, "member"), *each(args.props, "members")]
    if public := [member for member in members if member is not UNKNOWN and member in EVERYONE]:
        yield violation(f"{words(public)} has a role", "members must be named", REASON, "name the member")


def _list(args: ResourceValidationArgs) -> Iterator[str]:
    entity = stated(args.props, "entity")
    if entity is UNKNOWN or entity in EVERYONE:
        yield violation(f"{entity} has access", "members must be named", REASON, "name the entity")


GRANTS = (
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:projects/iAMBinding:IAMBinding",
    "gcp:projects/iAMMember:IAMMember",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
    "gcp:secretmanager/secretIamMember:SecretIamMember",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "gcp:storage/bucketIAMBinding:BucketIAMBinding",
    "gcp:storage/bucketIAMMember:BucketIAMMember",
)

RULE = resource_rule(
    "nothing-is-granted-to-everyone",
    "Roles and access list entries must not be granted to allUsers or allAuthenticatedUsers.",
    dict.fromkeys(GRANTS, _grant) | {"gcp:storage/bucketAccessControl:BucketAccessControl": _list},
    Severity.CRITICAL,
    why="allAuthenticatedUsers includes everyone with a Google account, not only accounts of the company.",
    fix="Name the service account or group.",
    source="https://docs.cloud.google.com/storage/docs/public-access-prevention",
    example=Example("gcp:storage/bucketIAMMember:BucketIAMMember", {"member": "allAuthenticatedUsers"}),
)
