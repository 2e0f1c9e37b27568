"""Routing order and next hops: cloud.google.com/vpc/docs/routes, cloud.google.com/vpc/docs/static-routes."""

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

GATEWAY = "default-internet-gateway"


def world(**settings):
    vpc = network(**settings)
    here, there = subnet(vpc, "here"), subnet(vpc, "there", "10.1.0.0/24", "us-east1")
    open_ = firewall(vpc, "open", allow="all", sourceRanges=["0.0.0.0/0"])
    return vpc, here, there, open_


def route(vpc, name="r", dest="0.0.0.0/0", **more):
    return resource("route", name, network=link(vpc), destRange=dest, **more)


@pytest.mark.parametrize(("deleted", "passes"), [(False, True), (True, False), (None, True)])
def test_a_network_has_a_default_route_until_it_is_deleted(deleted, passes):
    """routes#routingpacketsinternet."""
    vpc, here, _, open_ = world(**({} if deleted is None else {"deleteDefaultRoutesOnCreate": deleted}))
    host = instance(here, "host", "10.0.0.5", "203.0.113.5")
    assert Estate(vpc, here, open_, host).reaches("host", "internet", "tcp 443") is passes


def test_a_static_default_route_brings_the_internet_back_for_its_tags():
    """static-routes#network-tags."""
    vpc, here, _, open_ = world(deleteDefaultRoutesOnCreate=True)
    tagged = instance(here, "tagged", "10.0.0.5", "203.0.113.5", tags=["out"])
    plain = instance(here, "plain", "10.0.0.6", "203.0.113.6")
    estate = Estate(vpc, here, open_, tagged, plain, route(vpc, nextHopGateway=GATEWAY, tags=["out"]))
    assert estate.reaches("tagged", "internet", "tcp 443", must=True)
    assert not estate.reaches("plain", "internet", "tcp 443")


def test_without_an_external_address_the_gateway_takes_nothing():
    vpc, here, _, open_ = world()
    estate = Estate(vpc, here, open_, instance(here, "host", "10.0.0.5"))
    assert not estate.reaches("host", "internet", "tcp 443")


@pytest.mark.parametrize(("forwards", "passes"), [(True, True), (False, False)])
def test_a_next_hop_instance_must_forward(forwards, passes):
    """static-routes#next-hop-instance: canIpForward."""
    vpc, here, there, open_ = world()
    router = instance(here, "router", "10.0.0.9", canIpForward=forwards)
    host, far = instance(here, "host", "10.0.0.5"), instance(there, "far", "192.168.0.5")
    hop = route(vpc, dest="192.168.0.0/24", nextHopInstance=link(router))
    estate = Estate(vpc, here, there, open_, router, host, far, hop)
    assert estate.passes_through("host", "router", "192.168.0.5") is passes


def test_the_lowest_priority_number_wins_and_ties_may_go_either_way():
    """routes#routeselection."""
    vpc, here, there, open_ = world()
    one = instance(here, "one", "10.0.0.9", canIpForward=True)
    two = instance(here, "two", "10.0.0.10", canIpForward=True)
    host = instance(here, "host", "10.0.0.5")

    def passed(first, second):
        hops = (
            route(vpc, "a", "192.168.0.0/24", nextHopInstance=link(one), priority=first),
            route(vpc, "b", "192.168.0.0/24", nextHopIp="10.0.0.10", priority=second),
        )
        estate = Estate(vpc, here, open_, one, two, host, *hops)
        return {name for name in ("one", "two") if estate.passes_through("host", name, "192.168.0.7")}

    assert passed(100, 200) == {"one"}
    assert passed(200, 100) == {"two"}
    assert passed(100, 100) == {"one", "two"}


def test_a_longer_prefix_wins_over_a_better_priority():
    vpc, here, _, open_ = world()
    host = instance(here, "host", "10.0.0.5", "203.0.113.5")
    hole = instance(here, "hole", "10.0.0.9")
    estate = Estate(
        vpc,
        here,
        open_,
        host,
        hole,
        route(vpc, "narrow", "198.51.100.0/24", nextHopIp="10.0.0.9", priority=65000),
        route(vpc, "wide", "0.0.0.0/0", nextHopGateway=GATEWAY, priority=0),
    )
    assert not estate.reaches("host", "internet", "tcp 443", at="198.51.100.7")
    assert estate.reaches("host", "internet", "tcp 443", at="192.0.2.7")


def test_a_static_route_inside_a_subnet_is_told():
    """routes#subnet-routes: nothing is more specific than a subnet route."""
    vpc, here, _, open_ = world()
    estate = Estate(
        vpc, here, open_, instance(here, "host", "10.0.0.5"), route(vpc, dest="10.0.0.128/25", nextHopGateway=GATEWAY)
    )
    assert any("lies inside a subnet" in each for each in estate.assembly.unmodelled)


def test_a_next_hop_that_is_not_in_the_input_is_not_modelled_where_it_leads():
    vpc, here, _, open_ = world()
    host = instance(here, "host", "10.0.0.5")
    estate = Estate(vpc, here, open_, host, route(vpc, dest="192.168.0.0/24", nextHopInstance="elsewhere"))
    assert any("next hop" in each for each in estate.unmodelled("host"))
    assert not estate.assembly.unmodelled


def test_a_policy_based_route_is_not_modelled():
    """policy-based-routes: they come before subnet routes."""
    vpc, here, _, open_ = world()
    pbr = resource("policyBasedRoute", "pbr", area="networkconnectivity")
    assert any(pbr.urn in each for each in Estate(vpc, here, open_, pbr).assembly.unmodelled)


