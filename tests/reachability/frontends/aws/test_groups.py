"""What security groups let through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.aws.builders import (
    Estate,
    entry,
    everything,
    group,
    instance,
    resource,
    subnet,
    tcp,
    udp,
    vpc,
)

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")
OPEN = group(NET)
CLIENT = instance(A, "client", "10.0.1.9", [OPEN])
OTHER = instance(A, "other", "10.0.1.8", [OPEN])
BASE = [NET, A, OPEN, CLIENT, OTHER]


def server(*ingress: dict, **more: object) -> list:
    own = group(NET, "server", ingress=list(ingress), **more)
    return [own, instance(A, "server", "10.0.1.10", [own])]


def test_a_rule_lets_in_what_it_names_and_nothing_else() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
    estate = Estate(BASE, server(entry(443, cidrBlocks=["10.0.1.9/32"])))
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", tcp(444)).startswith("dropped by securitygroup-server server in")
    assert estate.outcome("client", "10.0.1.10", udp(443)).startswith("dropped")
    assert estate.outcome("other", "10.0.1.10").startswith("dropped")


def test_a_rule_is_called_by_its_group_and_what_it_says() -> None:
    estate = Estate(BASE, server(entry(443, cidrBlocks=["10.0.1.9/32"])))
    found = estate.trace("client", "10.0.1.10", tcp(443))
    assert "securitygroup-server server: in tcp 443 from 10.0.1.9/32" in [hop.decided_by for hop in found.hops]
    assert found.hops[-2].origin.endswith("securityGroup:SecurityGroup::server")


def test_answers_come_back_whatever_the_rules_say() -> None:
    estate = Estate(BASE, server(entry(443, cidrBlocks=["10.0.1.9/32"]), egress=[]))
    assert estate.reply("client", "10.0.1.10") == "passes"
    assert estate.outcome("server", "10.0.1.9").startswith("dropped by securitygroup-server server out")


def test_a_group_without_rules_lets_nothing_through() -> None:
    estate = Estate(BASE, server(egress=[]))
    assert estate.outcome("client", "10.0.1.10").startswith("dropped")
    assert estate.outcome("server", "10.0.1.9").startswith("dropped")


def test_the_rules_of_all_groups_of_an_interface_count() -> None:
    one, two = (
        group(NET, "one", ingress=[entry(1, cidrBlocks=["0.0.0.0/0"])]),
        group(NET, "two", ingress=[entry(2, cidrBlocks=["0.0.0.0/0"])]),
    )
    estate = Estate(BASE, one, two, instance(A, "server", "10.0.1.10", [one, two]))
    assert estate.outcome("client", "10.0.1.10", tcp(1)) == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", tcp(2)) == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", tcp(3)).startswith("dropped")


def test_rules_may_be_resources_of_three_kinds() -> None:
    own, host = server()
    first = resource(
        "ec2/securityGroupRule",
        "first",
        type="ingress",
        securityGroupId=own.id,
        protocol="tcp",
        fromPort=1,
        toPort=1,
        cidrBlocks=["0.0.0.0/0"],
    )
    second = resource(
        "vpc/securityGroupIngressRule",
        "second",
        securityGroupId=own.id,
        ipProtocol="tcp",
        fromPort=2.0,
        toPort=2.0,
        cidrIpv4="0.0.0.0/0",
    )
    closed = group(NET, "closed", egress=[])
    third = resource(
        "vpc/securityGroupEgressRule", "third", securityGroupId=closed.id, ipProtocol="-1", cidrIpv4="10.0.1.9/32"
    )
    estate = Estate(BASE, own, host, first, second, third, closed, instance(A, "quiet", "10.0.1.11", [closed]))
    assert estate.outcome("client", "10.0.1.10", tcp(1)) == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", tcp(2)) == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", tcp(3)).startswith("dropped")
    assert estate.outcome("quiet", "10.0.1.9") == "delivered to client"
    assert estate.outcome("quiet", "10.0.1.8").startswith("dropped")


def test_a_rule_that_state_tells_twice_counts_once() -> None:
    own, host = server(entry(443, cidrBlocks=["10.0.1.9/32"]))
    rule = resource(
        "vpc/securityGroupIngressRule",
        "rule",
        securityGroupId=own.id,
        ipProtocol="tcp",
        fromPort=443,
        toPort=443,
        cidrIpv4="10.0.1.9/32",
    )
    estate = Estate(BASE, own, host, rule)
    (found,) = estate.assembly.stages["interface server ingress"].chain.rules
    assert found.origin == rule.urn


def test_a_reference_stands_for_the_private_addresses_of_the_groups_interfaces() -> None:
    own, host = server(entry(443, securityGroups=["securitygroup-friends"]))
    friends = group(NET, "friends")
    friend = instance(A, "friend", "10.0.1.20", [friends])
    estate = Estate(BASE, own, host, friends, friend)
    assert estate.outcome("friend", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10").startswith("dropped")


def test_self_stands_for_the_other_interfaces_of_the_group() -> None:
    own, host = server(entry(443, self=True))
    twin = instance(A, "twin", "10.0.1.20", [own])
    estate = Estate(BASE, own, host, twin)
    assert estate.outcome("twin", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10").startswith("dropped")


def test_groups_that_refer_to_each_other_are_no_trouble() -> None:
    one = group(NET, "one", ingress=[entry(1, securityGroups=["securitygroup-two"])])
    two = group(NET, "two", ingress=[entry(2, securityGroups=["securitygroup-one"])])
    estate = Estate(BASE, one, two, instance(A, "x", "10.0.1.20", [one]), instance(A, "y", "10.0.1.21", [two]))
    assert estate.outcome("x", "10.0.1.21", tcp(2)) == "delivered to y"
    assert estate.outcome("y", "10.0.1.20", tcp(1)) == "delivered to x"


def test_a_prefix_list_stands_for_its_blocks() -> None:
    listed = resource("ec2/managedPrefixList", "list", entries=[{"cidr": "10.0.1.9/32"}])
    estate = Estate(BASE, server(entry(443, prefixListIds=[listed.id])), listed)
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("other", "10.0.1.10").startswith("dropped")


def test_a_prefix_list_of_somebody_else_may_hold_anything() -> None:
    estate = Estate(BASE, server(entry(443, prefixListIds=["pl-theirs"])))
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", may=False).startswith("dropped")


def test_an_instance_that_names_no_group_has_the_default_one() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
    estate = Estate(BASE, instance(A, "one", "10.0.1.20"), instance(A, "two", "10.0.1.21"))
    assert estate.outcome("one", "10.0.1.21") == "delivered to two"
    assert estate.outcome("one", "10.0.1.9") == "delivered to client"
    assert estate.outcome("client", "10.0.1.20").startswith("dropped by net default group in")


def test_a_managed_default_group_without_rules_is_closed() -> None:
    closed = resource("ec2/defaultSecurityGroup", "default", vpcId=NET.id, ingress=[], egress=[])
    estate = Estate(BASE, closed, instance(A, "one", "10.0.1.20"), instance(A, "two", "10.0.1.21"))
    assert estate.outcome("one", "10.0.1.21").startswith("dropped")


def test_the_resolver_and_the_metadata_service_are_not_filtered() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html (what groups do not filter)
    estate = Estate(BASE, server(egress=[]))
    assert estate.outcome("server", "10.0.0.2", udp(53)) == "delivered to net resolver"
    assert estate.outcome("server", "169.254.169.253", udp(53)) == "delivered to net resolver"
    assert estate.outcome("server", "169.254.169.254", tcp(80)) == "delivered to net metadata"


def test_a_vpc_without_dns_support_has_no_resolver() -> None:
    net = vpc(enableDnsSupport=False)
    estate = Estate(net, BASE[1:], server(egress=[]))
    assert estate.outcome("server", "10.0.0.2", udp(53)).startswith("dropped")


def test_a_packet_with_a_source_that_is_not_the_interfaces_own_does_not_leave() -> None:
    estate = Estate(BASE, server(everything()))
    own = estate.trace("client", "10.0.1.10", tcp(443), "10.0.1.9", spoof=True)
    forged = estate.trace("client", "10.0.1.10", tcp(443), "10.0.1.77", spoof=True)
    assert own.delivered
    assert "client: source/destination check" in forged.hops[-1].decided_by


def test_without_the_source_check_an_instance_sends_from_any_address() -> None:
    router = instance(A, "router", "10.0.1.30", [OPEN], sourceDestCheck=False)
    estate = Estate(BASE, server(everything()), router)
    assert estate.trace("router", "10.0.1.10", tcp(443), "10.0.1.77", spoof=True).delivered
    assert estate.assembly.machines[router.urn].forwards


@pytest.mark.parametrize(
    "field", [{"fromPort": UNKNOWN}, {"protocol": UNKNOWN}, {"cidrBlocks": UNKNOWN}, {"cidrBlocks": [UNKNOWN]}]
)
def test_what_is_unknown_in_a_rule_may_be_anything_and_must_be_nothing(field: dict) -> None:
    estate = Estate(BASE, server(entry(444, cidrBlocks=["10.0.1.0/24"]) | field))
    service = tcp(444) if "cidrBlocks" in field else tcp(443)
    assert estate.outcome("client", "10.0.1.10", service) == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", service, may=False).startswith("dropped")


def test_a_peer_that_the_cloud_fills_in_is_no_peer() -> None:
    own, host = server()
    rule = resource(
        "ec2/securityGroupRule",
        "rule",
        type="ingress",
        securityGroupId=own.id,
        protocol="tcp",
        fromPort=443,
        toPort=443,
        cidrBlocks=["10.0.1.9/32"],
        sourceSecurityGroupId=UNKNOWN,
    )
    estate = Estate(BASE, own, host, rule)
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("other", "10.0.1.10").startswith("dropped")


def test_an_unknown_list_of_rules_may_let_anything_in() -> None:
    own = group(NET, "server", ingress=UNKNOWN, references={"ingress": (OPEN.urn,)})
    estate = Estate(BASE, own, instance(A, "server", "10.0.1.10", [own]))
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", may=False).startswith("dropped")


def test_an_unknown_list_of_groups_may_be_any_of_the_vpcs() -> None:
    closed = group(NET, "closed", ingress=[])
    host = resource("ec2/instance", "server", subnetId=A.id, privateIp="10.0.1.10", vpcSecurityGroupIds=UNKNOWN)
    known = resource(
        "ec2/instance",
        "known",
        subnetId=A.id,
        privateIp="10.0.1.11",
        vpcSecurityGroupIds=[UNKNOWN],
        references={"vpcSecurityGroupIds": (closed.urn,)},
    )
    unknown = resource(
        "ec2/instance",
        "unknown",
        subnetId=A.id,
        privateIp="10.0.1.12",
        vpcSecurityGroupIds=UNKNOWN,
        references={"vpcSecurityGroupIds": ("urn:stack",)},
    )
    estate = Estate(BASE, closed, host, known, unknown)
    assert estate.outcome("client", "10.0.1.12") == "delivered to unknown"
    assert estate.outcome("client", "10.0.1.12", may=False).startswith("dropped")
    assert estate.outcome("client", "10.0.1.11").startswith("dropped")


def test_a_group_that_is_not_here_may_let_anything_through() -> None:
    estate = Estate(BASE, instance(A, "server", "10.0.1.10", ["sg-elsewhere"]))
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", may=False).startswith("dropped")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (entry(443, cidrBlocks=["10.0.0.0/99"]), "is not an IPv4 or IPv6 address or block"),
        (entry(443, cidrBlocks=["2001:db8::/32"]), "other address family"),
        (entry(443, cidrBlocks="10.0.0.0/8"), "is not a list"),
        ({"protocol": "tcp", "fromPort": "ssh", "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}, "is not a whole number"),
        ({"protocol": "tcp", "fromPort": 23, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}, "are not a range"),
        ({"protocol": "tcpp", "fromPort": 1, "toPort": 1, "cidrBlocks": ["0.0.0.0/0"]}, "is not an IP protocol"),
        ({"fromPort": 1, "toPort": 1, "cidrBlocks": ["0.0.0.0/0"]}, "no protocol"),
        ("not a rule", "cannot be read"),
    ],
)
def test_a_rule_that_cannot_be_read_is_a_reason_and_no_traceback(broken: object, reason: str) -> None:
    estate = Estate(BASE, server(broken))
    assert any(reason in each and "securityGroup:SecurityGroup::server" in each for each in estate.unmodelled)


def test_inline_rules_that_an_export_conceals_may_let_in_anything_and_nothing_for_certain() -> None:
    concealed, left_out = (
        replace(group(NET, "server", ingress=UNKNOWN), concealed=frozenset(names)) for names in (["ingress"], [])
    )
    host = instance(A, "server", "10.0.1.10", [concealed])
    estate = Estate(BASE, concealed, host)
    assert estate.outcome("client", "10.0.1.10") == "delivered to server"
    assert estate.outcome("client", "10.0.1.10", may=False).startswith("dropped")
    assert Estate(BASE, left_out, host).outcome("client", "10.0.1.10").startswith("dropped")


def test_groups_that_an_export_conceals_may_be_any() -> None:
    closed = group(NET, "closed", ingress=[])
    host = resource("ec2/instance", "server", subnetId=A.id, privateIp="10.0.1.10", vpcSecurityGroupIds=UNKNOWN)
    concealed = replace(host, concealed=frozenset({"vpcSecurityGroupIds"}))
    assert Estate(BASE, closed, concealed).outcome("client", "10.0.1.10") == "delivered to server"
    assert Estate(BASE, closed, concealed).outcome("client", "10.0.1.10", may=False).startswith("dropped")
