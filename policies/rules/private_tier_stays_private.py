"""A private tier must have no elastic address and no route to an internet gateway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.properties import UNKNOWN, stated, tag
from policies.rule import Example, referred, stack_rule, violation

INSTANCE, SUBNET, TABLE = "aws:ec2/instance:Instance", "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
TIERS_WITH_GATEWAY = ("public", "ingress")


def _tier(resource: PolicyResource | None) -> object:
    return None if resource is None else tag(resource.props, "Tier")


def _address(resource: PolicyResource) -> Iterator[str]:
    tier = _tier(referred(resource, "instanceId", INSTANCE))
    if tier != "public":
        yield violation(
            f"an elastic address is associated with an instance of tier {tier}",
            "only public instances may have one",
            "the others must not be reachable from the internet",
            "remove it; set instanceId by property, so that the instance is visible",
        )


def _nat(resource: PolicyResource) -> Iterator[str]:
    tier = _tier(referred(resource, "subnetId", SUBNET))
    if tier != "public":
        yield violation(
            f"a NAT gateway is in tier {tier}",
            "it must be in the public tier",
            "otherwise it has no route to the internet",
            "move it to a public subnet",
        )


def _route(resource: PolicyResource) -> Iterator[str]:
    if stated(resource.props, "gatewayId") is None and "gatewayId" not in resource.property_dependencies:
        return
    tier = _tier(referred(resource, "routeTableId", TABLE))
    if referred(resource, "gatewayId", GATEWAY) and tier not in TIERS_WITH_GATEWAY:
        yield violation(
            f"a table of tier {tier} routes to the internet gateway",
            "only public and ingress tables may",
            "private hosts must reach the internet through NAT",
            "route through the zone's NAT gateway",
        )


def _same(resource: PolicyResource, one: tuple[str, str] | None, other: tuple[str, str]) -> Iterator[str]:
    first = tag(resource.props, "Tier") if one is None else _tier(referred(resource, *one))
    second = _tier(referred(resource, *other))
    if first is UNKNOWN or second is UNKNOWN or first is None or first != second:
        yield violation(
            f"a resource of tier {first} is in tier {second}",
            "both must be of one tier",
            "a tier's guarantees must hold for everything in it",
            "use a subnet or table of its own tier",
        )


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        match resource.resource_type:
            case "aws:ec2/eipAssociation:EipAssociation":
                found = _address(resource)
            case "aws:ec2/natGateway:NatGateway":
                found = _nat(resource)
            case "aws:ec2/route:Route":
                found = _route(resource)
            case "aws:ec2/instance:Instance":
                found = _same(resource, None, ("subnetId", SUBNET))
            case "aws:ec2/routeTableAssociation:RouteTableAssociation":
                found = _same(resource, ("subnetId", SUBNET), ("routeTableId", TABLE))
            case _:
                continue
        for message in found:
            yield message, resource.urn


RULE = stack_rule(
    "private-tier-stays-private",
    "Addresses, NAT gateways, routes and instances must be in the tier that their tag names.",
    check,
    Severity.CRITICAL,
    why="A tier's guarantees must hold for everything in it: one address or route in the wrong place breaks them.",
    fix="Connect the address, NAT gateway, route or instance to resources of its own tier, by property, not by "
    "a literal "
    "id.",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html#subnet-types",
    example=Example("aws:ec2/routeTable:RouteTable", {"tags": {"Tier": "private"}}),
)
