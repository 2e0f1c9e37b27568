"""Peerings between VPCs."""

from __future__ import annotations

from typing import Any

from tests.reachability.frontends.aws.builders import (
    REGION,
    Estate,
    associated,
    entry,
    group,
    instance,
    internet_gateway,
    resource,
    route,
    subnet,
    table,
    tcp,
    vpc,
)

ONE, TWO = vpc("one", "10.0.0.0/16"), vpc("two", "10.1.0.0/16")
A, B = subnet(ONE, "a", "10.0.1.0/24"), subnet(TWO, "b", "10.1.1.0/24")
OPEN_A, OPEN_B = group(ONE, "open-a"), group(TWO, "open-b")
X, Y = instance(A, "x", "10.0.1.10", [OPEN_A]), instance(B, "y", "10.1.1.10", [OPEN_B])
BASE = [ONE, TWO, A, B, OPEN_A, OPEN_B, X, Y]


def peering(one: Any = ONE, two: Any = TWO, name: str = "pcx", **more: Any) -> Any:
    return resource("ec2/vpcPeeringConnection", name, vpcId=one.id, peerVpcId=two.id, **more)


def accepter(of: Any, name: str = "acceptance", **more: Any) -> Any:
    return resource(
        "ec2/vpcPeeringConnectionAccepter", name, vpcPeeringConnectionId=of.id, **({"autoAccept": True} | more)
    )


def ways(of: Any, one: Any = A, two: Any = B) -> list[Any]:
    there = table(ONE, "there", [{"cidrBlock": "10.1.0.0/16", "vpcPeeringConnectionId": of.id}])
    back = table(TWO, "back", [{"cidrBlock": "10.0.0.0/16", "vpcPeeringConnectionId": of.id}])
    return [there, back, associated(there, one), associated(back, two)]


def test_an_accepted_peering_joins_two_vpcs() -> None:
    # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
    link = peering(autoAccept=True)
    estate = Estate(BASE, link, ways(link))
    assert estate.outcome("x", "10.1.1.10") == "delivered to y"
    assert estate.reply("x", "10.1.1.10") == "passes"


def test_both_sides_must_accept() -> None:
    link = peering()
    assert Estate(BASE, link, ways(link)).outcome("x", "10.1.1.10") == "dropped by peering pcx is not accepted"
    assert Estate(BASE, link, ways(link), accepter(link)).outcome("x", "10.1.1.10") == "delivered to y"
    refused = accepter(link, autoAccept=False)
    assert Estate(BASE, link, ways(link), refused).outcome("x", "10.1.1.10").startswith("dropped")
    active = peering(acceptStatus="active")
    assert Estate(BASE, active, ways(active)).outcome("x", "10.1.1.10") == "delivered to y"


def test_without_a_route_back_no_answer_comes() -> None:
    link = peering(autoAccept=True)
    estate = Estate(BASE, link, [each for each in ways(link) if each.name not in ("back", "back-b")])
    assert estate.outcome("x", "10.1.1.10") == "delivered to y"
    assert estate.reply("x", "10.1.1.10") == "dropped"


def test_a_peering_leads_no_further_than_its_vpc() -> None:
    # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-limitations
    third = vpc("three", "10.2.0.0/16")
    c = subnet(third, "c", "10.2.1.0/24")
    open_c = group(third, "open-c")
    z = instance(c, "z", "10.2.1.10", [open_c])
    first, second = peering(autoAccept=True), peering(TWO, third, "second", autoAccept=True)
    roads = ways(first)
    on = [
        route(roads[0], "on", "10.2.0.0/16", vpcPeeringConnectionId=first.id),
        route(roads[1], "further", "10.2.0.0/16", vpcPeeringConnectionId=second.id),
    ]
    estate = Estate(BASE, third, c, open_c, z, first, second, roads, on)
    assert estate.outcome("y", "10.2.1.10") == "delivered to z"
    assert estate.outcome("x", "10.2.1.10").startswith("dropped")


