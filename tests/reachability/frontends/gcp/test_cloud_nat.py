"""Cloud NAT: cloud.google.com/nat/docs/overview, cloud.google.com/nat/docs/nat-product-interactions."""

import pytest

from reachability.addresses import address
from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import (
    Estate,
    firewall,
    instance,
    link,
    network,
    resource,
    service,
    subnet,
)

VPC = network()
HERE = subnet(VPC, "here", secondaryIpRanges=[{"rangeName": "pods", "ipCidrRange": "10.8.0.0/24"}])
NEXT = subnet(VPC, "next", "10.2.0.0/24")
FAR = subnet(VPC, "far", "10.1.0.0/24", "us-east1")
PRIVATE, BESIDE, DISTANT = (
    instance(HERE, "private", "10.0.0.5"),
    instance(NEXT, "beside", "10.2.0.5"),
    instance(FAR, "distant", "10.1.0.5"),
)
PUBLIC = instance(HERE, "public", "10.0.0.6", "203.0.113.6")
ROUTER = resource("router", "router", network=link(VPC), region="europe-west1")
OPEN = firewall(VPC, "open", allow="all", sourceRanges=["0.0.0.0/0"])
BASE = (VPC, HERE, NEXT, FAR, PRIVATE, BESIDE, DISTANT, PUBLIC, ROUTER, OPEN)
ADDRESS = resource("address", "nat", region="europe-west1", address="203.0.113.99")


def nat(**more):
    given = {
        "router": "router",
        "region": "europe-west1",
        "natIpAllocateOption": "MANUAL_ONLY",
        "natIps": [link(ADDRESS)],
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
    } | more
    return resource("routerNat", "nat-gw", **given)


def sources_on_the_way(estate, sender, source, to, what="tcp 443"):
    """The source that the packet has at the end."""
    from reachability.packet import Packet

    found = estate.prover.trace(estate.sender(sender), Packet(address(source), address(to), service(what)))
    return found.outcome, found.hops[-1].packet.source


def test_it_is_for_interfaces_without_an_external_address_in_its_region():
    without, estate = Estate(*BASE), Estate(*BASE, ADDRESS, nat())
    assert not without.reaches("private", "internet", "tcp 443")
    assert estate.reaches("private", "internet", "tcp 443", must=True)
    assert not estate.reaches("distant", "internet", "tcp 443"), "another region"
    assert sources_on_the_way(estate, "private", "10.0.0.5", "198.51.100.1")[1] == address("203.0.113.99")
    assert sources_on_the_way(estate, "public", "10.0.0.6", "198.51.100.1")[1] == address("203.0.113.6")


def test_nothing_new_comes_in_by_it_but_answers_do():
    estate = Estate(*BASE, ADDRESS, nat())
    assert not estate.reaches("internet", "private", "tcp 443")
    assert estate.reaches("internet", "public", "tcp 443")
    assert estate.reply("private", "10.0.0.5", "198.51.100.1", "tcp 443") == "passes"


@pytest.mark.parametrize(("what", "passes"), [("tcp 443", True), ("udp 53", True), ("icmp 8", True), ("esp 0", False)])
def test_it_translates_tcp_udp_and_icmp(what, passes):
    assert Estate(*BASE, ADDRESS, nat()).reaches("private", "internet", what) is passes


def test_a_list_of_subnets_names_those_that_it_serves():
    listed = nat(
        sourceSubnetworkIpRangesToNat="LIST_OF_SUBNETWORKS",
        subnetworks=[{"name": link(NEXT), "sourceIpRangesToNats": ["ALL_IP_RANGES"]}],
    )
    estate = Estate(*BASE, ADDRESS, listed)
    assert estate.reaches("beside", "internet", "tcp 443", must=True)
    assert not estate.reaches("private", "internet", "tcp 443")


def test_primary_ranges_leave_alias_ranges_out():
    nic = {"subnetwork": link(HERE), "networkIp": "10.0.0.7", "aliasIpRanges": [{"ipCidrRange": "10.8.0.4/30"}]}
    pods = instance(HERE, "pods", "10.0.0.7", networkInterfaces=[nic])
    for which, passes in (("ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES", False), ("ALL_SUBNETWORKS_ALL_IP_RANGES", True)):
        estate = Estate(*BASE, pods, ADDRESS, nat(sourceSubnetworkIpRangesToNat=which))
        assert estate.reaches("pods", "internet", "tcp 443", source="10.0.0.7")
        assert estate.reaches("pods", "internet", "tcp 443", source="10.8.0.5") is passes


def test_a_list_that_is_not_known_yet_serves_perhaps():
    listed = nat(sourceSubnetworkIpRangesToNat="LIST_OF_SUBNETWORKS", subnetworks=UNKNOWN)
    estate = Estate(*BASE, ADDRESS, listed)
    assert estate.reaches("private", "internet", "tcp 443")
    assert not estate.reaches("private", "internet", "tcp 443", must=True)


def test_automatic_addresses_are_public_and_nobodys():
    estate = Estate(*BASE, nat(natIpAllocateOption="AUTO_ONLY", natIps=None))
    assert estate.reaches("private", "internet", "tcp 443", must=True)
    assert estate.reply("private", "10.0.0.5", "198.51.100.1", "tcp 443") == "passes"


def test_it_needs_the_default_internet_gateway():
    """overview#specs: NAT is used when the route's next hop is the default internet gateway."""
    bare = network(deleteDefaultRoutesOnCreate=True)
    estate = Estate(bare, *BASE[1:], ADDRESS, nat())
    assert not estate.reaches("private", "internet", "tcp 443")


def test_private_nat_is_not_modelled():
    estate = Estate(*BASE, nat(type="PRIVATE", natIps=None))
    assert any("private NAT" in each for each in estate.assembly.unmodelled)


def test_private_google_access_leads_to_googles_addresses_only():
    """vpc/docs/private-google-access."""
    google = "199.36.153.8"
    assert not Estate(*BASE).reaches("private", "google apis", "tcp 443", at=google)
    access = subnet(VPC, "here", privateIpGoogleAccess=True)
    estate = Estate(*[access if each is HERE else each for each in BASE])
    assert estate.reaches("private", "google apis", "tcp 443", at=google, must=True)
    assert not estate.reaches("private", "internet", "tcp 443")
    assert estate.reaches("private", "google apis", "tcp 443", at="198.51.100.1"), (
        "which addresses are Google's is not known"
    )
    assert not estate.reaches("private", "google apis", "tcp 443", at="198.51.100.1", must=True)
    assert not estate.reaches("distant", "google apis", "tcp 443", at=google)
