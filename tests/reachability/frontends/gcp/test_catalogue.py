"""What is not modelled is refused by name; what no packet crosses is not."""

import pytest

from reachability.frontends.gcp import compile
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.gcp.builders import Estate, instance, network, resource, subnet


@pytest.mark.parametrize(
    "type_",
    [
        "gcp:container/nodePool:NodePool",
        "gcp:dataproc/cluster:Cluster",
        "gcp:vpcaccess/connector:Connector",
        "gcp:networkconnectivity/policyBasedRoute:PolicyBasedRoute",
        "gcp:networksecurity/firewallEndpoint:FirewallEndpoint",
        "gcp:networkservices/gateway:Gateway",
        "gcp:compute/instanceGroupManager:InstanceGroupManager",
        "gcp:compute/networkEndpointGroup:NetworkEndpointGroup",
        "gcp:compute/packetMirroring:PacketMirroring",
        "gcp:compute/serviceAttachment:ServiceAttachment",
        "gcp:compute/somethingNew:SomethingNew",
        "gcp:brandnew/thing:Thing",
        "gcp:nonsense",
    ],
)
def test_a_type_that_may_touch_the_network_is_refused_by_urn(type_):
    found = Resource(f"urn:x::{type_}::thing", type_, "thing", "thing", {}, {})
    assert compile([found], {}).unmodelled == [f"{found.urn}: {type_} is not modelled"]


@pytest.mark.parametrize(
    "type_",
    [
        "gcp:projects/service:Service",
        "gcp:projects/iAMMember:IAMMember",
        "gcp:storage/bucket:Bucket",
        "gcp:kms/cryptoKey:CryptoKey",
        "gcp:secretmanager/secret:Secret",
        "gcp:compute/disk:Disk",
        "gcp:compute/subnetworkIAMMember:SubnetworkIAMMember",
        "gcp:container/clusterIamMember:ClusterIamMember",
        "gcp:sql/database:Database",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:cloudrunv2/service:Service",
        "gcp:redis/instance:Instance",
        "gcp:compute/healthCheck:HealthCheck",
        "gcp:compute/externalVpnGateway:ExternalVpnGateway",
        "aws:ec2/vpc:Vpc",
    ],
)
def test_a_type_that_no_packet_crosses_is_silent(type_):
    assert compile([Resource(f"urn:x::{type_}::thing", type_, "thing", "thing", {}, {})], {}).unmodelled == []


def test_a_machine_answers_to_its_urn_name_id_and_self_link():
    vpc = network()
    here = subnet(vpc)
    host = instance(here, "host", "10.0.0.5", instanceId="4711", labels={"role": "sentry"})
    estate = Estate(vpc, here, host)
    for name in ("host", "4711", host.id, host.properties["selfLink"]):
        assert estate.prover.machine(name).name == host.urn
    assert estate.assembly.machines[host.urn].labels == {"role": "sentry", "Name": "host"}


@pytest.mark.parametrize(
    "reference",
    [
        "vpc",
        "global/networks/vpc",
        "projects/estate/global/networks/vpc",
        "https://www.googleapis.com/compute/v1/projects/estate/global/networks/vpc",
        "https://compute.googleapis.com/compute/beta/projects/estate/global/networks/vpc",
    ],
)
def test_a_network_is_found_by_every_form_of_its_name(reference):
    vpc = network()
    here = resource("subnetwork", "a", network=reference, ipCidrRange="10.0.0.0/24", region="r")
    rule = resource("firewall", "ssh", network=reference, sourceRanges=["10.0.0.0/8"], allows=[{"protocol": "tcp"}])
    estate = Estate(vpc, here, rule, instance(here, "one", "10.0.0.5"), instance(here, "two", "10.0.0.6"))
    assert estate.reaches("one", "two", "tcp 22", must=True)
    assert not estate.assembly.unmodelled


def test_a_name_that_two_projects_use_is_looked_up_in_ones_own():
    mine, theirs = (
        network(),
        network(project="other", selfLink="https://x/compute/v1/projects/other/global/networks/vpc"),
    )
    theirs = Resource(theirs.urn + "2", theirs.type, "vpc", "projects/other/global/networks/vpc", theirs.properties, {})
    here = resource("subnetwork", "a", network="vpc", ipCidrRange="10.0.0.0/24", region="r")
    rule = resource("firewall", "ssh", network="vpc", sourceRanges=["10.0.0.0/8"], allows=[{"protocol": "tcp"}])
    there = resource(
        "firewall",
        "no",
        network="vpc",
        project="other",
        denies=[{"protocol": "all"}],
        priority=1,
        sourceRanges=["0.0.0.0/0"],
    )
    hosts = instance(here, "one", "10.0.0.5"), instance(here, "two", "10.0.0.6")
    assert Estate(theirs, mine, here, rule, there, *hosts).reaches("one", "two", "tcp 22", must=True)


def test_google_itself_comes_in_where_rules_let_it():
    """vpc/docs/routes#special_return_paths: health checks and IAP need no external address."""
    from tests.reachability.frontends.gcp.builders import firewall

    vpc = network()
    here = subnet(vpc)
    iap = firewall(vpc, "iap", allow="tcp:22", sourceRanges=["35.235.240.0/20"])
    google = "Google's front ends, IAP and DNS at vpc"
    assert Estate(vpc, here, instance(here, "host", "10.0.0.5"), iap).reaches(google, "host", "tcp 22")
    assert not Estate(vpc, here, instance(here, "host", "10.0.0.5")).reaches(google, "host", "tcp 22")


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("gcp:cloudfunctions/function:Function", {"vpcConnector": "connector"}),
        ("gcp:cloudfunctionsv2/function:Function", {"serviceConfig": [{"vpcConnector": "connector"}]}),
        ("gcp:cloudrunv2/service:Service", {"template": {"vpcAccess": {"connector": "connector"}}}),
        ("gcp:cloudrunv2/service:Service", {"template": UNKNOWN}),
    ],
)
def test_a_serverless_service_is_not_modelled_where_it_is_or_may_be_connected_to_a_network(type_, given):
    found = Resource(f"urn:x::{type_}::thing", type_, "thing", "thing", given, {})
    assert compile([found], {}).unmodelled == [f"{found.urn}: {type_} is not modelled"]