def test_an_instance_sends_only_from_its_own_addresses():
    """vpc/docs/using-routes#canipforward."""
    vpc, here, there, open_ = world()
    for forwards in (False, True):
        host = instance(here, "host", "10.0.0.5", canIpForward=forwards)
        estate = Estate(vpc, here, there, open_, host, instance(there, "far", "10.1.0.5"))
        spoofing = estate.prover.machine("host", spoof=True)
        found = any(
            each.any(sources=((3232235777, 3232235777),))  # 192.168.1.1
            for each in estate.prover.arrivals(spoofing)
            if each.to.endswith("::far")
        )
        assert found is forwards


def test_unknown_tags_of_an_instance_leave_its_routes_open():
    vpc, here, _, open_ = world(deleteDefaultRoutesOnCreate=True)
    host = instance(here, "host", "10.0.0.5", "203.0.113.5", tags=UNKNOWN)
    estate = Estate(vpc, here, open_, host, route(vpc, nextHopGateway=GATEWAY, tags=["out"]))
    assert estate.reaches("host", "internet", "tcp 443")
    assert not estate.reaches("host", "internet", "tcp 443", must=True)


def test_an_auto_mode_network_has_a_subnet_in_every_region():
    """vpc/docs/subnets#ip-ranges: 10.128.0.0/9."""
    vpc = network(autoCreateSubnetworks=True)
    hosts = [
        resource(
            "instance",
            name,
            zone=zone,
            canIpForward=False,
            networkInterfaces=[{"network": link(vpc), "subnetwork": f"https://x/v1/{zone}/default", "networkIp": ip}],
        )
        for name, zone, ip in (("one", "us-central1-a", "10.128.0.2"), ("two", "europe-west1-b", "10.132.0.2"))
    ]
    estate = Estate(vpc, *hosts, firewall(vpc, "in", allow="tcp:22", sourceRanges=["10.128.0.0/9"]))
    assert estate.reaches("one", "two", "tcp 22", must=True)
    assert not estate.reaches("one", "two", "tcp 23")


def test_a_second_interface_is_on_a_network_of_its_own():
    """vpc/docs/multiple-interfaces-concepts: networks that share an instance do not reach each other."""
    one, two = network("one"), network("two")
    left, right = subnet(one, "left"), subnet(two, "right", "10.9.0.0/24")
    nics = [{"subnetwork": link(left), "networkIp": "10.0.0.5"}, {"subnetwork": link(right), "networkIp": "10.9.0.5"}]
    middle = instance(left, "middle", "10.0.0.5", networkInterfaces=nics)
    a, b = instance(left, "a", "10.0.0.6"), instance(right, "b", "10.9.0.6")
    rules = [firewall(each, each.name, allow="all", sourceRanges=["0.0.0.0/0"]) for each in (one, two)]
    estate = Estate(one, two, left, right, middle, a, b, *rules)
    assert estate.reaches("a", "middle", "tcp 22") and estate.reaches("b", "middle", "tcp 22")
    assert estate.reaches("middle", "b", "tcp 22")
    assert not estate.reaches("a", "b", "tcp 22")
    assert [leg.device for leg in estate.assembly.machines[middle.urn].interfaces] == ["ens4", "ens5"]


@pytest.mark.parametrize(("kind", "passes"), [("EXTERNAL", True), ("INTERNAL", False)])
def test_external_ipv6_goes_out_as_it_is_and_internal_ipv6_does_not(kind, passes):
    """vpc/docs/ipv6-support: external IPv6 addresses are routed, nothing is translated."""
    vpc, _, _, _ = world()
    prefix = "2001:db8:7::/64" if kind == "EXTERNAL" else "fd20:1:2:3::/64"
    dual = subnet(vpc, "dual", stackType="IPV4_IPV6", ipv6AccessType=kind, **{f"{kind.lower()}Ipv6Prefix": prefix})
    first = prefix.removesuffix("/64")
    nic = {"subnetwork": link(dual), "networkIp": "10.0.0.5", "stackType": "IPV4_IPV6"}
    nic |= {"ipv6AccessConfigs": [{"externalIpv6": first}]} if passes else {"ipv6Address": first}
    host = instance(dual, "host", "10.0.0.5", networkInterfaces=[nic])
    estate = Estate(vpc, dual, host, firewall(vpc, "six", allow="tcp:22", sourceRanges=["::/0"]))
    assert estate.reaches("host", "internet", "tcp 443", at="2001:db8:ffff::1") is passes
    assert estate.reaches("internet", "host", "tcp 22", at=first) is passes
    if passes:
        assert estate.reply("host", first, "2001:db8:ffff::1", "tcp 443") == "passes"


def test_a_subnet_name_is_looked_up_in_the_region_of_the_instance():
    vpc, here, _, open_ = world()
    twin = subnet(vpc, "here", "10.5.0.0/24", "us-east1")
    twin = type(twin)(twin.urn + "2", twin.type, "here", twin.id, twin.properties, {})
    host = resource(
        "instance",
        "host",
        zone="us-east1-c",
        canIpForward=False,
        networkInterfaces=[{"subnetwork": "here", "networkIp": "10.5.0.5"}],
    )
    estate = Estate(vpc, here, twin, open_, host, instance(here, "client", "10.0.0.6"))
    assert estate.reaches("client", "host", "tcp 22", must=True)
    assert not estate.assembly.unmodelled
