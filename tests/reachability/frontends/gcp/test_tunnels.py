"""Cloud VPN, VLAN attachments and Cloud Routers:
cloud.google.com/network-connectivity/docs/router/concepts/overview."""

from dataclasses import replace

import pytest

from reachability.addresses import block, union
from reachability.frontends.gcp import compile
from reachability.frontends.sites import Leg, Segment, Server, Site, TunnelEnd
from reachability.network import exit_stage
from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

REGION = "europe-west1"
KEY = "tunnel 169.254.8.16/30"


def cloud(name="tunnel", inside="169.254.8.18/30", vpc=None, **more):
    vpc = vpc or network()
    gateway = resource("haVpnGateway", f"{name}-gw", region=REGION, network=link(vpc))
    router = resource("router", f"{name}-router", region=REGION, network=link(vpc))
    tunnel = resource("vPNTunnel", name, region=REGION, vpnGateway=link(gateway), router=link(router))
    face = resource(
        "routerInterface",
        f"{name}-if",
        region=REGION,
        router=router.properties["name"],
        ipRange=inside,
        vpnTunnel=tunnel.properties["name"],
    )
    peer = resource(
        "routerPeer",
        f"{name}-peer",
        region=REGION,
        router=router.properties["name"],
        interface=face.properties["name"],
        peerAsn=65001,
        **more,
    )
    return gateway, router, tunnel, face, peer


def world(**settings):
    vpc = network(**settings)
    here, far = subnet(vpc, "here"), subnet(vpc, "far", "10.1.0.0/24", "us-east1")
    rule = firewall(vpc, "ssh", allow="tcp:22", sourceRanges=["172.16.0.0/12"])
    return vpc, here, far, instance(here, "host", "10.0.0.5"), instance(far, "distant", "10.1.0.5"), rule


SITE = Site(
    "hall",
    (Segment("lan", block("172.16.5.0/24"), ("edge",)),),
    (
        Server(
            "edge",
            (Leg("lan0", "lan", (block("172.16.5.1")[0],)),),
            ((block("172.16.5.0/24"), "lan0"), (block("10.0.0.0/8"), "vti0")),
            forwards=True,
            tunnels=(TunnelEnd("vti0", KEY, (block("10.0.0.0/8"),), block("169.254.8.17")[0]),),
        ),
        Server(
            "admin",
            (Leg("eth0", "lan", (block("172.16.5.9")[0],)),),
            ((block("172.16.5.0/24"), "eth0"), (block("0.0.0.0/0"), "eth0")),
        ),
    ),
    (block("172.16.5.0/24"),),
)


def test_a_tunnel_joins_a_site_by_its_inside_addresses():
    estate = Estate(*world(), *cloud(), sites=(SITE,))
    assert estate.reaches("admin", "host", "tcp 22", must=True)
    assert not estate.reaches("admin", "host", "tcp 23"), "firewall rules decide for what comes by a tunnel too"
    assert estate.reaches("host", "admin", "tcp 443", must=True)
    assert estate.reply("admin", "172.16.5.9", "10.0.0.5", "tcp 22") == "passes"
    assert not Estate(*world(), *cloud(inside="169.254.9.18/30"), sites=(SITE,)).reaches("admin", "host", "tcp 22")


@pytest.mark.parametrize(("mode", "passes"), [("REGIONAL", False), ("GLOBAL", True), (None, False)])
def test_learned_routes_are_for_the_routers_region_unless_routing_is_global(mode, passes):
    """overview#dynamic-routing-mode."""
    estate = Estate(*world(routingMode=mode), *cloud(), sites=(SITE,))
    assert estate.reaches("host", "admin", "tcp 443")
    assert estate.reaches("distant", "admin", "tcp 443") is passes


def test_a_disabled_peer_teaches_nothing():
    assert not Estate(*world(), *cloud(enable=False), sites=(SITE,)).reaches("host", "admin", "tcp 443")


def test_an_unknown_neighbour_may_announce_anything_private():
    estate = Estate(*world(), *cloud())
    assert estate.reaches("host", "outside tunnel", "tcp 443", at="192.168.3.3")
    assert not estate.reaches("host", "outside tunnel", "tcp 443", at="192.168.3.3", must=True)
    assert not estate.reaches("host", "outside tunnel", "tcp 443", at="10.1.0.9"), "subnet routes always win"
    assert estate.reaches("tunnel", "host", "tcp 22", source="172.16.0.1")
    assert not estate.reaches("tunnel", "host", "tcp 22", source="192.168.0.1")


def test_announcements_and_custom_learned_ranges_are_routes():
    parts = (*world(), *cloud(customLearnedIpRanges=[{"range": "192.168.7.0/24"}]))
    fragment = compile(parts, {KEY: union([block("172.16.0.0/16")])})
    tables = [each for name, each in fragment.stages.items() if name.startswith("routes") and "tunnels" not in name]
    learned = {r.destinations for table in tables for r in table.routes if r.via == (exit_stage(KEY, "gcp"),)}
    assert learned == {block("172.16.0.0/16"), block("192.168.7.0/24")}
    assert not fragment.unmodelled


