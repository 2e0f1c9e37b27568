"""Input that is not what it should be: a reason or a verdict, never a traceback, and nothing allowed or denied by
silence."""

import pytest

from reachability.frontends.gcp import compile
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

VPC = network()
HERE = subnet(VPC, "here")
BASE = (VPC, HERE, instance(HERE, "server", "10.0.0.5", "203.0.113.5"), instance(HERE, "client", "10.0.0.6"))
SSH = firewall(VPC, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
NO_BLOCK = [
    "10.0.0.0/99",
    "999.1.1.1",
    "10.0.0.0/-1",
    "everyone",
    "::/129",
    "",
    7,
    {"a": 1},
    ["10.0.0.0/8"],
    "10.0.0.0/٨",
]


@pytest.mark.parametrize("value", NO_BLOCK, ids=repr)
@pytest.mark.parametrize("verb", ["allows", "denies"])
def test_an_absurd_range_is_told_and_could_be_any(verb, value):
    rule = resource("firewall", "odd", network="vpc", priority=1, sourceRanges=[value], **{verb: [{"protocol": "tcp"}]})
    estate = Estate(*BASE, rule, *([SSH] if verb == "denies" else []))
    assert any("odd" in each and "is not an address or block" in each for each in estate.assembly.unmodelled)
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


@pytest.mark.parametrize(
    "value", ["ssh", "22-", "-22", "23-22", "70000", 70000, -1, "1-99999", None, {"a": 1}, 2.5, True, "٢٢"], ids=repr
)
def test_an_absurd_port_is_told_and_could_be_any(value):
    rule = firewall(VPC, "odd", sourceRanges=["10.0.0.0/8"], allows=[{"protocol": "tcp", "ports": [value, "80"]}])
    estate = Estate(*BASE, rule)
    if value is None:
        assert not estate.reaches("client", "server", "tcp 22")
        return
    assert any("is not a port" in each for each in estate.assembly.unmodelled)
    assert estate.reaches("client", "server", "tcp 22") and not estate.reaches("client", "server", "udp 22")
    assert estate.reaches("client", "server", "tcp 80", must=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allows", "tcp"),
        ("allows", [7]),
        ("allows", {"protocol": ["tcp"]}),
        ("allows", [{"protocol": "quic"}]),
        ("allows", [{"protocol": 300}]),
        ("allows", [{}]),
        ("allows", []),
        ("direction", "SIDEWAYS"),
        ("direction", 3),
        ("priority", "first"),
        ("priority", 70000),
        ("network", "nowhere"),
        ("network", 7),
    ],
)
def test_a_rule_that_cannot_be_read_is_told_by_urn(field, value):
    given = {"allow": "tcp:22", "sourceRanges": ["10.0.0.0/8"]}
    if field == "allows":
        del given["allow"]
    rule = firewall(VPC, "odd", **(given | {field: value}))
    assert any(each.startswith(rule.urn) for each in Estate(*BASE, rule).assembly.unmodelled)


