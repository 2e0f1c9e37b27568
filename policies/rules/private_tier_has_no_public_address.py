"""Instances and subnets outside the public tier must have no public address."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import each, stated, tag
from policies.rule import Example, resource_rule, violation

REASON = "a public address makes a hidden host a target"


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    if tag(args.props, "Tier") == "public":
        return
    given = stated(args.props, "associatePublicIpAddress")
    if given is not False:
        yield violation(
            f"associatePublicIpAddress is {given}",
            "outside the public tier it must be false",
            REASON,
            "set it to false, or tag it Tier: public",
        )
    if each(args.props, "ipv6Addresses") or stated(args.props, "ipv6AddressCount", 0) != 0:
        yield violation("IPv6 addresses are set", "outside the public tier there must be none", REASON, "remove them")


def _subnet(args: ResourceValidationArgs) -> Iterator[str]:
    if tag(args.props, "Tier") == "public":
        return
    for key in ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"):
        if stated(args.props, key, False) is not False:
            yield violation(
                f"{key} is {stated(args.props, key)}",
                "outside the public tier it must be false",
                REASON,
                "set it to false",
            )


def _address(args: ResourceValidationArgs) -> Iterator[str]:
    tier = tag(args.props, "Tier")
    if tier != "public":
        yield violation(
            f"an elastic address is tagged Tier: {tier}",
            "it must be in the public tier",
            REASON,
            "tag it Tier: public, or remove it",
        )


RULE = resource_rule(
    "private-tier-has-no-public-address",
    "Instances and subnets outside the public tier must have no public address.",
    {"aws:ec2/instance:Instance": _instance, "aws:ec2/subnet:Subnet": _subnet, "aws:ec2/eip:Eip": _address},
    Severity.CRITICAL,
    why="A public address makes a hidden host a target.",
    fix="Set `associatePublicIpAddress: false` and `mapPublicIpOnLaunch: false`, or tag it `Tier: public` if it "
    "is public.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html",
    example=Example("aws:ec2/eip:Eip", {"tags": {"Tier": "private"}}),
)
