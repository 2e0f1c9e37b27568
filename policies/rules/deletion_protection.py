"""In production, AWS itself refuses to delete what carries the service."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import in_production, stated
from .rule import Check, resource_rule, violation


def _flag(key: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        if in_production(args.props) and stated(args.props, key) is not True:
            yield violation(
                f"{key} is {stated(args.props, key)}",
                "in production it is true",
                "one wrong call would end the service",
                "state true",
            )

    return check


RULE = resource_rule(
    "deletion-is-refused",
    "Production instances, load balancers and tables have AWS's own protection against deletion.",
    {
        "aws:ec2/instance:Instance": _flag("disableApiTermination"),
        "aws:lb/loadBalancer:LoadBalancer": _flag("enableDeletionProtection"),
        "aws:dynamodb/table:Table": _flag("deletionProtectionEnabled"),
    },
    Severity.HIGH,
)
