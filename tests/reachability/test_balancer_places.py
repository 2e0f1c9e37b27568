"""A load balancer in a question is a place of its own, whatever its groups and filters are called."""

from __future__ import annotations

from typing import Any

from reachability.question import Places, ask, asked_services, check
from reachability.resources import Resource
from tests.reachability.frontends.aws.builders import Estate, entry, group, instance, public, resource, subnet, vpc

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")
SHARED = group(NET, "shared", ingress=[entry(22, cidrBlocks=["0.0.0.0/0"]), entry(80, cidrBlocks=["0.0.0.0/0"])])
WEB = instance(A, "web", "10.0.1.10", [SHARED], publicIp="203.0.113.9")
BASE = [NET, A, SHARED, WEB, *public(NET, A)]


def balancer(name: str, port: int, **more: Any) -> list[Resource]:
    given = {"loadBalancerType": "network", "internal": False, "subnets": [A.id]} | more
    front = resource("lb/loadBalancer", name, **given)
    behind = resource("lb/targetGroup", f"{name}-tg", port=port, protocol="TCP", vpcId=NET.id, targetType="instance")
    tie = resource("lb/targetGroupAttachment", f"{name}-tie", targetGroupArn=behind.properties["arn"], targetId=WEB.id)
    action = {"type": "forward", "targetGroupArn": behind.properties["arn"]}
    arn = front.properties["arn"]
    heard = resource(
        "lb/listener", f"{name}-on", loadBalancerArn=arn, port=port, protocol="TCP", defaultActions=[action]
    )
    return [front, behind, tie, heard]


def verdicts(resources: list[Resource], target: str, port: int) -> list[str]:
    estate = Estate(BASE, resources)
    places = Places(estate.prover, [*BASE, *resources])
    asked = asked_services("tcp", port)
    answer = ask(estate.prover, places.sender("internet"), places.target(target), asked)
    return [flow.verdict for flow in answer.flows]


def test_a_balancer_is_not_reached_at_a_port_of_an_instance_that_shares_its_group() -> None:
    front = balancer("front", 80, securityGroups=[SHARED.id])
    assert verdicts(front, "front", 80) == ["reachable"]
    assert verdicts(front, "front", 22) == ["unreachable"]
    assert verdicts(front, "web", 22) == ["reachable"]


def blocking(resources: list[Resource], source: str, target: str, port: int) -> list[str]:
    estate = Estate(BASE, resources)
    places = Places(estate.prover, [*BASE, *resources])
    (flow,) = ask(estate.prover, places.sender(source), places.target(target), asked_services("tcp", port)).flows
    assert flow.verdict == "unreachable"
    return [hop.decided_by for hop in flow.blocked_by]


def test_a_port_without_a_listener_is_told_with_those_that_have_one() -> None:
    front = [*balancer("front", 80), *balancer("bare", 443)[:1]]
    for source in ("internet", "web"):
        assert blocking(front, source, "front", 8080) == ["load balancer front listens on tcp 80 only"]
        assert blocking(front, source, "bare", 443) == ["load balancer bare has no listener"]


def test_a_group_that_stops_a_packet_is_told_before_the_listener_that_is_missing() -> None:
    closed = group(NET, "closed", ingress=[entry(80, cidrBlocks=["0.0.0.0/0"])])
    found = blocking([closed, *balancer("front", 80, securityGroups=[closed.id])], "internet", "front", 8080)
    assert "nothing matches" in found[0] and found[1:] == ["load balancer front listens on tcp 80 only"]


def test_an_address_of_the_estate_that_nothing_has_is_asked_about_all_the_same() -> None:
    spare = resource("ec2/eip", "spare", publicIp="203.0.113.77")
    resources = [*BASE, spare]
    estate = Estate(resources)
    places = Places(estate.prover, resources)
    for name in ("spare", "203.0.113.77"):
        check(places, places.sender("internet"), places.target(name))
        (flow,) = ask(estate.prover, places.sender("internet"), places.target(name), asked_services("tcp", 22)).flows
        assert flow.verdict == "unreachable"


def test_an_internal_balancer_is_not_reached_through_a_public_one_that_has_no_groups_either() -> None:
    both = [*balancer("outer", 80), *balancer("inner", 80, internal=True)]
    assert verdicts(both, "outer", 80) == ["reachable"]
    assert verdicts(both, "inner", 80) == ["unreachable"]


def test_an_external_network_is_answered_if_it_sends_from_an_address_to_which_a_route_leads() -> None:
    gateway = resource("ec2/vpnGateway", "vgw", vpcId=NET.id)
    line = resource(
        "ec2/vpnConnection", "line", vpnGatewayId=gateway.id, customerGatewayId="cgw", staticRoutesOnly=True
    )
    to_site = resource(
        "ec2/vpnConnectionRoute", "to-site", vpnConnectionId=line.id, destinationCidrBlock="192.168.5.0/24"
    )
    way = resource("ec2/routeTable", "way", vpcId=NET.id, routes=[], propagatingVgws=[gateway.id])
    inner = subnet(NET, "b", "10.0.2.0/24")
    tied = resource("ec2/routeTableAssociation", "tied", routeTableId=way.id, subnetId=inner.id)
    host = instance(inner, "host", "10.0.2.10", [SHARED])
    resources = [gateway, line, to_site, way, inner, tied, host]
    estate = Estate(BASE, resources)
    places = Places(estate.prover, [*BASE, *resources])
    sender = places.sender("outside line tunnel 1")
    (flow,) = ask(estate.prover, sender, places.target("host"), asked_services("tcp", 22)).flows
    assert (flow.verdict, flow.reply) == ("reachable", "passes")
