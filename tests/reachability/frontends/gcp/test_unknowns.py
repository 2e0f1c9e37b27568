"""What a preview does not know may be anything: it lets through when asked what may pass, and stops when asked what
must."""

from dataclasses import replace

import pytest

from reachability.addresses import address
from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

VPC = network()
HERE = subnet(VPC, "here")
SERVER = instance(HERE, "server", "10.0.0.5", tags=["web"])
CLIENT = instance(HERE, "client", "10.0.0.6", tags=["client"])
BASE = (VPC, HERE, SERVER, CLIENT)
SSH = {"allow": "tcp:22", "sourceRanges": ["10.0.0.0/8"]}


@pytest.mark.parametrize(
    "unknown",
    [
        {"sourceRanges": UNKNOWN},
        {"sourceRanges": ["192.168.0.0/16", UNKNOWN]},
        {"priority": UNKNOWN},
        {"disabled": UNKNOWN},
        {"direction": UNKNOWN},
        {"targetTags": UNKNOWN},
        {"targetTags": ["other", UNKNOWN]},
        {"targetServiceAccounts": UNKNOWN},
        {"sourceRanges": None, "sourceTags": UNKNOWN},
        {"sourceRanges": None, "sourceTags": ["other", UNKNOWN]},
        {"network": UNKNOWN},
        {"allows": UNKNOWN},
        {"allows": [UNKNOWN]},
        {"allows": [{"protocol": UNKNOWN}]},
        {"allows": [{"protocol": "tcp", "ports": UNKNOWN}]},
        {"allows": [{"protocol": "tcp", "ports": [UNKNOWN, "80"]}]},
        {"destinationRanges": UNKNOWN},
    ],
    ids=lambda given: f"{next(reversed(given))}={next(reversed(given.values()))!r}",
)
def test_an_allowance_that_is_not_fully_known_may_allow_but_need_not(unknown):
    given = {"allow": "tcp:22", "sourceRanges": ["10.0.0.0/8"]}
    if "allows" in unknown:
        del given["allow"]
    estate = Estate(*BASE, firewall(VPC, "perhaps", **(given | unknown)))
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


@pytest.mark.parametrize(
    "unknown", [{"sourceRanges": UNKNOWN}, {"priority": UNKNOWN}, {"disabled": UNKNOWN}, {"denies": UNKNOWN}]
)
def test_a_denial_that_is_not_fully_known_is_not_trusted(unknown):
    allow = firewall(VPC, "yes", **SSH)
    given = {"sourceRanges": ["0.0.0.0/0"], "priority": 1, "denies": [{"protocol": "all"}]}
    known = Estate(*BASE, allow, firewall(VPC, "no", **given))
    assert not known.reaches("client", "server", "tcp 22")
    estate = Estate(*BASE, allow, firewall(VPC, "no", **(given | unknown)))
    assert estate.reaches("client", "server", "tcp 22")
    assert not estate.reaches("client", "server", "tcp 22", must=True)


def test_references_find_what_links_do_not_tell_yet():
    """At preview no resource has a self link: what an input depends on says which one is meant."""
    vpc = resource("network", "vpc", selfLink=UNKNOWN, autoCreateSubnetworks=False)
    here = resource(
        "subnetwork",
        "here",
        selfLink=UNKNOWN,
        network=UNKNOWN,
        ipCidrRange="10.0.0.0/24",
        region="r",
        references={"network": (vpc.urn,)},
    )
    hosts = [
        resource(
            "instance",
            name,
            zone="r-a",
            canIpForward=False,
            selfLink=UNKNOWN,
            networkInterfaces=[{"subnetwork": UNKNOWN, "networkIp": ip}],
            references={"networkInterfaces": (here.urn,)},
        )
        for name, ip in (("one", "10.0.0.5"), ("two", "10.0.0.6"))
    ]
    rule = resource(
        "firewall",
        "ssh",
        network=UNKNOWN,
        sourceRanges=["10.0.0.0/8"],
        allows=[{"protocol": "tcp", "ports": ["22"]}],
        references={"network": (vpc.urn,)},
    )
    estate = Estate(vpc, here, *hosts, rule)
    assert not estate.assembly.unmodelled
    assert estate.reaches("one", "two", "tcp 22", must=True) and not estate.reaches("one", "two", "tcp 23")


def test_an_address_that_is_not_known_yet_may_be_any_of_the_subnet():
    host = instance(HERE, "later", UNKNOWN)
    half = firewall(VPC, "half", allow="tcp:22", sourceRanges=["10.0.0.0/8"], destinationRanges=["10.0.0.128/25"])
    estate = Estate(*BASE, host, half)
    assert estate.reaches("client", "later", "tcp 22", at="10.0.0.128/25")
    assert not estate.reaches("client", "later", "tcp 22", at="10.0.0.0/25")
    assert not estate.reaches("client", "later", "tcp 22", must=True)
    out = firewall(VPC, "out", allow="tcp:22", sourceRanges=["10.0.0.200/32"])
    estate = Estate(*BASE, host, out)
    assert estate.reaches("later", "server", "tcp 22"), "it may get just that address"
    assert not estate.reaches("client", "server", "tcp 22")


