"""Public RPC and LCD, and the seeds' name."""

from __future__ import annotations

import pytest

from components.recording import Recorded
from estate.model import ClientKind, Network
from estate.plan.hosts import hosts

RECORD = "aws:route53/record:Record"


@pytest.fixture
def served(network: Network) -> set[str]:
    return {node.region for node in network.nodes if node.role == "seed"}


def test_each_region_with_seeds_has_a_load_balancer(recorded: Recorded, served: set[str], network: Network) -> None:
    balancers = recorded.of("aws:lb/loadBalancer:LoadBalancer")
    assert {each.inputs["region"] for each in balancers} == served
    for each in balancers:
        assert each.inputs["loadBalancerType"] == "network"
        assert each.inputs["enableCrossZoneLoadBalancing"] is True
        assert each.inputs["enableDeletionProtection"] is (network.stage == "production")
        assert len(each.inputs["subnets"]) == len(network.regions[each.inputs["region"]].zones)
        assert len(each.inputs["name"]) <= 32


def test_a_load_balancer_is_in_ingress_subnets_only(recorded: Recorded) -> None:
    known = {each.urn: each for each in recorded.resources}
    for each in recorded.of("aws:lb/loadBalancer:LoadBalancer"):
        assert {known[urn].inputs["tags"]["Tier"] for urn in each.property_dependencies["subnets"]} == {"ingress"}


def balanced_names(network: Network) -> tuple[str, ...]:
    """The names for which a load balancer answers."""
    return tuple(name for name in (network.endpoints.rpc, network.endpoints.lcd) if name)


def test_rpc_and_lcd_are_served_by_tls_on_their_ports(recorded: Recorded, served: set[str], network: Network) -> None:
    listeners = recorded.of("aws:lb/listener:Listener")
    ports = network.chain.ports
    assert {(each.inputs["region"], each.inputs["port"]) for each in listeners} == {
        (region, port) for region in served for port in ports.public().values()
    }
    assert {each.inputs["protocol"] for each in listeners} == {"TLS"}
    assert {each.inputs["sslPolicy"] for each in listeners} == {"ELBSecurityPolicy-TLS13-1-2-2021-06"}


def test_a_listener_waits_for_its_certificate_to_be_issued(recorded: Recorded) -> None:
    known = {each.urn: each for each in recorded.resources}
    for each in recorded.of("aws:lb/listener:Listener"):
        issued = {known[urn].type for urn in each.property_dependencies["certificateArn"]}
        assert "aws:acm/certificateValidation:CertificateValidation" in issued


def test_targets_are_the_regions_seeds(recorded: Recorded, network: Network) -> None:
    known = {each.urn: each for each in recorded.resources}
    found = {
        (known[each.property_dependencies["targetId"][0]].name.removesuffix("-instance"), each.inputs["port"])
        for each in recorded.of("aws:lb/targetGroupAttachment:TargetGroupAttachment")
    }
    seeds = {host.name for host in hosts(network) if host.role == "seed"}
    assert found == {(seed, port) for seed in seeds for port in network.chain.ports.public().values()}


def test_a_seed_sees_the_load_balancer_and_not_the_client(recorded: Recorded) -> None:
    """Its security group knows the ingress subnets; with the client's address the packet would be dropped."""
    assert {each.inputs["preserveClientIp"] for each in recorded.of("aws:lb/targetGroup:TargetGroup")} == {"false"}


def test_targets_are_healthy_only_while_they_answer_http(recorded: Recorded, network: Network) -> None:
    checks = {
        (check["protocol"], check["path"], check["matcher"])
        for check in (each.inputs["healthCheck"] for each in recorded.of("aws:lb/targetGroup:TargetGroup"))
    }
    paths = {
        ClientKind.COSMOS_SDK: ("/health", "/cosmos/base/tendermint/v1beta1/blocks/latest"),
        ClientKind.LOOM: ("/rpc/health",),
    }
    assert checks == {("HTTP", path, "200") for path in paths[network.chain.client.kind]}


def test_the_nearest_region_answers_under_the_declared_names(
    recorded: Recorded, served: set[str], network: Network
) -> None:
    found = {
        (each.inputs["name"], each.inputs["setIdentifier"])
        for each in recorded.of(RECORD)
        if "latencyRoutingPolicies" in each.inputs
    }
    assert found == {(name, region) for name in balanced_names(network) for region in served}


def test_the_seeds_name_has_every_seeds_address_while_it_answers(recorded: Recorded, network: Network) -> None:
    found = {
        each.inputs["setIdentifier"]: each.inputs
        for each in recorded.of(RECORD)
        if each.inputs["name"] == network.endpoints.seed and each.inputs["type"] == "A"
    }
    assert set(found) == {host.name for host in hosts(network) if host.role == "seed"}
    for name, given in found.items():
        assert given["records"] == [recorded.inventory["hosts"][name]["public_address"]]
        assert given["healthCheckId"]


def test_each_name_is_validated_by_one_record_for_all_regions(recorded: Recorded, network: Network) -> None:
    names = [each.inputs["name"] for each in recorded.of(RECORD) if each.inputs["type"] == "CNAME"]
    assert sorted(names) == sorted(f"_validation.{name}" for name in balanced_names(network))


def test_each_public_name_is_a_zone_of_its_own(recorded: Recorded, network: Network) -> None:
    """So no network can change another's names, though all lie in the company's zone."""
    names = {network.endpoints.seed, *balanced_names(network)}
    assert {each.inputs["name"] for each in recorded.of("aws:route53/zone:Zone")} == names
    known = {each.urn: each for each in recorded.resources}
    for each in recorded.of(RECORD):
        zone = known[each.property_dependencies["zoneId"][0]].inputs["name"]
        assert each.inputs["name"] == zone or each.inputs["name"].endswith(f".{zone}")


def test_only_amazon_may_issue_certificates(recorded: Recorded, network: Network) -> None:
    issuers = [each.inputs["records"] for each in recorded.of(RECORD) if each.inputs["type"] == "CAA"]
    assert issuers == [['0 issue "amazon.com"', '0 issuewild ";"']] * (1 + len(balanced_names(network)))
