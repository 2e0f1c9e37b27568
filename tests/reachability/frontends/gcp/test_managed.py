"""GKE clusters and services with private addresses: what is unknown of them concerns them alone."""

from __future__ import annotations

import pytest

from reachability.frontends.gcp import compile
from reachability.resources import UNKNOWN
from tests.reachability.frontends.gcp.builders import Estate, firewall, instance, link, network, resource, subnet

NET = network()
HERE = subnet(NET, "a", "10.0.0.0/24", secondaryIpRanges=[{"rangeName": "pods", "ipCidrRange": "10.8.0.0/16"}])
HOST = instance(HERE, "host", "10.0.0.5", external="34.1.2.3")
PLAIN = instance(HERE, "plain", "10.0.0.6", external="34.1.2.4")
SSH = firewall(NET, "ssh", allow="tcp:22", sourceRanges=["0.0.0.0/0"])
FROM_PODS = firewall(NET, "pods", allow="tcp:5432", sourceRanges=["10.8.0.0/16"])
BASE = (NET, HERE, HOST, PLAIN, SSH, FROM_PODS)


def cluster(**more):
    given = {
        "network": link(NET),
        "subnetwork": link(HERE),
        "location": "europe-west1",
        "clusterIpv4Cidr": "10.8.0.0/16",
    }
    return resource("cluster", "c", "container", **(given | more))


def test_what_may_come_into_a_cluster_is_unknown_and_nothing_else_is():
    estate = Estate(*BASE, cluster())
    assert estate.assembly.unmodelled == ()
    assert estate.reaches("internet", "c", "tcp 443") and not estate.reaches("internet", "c", "tcp 443", must=True)
    assert estate.reaches("internet", "c", "tcp 22", must=True), "the customer's own rules hold for nodes too"
    assert not estate.reaches("internet", "host", "tcp 443"), "GKE's rules are for its nodes"
    assert estate.reaches("host", "c", "tcp 443")


def test_pods_send_from_their_own_ranges():
    estate = Estate(*BASE, cluster())
    assert estate.reaches("c", "host", "tcp 5432", source="10.8.0.0/16")
    assert not estate.reaches("c", "host", "tcp 5432", source="10.0.0.0/24")
    bare = (NET, subnet(NET, "a", "10.0.0.0/24"), HOST, SSH, FROM_PODS)
    assert Estate(*bare, cluster()).reaches("c", "host", "tcp 5432", source="10.8.0.0/16")
    hidden = Estate(*BASE, cluster(clusterIpv4Cidr=UNKNOWN))
    assert any("addresses of its pods are not known" in each for each in hidden.assembly.unmodelled)


@pytest.mark.parametrize(("private", "reached"), [(True, False), (False, True), (None, True), (UNKNOWN, True)])
def test_private_nodes_have_no_public_addresses(private, reached):
    for shape in ({"enablePrivateNodes": private}, [{"enablePrivateNodes": private}]):
        assert Estate(*BASE, cluster(privateClusterConfig=shape)).reaches("internet", "c", "tcp 22") is reached


def pool(**more):
    return resource("nodePool", "p", "container", **({"cluster": "c", "location": "europe-west1"} | more))


def test_node_pools_are_of_their_cluster():
    private = cluster(privateClusterConfig={"enablePrivateNodes": True})
    assert Estate(*BASE, private, pool()).assembly.unmodelled == ()
    assert not Estate(*BASE, private, pool()).reaches("internet", "c", "tcp 22")
    public = pool(networkConfig={"enablePrivateNodes": False})
    assert Estate(*BASE, private, public).reaches("internet", "c", "tcp 22")
    for odd in (pool(cluster="other"), pool(networkConfig={"additionalNodeNetworkConfigs": [{"network": "n"}]})):
        assert any("is not modelled" in each for each in compile([*BASE, cluster(), odd], {}).unmodelled)


def database(**configuration):
    return resource("databaseInstance", "db", "sql", settings=[{"ipConfiguration": [configuration]}])


@pytest.mark.parametrize(
    "service",
    [
        database(privateNetwork=link(NET)),
        resource("connection", "private", "servicenetworking", network=link(NET), reservedPeeringRanges=["range"]),
        resource("instance", "cache", "redis", authorizedNetwork=link(NET)),
    ],
)
def test_a_service_with_private_addresses_is_in_a_network_that_peers(service):
    """cloud.google.com/vpc/docs/private-services-access."""
    estate = Estate(*BASE, service)
    assert estate.assembly.unmodelled == ()
    (outside,) = [each for each in estate.assembly.outsides if "peers with" in each]
    assert any(each.to == outside for each in estate.prover.arrivals(estate.sender("host"), may=True))
    assert estate.reaches(outside, "host", "tcp 22") and not estate.reaches(outside, "host", "tcp 443")


def test_a_database_with_public_addresses_only_is_in_no_network():
    estate = Estate(*BASE, database(ipv4Enabled=True))
    assert estate.assembly.unmodelled == () and not any("peers with" in each for each in estate.assembly.outsides)


PROPERTIES = ("network", "subnetwork", "location", "clusterIpv4Cidr", "project", "privateClusterConfig")


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("depends", [(), (HERE.urn,)])
def test_a_value_of_a_cluster_that_is_unknown_is_no_error(name, depends):
    found = cluster(references={name: depends} if depends else {}, **{name: UNKNOWN})
    for more in ((), (pool(),), (pool(cluster=UNKNOWN),), (pool(networkConfig=UNKNOWN),)):
        compile([*BASE, found, *more], {})


def test_a_cluster_before_it_exists_has_its_network_by_dependency():
    references = {"network": (NET.urn,), "subnetwork": (HERE.urn,)}
    planned = cluster(network=UNKNOWN, subnetwork=UNKNOWN, references=references, privateClusterConfig=UNKNOWN)
    estate = Estate(*BASE, planned, pool(networkConfig=UNKNOWN))
    assert estate.assembly.unmodelled == ()
    assert estate.reaches("internet", "c", "tcp 443") and not estate.reaches("internet", "host", "tcp 443")
