"""Stacks must not create long-lived credentials."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import stated, words
from policies.rule import Example, resource_rule, violation

TYPES = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "gcp:serviceaccount/key:Key",
    "gcp:storage/hmacKey:HmacKey",
)


def _refuse(args: ResourceValidationArgs) -> Iterator[str]:
    yield violation(
        f"{args.resource_type.rsplit(':', 1)[1]} is created",
        "people and hosts must use credentials that expire",
        "a long-lived key gets copied, forgotten and found, and is stored in the state",
        "use a role, a workload identity, or a lease from Vault",
    )


PROVIDERS = {
    "pulumi:providers:aws": ("accessKey", "secretKey", "token"),
    "pulumi:providers:gcp": ("credentials", "accessToken"),
}
"""Provider inputs that hold credentials; they are stored in the state."""


def _provider(args: ResourceValidationArgs) -> Iterator[str]:
    if given := [key for key in PROVIDERS[args.resource_type] if stated(args.props, key) is not None]:
        yield violation(
            f"the provider is given {words(given)}",
            "the engine must use the credentials of whoever runs it",
            "a provider's inputs are stored in the state",
            "remove it and use the caller's own login",
        )


RULE = resource_rule(
    "no-credential-lasts",
    "Stacks must not create access keys, users, passwords or service account keys, nor give a provider one.",
    dict.fromkeys(TYPES, _refuse) | dict.fromkeys(PROVIDERS, _provider),
    Severity.CRITICAL,
    why="A long-lived key gets copied, forgotten and found; one that Pulumi creates is also stored in its state.",
    fix="Use a role with a trust policy, workload identity federation, or a lease from Vault.",
    source="https://docs.cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys",
    example=Example("gcp:serviceaccount/key:Key", {"serviceAccountId": "sentry"}),
)
