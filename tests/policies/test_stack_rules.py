"""Rules on resources together: what passes, and each way to break it."""

from __future__ import annotations

import pytest

from policies.rules import (
    buckets_are_encrypted_and_closed,
    buckets_keep_versions,
    default_groups_are_empty,
    networks_keep_flow_logs,
    private_tier_stays_private,
    types_are_reviewed,
)
from tests.policies.judging import STRING, TAGS, judged_together, resource

INSTANCE, SUBNET, TABLE = "aws:ec2/instance:Instance", "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable"
BLOCKED = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)


def tier(name: str) -> dict:
    return {"tags": {**TAGS, "Tier": name}}


def subnet(name: str):
    return resource(SUBNET, f"subnet-{name}", tier(name))


def table(name: str):
    return resource(TABLE, f"table-{name}", tier(name))


def route(where: str, gateway_type: str = "aws:ec2/internetGateway:InternetGateway"):
    gateway = resource(gateway_type, "gateway")
    return resource("aws:ec2/route:Route", "route", {"gatewayId": STRING}, routeTableId=table(where), gatewayId=gateway)


def association(instance_tier: str):
    host = resource(INSTANCE, "host", tier(instance_tier), subnetId=subnet(instance_tier))
    return resource("aws:ec2/eipAssociation:EipAssociation", "association", instanceId=host)


@pytest.mark.parametrize(
    "given",
    [
        route("public"),
        route("ingress"),
        route("private", "aws:ec2/vpnGateway:VpnGateway"),
        association("public"),
        resource("aws:ec2/natGateway:NatGateway", "nat", subnetId=subnet("public")),
        resource(INSTANCE, "host", tier("private"), subnetId=subnet("private")),
        resource(
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "a",
            subnetId=subnet("private"),
            routeTableId=table("private"),
        ),
        resource("aws:ec2/route:Route", "peering", {"vpcPeeringConnectionId": STRING}, routeTableId=table("private")),
    ],
    ids=lambda given: f"{given.resource_type.rsplit(':', 1)[1]} {given.name}",
)
def test_what_stays_in_its_tier_passes(given) -> None:
    assert judged_together(private_tier_stays_private.RULE, [given]) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (route("private"), "routes to the internet gateway"),
        (association("private"), "is associated with an instance of tier private"),
        (association("ingress"), "is associated with an instance of tier ingress"),
        (
            resource("aws:ec2/eipAssociation:EipAssociation", "blind", {"instanceId": STRING}),
            "is associated with an instance of tier None",
        ),
        (resource("aws:ec2/natGateway:NatGateway", "nat", subnetId=subnet("private")), "is in tier private"),
        (
            resource(INSTANCE, "host", tier("private"), subnetId=subnet("public")),
            "tier private is in tier public",
        ),
        (resource(INSTANCE, "host", {"tags": {**TAGS, "Tier": STRING}}, subnetId=subnet("public")), "tier unknown"),
        (resource(INSTANCE, "host", subnetId=subnet("public")), "tier None is in"),
        (
            resource(
                "aws:ec2/routeTableAssociation:RouteTableAssociation",
                "a",
                subnetId=subnet("private"),
                routeTableId=table("public"),
            ),
            "tier private is in tier public",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_what_leaves_its_tier_is_said(given, said: str) -> None:
    ((message, name),) = judged_together(private_tier_stays_private.RULE, [given])
    assert said in message
    assert name == given.name


def test_an_emptied_default_group_passes() -> None:
    vpc = resource("aws:ec2/vpc:Vpc", "vpc")
    group = resource(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "group", {"ingress": [], "egress": []}, vpcId=vpc
    )
    assert judged_together(default_groups_are_empty.RULE, [vpc, group]) == []


@pytest.mark.parametrize(
    "rules", [{"ingress": [{"protocol": "-1"}]}, {"egress": [{"protocol": "-1"}]}, {"ingress": STRING}]
)
def test_a_default_group_with_rules_is_said(rules: dict) -> None:
    vpc = resource("aws:ec2/vpc:Vpc", "vpc")
    group = resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "group", rules, vpcId=vpc)
    ((message, name),) = judged_together(default_groups_are_empty.RULE, [vpc, group])
    assert "the default security group has rules" in message
    assert name == "group"


def test_a_vpc_whose_default_group_is_as_aws_made_it_is_said() -> None:
    ((message, name),) = judged_together(default_groups_are_empty.RULE, [resource("aws:ec2/vpc:Vpc", "vpc")])
    assert "as AWS created it" in message
    assert name == "vpc"


def bucket_with(block: dict | None, *, encrypted: bool) -> list:
    bucket = resource("aws:s3/bucket:Bucket", "bucket")
    parts = [bucket]
    if encrypted:
        parts.append(resource(buckets_are_encrypted_and_closed.ENCRYPTION, "encryption", bucket=bucket))
    if block is not None:
        parts.append(resource(buckets_are_encrypted_and_closed.BLOCK, "block", block, bucket=bucket))
    return parts


