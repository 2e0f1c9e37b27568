"""Buckets must be encrypted and must block public access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.properties import at, stated
from policies.rule import Example, referred, stack_rule, violation

BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
GOOGLE = "gcp:storage/bucket:Bucket"
MISTAKE = "a policy can be opened by mistake"


def _of(bucket: PolicyResource, type_: str, resources: Sequence[PolicyResource]) -> PolicyResource | None:
    mine = (each for each in resources if each.resource_type == type_ and referred(each, "bucket", BUCKET) is bucket)
    return next(mine, None)


def _bucket(bucket: PolicyResource, resources: Sequence[PolicyResource]) -> Iterator[str]:
    if _of(bucket, ENCRYPTION, resources) is None:
        yield violation(
            "the bucket has no encryption configuration",
            "buckets must have one",
            "backups are secrets",
            "add a BucketServerSideEncryptionConfiguration",
        )
    block = _of(bucket, BLOCK, resources)
    opened = [key for key in BLOCKS if block is None or stated(block.props, key) is not True]
    if opened:
        yield violation(
            f"{', '.join(opened)}: not true", "public access must be blocked", MISTAKE, "set all four to true"
        )


def _google(bucket: PolicyResource) -> Iterator[str]:
    if at(bucket.props, "encryption", "defaultKmsKeyName") is None:
        yield violation(
            "the bucket names no key",
            "buckets must use the network's own key",
            "backups are secrets",
            "set encryption.defaultKmsKeyName",
        )
    if (given := stated(bucket.props, "publicAccessPrevention")) != "enforced":
        yield violation(f"publicAccessPrevention is {given}", "it must be enforced", MISTAKE, "set it to enforced")
    if (given := stated(bucket.props, "uniformBucketLevelAccess")) is not True:
        yield violation(
            f"uniformBucketLevelAccess is {given}",
            "it must be true",
            "nobody reviews the access lists of single objects",
            "set it to true",
        )


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        found: Iterator[str] = iter(())
        if resource.resource_type == BUCKET:
            found = _bucket(resource, resources)
        elif resource.resource_type == GOOGLE:
            found = _google(resource)
        for message in found:
            yield message, resource.urn


RULE = stack_rule(
    "buckets-are-encrypted-and-closed",
    "Buckets must be encrypted and must block public access.",
    check,
    Severity.HIGH,
    why="One mistake in a bucket's policy can open it; the public access block still applies.",
    fix="Add an encryption configuration and a public access block with all four true (Google Cloud: a key, "
    "`publicAccessPrevention: enforced`, `uniformBucketLevelAccess: true`).",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    example=Example(BLOCK, {"blockPublicPolicy": False}),
)
