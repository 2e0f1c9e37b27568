"""Buckets are encrypted and closed to the public."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from .reading import stated
from .rule import referred, stack_rule, violation

BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _of(bucket: PolicyResource, type_: str, resources: Sequence[PolicyResource]) -> PolicyResource | None:
    mine = (each for each in resources if each.resource_type == type_ and referred(each, "bucket", BUCKET) is bucket)
    return next(mine, None)


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    for bucket in resources:
        if bucket.resource_type != BUCKET:
            continue
        if _of(bucket, ENCRYPTION, resources) is None:
            yield (
                violation(
                    "the bucket has no encryption configuration", "buckets have one", "backups are secrets", "add one"
                ),
                bucket.urn,
            )
        block = _of(bucket, BLOCK, resources)
        opened = [key for key in BLOCKS if block is None or stated(block.props, key) is not True]
        if opened:
            yield (
                violation(
                    f"{', '.join(opened)}: not true",
                    "public access is blocked",
                    "a policy can be opened by mistake",
                    "state all four",
                ),
                bucket.urn,
            )


RULE = stack_rule(
    "buckets-are-encrypted-and-closed", "S3 buckets are encrypted and block public access.", check, Severity.HIGH
)
