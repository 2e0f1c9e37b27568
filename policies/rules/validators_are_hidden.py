"""Validators and signers have no public address, whatever tier they say they are in."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each, stated, tag
from policies.rule import Example, resource_rule, violation

ROLES = ("validator", "signer")
REASON = "who finds a validator can stop it, and who reaches a signer can have it sign"


def _is_hidden(args: ResourceValidationArgs) -> bool:
    """An instance whose role is not known may be one."""
    role = tag(args.props, "Role")
    return role is UNKNOWN or role in ROLES


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    if not _is_hidden(args):
        return
    if (tier := tag(args.props, "Tier")) != "private":
        yield violation(f"it is in tier {tier}", "validators and signers are in the private tier", REASON, "move it")
    if (given := stated(args.props, "associatePublicIpAddress")) is not False:
        yield violation(f"associatePublicIpAddress is {given}", "it is stated, false", REASON, "state false")


def _address(args: ResourceValidationArgs) -> Iterator[str]:
    if _is_hidden(args):
        yield violation("a validator or signer is given an elastic address", "it has none", REASON, "leave it out")


def _google(args: ResourceValidationArgs) -> Iterator[str]:
    if not _is_hidden(args):
        return
    for interface in each(args.props, "networkInterfaces"):
        if interface is UNKNOWN or any(each(interface, key) for key in ("accessConfigs", "ipv6AccessConfigs")):
            yield violation(
                "an interface has an access configuration", "validators and signers have none", REASON, "leave it out"
            )


RULE = resource_rule(
    "validators-are-hidden",
    "Validators and signers in a cloud are in the private tier and have no public address.",
    {
        "aws:ec2/instance:Instance": _instance,
        "aws:ec2/eip:Eip": _address,
        "gcp:compute/instance:Instance": _google,
    },
    Severity.CRITICAL,
    why="Who finds a validator can stop it, and who reaches a signer can have it sign: nothing on the internet may "
    "do either.",
    fix="Put it into a private subnet, with `associatePublicIpAddress: false` or without access configuration.",
    source="https://docs.cosmos.network/hub/latest/validators/security",
    example=Example("aws:ec2/eip:Eip", {"tags": {"Role": "validator"}}),
    firm="it keeps validators and signers out of the world's reach",
)
