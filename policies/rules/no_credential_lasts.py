"""No credential that lasts for ever is made."""

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
        f"{args.resource_type.rsplit(':', 1)[1]} is made",
        "people and hosts have credentials that end by themselves",
        "a key that lasts is copied, forgotten and found; it would also lie in the state",
        "use a role, a workload identity, or a lease from Vault",
    )


PROVIDERS = {
    "pulumi:providers:aws": ("accessKey", "secretKey", "token"),
    "pulumi:providers:gcp": ("credentials", "accessToken"),
}
"""What a provider could be given to log in with; it lies in the state."""


def _provider(args: ResourceValidationArgs) -> Iterator[str]:
    if given := [key for key in PROVIDERS[args.resource_type] if stated(args.props, key) is not None]:
        yield violation(
            f"the provider is given {words(given)}",
            "the engine logs in as who runs it",
            "what a provider is given lies in the state",
            "leave it out; use the caller's own login",
        )


RULE = resource_rule(
    "no-credential-lasts",
    "No access key, user, password or service account key is made, and no provider is given one.",
    dict.fromkeys(TYPES, _refuse) | dict.fromkeys(PROVIDERS, _provider),
    Severity.CRITICAL,
    why="A key that lasts is copied, forgotten and found; made by the engine, it also lies in its state.",
    fix="Use a role with a trust policy, workload identity federation, or a lease from Vault.",
    source="https://docs.cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys",
    example=Example("gcp:serviceaccount/key:Key", {"serviceAccountId": "sentry"}),
)
