"""Every resource says whose it is and what for."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from .reading import UNKNOWN, tag, words
from .rule import Check, resource_rule, violation
from .types import TAGGED

COMMON = ("Name", "Network", "Owner", "Stage")
ALSO = {
    "aws:ebs/volume:Volume": ("Role", "Tier"),
    "aws:ec2/customerGateway:CustomerGateway": ("Site",),
    "aws:ec2/eip:Eip": ("Role", "Tier"),
    "aws:ec2/instance:Instance": ("Role", "Tier"),
    "aws:ec2/natGateway:NatGateway": ("Tier",),
    "aws:ec2/routeTable:RouteTable": ("Tier",),
    "aws:ec2/securityGroup:SecurityGroup": ("Role",),
    "aws:ec2/subnet:Subnet": ("Tier",),
    "aws:ec2/vpnConnection:VpnConnection": ("Site",),
    "aws:lb/loadBalancer:LoadBalancer": ("Role", "Tier"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("Role",),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("Role",),
}
TIERS = ("public", "ingress", "private")


def _wants(type_: str) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        missing = [
            key for key in (*COMMON, *ALSO.get(type_, ())) if (given := tag(args.props, key)) is UNKNOWN or not given
        ]
        if missing:
            yield violation(
                f"tags {words(missing)} are missing",
                "they are stated",
                "rules, bills and people go by them",
                "state them",
            )
        tier = tag(args.props, "Tier")
        if tier is not None and tier not in TIERS:
            yield violation(f"Tier is {tier}", f"it is one of {words(TIERS)}", "rules go by it", "state which")

    return check


RULE = resource_rule(
    "tags-are-stated",
    "Resources are tagged with name, network, owner and stage, and where rules go by them with role, tier or site.",
    {type_: _wants(type_) for type_ in sorted(TAGGED)},
    Severity.MEDIUM,
)