def test_one_tunnel_is_no_way_to_another():
    """overview: a network passes nothing on between tunnels."""
    vpc, *rest = world()
    learned = {"customLearnedIpRanges": [{"range": "192.168.7.0/24"}]}
    parts = (*cloud("left", "169.254.1.2/30", vpc), *cloud("right", "169.254.2.2/30", vpc, **learned))
    estate = Estate(vpc, *rest, *parts)
    assert estate.reaches("host", "outside right", "tcp 443", at="192.168.7.7")
    assert not estate.reaches("left", "outside right", "tcp 443", at="192.168.7.7")
    assert not estate.reaches("left", "internet", "tcp 443")


def test_two_networks_joined_by_tunnels_of_the_same_link():
    one, two = network("one"), network("two")
    left, right = subnet(one, "left"), subnet(two, "right", "10.9.0.0/24")
    a, b = instance(left, "a", "10.0.0.5"), instance(right, "b", "10.9.0.5")
    rules = [firewall(each, each.name, allow="tcp:22", sourceRanges=["10.0.0.0/8"]) for each in (one, two)]
    parts = (
        *cloud("t1", "169.254.3.1/30", one, customLearnedIpRanges=[{"range": "10.9.0.0/24"}]),
        *cloud("t2", "169.254.3.2/30", two, customLearnedIpRanges=[{"range": "10.0.0.0/24"}]),
    )
    estate = Estate(one, two, left, right, a, b, *rules, *parts)
    assert estate.reaches("a", "b", "tcp 22") and estate.reaches("b", "a", "tcp 22")
    assert not estate.reaches("a", "b", "tcp 23")


def test_a_classic_tunnel_is_reached_by_static_routes():
    """vpn/docs/concepts/choosing-networks-routing#policy-based: traffic selectors say what comes in."""
    vpc, *rest = world()
    gateway = resource("vPNGateway", "classic", region=REGION, network=link(vpc))
    tunnel = resource(
        "vPNTunnel",
        "old",
        region=REGION,
        targetVpnGateway=link(gateway),
        peerIp="198.51.100.1",
        remoteTrafficSelectors=["172.16.0.0/16"],
        localTrafficSelectors=["10.0.0.0/8"],
    )
    route = resource("route", "r", network=link(vpc), destRange="172.16.0.0/16", nextHopVpnTunnel=link(tunnel))
    estate = Estate(vpc, *rest, gateway, tunnel, route)
    assert estate.reaches("host", "outside old", "tcp 443", at="172.16.3.3", must=True)
    assert not estate.reaches("host", "outside old", "tcp 443", at="192.168.3.3")
    assert estate.reaches("old", "host", "tcp 22", source="172.16.3.3")
    assert not Estate(vpc, *rest, gateway, tunnel).reaches("host", "outside old", "tcp 443")


def test_an_attachment_is_a_door_like_a_tunnel():
    vpc, *rest = world()
    router = resource("router", "router", region=REGION, network=link(vpc))
    attachment = resource("interconnectAttachment", "vlan", region=REGION, router=link(router))
    face = resource(
        "routerInterface",
        "if",
        region=REGION,
        router="router",
        ipRange="169.254.8.18/30",
        interconnectAttachment="vlan",
    )
    peer = resource("routerPeer", "peer", region=REGION, router="router", interface="if", peerAsn=65001)
    estate = Estate(vpc, *rest, router, attachment, face, peer, sites=(SITE,))
    assert estate.reaches("admin", "host", "tcp 22", must=True)


def test_an_interface_whose_address_google_will_choose_is_a_door_of_its_own():
    vpc, *rest = world()
    gateway, router, tunnel, face, peer = cloud(vpc=vpc)
    hidden = resource(
        "routerInterface",
        "tunnel-if",
        region=REGION,
        router=UNKNOWN,
        vpnTunnel=UNKNOWN,
        ipRange=UNKNOWN,
        references={"router": (router.urn,), "vpnTunnel": (tunnel.urn,)},
    )
    estate = Estate(vpc, *rest, gateway, router, tunnel, hidden, peer)
    assert estate.reaches("host", "outside tunnel", "tcp 443", at="192.168.3.3")


def test_a_router_appliance_is_not_modelled():
    vpc, *rest = world()
    gateway, router, tunnel, face, peer = cloud(vpc=vpc, routerApplianceInstance="projects/p/zones/z/instances/x")
    assert any(
        "router appliances" in each
        for each in Estate(vpc, *rest, gateway, router, tunnel, face, peer).assembly.unmodelled
    )


def test_link_ends_of_the_same_name_have_different_names():
    one, two = network("one"), network("two")
    hosts = [subnet(one, "left"), subnet(two, "right", "10.9.0.0/24")]
    parts = [
        each
        for vpc, inside in ((one, "169.254.1.2/30"), (two, "169.254.2.2/30"))
        for each in cloud(f"{vpc.name}-t", inside, vpc)
    ]
    named = [
        replace(each, properties={**each.properties, "name": "t"}) if "VPNTunnel" in each.type else each
        for each in parts
    ]
    for each in range(len(named)):
        if "RouterInterface" in named[each].type:
            tunnel = named[each].name.replace("-if", "")
            found = next(one for one in parts if one.name == tunnel)
            named[each] = replace(named[each], properties={**named[each].properties, "vpnTunnel": link(found)})
    estate = Estate(one, two, *hosts, *named)
    assert {"outside t (tunnel 169.254.1.0/30)", "outside t (tunnel 169.254.2.0/30)"} <= set(estate.assembly.outsides)
