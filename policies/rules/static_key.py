"""No credential that lasts for ever is made."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .rule import Example, resource_rule, violation

TYPES = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "gcp:serviceaccount/key:Key",
    "gcp:storage/hmacKey:HmacKey",
)


def _refuse(args: ResourceValidationArgs) -> Iterator[str]:
    yield violation(
        f"{args.resource_type.rsplit(':', 1)[1]} is made",
        "people and hosts have credentials that end by themselves",
        "a key that lasts is copied, forgotten and found; it would also lie in the state",
        "use a role, a workload identity, or a lease from Vault",
    )


RULE = resource_rule(
    "no-credential-lasts",
    "No access key, user, password or service account key is made.",
    dict.fromkeys(TYPES, _refuse),
    Severity.CRITICAL,
    why="A key that lasts is copied, forgotten and found; made by the engine, it also lies in its state.",
    fix="Use a role with a trust policy, workload identity federation, or a lease from Vault.",
    source="https://docs.cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys",
    example=Example("gcp:serviceaccount/key:Key", {"serviceAccountId": "sentry"}),
)
