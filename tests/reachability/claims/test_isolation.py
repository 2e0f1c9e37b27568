"""No way from one ServiceInstance to another."""

from __future__ import annotations

import pytest

from estate.model import Role
from reachability.claims import Outcome
from reachability.resources import Resource
from tests.reachability.claims.estates import Built, packet, sentences

pytestmark = pytest.mark.slow

REGION = "eu-west-1"
PORT = 7777


def peered(one: Built, two: Built) -> Built:
    """Two networks whose VPCs in one region are peered, with a route there and back for private subnets."""
    vpcs = [built.resource(f"{built.network.name}-{REGION}-network-vpc") for built in (one, two)]
    more = []
    urn = f"urn:pulumi:{one.network.name}::estate::"
    type_ = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
    more.append(
        Resource(
            f"{urn}{type_}::shortcut",
            type_,
            "shortcut",
            "pcx-0shortcut",
            {"vpcId": vpcs[0].id, "peerVpcId": vpcs[1].id, "autoAccept": True, "region": REGION},
            {},
        )  # fmt: skip
    )
    for here, there in ((one, 78), (two, 77)):
        for zone in ("a", "b"):
            table = here.resource(f"{here.network.name}-{REGION}-private-routes-{zone}")
            name = f"shortcut-{here.network.name}-{zone}"
            properties = {
                "routeTableId": table.id, "destinationCidrBlock": f"10.{there}.16.0/20",
                "vpcPeeringConnectionId": "pcx-0shortcut", "region": REGION,
            }  # fmt: skip
            more.append(
                Resource(f"{urn}aws:ec2/route:Route::{name}", "aws:ec2/route:Route", name, name, properties, {})
            )
    return one.adding(*more)


def joined(sound: Built, other: Built) -> Built:
    """A connection from a private sentry to one of another network that everything on its way lets through."""
    source, target = sound.host(Role.PRIVATE_SENTRY, REGION), other.host(Role.PRIVATE_SENTRY, REGION)
    theirs = (
        other.filtering_nothing(REGION)
        .permitting("private-sentry", REGION, "tcp", PORT, "0.0.0.0/0")
        .accepting(target, "input", f"tcp dport {PORT} accept")
    )
    ours = (
        peered(sound, other)
        .filtering_nothing(REGION)
        .permitting("private-sentry", REGION, "tcp", PORT, f"{target.address}/32", egress=True)
        .accepting(source, "output", f"tcp dport {PORT} accept")
    )
    return ours.beside(theirs)


def test_a_peering_between_two_networks_is_a_way_from_one_to_the_other(sound: Built, other: Built):
    found = joined(sound, other).verdict("no-instance-traversal")
    source, target = sound.host(Role.PRIVATE_SENTRY, REGION), other.host(Role.PRIVATE_SENTRY, REGION)
    assert found.outcome is Outcome.REFUTED
    assert f"{source.name} reaches {target.name} of juno" in sentences(found)
    assert (packet(found)["dst"], packet(found)["dst_port"]) == (str(target.address), PORT)


def test_a_peering_that_no_group_lets_anything_through_is_no_way(sound: Built, other: Built):
    found = peered(sound, other).beside(other).verdict("no-instance-traversal")
    assert (found.outcome, found.sentences) == (Outcome.PROVED, ())


def test_for_one_network_alone_a_link_to_a_vpc_that_is_nobodys_is_a_way_out(sound: Built, other: Built):
    both = joined(sound, other)
    alone = Built(both.network, both.resources, both.rulesets, both.sites, both.guests)
    found = alone.verdict("no-instance-traversal")
    assert found.outcome is Outcome.REFUTED
    assert "reaches outside" in sentences(found)


def test_what_anybody_may_open_is_no_traversal(sound: Built, other: Built):
    """Seeds and public sentries dial peers wherever they are, those of our other networks too."""
    case = sound.beside(other).case()
    sentry = case.sender(sound.host(Role.PUBLIC_SENTRY, REGION).name)
    assert sentry is not None
    reached = {arrival.to for arrival in case.arrivals(sentry)}
    assert other.host(Role.PUBLIC_SENTRY, REGION).name in reached, "by its public address"
    assert sound.beside(other).verdict("no-instance-traversal").outcome is Outcome.PROVED


def test_what_only_one_of_our_hosts_may_open_at_another_network_is_traversal(sound: Built, other: Built):
    """The other network lets in a port from the public address of one of our hosts, and from nobody else."""
    source, target = sound.host(Role.PUBLIC_SENTRY, REGION), other.host(Role.PUBLIC_SENTRY, REGION)
    address = sound.resource(f"{source.name}-address").properties["publicIp"]
    theirs = (
        other.filtering_nothing(REGION)
        .permitting("public-sentry", REGION, "tcp", PORT, f"{address}/32")
        .accepting(target, "input", f"ip saddr {address} tcp dport {PORT} accept")
    )
    found = sound.beside(theirs).verdict("no-instance-traversal")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["dst_port"] == PORT


def test_a_partner_is_reached_at_its_declared_ports_only(sound: Built):
    sentry = sound.host(Role.PRIVATE_SENTRY, REGION)
    changed = sound.permitting("private-sentry", REGION, "tcp", 22, "172.20.77.0/24", egress=True)
    changed = changed.filtering_nothing(REGION).accepting(sentry, "output", "tcp dport 22 accept")
    found = changed.verdict("no-instance-traversal")
    assert (found.outcome, packet(found)["dst_port"]) == (Outcome.REFUTED, 22)
