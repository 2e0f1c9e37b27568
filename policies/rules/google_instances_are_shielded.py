"""Google Cloud instances must be Shielded VMs."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import at
from policies.rule import Example, resource_rule, violation

WANTED = ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    for key in WANTED:
        if (given := at(args.props, "shieldedInstanceConfig", key)) is not True:
            yield violation(
                f"{key} is {given}",
                "it must be true",
                "whatever runs before the operating system controls it",
                "set it to true",
            )


RULE = resource_rule(
    "google-instances-are-shielded",
    "Google Cloud instances must have secure boot, a virtual TPM and integrity monitoring.",
    {"gcp:compute/instance:Instance": _instance},
    Severity.MEDIUM,
    why="Whatever runs before the operating system controls it; secure boot is off by default.",
    fix="Set all three of `shieldedInstanceConfig` true.",
    source="https://docs.cloud.google.com/compute/shielded-vm/docs/shielded-vm",
    example=Example("gcp:compute/instance:Instance", {"shieldedInstanceConfig": {"enableSecureBoot": False}}),
)