def test_an_encrypted_closed_bucket_passes() -> None:
    assert judged_together(buckets_are_encrypted_and_closed.RULE, bucket_with(BLOCKED, encrypted=True)) == []


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (bucket_with(BLOCKED, encrypted=False), "no encryption configuration"),
        (bucket_with(None, encrypted=True), "not true"),
        (bucket_with({**BLOCKED, "blockPublicAcls": False}, encrypted=True), "blockPublicAcls: not true"),
        (bucket_with({**BLOCKED, "restrictPublicBuckets": STRING}, encrypted=True), "restrictPublicBuckets: not true"),
    ],
)
def test_an_open_or_readable_bucket_is_said(parts: list, said: str) -> None:
    ((message, _),) = judged_together(buckets_are_encrypted_and_closed.RULE, parts)
    assert said in message


GOOGLE_BUCKET = {
    "encryption": {"defaultKmsKeyName": "k"},
    "publicAccessPrevention": "enforced",
    "uniformBucketLevelAccess": True,
    "versioning": {"enabled": True},
}


def test_a_closed_google_bucket_passes() -> None:
    given = [resource(buckets_are_encrypted_and_closed.GOOGLE, "bucket", GOOGLE_BUCKET)]
    assert (
        judged_together(buckets_are_encrypted_and_closed.RULE, given)
        == judged_together(buckets_keep_versions.RULE, given)
        == []
    )


@pytest.mark.parametrize(
    ("rule", "change", "said"),
    [
        (buckets_are_encrypted_and_closed, {"encryption": {}}, "names no key"),
        (
            buckets_are_encrypted_and_closed,
            {"publicAccessPrevention": "inherited"},
            "publicAccessPrevention is inherited",
        ),
        (buckets_are_encrypted_and_closed, {"publicAccessPrevention": STRING}, "publicAccessPrevention is unknown"),
        (buckets_are_encrypted_and_closed, {"uniformBucketLevelAccess": False}, "uniformBucketLevelAccess is False"),
        (buckets_keep_versions, {"versioning": {"enabled": False}}, "versioning.enabled is not true"),
    ],
)
def test_an_open_google_bucket_is_said(rule, change: dict, said: str) -> None:
    ((message, _),) = judged_together(
        rule.RULE, [resource(buckets_are_encrypted_and_closed.GOOGLE, "bucket", GOOGLE_BUCKET | change)]
    )
    assert said in message


@pytest.mark.parametrize(("status", "found"), [("Enabled", 0), ("Suspended", 1), (STRING, 1), (None, 1)])
def test_a_bucket_keeps_versions_only_where_it_says_enabled(status: str | None, found: int) -> None:
    bucket = resource(buckets_are_encrypted_and_closed.BUCKET, "bucket")
    config = {"versioningConfiguration": {"status": status}} if status else {}
    versions = resource(buckets_keep_versions.VERSIONING, "versions", config, bucket=bucket)
    assert len(judged_together(buckets_keep_versions.RULE, [bucket, versions])) == found


def test_a_bucket_is_not_kept_by_the_versions_of_another() -> None:
    bucket, other = (
        resource(buckets_are_encrypted_and_closed.BUCKET, "bucket"),
        resource(buckets_are_encrypted_and_closed.BUCKET, "other"),
    )
    config = {"versioningConfiguration": {"status": "Enabled"}}
    versions = resource(buckets_keep_versions.VERSIONING, "versions", config, bucket=other)
    ((_, name),) = judged_together(buckets_keep_versions.RULE, [bucket, other, versions])
    assert name == "bucket"


def test_networks_with_flow_logs_pass() -> None:
    vpc = resource(networks_keep_flow_logs.VPC, "vpc")
    log = resource(networks_keep_flow_logs.LOG, "log", {"trafficType": "ALL"}, vpcId=vpc)
    subnetwork = resource(networks_keep_flow_logs.SUBNETWORK, "subnetwork", {"logConfig": {"flowSampling": 0.5}})
    proxies = resource(networks_keep_flow_logs.SUBNETWORK, "proxies", {"purpose": "REGIONAL_MANAGED_PROXY"})
    assert judged_together(networks_keep_flow_logs.RULE, [vpc, log, subnetwork, proxies]) == []


def test_networks_without_flow_logs_are_said() -> None:
    vpc, other = resource(networks_keep_flow_logs.VPC, "vpc"), resource(networks_keep_flow_logs.VPC, "other")
    log = resource(networks_keep_flow_logs.LOG, "log", {"trafficType": "REJECT"}, vpcId=vpc)
    unknown = resource(networks_keep_flow_logs.LOG, "unknown", {"trafficType": STRING}, vpcId=other)
    subnetwork = resource(networks_keep_flow_logs.SUBNETWORK, "subnetwork", {"logConfig": STRING})
    found = {name for _, name in judged_together(networks_keep_flow_logs.RULE, [vpc, other, log, unknown, subnetwork])}
    assert found == {"vpc", "other", "subnetwork"}


def test_known_types_pass() -> None:
    assert (
        judged_together(
            types_are_reviewed.RULE, [resource("aws:ec2/vpc:Vpc", "vpc"), resource("estate:network:Vpc", "own")]
        )
        == []
    )


@pytest.mark.parametrize(
    "type_",
    [
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "random:index:RandomPassword",
    ],
)
def test_a_type_that_no_rule_knows_is_refused_by_name(type_: str) -> None:
    ((message, _),) = judged_together(types_are_reviewed.RULE, [resource(type_, "new")])
    assert type_ in message