@pytest.mark.parametrize(
    "bad",
    [
        resource("subnetwork", "odd", network="vpc", ipCidrRange="10.0.0.0/77", region="r"),
        resource("subnetwork", "odd", network="vpc", region="r"),
        resource("subnetwork", "odd", network="nowhere", ipCidrRange="10.3.0.0/24", region="r"),
        resource(
            "subnetwork", "odd", network="vpc", ipCidrRange="10.3.0.0/24", region="r", secondaryIpRanges=["10.4.0.0/24"]
        ),
        resource("subnetwork", "odd", network="vpc", ipCidrRange="10.3.0.0/24", region=UNKNOWN),
        resource("instance", "odd", zone="r-a"),
        resource("instance", "odd", zone="r-a", networkInterfaces=7),
        resource("instance", "odd", zone="r-a", networkInterfaces=UNKNOWN),
        resource(
            "instance", "odd", zone="r-a", networkInterfaces=[{"subnetwork": link(HERE), "networkIp": "10.0.0.256"}]
        ),
        resource(
            "instance",
            "odd",
            zone="r-a",
            networkInterfaces=[
                {"subnetwork": link(HERE), "networkIp": "10.0.0.9", "aliasIpRanges": [{"ipCidrRange": "/24"}]}
            ],
        ),
        resource(
            "instance",
            "odd",
            zone="r-a",
            networkInterfaces=[
                {"subnetwork": link(HERE), "networkIp": "10.0.0.9", "aliasIpRanges": [{"ipCidrRange": "0.0.0.0/0"}]}
            ],
        ),
        resource(
            "instance",
            "odd",
            zone="r-a",
            networkInterfaces=[
                {"subnetwork": link(HERE), "networkIp": "10.0.0.9", "accessConfigs": [{"natIp": "203.0.113.999"}]}
            ],
        ),
        resource("route", "odd", network="vpc", destRange="10.9.0.0/40", nextHopIp="10.0.0.5"),
        resource("route", "odd", network="nowhere", destRange="10.9.0.0/16", nextHopIp="10.0.0.5"),
        resource("routerNat", "odd", router="nowhere"),
        resource("routerInterface", "odd", router="nowhere", ipRange="169.254.0.1/30"),
        resource("networkPeering", "odd", network="nowhere", peerNetwork="elsewhere"),
        resource("forwardingRule", "odd", region="r", loadBalancingScheme="INTERNAL", network="nowhere"),
        resource("forwardingRule", "odd", region="r", ipProtocol="QUIC", target="x"),
        resource("forwardingRule", "odd", region="r", ipAddress="not-an-address", target="x"),
    ],
    ids=lambda each: f"{each.type.partition('/')[2].partition(':')[0]} {list(each.properties.items())[2:]!r:.90}",
)
def test_a_resource_that_cannot_be_placed_is_told_by_urn(bad):
    estate = Estate(*BASE, SSH, bad)
    assert any(bad.urn in each for each in estate.assembly.unmodelled)
    assert estate.reaches("client", "server", "tcp 22"), "the rest is still judged"


def test_cyclic_references_end():
    pools = [
        resource("targetPool", name, region="europe-west1", backupPool=other, instances=["z/server"])
        for name, other in (("one", "two"), ("two", "one"))
    ]
    folders = [
        resource("folder", name, area="organizations", folderId=name, parent=f"folders/{other}")
        for name, other in (("1", "2"), ("2", "1"))
    ]
    project = resource("project", "p", area="organizations", projectId="estate", folderId="1")
    policy = resource("firewallPolicy", "11")
    at = resource("firewallPolicyAssociation", "at", firewallPolicy="11", attachmentTarget="organizations/1")
    rule = resource(
        "forwardingRule", "vip", region="europe-west1", target="one", ipAddress="203.0.113.80", portRange="22"
    )
    estate = Estate(*BASE, SSH, *pools, *folders, project, policy, at, rule)
    assert estate.reaches("internet", "server", "tcp 22", at="203.0.113.80")


def test_two_routers_that_point_at_each_other_end():
    routers = [
        instance(HERE, name, ip, canIpForward=True) for name, ip in (("left", "10.0.0.7"), ("right", "10.0.0.8"))
    ]
    routes = [
        resource("route", f"to-{each.name}", network="vpc", destRange="192.168.0.0/16", nextHopInstance=link(each))
        for each in routers
    ]
    estate = Estate(*BASE, SSH, *routers, *routes)
    assert estate.passes_through("client", "left", "192.168.0.9")
    assert not estate.reaches("client", "internet", "tcp 22")


@pytest.mark.parametrize(
    "type_",
    [
        "network:Network",
        "subnetwork:Subnetwork",
        "firewall:Firewall",
        "instance:Instance",
        "route:Route",
        "router:Router",
        "routerNat:RouterNat",
        "routerPeer:RouterPeer",
        "routerInterface:RouterInterface",
        "vPNTunnel:VPNTunnel",
        "networkPeering:NetworkPeering",
        "forwardingRule:ForwardingRule",
        "backendService:BackendService",
        "networkFirewallPolicyRule:NetworkFirewallPolicyRule",
        "networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation",
        "uRLMap:URLMap",
    ],
)
@pytest.mark.parametrize("unknown", [False, True])
def test_a_resource_without_properties_compiles(type_, unknown):
    _, _, noun = type_.partition(":")
    kind = f"gcp:compute/{type_}"
    properties = dict.fromkeys(
        ("network", "name", "selfLink", "region", "ipCidrRange", "networkInterfaces", "router", "target", "backends"),
        UNKNOWN,
    )
    bare = Resource(f"urn::{noun}", kind, noun, UNKNOWN, properties if unknown else {}, {})
    assert compile([*BASE, SSH, bare], {}).machines


def test_the_same_resource_twice_counts_once():
    estate = Estate(*BASE, *BASE, SSH, SSH)
    assert len(estate.assembly.machines) == 2 and not estate.assembly.unmodelled
