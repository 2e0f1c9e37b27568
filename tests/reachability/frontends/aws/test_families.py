"""Clients of one address family and targets of the other: what load balancers translate between them."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.addresses import V6, text
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.aws.builders import (
    Estate,
    entry,
    everything,
    group,
    instance,
    public,
    resource,
    subnet,
    tcp,
    vpc,
)

NET = vpc(ipv6CidrBlock="2001:db8:1::/56")
A = subnet(NET, "a", "10.0.1.0/24", ipv6CidrBlock="2001:db8:1:1::/64")
FRONT = group(NET, "front", ingress=[entry(80, ipv6CidrBlocks=["::/0"])])
INSIDE = group(NET, "inside", ingress=[entry(80, cidrBlocks=["10.0.0.0/16"])])
WEB = instance(A, "web", "10.0.1.10", [INSIDE])
BASE = [NET, A, FRONT, INSIDE, WEB, *public(NET, A)]


def balanced(kind: str = "network", to: Resource = WEB, group: str = "ipv4", **more: Any) -> list[Resource]:
    """A balancer in front of one instance, with a plain listener on port 80."""
    given = {"loadBalancerType": kind, "internal": False, "ipAddressType": "dualstack"}
    front = resource("lb/loadBalancer", "lb", subnets=[A.id], securityGroups=[FRONT.id], **given | more)
    behind = resource("lb/targetGroup", "tg", port=80, protocol="TCP" if kind == "network" else "HTTP", vpcId=NET.id,
                      targetType="instance", ipAddressType=group)  # fmt: skip
    tie = resource("lb/targetGroupAttachment", "tie", targetGroupArn=behind.properties["arn"], targetId=to.id)
    heard = resource(
        "lb/listener",
        "heard",
        loadBalancerArn=front.properties["arn"],
        port=80,
        protocol=behind.properties["protocol"],
        defaultActions=[{"type": "forward", "targetGroupArn": behind.properties["arn"]}],
    )
    return [front, behind, tie, heard]


def node(estate: Estate) -> str:
    """The IPv6 address of the balancer."""
    (stage,) = (each for each in estate.assembly.names["lb"] if each.startswith("interface"))
    routes = estate.assembly.stages["subnet a delivery"].routes  # type: ignore[union-attr]
    return next(text(route.destinations[0]) for route in routes if stage in route.via and route.destinations[0] >= V6)


@pytest.mark.parametrize("kind", ["network", "application"])
def test_clients_by_ipv6_reach_targets_by_ipv4_from_the_balancers_own_address(kind: str) -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation
    estate = Estate(BASE, balanced(kind))
    assert estate.unmodelled == ()
    assert "web" in estate.reached("internet")
    found = estate.prover.trace(
        estate.sender("internet"),
        next(each for each in estate.prover.arrivals(estate.sender("internet")) if each.to == WEB.urn).packet(),
        WEB.urn,
    )
    assert found.sent is not None and found.sent.source >= V6
    assert text(found.hops[-1].packet.source).startswith("10.0.1.")
    assert estate.prover.reply(found) == "passes"


def test_clients_of_the_targets_family_keep_their_address() -> None:
    both = group(NET, "front", ingress=[everything()])
    seen = group(NET, "inside", ingress=[everything()])
    host = instance(A, "web", "10.0.1.10", [seen])
    base = [NET, A, both, seen, host, *public(NET, A)]
    estate = Estate(base, balanced())
    sources = {
        text(found.hops[-1].packet.source).split(".")[0]
        for source in ("198.51.100.7", "2001:db8:ffff::7")
        if (found := _arrival(estate, source))
    }
    assert sources == {"198", "10"}


def _arrival(estate: Estate, source: str) -> Any:
    to = node(estate)
    if ":" not in source:
        low = next(low for low, _ in estate.assembly.public if low < V6)
        to = text(low)
    return estate.trace("internet", to, tcp(80), source)


def test_targets_by_ipv6_are_reached_at_their_ipv6_address() -> None:
    open_ = group(NET, "inside", ingress=[entry(80, ipv6CidrBlocks=["2001:db8:1::/56"])])
    host = instance(A, "web", "10.0.1.10", [open_], ipv6Addresses=["2001:db8:1:1::10"])
    base = [NET, A, FRONT, open_, host, *public(NET, A)]
    own = Estate(base, balanced("application", host, "ipv6"))
    assert own.unmodelled == ()
    assert "web" in own.reached("internet")
    (reason,) = Estate(BASE, balanced("application", WEB, "ipv6")).unmodelled
    assert "its target web has no IPv6 address" in reason


def test_a_balancer_without_public_ipv4_is_reached_by_ipv6_only() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#ip-address-type
    wide = group(NET, "front", ingress=[everything()])
    base = [NET, A, wide, INSIDE, WEB, *public(NET, A)]
    estate = Estate(base, balanced("application", ipAddressType="dualstack-without-public-ipv4"))
    assert all(low >= V6 for low, _ in estate.assembly.public)
    assert estate.outcome("internet", node(estate), tcp(80)) == "delivered to web"


def test_an_endpoint_of_both_families_has_an_ipv6_address() -> None:
    given = {"vpcId": NET.id, "serviceName": "s", "vpcEndpointType": "Interface", "subnetIds": [A.id]}
    open_ = group(NET, "open")
    client = instance(A, "client", "10.0.1.9", [open_], ipv6Addresses=["2001:db8:1:1::9"])
    for family, families in (("ipv4", {False}), ("dualstack", {False, True})):
        point = resource("ec2/vpcEndpoint", "point", securityGroupIds=[open_.id], ipAddressType=family, **given)
        estate = Estate(NET, A, open_, client, point)
        (arrival,) = (each for each in estate.prover.arrivals(estate.sender("client")) if each.to == point.urn)
        assert {low >= V6 for low, _ in arrival.destinations()} == families


def test_an_internal_balancer_takes_nothing_from_an_internet_gateway_at_its_ipv6_addresses() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
    # (ipv6.deny_all_igw_traffic)
    client = instance(A, "client", "10.0.1.20", [group(NET, "client")], ipv6Addresses=["2001:db8:1:1::20"])
    inside = Estate(BASE, balanced(internal=True), client, group(NET, "client"))
    assert inside.unmodelled == ()
    assert "web" not in inside.reached("internet")
    assert "lb" not in inside.reached("internet")
    assert "web" in inside.reached("client")
    given = {"internal": UNKNOWN, "references": {"internal": ("urn:x",)}}
    doubtful = Estate(BASE, balanced(**given), client, group(NET, "client"))
    assert "web" in doubtful.reached("internet")
    assert "web" not in doubtful.reached("internet", may=False)
