"""Validators and signers must have no public address, whatever their Tier tag."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each, stated, tag
from policies.rule import Example, resource_rule, violation

ROLES = ("validator", "signer")
REASON = "whoever finds a validator can stop it, and whoever reaches a signer can make it sign"


def _is_hidden(args: ResourceValidationArgs) -> bool:
    """Whether it is a validator or signer; an unknown role counts as one."""
    role = tag(args.props, "Role")
    return role is UNKNOWN or role in ROLES


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    if not _is_hidden(args):
        return
    if (tier := tag(args.props, "Tier")) != "private":
        yield violation(
            f"it is in tier {tier}",
            "validators and signers must be in the private tier",
            REASON,
            "move it to a private subnet",
        )
    if (given := stated(args.props, "associatePublicIpAddress")) is not False:
        yield violation(f"associatePublicIpAddress is {given}", "it must be set to false", REASON, "set it to false")


def _address(args: ResourceValidationArgs) -> Iterator[str]:
    if _is_hidden(args):
        yield violation("a validator or signer has an elastic address", "it must have none", REASON, "remove it")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    if not _is_hidden(args):
        return
    for interface in each(args.props, "networkInterfaces"):
        if interface is UNKNOWN or any(each(interface, key) for key in ("accessConfigs", "ipv6AccessConfigs")):
            yield violation(
                "an interface has an access configuration", "validators and signers must have none", REASON, "remove it"
            )


RULE = resource_rule(
    "validators-are-hidden",
    "Validators and signers in a cloud must be in the private tier and have no public address.",
    {
        "aws:ec2/instance:Instance": _instance,
        "aws:ec2/eip:Eip": _address,
        "gcp:compute/instance:Instance": _google,
    },
    Severity.CRITICAL,
    why="Whoever finds a validator can stop it, and whoever reaches a signer can make it sign: neither may be "
    "possible from the internet.",
    fix="Put it in a private subnet, with `associatePublicIpAddress: false` or without access configuration.",
    source="https://docs.cosmos.network/hub/latest/validators/security",
    example=Example("aws:ec2/eip:Eip", {"tags": {"Role": "validator"}}),
    firm="it keeps validators and signers unreachable from the internet",
)
