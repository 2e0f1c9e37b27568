"""What AWS's properties mean: rules, routes, addresses, whichever way they are written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lab.clouds.store import Resource
from lab.wiring import security
from lab.wiring.cloud.model import EVERYWHERE, Cloud, HealthCheck, Permission
from lab.wiring.cloud.read import read
from tests.lab.wiring import small

REGION = "us-east-1"


def account() -> small.Account:
    return small.Account(small.network())


def group_with(noun: str, **rule: Any) -> tuple[Permission, ...]:
    own = account()
    vpc = own.make("ec2/vpc", "vpc", REGION, cidrBlock="10.1.0.0/20")
    group = own.make("ec2/securityGroup", "sg", REGION, vpcId=vpc)
    own.make(noun, "sgr", REGION, securityGroupId=group, **rule)
    return read(own.made).groups[group].ingress


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "10.0.0.0/8"},
            "ip saddr 10.0.0.0/8 tcp dport 22 accept",
        ),
        ({"ipProtocol": "udp", "fromPort": 1, "toPort": 9, "cidrIpv4": "0.0.0.0/0"}, "udp dport 1-9 accept"),
        ({"ipProtocol": "-1", "cidrIpv4": "10.0.0.1/32"}, "ip saddr 10.0.0.1/32 accept"),
        ({"ipProtocol": "icmp", "fromPort": 3, "toPort": 4, "cidrIpv4": "0.0.0.0/0"}, "icmp type 3 icmp code 4 accept"),
        ({"ipProtocol": "icmp", "fromPort": -1, "toPort": -1, "cidrIpv4": "0.0.0.0/0"}, "ip protocol icmp accept"),
        ({"ipProtocol": "50", "cidrIpv4": "0.0.0.0/0"}, "ip protocol 50 accept"),
        ({"ipProtocol": "6", "fromPort": 0, "toPort": 65535, "cidrIpv4": "0.0.0.0/0"}, "ip protocol tcp accept"),
    ],
)
def test_a_group_rule_matches_what_aws_says_it_matches(rule: dict[str, Any], text: str) -> None:
    (permission,) = group_with("vpc/securityGroupIngressRule", **rule)
    assert security.rule(permission, "saddr", verdict="accept").startswith(text)


def test_a_rule_for_ipv6_lets_no_ipv4_in() -> None:
    """Without an IPv4 block the rule must vanish, not become one that matches every address."""
    assert group_with("vpc/securityGroupIngressRule", ipProtocol="-1", cidrIpv6="::/0") == ()


def test_the_older_kind_of_rule_and_rules_within_the_group_mean_the_same() -> None:
    older = group_with(
        "ec2/securityGroupRule", type="ingress", protocol="tcp", fromPort=22, toPort=22, cidrBlocks=["10.0.0.0/8"]
    )
    own = account()
    inline = [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["10.0.0.0/8"]}]
    group = own.make("ec2/securityGroup", "sg", REGION, vpcId="vpc-1", ingress=inline)
    within = read(own.made).groups[group].ingress
    assert [(each.protocol, each.ports, each.blocks) for each in older] == [
        ("tcp", (22, 22), (IPv4Network("10.0.0.0/8"),))
    ]
    assert [(each.protocol, each.ports, each.blocks) for each in within] == [
        ("tcp", (22, 22), (IPv4Network("10.0.0.0/8"),))
    ]


def test_a_prefix_list_is_replaced_by_its_entries() -> None:
    own = account()
    entries = [{"cidr": "10.0.0.0/8"}, {"cidr": "192.0.2.0/24"}]
    prefixes = own.make("ec2/managedPrefixList", "pl", REGION, entries=entries)
    group = own.make("ec2/securityGroup", "sg", REGION, vpcId="vpc-1")
    own.make(
        "vpc/securityGroupIngressRule", "sgr", REGION, securityGroupId=group, ipProtocol="-1", prefixListId=prefixes
    )
    (permission,) = read(own.made).groups[group].ingress
    assert permission.blocks == (IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.0/24"))


def test_an_unknown_prefix_list_matches_nothing() -> None:
    (permission,) = group_with("vpc/securityGroupIngressRule", ipProtocol="-1", prefixListId="pl-unknown")
    assert security.rule(permission, "saddr", verdict="accept") == ""


def test_acl_rules_are_in_order_of_their_numbers() -> None:
    own = account()
    vpc = own.make("ec2/vpc", "vpc", REGION, cidrBlock="10.1.0.0/20")
    everything = {"protocol": "-1", "cidrBlock": "0.0.0.0/0"}
    rules = [{**everything, "ruleNo": 300, "action": "allow"}, {**everything, "ruleNo": 20, "action": "deny"}]
    acl = own.make("ec2/networkAcl", "acl", REGION, vpcId=vpc, ingress=rules, egress=rules)
    own.make(
        "ec2/networkAclRule",
        "aclr",
        REGION,
        networkAclId=acl,
        ruleNumber=100,
        egress=False,
        ruleAction="allow",
        **everything,
    )
    assert [(rule.number, rule.allow) for rule in read(own.made).acls[acl].ingress] == [
        (20, False),
        (100, True),
        (300, True),
    ]
    assert not read(own.made).acls[acl].open


def test_a_default_acl_without_rules_lets_nothing_pass() -> None:
    own = account()
    vpc = own.make("ec2/vpc", "vpc", REGION, cidrBlock="10.1.0.0/20")
    acl = own.make("ec2/defaultNetworkAcl", "acl", REGION, vpcId=vpc, defaultNetworkAclId="acl-default")
    own.make("ec2/subnet", "subnet", REGION, vpcId=vpc, cidrBlock="10.1.0.0/24", availabilityZone="us-east-1a")
    cloud = read(own.made)
    assert not cloud.acls[acl].open


def test_the_acl_that_a_subnet_chose_goes_before_the_default_of_its_vpc() -> None:
    estate = small.build()
    vpc = estate.vpcs[REGION]
    subnet = next(iter(estate.subnets.values()))
    acl = estate.account.make("ec2/networkAcl", "acl", REGION, vpcId=vpc, subnetIds=[subnet])
    cloud = read(estate.resources)
    assert cloud.subnets[subnet].acl == acl
    others = {each.acl for each in cloud.subnets.values() if each.vpc == vpc and each.id != subnet}
    assert others == {estate.acls[REGION]}


def _instance(cloud: Cloud, id: str) -> IPv4Address | None:
    return next(each.public for each in cloud.interfaces if each.owner == id)


def test_a_public_address_is_found_whichever_way_it_was_given() -> None:
    own = account()
    vpc = own.make("ec2/vpc", "vpc", REGION, cidrBlock="10.1.0.0/20")
    subnet = own.make("ec2/subnet", "subnet", REGION, vpcId=vpc, cidrBlock="10.1.0.0/24", availabilityZone="us-east-1a")

    def instance(number: int, **more: Any) -> str:
        return own.make("ec2/instance", "i", REGION, subnetId=subnet, privateIp=f"10.1.0.{number}", **more)

    assigned = instance(10, publicIp="203.0.113.10")
    associated = instance(11)
    address = own.make("ec2/eip", "eipalloc", REGION, publicIp="203.0.113.11")
    own.make("ec2/eipAssociation", "eipassoc", REGION, allocationId=address, instanceId=associated)
    named = instance(12)
    own.make("ec2/eip", "eipalloc", REGION, publicIp="203.0.113.12", instance=named)
    none = instance(13, publicIp="")
    cloud = read(own.made)
    found = [_instance(cloud, each) for each in (assigned, associated, named, none)]
    assert found == [*(IPv4Address(f"203.0.113.{number}") for number in (10, 11, 12)), None]


def test_a_route_to_what_the_lab_does_not_wire_is_said_and_leads_nowhere() -> None:
    estate = small.build()
    table = estate.tables[REGION, "public-all"]
    estate.account.make(
        "ec2/route", "r", REGION, routeTableId=table, destinationCidrBlock="172.31.0.0/16", transitGatewayId="tgw-1"
    )
    cloud = read(estate.resources)
    assert any("tgw-1" in line for line in cloud.not_modelled)
    route = next(each for each in cloud.route_tables[table].routes if str(each.destination) == "172.31.0.0/16")
    assert route.target == ""


def test_a_health_check_is_read_as_it_is_declared() -> None:
    own = account()
    declared = {"protocol": "HTTP", "path": "/health", "matcher": "200", "interval": 10, "unhealthyThreshold": 3}
    by_http = own.make("lb/targetGroup", "tg", REGION, port=80, healthCheck=declared)
    by_tcp = own.make("lb/targetGroup", "tg", REGION, port=80, healthCheck={"protocol": "TCP", "path": ""})
    checks = read(own.made).health_checks
    assert checks[by_http] == HealthCheck(path="/health", matcher="200", interval_seconds=10, rise=5, fall=3)
    assert checks[by_tcp] == HealthCheck()


def test_a_terminated_instance_has_no_interface() -> None:
    estate = small.build()
    name, id = next(iter(estate.instances.items()))
    estate.account.change(id, instanceState="terminated")
    assert id not in {each.owner for each in read(estate.resources).interfaces}, f"{name} is gone"


def test_a_security_group_of_another_account_is_named_without_its_account() -> None:
    (permission,) = group_with("vpc/securityGroupIngressRule", ipProtocol="-1", referencedSecurityGroupId="1/sg-2")
    assert permission.group == "sg-2"


def test_everywhere_is_not_written_out() -> None:
    permission = Permission(id="x", protocol="all", ports=None, blocks=(EVERYWHERE, IPv4Network("10.0.0.0/8")))
    assert security.rule(permission, "saddr", verdict="accept") == 'accept comment "x"'


def test_a_resource_that_the_wiring_does_not_know_is_no_obstacle() -> None:
    other = Resource(urn="", type="aws:sns/topic:Topic", id="t", region=REGION, properties={})
    assert read([other]).vpcs == {}
