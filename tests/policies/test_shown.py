"""What the prover takes of what the engine shows a policy."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.policy import PolicyProviderResource
from pulumi_policy.proxy import unknown_checking_proxy

from policies import shown
from reachability.resources import UNKNOWN, Resource
from tests.policies.judging import NUMBER, STRING, options

SUBNET, VPC, ROUTE = "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc", "aws:ec2/route:Route"


def given(
    type_: str, name: str, properties: dict[str, Any], region: str | None = None, **taken: list[PolicyResource]
) -> PolicyResource:
    provider = region and PolicyProviderResource("pulumi:providers:aws", {"region": region}, "urn", "aws")
    urn = f"urn:pulumi:x::estate::{type_}::{name}"
    props = unknown_checking_proxy(properties)
    return PolicyResource(type_, props, urn, name, options(protect=False), provider or None, None, [], taken)


def taken(*resources: PolicyResource) -> dict[str, Resource]:
    return {each.name: each for each in shown.resources(resources)}


def test_numbers_are_whole_and_nested_values_plain() -> None:
    properties = {"a": 22.0, "b": [1.5, True, None, "x"], "c": {"d": [{"e": 1.0}]}}
    assert taken(given(VPC, "vpc", properties))["vpc"].properties == {
        "a": 22,
        "b": [1.5, True, None, "x"],
        "c": {"d": [{"e": 1}]},
    }


def test_what_a_preview_cannot_know_of_an_input_is_unknown() -> None:
    vpc = given(VPC, "vpc", {})
    subnet = given(SUBNET, "subnet", {"vpcId": STRING, "nested": {"port": NUMBER, "list": [STRING]}}, vpcId=[vpc])
    found = taken(vpc, subnet)["subnet"]
    assert found.properties["vpcId"] is UNKNOWN
    assert found.properties["nested"]["port"] is UNKNOWN
    assert found.properties["nested"]["list"][0] is UNKNOWN
    assert found.references == {"vpcId": (vpc.urn,)}


def test_an_unknown_output_that_was_taken_from_nothing_was_not_given() -> None:
    found = taken(given(ROUTE, "route", {"instanceId": STRING, "gatewayId": "igw-1"}))["route"]
    assert found.properties == {"gatewayId": "igw-1"}


def test_a_resource_is_in_its_providers_region_unless_it_says_another() -> None:
    found = taken(given(VPC, "here", {}, "us-east-1"), given(VPC, "there", {"region": "eu-west-1"}, "us-east-1"))
    assert found["here"].properties["region"] == "us-east-1"
    assert found["there"].properties["region"] == "eu-west-1"


def test_an_id_among_the_outputs_counts() -> None:
    assert taken(given(VPC, "vpc", {"id": "vpc-1", "arn": "arn:aws:ec2:x:1:vpc/vpc-2"}))["vpc"].id == "vpc-1"


def test_an_id_is_told_by_the_arn() -> None:
    assert taken(given(VPC, "vpc", {"arn": "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"}))["vpc"].id == "vpc-1"


def test_an_id_is_told_by_what_others_took() -> None:
    vpc = given(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"})
    assert taken(vpc, given(SUBNET, "subnet", {"vpcId": "vpc-1"}, vpcId=[vpc]))["vpc"].id == "vpc-1"


def test_what_others_took_is_no_id_if_it_is_another_output_or_they_disagree() -> None:
    vpc = given(VPC, "vpc", {"cidrBlock": "10.0.0.0/16", "ownerId": "1"})
    owner = given(SUBNET, "owner", {"ownerId": "1"}, ownerId=[vpc])
    block = given(SUBNET, "block", {"cidrBlock": "10.0.0.0/16"}, cidrBlock=[vpc])
    assert taken(vpc, owner, block)["vpc"].id is UNKNOWN
    one, two = (given(SUBNET, name, {"vpcId": name}, vpcId=[vpc]) for name in ("vpc-1", "vpc-2"))
    assert taken(vpc, one, two)["vpc"].id is UNKNOWN
    other = given(VPC, "other", {})
    assert taken(vpc, other, given(SUBNET, "both", {"vpcId": "vpc-1"}, vpcId=[vpc, other]))["vpc"].id is UNKNOWN


def test_a_component_has_no_id_whatever_it_hands_out() -> None:
    assert taken(given("estate:network:Vpc", "network", {"id": "vpc-1"}))["network"].id == ""


def test_a_resource_of_a_provider_that_nobody_knows_is_not_taken_for_a_component() -> None:
    assert taken(given("cloudflare:index/tunnel:Tunnel", "way-in", {}))["way-in"].id is UNKNOWN
