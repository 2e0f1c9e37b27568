"""Every resource must have the required tags."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, at, tag, words
from policies.reading.types import LABELLED, TAGGED
from policies.rule import Check, Example, resource_rule, violation

COMMON = ("Name", "Network", "Owner", "Stage")
LABELS = ("network", "owner", "stage")
"""Without Name: Google Cloud resources have a name of their own."""

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
    "gcp:compute/disk:Disk": ("role",),
    "gcp:compute/instance:Instance": ("role",),
}
TIERS = ("public", "ingress", "private")
USER_LABELS = {"gcp:sql/databaseInstance:DatabaseInstance": ("settings", "userLabels")}
"""Types whose labels are in a property other than ``labels``."""

REASON = "rules, bills and people rely on tags"


def _wants(type_: str, common: tuple[str, ...]) -> Check:
    def check(args: ResourceValidationArgs) -> Iterator[str]:
        wanted = (*common, *ALSO.get(type_, ()))
        path = USER_LABELS.get(type_)
        found = {key: at(args.props, *path, key) if path else tag(args.props, key) for key in wanted}
        if missing := [key for key, given in found.items() if given is UNKNOWN or not given]:
            yield violation(f"tags {words(missing)} are missing", "they must be set", REASON, "set them")
        tier = tag(args.props, "Tier")
        if tier is not None and tier not in TIERS:
            yield violation(
                f"Tier is {tier}", f"it must be one of {words(TIERS)}", "rules depend on it", "set one of them"
            )

    return check


RULE = resource_rule(
    "tags-are-stated",
    "Resources must have the tags Name, Network, Owner and Stage and, where rules depend on it, Role, Tier or Site.",
    {type_: _wants(type_, COMMON) for type_ in sorted(TAGGED)}
    | {type_: _wants(type_, LABELS) for type_ in sorted(LABELLED)},
    Severity.MEDIUM,
    why="Rules, bills and people rely on tags: an untagged resource has no owner.",
    fix="Set `Name`, `Network`, `Owner` and `Stage`, and where needed `Role`, `Tier` or `Site` (labels in lower case).",
    source="https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
    example=Example("aws:ec2/vpc:Vpc", {"tags": {"Owner": None}}),
)
