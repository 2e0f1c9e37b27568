"""VPCs and subnets that resources name by id only: what groups refuse is refused, the rest is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reachability.question import Places, ask, asked_services
from reachability.resources import Resource
from tests.reachability.frontends.aws.builders import (
    Estate,
    entry,
    everything,
    instance,
    resource,
    subnet,
    tcp,
    vpc,
)

HOME = "vpc-0123"
PLACE = subnet(vpc(), "unseen", id="subnet-0123")


def group(name: str, home: str = HOME, **rules: Any) -> Resource:
    return resource("ec2/securityGroup", name, vpcId=home, **{"ingress": [], "egress": [everything()]} | rules)


SSH = group("ssh", ingress=[entry(22, cidrBlocks=["0.0.0.0/0"])])
CLOSED = group("closed")
MEMBERS = group("members", ingress=[entry(5432, securityGroups=[SSH.id])])
WEB = instance(PLACE, "web", "10.0.1.10", [SSH], publicIp="203.0.113.9")
QUIET = instance(PLACE, "quiet", "10.0.1.11", [CLOSED], publicIp="203.0.113.10")
DATA = instance(PLACE, "data", "10.0.1.12", [MEMBERS])
BASE = [SSH, CLOSED, MEMBERS, WEB, QUIET, DATA]


def verdicts(estate: Estate, sender: str, to: str, port: int) -> set[str]:
    answer = ask(
        estate.prover, estate.sender(sender), Places(estate.prover, ()).target(to), asked_services("tcp", port)
    )
    return {flow.verdict for flow in answer.flows}


def test_what_the_groups_refuse_is_unreachable_wherever_the_subnet_is() -> None:
    estate = Estate(BASE)
    assert estate.unmodelled == ()
    assert verdicts(estate, "internet", "quiet", 22) == {"unreachable"}
    assert verdicts(estate, "internet", "web", 443) == {"unreachable"}
    assert "quiet" not in estate.reached("web")
    assert "data" not in estate.reached("quiet")


def test_what_the_groups_admit_depends_on_the_unknown_routes() -> None:
    estate = Estate(BASE)
    assert verdicts(estate, "internet", "web", 22) == {"not-modelled"}
    answer = ask(
        estate.prover, estate.sender("internet"), Places(estate.prover, ()).target("web"), asked_services("tcp", 22)
    )
    assert [flow.reasons for flow in answer.flows] == [
        (
            "whether vpc-0123 has an internet gateway is unknown: parts of it are not among the resources",
            "the network ACL of subnet-0123 is unknown",
        )
    ]
    assert "web" in estate.reached("internet")
    assert "web" not in estate.reached("internet", may=False)
    for to in ("internet", "quiet"):
        assert verdicts(estate, "web", to, 443) == {"not-modelled"}
    assert estate.prover.unmodelled(estate.sender("web")) == (
        "subnet-0123 is not among the resources, so its routes are unknown",
    )
    silent = group("silent", egress=[])
    mute = instance(PLACE, "mute", "10.0.1.13", [silent])
    assert verdicts(Estate(BASE, silent, mute), "mute", "quiet", 443) == {"unreachable"}


def test_within_one_subnet_nothing_is_unknown() -> None:
    estate = Estate(BASE)
    assert verdicts(estate, "web", "data", 5432) == {"reachable"}
    assert estate.outcome("web", "10.0.1.12", tcp(5432)) == "delivered to data"


def test_others_in_the_vpc_may_send_from_any_address() -> None:
    estate = Estate(BASE)
    assert estate.reached("outside the rest of vpc-0123")["web"] == ["tcp 22"]
    assert "quiet" not in estate.reached("outside the rest of vpc-0123")


def test_a_group_that_is_not_known_may_admit_anything() -> None:
    for groups in ([], ["sg-elsewhere"]):
        estate = Estate(instance(PLACE, "web", "10.0.1.10", groups, publicIp="203.0.113.9"))
        assert estate.unmodelled == ()
        assert verdicts(estate, "internet", "web", 22) == {"not-modelled"}


def test_a_subnet_that_is_not_known_in_a_known_vpc_is_behind_its_local_routes() -> None:
    net = vpc()
    near = subnet(net, "near", "10.0.2.0/24")
    own = [group(name, net.id, ingress=[entry(22, cidrBlocks=["10.0.0.0/16"])]) for name in ("here", "there")]
    here, there = instance(near, "here", "10.0.2.10", [own[0]]), instance(PLACE, "there", "10.0.1.10", [own[1]])
    estate = Estate(net, near, own, here, there)
    assert estate.unmodelled == ()
    assert verdicts(estate, "here", "there", 443) == {"unreachable"}
    assert verdicts(estate, "here", "there", 22) == {"not-modelled"}
    assert verdicts(estate, "internet", "there", 22) == {"unreachable"}
    shown = [replace(each, properties={**each.properties, "publicIp": "203.0.113.9"}) for each in (here, there)]
    wide = [replace(each, properties={**each.properties, "ingress": [everything()]}) for each in own]
    shared = Estate(net, near, wide, shown)
    for name in ("here", "there"):
        assert verdicts(shared, "internet", name, 22) == {"not-modelled"}, "another stack may have the gateway"


def test_groups_of_two_vpcs_do_not_tell_where_a_subnet_is() -> None:
    two = group("two", "vpc-0456")
    assert Estate(SSH, two, instance(PLACE, "web", "10.0.1.10", [SSH, two])).unmodelled != ()
    apart = [instance(PLACE, "web", "10.0.1.10", [SSH]), instance(PLACE, "other", "10.0.1.11", [two])]
    assert Estate(SSH, two, apart).unmodelled != ()


@pytest.mark.parametrize("address", [None, "10.0.1.10"])
def test_an_address_that_is_not_known_may_be_any_private_one(address: str | None) -> None:
    ranges = ["10.0.0.0/16", "172.31.0.0/16", "8.8.0.0/16"]
    wanted = [group(f"from-{each}", ingress=[entry(22, cidrBlocks=[each])]) for each in ranges]
    there = [instance(PLACE, each.name, f"10.0.1.{20 + n}", [each]) for n, each in enumerate(wanted)]
    estate = Estate(SSH, wanted, there, instance(PLACE, "web", address, [SSH]))
    assert estate.unmodelled == ()
    admitted = {f"from-{ranges[0]}"} | (set() if address else {f"from-{ranges[1]}"})
    assert {each for each in estate.reached("web") if each.startswith("from-")} == admitted


def test_an_address_beside_the_known_one_is_known_too() -> None:
    estate = Estate(SSH, instance(PLACE, "web", "10.0.1.10", [SSH], secondaryPrivateIps=["10.0.1.99"]))
    assert estate.unmodelled == ()


PLACES = ["subnet-0123", "subnet-0456"]
SERVICES: list[tuple[str, dict[str, Any]]] = [
    ("lambda/function", {"vpcConfig": {"subnetIds": PLACES, "securityGroupIds": [SSH.id]}}),
    ("ecs/service", {"networkConfiguration": {"subnets": PLACES, "securityGroups": [SSH.id], "assignPublicIp": True}}),
    ("rds/proxy", {"vpcSubnetIds": PLACES, "vpcSecurityGroupIds": [SSH.id]}),
    ("efs/mountTarget", {"subnetId": PLACES[0], "securityGroups": [SSH.id], "ipAddress": "10.0.1.77"}),
    ("lb/loadBalancer", {"subnets": PLACES, "securityGroups": [SSH.id], "internal": False}),
    ("eks/cluster", {"vpcConfig": {"subnetIds": PLACES, "vpcId": HOME, "securityGroupIds": [SSH.id]}}),
]


@pytest.mark.parametrize(("type_", "given"), SERVICES)
def test_a_service_in_a_subnet_that_is_not_known_is_judged_by_its_groups(type_: str, given: dict[str, Any]) -> None:
    estate = Estate(BASE, resource(type_, "thing", **given))
    assert estate.unmodelled == ()
    if not type_.startswith("lb/"):
        assert "data" in estate.reached("thing"), "it is a member of the group that may come in"
        assert "quiet" not in estate.reached("thing")
        assert "tcp 22" in estate.reached("quiet")["thing"] or type_ == "eks/cluster"
        assert verdicts(estate, "internet", "web", 443) == {"unreachable"}, "nothing else is unknown by it"


def test_services_of_two_subnets_that_are_not_known_may_reach_each_other() -> None:
    one = resource("lambda/function", "one", vpcConfig={"subnetIds": PLACES[:1], "securityGroupIds": [CLOSED.id]})
    two = resource("lambda/function", "two", vpcConfig={"subnetIds": PLACES[1:], "securityGroupIds": [SSH.id]})
    estate = Estate(BASE, one, two)
    assert estate.unmodelled == ()
    assert set(estate.reached("one")["two"]) == {"tcp 22"}
    assert "two" not in estate.reached("one", may=False)


def test_a_database_is_where_its_subnet_group_is() -> None:
    places = resource("rds/subnetGroup", "places", id="places", subnetIds=PLACES, vpcId=HOME)
    given = {"dbSubnetGroupName": "places", "publiclyAccessible": True}
    estate = Estate(BASE, places, resource("rds/instance", "db", vpcSecurityGroupIds=[MEMBERS.id], **given))
    assert estate.unmodelled == ()
    assert set(estate.reached("web")["db"]) == {"tcp 5432"} and "db" not in estate.reached("quiet")
    assert "db" not in estate.reached("internet")


def test_a_link_to_an_external_network_may_lead_to_a_vpc_that_is_not_known() -> None:
    net = vpc(cidr="10.1.0.0/16")
    near = subnet(net, "near", "10.1.2.0/24")
    peering = resource("ec2/vpcPeeringConnection", "peering", vpcId=net.id, peerVpcId="vpc-0999", acceptStatus="active")
    assert Estate(net, BASE).unmodelled == ()
    assert any("leads to the rest of vpc-0123" in each for each in Estate(net, near, peering, BASE).unmodelled)
    assert Estate(net, BASE, resource("ec2transitgateway/transitGateway", "tgw")).unmodelled != ()


def test_a_subnet_that_nothing_places_may_be_in_any_known_vpc() -> None:
    lost = instance(PLACE, "web", "10.0.1.10", ["sg-elsewhere"])
    assert Estate(lost).unmodelled == ()
    assert Estate(lost, vpc()).unmodelled != ()


def test_a_group_shared_with_other_vpcs_does_not_tell_where_a_subnet_is() -> None:
    shared = resource("vpc/securityGroupVpcAssociation", "shared", securityGroupId=SSH.id, vpcId="vpc-0456")
    assert Estate(SSH, WEB, shared).unmodelled != ()


def test_others_in_two_vpcs_that_are_not_known_may_be_linked() -> None:
    far = group("far", "vpc-0456", ingress=[entry(22, cidrBlocks=["0.0.0.0/0"])])
    there = instance(subnet(vpc(), "far", id="subnet-0456"), "there", "10.9.1.10", [far])
    estate = Estate(BASE, far, there)
    reached = estate.reached("outside the rest of vpc-0123, vpc-0456")
    assert (reached["web"], reached["there"]) == (["tcp 22"], ["tcp 22"])
    assert verdicts(estate, "web", "there", 22) == {"not-modelled"}