def test_an_external_address_that_is_not_known_yet_is_public_all_the_same():
    nic = {"subnetwork": link(HERE), "networkIp": "10.0.0.9"}
    opened = firewall(VPC, "open", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
    for configs, reached in (
        ([{}], True),
        ([{"natIp": UNKNOWN}], True),
        (UNKNOWN, True),
        ([UNKNOWN], True),
        ([], False),
        (None, False),
    ):
        host = instance(HERE, "host", "10.0.0.9", networkInterfaces=[nic | {"accessConfigs": configs}])
        estate = Estate(*BASE, host, opened)
        assert estate.reaches("internet", "host", "tcp 22") is reached


def test_a_reserved_address_by_reference_is_the_instances():
    reserved = resource("address", "ip", region="europe-west1", address="203.0.113.77")
    nic = {"subnetwork": link(HERE), "networkIp": "10.0.0.9", "accessConfigs": [{"natIp": UNKNOWN}]}
    host = instance(
        HERE, "host", "10.0.0.9", networkInterfaces=[nic], references={"networkInterfaces": (reserved.urn,)}
    )
    estate = Estate(*BASE, reserved, host, firewall(VPC, "open", allow="tcp:22", sourceRanges=["0.0.0.0/0"]))
    assert estate.reaches("internet", "host", "tcp 22", at="203.0.113.77", must=True)
    assert estate.assembly.machines[host.urn].interfaces[0].public == (address("203.0.113.77"),)


def test_unknown_tags_make_target_and_source_uncertain():
    tagged = firewall(VPC, "tagged", allow="tcp:22", sourceTags=["client"], targetTags=["web"])
    late = instance(HERE, "late", "10.0.0.8", tags=UNKNOWN)
    estate = Estate(*BASE, late, tagged)
    for sender, to, must in (("client", "server", True), ("late", "server", False), ("client", "late", False)):
        assert estate.reaches(sender, to, "tcp 22")
        assert estate.reaches(sender, to, "tcp 22", must=True) is must


def test_an_interface_on_a_network_outside_the_input_is_not_modelled():
    stray = resource("instance", "stray", zone="z-a", networkInterfaces=[{"network": "elsewhere"}])
    reasons = Estate(*BASE, stray).assembly.unmodelled
    assert any("'elsewhere'" in each and stray.urn in each for each in reasons)


def test_a_route_to_an_unknown_destination_may_take_what_other_routes_have():
    own = network(deleteDefaultRoutesOnCreate=True)
    here = subnet(own)
    host = instance(here, "host", "10.0.0.5", external="34.1.2.3")
    hop = instance(here, "hop", "10.0.0.6", canIpForward=False)
    away = resource("route", "away", network=link(own), destRange="192.0.2.0/24", nextHopInstance=link(hop))
    out = resource("route", "out", network=link(own), destRange=UNKNOWN, nextHopGateway="default-internet-gateway")
    out = replace(out, concealed=frozenset({"destRange"}))
    estate = Estate(own, here, host, hop, away, out)
    assert estate.reaches("host", "internet", "tcp 443", at="192.0.2.5")
    assert not estate.reaches("host", "internet", "tcp 443", at="192.0.2.5", must=True)
    assert not Estate(own, here, host, hop, away).reaches("host", "internet", "tcp 443", at="192.0.2.5")


@pytest.mark.parametrize("hidden", ["destRange", "priority", "tags"])
def test_what_a_better_route_may_take_surely_takes_no_other(hidden):
    own = network()
    here = subnet(own)
    host = instance(here, "host", "10.0.0.5", external="34.1.2.3", tags=("a",))
    hop = instance(here, "hop", "10.0.0.6", canIpForward=False)
    given = {"destRange": "0.0.0.0/0", "priority": 10, "nextHopInstance": link(hop), hidden: UNKNOWN}
    better = replace(resource("route", "better", network=link(own), **given), concealed=frozenset({hidden}))
    assert Estate(own, here, host, hop).reaches("host", "internet", "tcp 443", must=True)
    estate = Estate(own, here, host, hop, better)
    assert estate.reaches("host", "internet", "tcp 443")
    assert not estate.reaches("host", "internet", "tcp 443", must=True)


def test_a_criterion_of_a_policy_that_is_not_known_makes_the_rule_uncertain():
    own = network(networkFirewallPolicyEnforcementOrder="BEFORE_CLASSIC_FIREWALL")
    here = subnet(own)
    host = instance(here, "host", "10.0.0.5", external="34.1.2.3")
    policy = resource("networkFirewallPolicy", "policy")
    tied = resource("networkFirewallPolicyAssociation", "tied", firewallPolicy="policy", attachmentTarget=own.id)
    match = {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]}
    rule = {"firewallPolicy": "policy", "priority": 100, "action": "allow", "direction": "INGRESS"}
    plain = resource("networkFirewallPolicyRule", "rule", match=match, **rule)
    novel = resource("networkFirewallPolicyRule", "rule", match={**match, "srcMoonPhase": "FULL"}, **rule)
    assert Estate(own, here, host, policy, tied, plain).reaches("internet", "host", "tcp 22", must=True)
    estate = Estate(own, here, host, policy, tied, novel)
    assert estate.reaches("internet", "host", "tcp 22")
    assert not estate.reaches("internet", "host", "tcp 22", must=True)
