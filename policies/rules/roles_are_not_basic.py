"""Basic roles must not be granted on Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation
from policies.rules.nothing_is_granted_to_everyone import GRANTS

BASIC = ("roles/owner", "roles/editor", "roles/viewer", "roles/admin", "roles/writer", "roles/reader")
ACT_AS = ("roles/iam.serviceAccountUser", "roles/iam.serviceAccountTokenCreator", "roles/iam.workloadIdentityUser")
PROJECT_WIDE = ("gcp:projects/iAMBinding:IAMBinding", "gcp:projects/iAMMember:IAMMember")


def _grant(args: ResourceValidationArgs) -> Iterator[str]:
    role = stated(args.props, "role")
    if role is UNKNOWN or role in BASIC:
        yield violation(
            f"{role} is granted",
            "roles must be predefined or our own",
            "a basic role has thousands of permissions",
            "grant the role for the one task",
        )
    elif role in ACT_AS and args.resource_type in PROJECT_WIDE:
        yield violation(
            f"{role} is granted for the whole project",
            "it must be granted on one service account",
            "its holder could act as any of them",
            "use a serviceaccount.IAMMember",
        )


RULE = resource_rule(
    "roles-are-not-basic",
    "Nobody may be granted owner, editor or viewer, nor the right to act as every service account of a project.",
    dict.fromkeys(GRANTS, _grant),
    Severity.CRITICAL,
    why="A basic role has thousands of permissions; whoever can act as any service account has the permissions of all.",
    fix="Grant the predefined role for the task; grant `iam.serviceAccountUser` on the one service account.",
    source="https://docs.cloud.google.com/iam/docs/roles-overview#basic",
    example=Example("gcp:projects/iAMMember:IAMMember", {"role": "roles/editor"}),
)
