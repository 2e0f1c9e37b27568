"""Buckets must be versioned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.properties import at
from policies.rule import Example, referred, stack_rule, violation
from policies.rules.buckets_are_encrypted_and_closed import BUCKET, GOOGLE

VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
REASON = "an attacker who holds a host may overwrite its backups"


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    kept = {
        bucket.urn
        for each in resources
        if each.resource_type == VERSIONING
        and at(each.props, "versioningConfiguration", "status") == "Enabled"
        and (bucket := referred(each, "bucket", BUCKET))
    }
    for resource in resources:
        if resource.resource_type == BUCKET and resource.urn not in kept:
            given, fix = "versioning is not enabled", "add a BucketVersioning with status Enabled"
        elif resource.resource_type == GOOGLE and at(resource.props, "versioning", "enabled") is not True:
            given, fix = "versioning.enabled is not true", "set it to true"
        else:
            continue
        yield violation(given, "buckets must keep former versions", REASON, fix), resource.urn


RULE = stack_rule(
    "buckets-keep-versions",
    "Buckets must keep former versions of their objects.",
    check,
    Severity.HIGH,
    why="An attacker who holds a host may overwrite its backups, but cannot delete their former versions.",
    fix="Add a `BucketVersioning` with `status: Enabled` (Google Cloud: `versioning: {enabled: true}`).",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
    example=Example(VERSIONING, {"versioningConfiguration": {"status": "Suspended"}}),
)
