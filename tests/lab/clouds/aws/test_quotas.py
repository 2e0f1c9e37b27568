"""AWS stops at an account's quotas: by default where AWS's documents say, beyond it where a quota was raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from estate.model import QuotaSet
from lab.clouds.aws.services import tokens as t
from lab.clouds.aws.services.virtual_processors import bucket_of, vcpus_of
from lab.clouds.aws.world import Quotas, read_world
from lab.clouds.errors import RefusedCall
from tests.lab.clouds.aws.landscape import IMAGE, REGION, Landscape

ELSEWHERE = "us-east-1"


@dataclass(frozen=True)
class Limited:
    """What AWS limits.

    Attributes:
        quota: its name.
        default: how many there may be, by AWS's documents.
        code: with which AWS refuses one more.
        prepare: makes what they need.
        make: makes the one with a number, from 0.
    """

    quota: str
    default: int
    code: str
    make: Callable[[Landscape, int], object]
    prepare: Callable[[Landscape], object] = lambda land: None


def vpc(land: Landscape, number: int = 0) -> str:
    return land.make(f"vpc {number}", t.VPC, cidrBlock=f"10.{number}.0.0/16")


def subnet(land: Landscape) -> None:
    land.make("gateway", t.INTERNET_GATEWAY, vpcId=vpc(land))
    land.make("subnet", t.SUBNET, vpcId=land.id("vpc 0"), cidrBlock="10.0.0.0/24", availabilityZone=f"{REGION}a")


def nat_gateway(land: Landscape, number: int) -> str:
    address = land.make(f"address {number}", t.EIP, domain="vpc")
    return land.make(f"nat {number}", t.NAT_GATEWAY, subnetId=land.id("subnet"), allocationId=address)


def instance(land: Landscape, number: int) -> str:
    return land.make(f"node {number}", t.INSTANCE, ami=IMAGE, instanceType="t2.micro", subnetId=land.id("subnet"))


def group(land: Landscape) -> str:
    return land.make("group", t.SECURITY_GROUP, vpcId=vpc(land), name="nodes")


def rule(land: Landscape, number: int, token: str = t.SECURITY_GROUP_INGRESS_RULE, **peer: str) -> str:
    ports = {"ipProtocol": "tcp", "fromPort": 1 + number, "toPort": 1 + number}
    given = peer or {"cidrIpv4": "10.0.0.0/8"}
    return land.make(f"{token} {given} {number}", token, securityGroupId=land.id("group"), **ports, **given)


def table(land: Landscape) -> str:
    land.make("gateway", t.INTERNET_GATEWAY, vpcId=vpc(land))
    return land.make("table", t.ROUTE_TABLE, vpcId=land.id("vpc 0"))


def route(land: Landscape, number: int) -> str:
    block = f"172.{16 + number // 256}.{number % 256}.0/24"
    return land.make(
        f"route {number}",
        t.ROUTE,
        routeTableId=land.id("table"),
        destinationCidrBlock=block,
        gatewayId=land.id("gateway"),
    )


def customer(land: Landscape, number: int) -> str:
    address = f"198.51.100.{number}"
    return land.make(f"site {number}", t.CUSTOMER_GATEWAY, type="ipsec.1", bgpAsn="65010", ipAddress=address)


def gateways(land: Landscape) -> None:
    customer(land, 1)
    for number in range(6):
        land.make(f"vpn gateway {number}", t.VPN_GATEWAY)


def connection(land: Landscape, number: int, gateway: int = 0) -> str:
    ends = {"customerGatewayId": land.id("site 1"), "vpnGatewayId": land.id(f"vpn gateway {gateway}")}
    return land.make(f"tunnels {gateway} {number}", t.VPN_CONNECTION, type="ipsec.1", **ends)


LIMITED = [
    Limited("vpcs_per_region", 5, "VpcLimitExceeded", vpc),
    Limited(
        "vpcs_per_region",
        5,
        "InternetGatewayLimitExceeded",
        lambda land, number: land.make(f"gateway {number}", t.INTERNET_GATEWAY),
    ),
    Limited(
        "elastic_ips_per_region",
        5,
        "AddressLimitExceeded",
        lambda land, number: land.make(f"address {number}", t.EIP, domain="vpc"),
    ),
    Limited("nat_gateways_per_zone", 5, "NatGatewayLimitExceeded", nat_gateway, subnet),
    Limited("on_demand_standard_vcpus", 5, "VcpuLimitExceeded", instance, subnet),
    Limited("rules_per_security_group", 60, "RulesPerSecurityGroupLimitExceeded", rule, group),
    Limited(
        "route_tables_per_vpc",
        200 - 1,
        "RouteTableLimitExceeded",
        lambda land, number: land.make(f"table {number}", t.ROUTE_TABLE, vpcId=land.id("vpc 0")),
        vpc,
    ),
    Limited("routes_per_route_table", 500 - 1, "RouteLimitExceeded", route, table),
    Limited("customer_gateways_per_region", 50, "CustomerGatewayLimitExceeded", customer),
    Limited(
        "vpn_gateways_per_region",
        5,
        "VpnGatewayLimitExceeded",
        lambda land, number: land.make(f"vpn gateway {number}", t.VPN_GATEWAY),
    ),
    Limited("vpn_connections_per_gateway", 10, "VpnConnectionLimitExceeded", connection, gateways),
    Limited(
        "vpn_connections_per_region",
        50,
        "VpnConnectionLimitExceeded",
        lambda land, number: connection(land, number, gateway=number // 10),
        gateways,
    ),
]
NEEDED = {
    "nat_gateways_per_zone": {"elastic_ips_per_region": 10},
    "vpn_connections_per_gateway": {"vpn_gateways_per_region": 6},
    "vpn_connections_per_region": {"vpn_gateways_per_region": 6},
}
"""What must be raised so that nothing else stops first."""


@pytest.mark.slow
@pytest.mark.parametrize("limited", LIMITED, ids=lambda each: f"{each.quota}-{each.code}")
def test_as_many_are_made_as_the_quota_says_and_one_more_only_where_it_is_raised(
    land: Landscape, limited: Limited
) -> None:
    land.granted(**NEEDED.get(limited.quota, {}))
    limited.prepare(land)
    for number in range(limited.default):
        limited.make(land, number)
    with pytest.raises(RefusedCall) as refused:
        limited.make(land, limited.default)
    assert refused.value.code == limited.code
    raised = {**NEEDED.get(limited.quota, {}), limited.quota: getattr(Quotas(), limited.quota) + 1}
    land.granted(ELSEWHERE, **raised)
    with pytest.raises(RefusedCall):
        limited.make(land, limited.default)
    land.granted(**raised)
    limited.make(land, limited.default)


@pytest.mark.slow
def test_rules_of_each_direction_and_ip_version_count_by_themselves(land: Landscape) -> None:
    group(land)
    for number in range(60):
        rule(land, number)
        rule(land, number, cidrIpv6="2001:db8::/32")
        rule(land, number, t.SECURITY_GROUP_EGRESS_RULE)
    for peer in ({"cidrIpv4": "10.0.0.0/8"}, {"cidrIpv6": "2001:db8::/32"}):
        with pytest.raises(RefusedCall, match="61 of 60"):
            rule(land, 60, **peer)


@pytest.mark.slow
def test_a_rule_about_a_group_counts_for_both_ip_versions(land: Landscape) -> None:
    group(land)
    for number in range(60):
        rule(land, number, referencedSecurityGroupId=land.id("group"))
    with pytest.raises(RefusedCall, match="61 of 60 for IPv6"):
        rule(land, 60, cidrIpv6="2001:db8::/32")


def test_a_prefix_list_counts_as_often_as_it_may_have_entries(land: Landscape) -> None:
    group(land)
    prefixes = land.make("prefixes", t.MANAGED_PREFIX_LIST, name="many", addressFamily="IPv4", maxEntries=40)
    rule(land, 0, prefixListId=prefixes)
    with pytest.raises(RefusedCall, match="80 of 60 for IPv4"):
        rule(land, 1, prefixListId=prefixes)
    for number in range(20):
        rule(land, number)
    rule(land, 1, cidrIpv6="2001:db8::/32")
    with pytest.raises(RefusedCall, match="61 of 60 for IPv4"):
        rule(land, 20)


def test_a_larger_instance_type_is_refused_as_another_instance_would_be(land: Landscape) -> None:
    subnet(land)
    instance(land, 0)
    land.update("node 0", instanceType="m6i.xlarge")
    with pytest.raises(RefusedCall) as refused:
        land.update("node 0", instanceType="m6i.2xlarge")
    assert refused.value.code == "VcpuLimitExceeded"


@pytest.mark.parametrize(
    ("instance_type", "bucket", "count"),
    [
        ("t2.micro", "standard", 1),
        ("t3.small", "standard", 2),
        ("t4g.medium", "standard", 2),
        ("m7a.medium", "standard", 1),
        ("m6i.large", "standard", 2),
        ("m6i.xlarge", "standard", 4),
        ("c5.18xlarge", "standard", 72),
        ("m7i.metal-24xl", "standard", 96),
        ("i3.metal", "standard", 72),
        ("x2idn.16xlarge", "x", 64),
        ("g5.xlarge", "g", 4),
        ("inf1.xlarge", "inf", 4),
    ],
)
def test_a_type_counts_as_many_virtual_processors_as_aws_lists(instance_type: str, bucket: str, count: int) -> None:
    assert (bucket_of(instance_type), vcpus_of(instance_type)) == (bucket, count)


def test_every_quota_that_can_be_declared_is_known(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    raised = dict.fromkeys(QuotaSet.model_fields, 1000)
    path.write_text(json.dumps({"quotas": {REGION: raised}}))
    world = read_world(path)
    assert {name: getattr(world.quotas_in(REGION), name) for name in raised} == raised
    assert world.quotas_in(ELSEWHERE) == Quotas()


def test_an_unknown_quota_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps({"quotas": {REGION: {"moons": 1}}}))
    with pytest.raises(ValueError, match="unknown quotas"):
        read_world(path)
