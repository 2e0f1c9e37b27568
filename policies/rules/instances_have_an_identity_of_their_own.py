"""Google Cloud instances must not use the default service account."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation

DEFAULT = ("-compute@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    account = stated(args.props, "serviceAccount")
    if account is None:
        return
    if account is not UNKNOWN and stated(account, "email") is None:
        email: object = None
    else:
        email = account if account is UNKNOWN else account["email"]
    if email is None or email is UNKNOWN or str(email).endswith(DEFAULT):
        yield violation(
            f"the service account is {email}",
            "it must be the instance's own",
            "the default one may edit the whole project",
            "create one for the role, without permissions, and set its email",
        )


RULE = resource_rule(
    "instances-have-an-identity-of-their-own",
    "Google Cloud instances must run as a service account of their own, or as none.",
    {"gcp:compute/instance:Instance": _instance},
    Severity.HIGH,
    why="The default service account is an editor of the project: an attacker on one host would control the project.",
    fix="Create a service account for the role and set its `email`.",
    source="https://docs.cloud.google.com/compute/docs/access/service-accounts#default_service_account",
    example=Example("gcp:compute/instance:Instance", {"serviceAccount": {"email": None}}),
)
