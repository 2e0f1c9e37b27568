"""VPC Network Peering: cloud.google.com/vpc/docs/vpc-peering."""

from dataclasses import replace

import pytest

from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

ONE, TWO, THREE = network("one"), network("two"), network("three")
SUBNETS = [subnet(ONE, "s1", "10.1.0.0/24"), subnet(TWO, "s2", "10.2.0.0/24"), subnet(THREE, "s3", "10.3.0.0/24")]
HOSTS = [instance(each, f"h{n}", f"10.{n}.0.5") for n, each in enumerate(SUBNETS, 1)]
RULES = [firewall(each, f"open-{each.name}", allow="tcp:22", sourceRanges=["0.0.0.0/0"]) for each in (ONE, TWO, THREE)]
BASE = (ONE, TWO, THREE, *SUBNETS, *HOSTS, *RULES)


def peering(here, there, **more):
    return resource("networkPeering", f"{here.name}-{there.name}", network=link(here), peerNetwork=link(there), **more)


def test_both_sides_must_have_it():
    """vpc-peering#key_properties."""
    assert not Estate(*BASE, peering(ONE, TWO)).reaches("h1", "h2", "tcp 22")
    both = Estate(*BASE, peering(ONE, TWO), peering(TWO, ONE))
    assert both.reaches("h1", "h2", "tcp 22") and both.reaches("h2", "h1", "tcp 22")
    assert not both.reaches("h1", "h2", "tcp 23"), "the peer's firewall still decides"


@pytest.mark.parametrize("side", ["network", "peerNetwork"])
def test_a_side_that_is_unknown_may_be_any_network(side):
    """A concealed value is set: the peering may be the one that the other side lacks."""
    vague = peering(ONE, TWO)
    vague = replace(vague, properties={**vague.properties, side: UNKNOWN}, concealed=frozenset({side}))
    assert any(vague.urn in each for each in Estate(*BASE, vague, peering(TWO, ONE)).assembly.unmodelled)


def test_it_is_not_transitive():
    """vpc-peering#transitive."""
    pairs = [peering(ONE, TWO), peering(TWO, ONE), peering(TWO, THREE), peering(THREE, TWO)]
    estate = Estate(*BASE, *pairs)
    assert estate.reaches("h1", "h2", "tcp 22") and estate.reaches("h2", "h3", "tcp 22")
    assert not estate.reaches("h1", "h3", "tcp 22")
    assert Estate(*BASE, *pairs, peering(ONE, THREE), peering(THREE, ONE)).reaches("h1", "h3", "tcp 22")


@pytest.mark.parametrize(
    ("exports", "imports", "passes"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_custom_routes_come_only_where_one_exports_and_the_other_imports(exports, imports, passes):
    """vpc-peering#importing-exporting-routes."""
    router = instance(SUBNETS[1], "router", "10.2.0.9", canIpForward=True)
    static = resource("route", "static", network=link(TWO), destRange="192.168.0.0/24", nextHopInstance=link(router))
    rule = firewall(TWO, "all", allow="all", sourceRanges=["0.0.0.0/0"])
    estate = Estate(
        *BASE,
        rule,
        router,
        static,
        peering(ONE, TWO, importCustomRoutes=imports),
        peering(TWO, ONE, exportCustomRoutes=exports),
    )
    assert estate.passes_through("h1", "router", "192.168.0.7") is passes
    assert estate.passes_through("h2", "router", "192.168.0.7")


def test_a_separate_configuration_of_routes_counts():
    router = instance(SUBNETS[1], "router", "10.2.0.9", canIpForward=True)
    static = resource("route", "static", network=link(TWO), destRange="192.168.0.0/24", nextHopInstance=link(router))
    pair = (peering(ONE, TWO), peering(TWO, ONE))
    configs = [
        resource(
            "networkPeeringRoutesConfig",
            "c1",
            network="one",
            peering="one-two",
            importCustomRoutes=True,
            exportCustomRoutes=False,
        ),
        resource(
            "networkPeeringRoutesConfig",
            "c2",
            network="two",
            peering="two-one",
            importCustomRoutes=False,
            exportCustomRoutes=True,
        ),
    ]
    rule = firewall(TWO, "all", allow="all", sourceRanges=["0.0.0.0/0"])
    assert Estate(*BASE, rule, router, static, *pair, *configs).passes_through("h1", "router", "192.168.0.7")
    assert not Estate(*BASE, rule, router, static, *pair).passes_through("h1", "router", "192.168.0.7")


@pytest.mark.parametrize(
    "extra", [{"tags": ["x"]}, {"nextHopInstance": None, "nextHopGateway": "default-internet-gateway"}]
)
def test_tagged_routes_and_the_internet_gateway_are_never_exchanged(extra):
    """vpc-peering#static-routes."""
    router = instance(SUBNETS[1], "router", "10.2.0.9", "203.0.113.9", canIpForward=True)
    static = resource(
        "route",
        "static",
        **({"network": link(TWO), "destRange": "198.51.100.0/24", "nextHopInstance": link(router)} | extra),
    )
    without = [each for each in BASE if each is not ONE]
    bare = network("one", deleteDefaultRoutesOnCreate=True)
    pair = (peering(ONE, TWO, importCustomRoutes=True), peering(TWO, ONE, exportCustomRoutes=True))
    estate = Estate(bare, *without, router, static, *pair)
    assert not estate.reaches("h1", "internet", "tcp 443") and not estate.passes_through("h1", "router", "198.51.100.7")


def test_source_tags_do_not_reach_over_a_peering():
    """firewalls#source_tags: the sender must be in the same network."""
    tagged = instance(SUBNETS[0], "tagged", "10.1.0.7", tags=["x"])
    rule = firewall(TWO, "by-tag", allow="tcp:80", sourceTags=["x"])
    estate = Estate(*BASE, tagged, rule, peering(ONE, TWO), peering(TWO, ONE))
    assert not estate.reaches("tagged", "h2", "tcp 80")
    assert estate.reaches("tagged", "h2", "tcp 22")


def test_a_network_that_is_not_in_the_input_may_send_anything():
    other = resource("networkPeering", "out", network=link(ONE), peerNetwork="projects/elsewhere/global/networks/their")
    estate = Estate(*BASE, other)
    name = "the network that out peers with"
    assert estate.reaches(name, "h1", "tcp 22")
    assert not estate.reaches(name, "h1", "tcp 23")
    assert estate.reaches("h1", f"outside {name}", "tcp 443", at="192.168.9.9")
    assert not estate.reaches("h1", f"outside {name}", "tcp 443", at="192.168.9.9", must=True)


def test_subnets_with_public_addresses_come_only_where_imported():
    """vpc-peering#subnet-routes-public."""
    public = subnet(TWO, "public", "198.51.100.0/24")
    host = instance(public, "host", "198.51.100.5")
    rule = firewall(TWO, "all", allow="tcp:80", sourceRanges=["0.0.0.0/0"])
    for imports in (False, True):
        pair = peering(ONE, TWO, importSubnetRoutesWithPublicIp=imports), peering(TWO, ONE)
        assert Estate(*BASE, public, host, rule, *pair).reaches("h1", "host", "tcp 80") is imports