def test_nobody_uses_the_gateway_of_a_peer() -> None:
    link = peering(autoAccept=True)
    roads = ways(link)
    gateway = internet_gateway(TWO)
    out = [
        route(roads[0], "out", "0.0.0.0/0", vpcPeeringConnectionId=link.id),
        route(roads[1], "theirs", "0.0.0.0/0", gatewayId=gateway.id),
    ]
    found = Estate(BASE, link, roads, gateway, out).trace("x", "198.51.100.7", tcp(443))
    assert (found.hops[-1].at, found.hops[-1].decided_by) == ("vpc two", "no route to 198.51.100.7")


def test_vpcs_whose_blocks_overlap_cannot_be_joined() -> None:
    more = resource("ec2/vpcIpv4CidrBlockAssociation", "more", vpcId=TWO.id, cidrBlock="10.0.128.0/17")
    link = peering(autoAccept=True)
    outcome = Estate(BASE, more, link, ways(link)).outcome("x", "10.1.1.10")
    assert outcome == "dropped by peering pcx joins VPCs whose blocks overlap"


def test_a_peering_with_somebody_else_is_a_door() -> None:
    link = resource("ec2/vpcPeeringConnection", "pcx", vpcId=ONE.id, peerVpcId="vpc-theirs", peerOwnerId="2")
    there = table(ONE, "there", [{"cidrBlock": "10.9.0.0/16", "vpcPeeringConnectionId": link.id}])
    estate = Estate(BASE, link, there, associated(there, A))
    assert estate.outcome("x", "10.9.0.1") == "delivered to outside pcx"
    assert estate.outcome("outside pcx", "10.0.1.10", source="10.9.0.1") == "delivered to x"
    assert estate.reply("outside pcx", "10.0.1.10", source="10.9.0.1") == "passes"
    assert estate.outcome("outside pcx", "10.1.1.10", source="10.9.0.1").startswith("dropped")


def test_a_peering_that_somebody_else_asked_for_is_a_door_once_accepted() -> None:
    taken = resource(
        "ec2/vpcPeeringConnectionAccepter", "taken", vpcPeeringConnectionId="pcx-theirs", autoAccept=True, vpcId=ONE.id
    )
    there = table(ONE, "there", [{"cidrBlock": "10.9.0.0/16", "vpcPeeringConnectionId": "pcx-theirs"}])
    estate = Estate(BASE, taken, there, associated(there, A))
    assert estate.outcome("outside taken", "10.0.1.10", source="10.9.0.1") == "delivered to x"
    assert estate.outcome("x", "10.9.0.1") == "delivered to outside taken"


def test_a_reference_across_a_peering_works_within_a_region() -> None:
    # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html
    own = group(TWO, "own", ingress=[entry(443, securityGroups=[OPEN_A.id])])
    host = instance(B, "host", "10.1.1.20", [own])
    link = peering(autoAccept=True)
    assert Estate(BASE, own, host, link, ways(link)).outcome("x", "10.1.1.20") == "delivered to host"


def test_a_reference_to_a_group_of_a_vpc_that_is_not_peered_matches_nothing() -> None:
    own = group(TWO, "own", ingress=[entry(443, securityGroups=[OPEN_A.id])])
    host = instance(B, "host", "10.1.1.20", [own])
    estate = Estate(BASE, own, host)
    rules = [rule.name for _, rule in estate.prover.rules()]
    assert any("of one, with which there is no active peering" in name for name in rules)


def test_a_cross_region_group_reference_is_refused() -> None:
    far = vpc("two", "10.1.0.0/16", region="us-east-1")
    b = subnet(far, "b", "10.1.1.0/24", zone="us-east-1a")
    own = group(far, "own", ingress=[entry(443, securityGroups=[OPEN_A.id])])
    host = instance(b, "host", "10.1.1.20", [own])
    link = peering(ONE, far, peerRegion="us-east-1")
    estate = Estate(ONE, far, A, b, OPEN_A, X, own, host, link, accepter(link, region="us-east-1"), ways(link, two=b))
    assert estate.outcome("x", "10.1.1.20").startswith("dropped by securitygroup-own own in")
    rules = [rule.name for _, rule in estate.prover.rules()]
    assert any(f"of another region, {REGION}: a reference to it is refused" in name for name in rules)
