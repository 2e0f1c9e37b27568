"""Packages, time and names are served at the addresses declared for them, and external nodes run as declared."""

from __future__ import annotations

import tomllib
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from estate.declaration import load
from estate.model import Network
from lab.chain import external_node, names, plan, services
from lab.clouds.store import Resource


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def test_each_service_listens_at_its_declared_address(network: Network) -> None:
    files = services.files(network, {"seed.example": (IPv4Address("203.0.113.7"),)})
    for path, name in {services.NGINX: "packages", services.CHRONY: "time", services.UNBOUND: "resolver"}.items():
        assert str(network.services[name].address) in files[path]
    assert 'local-data: "seed.example. 60 IN A 203.0.113.7"' in files[services.UNBOUND]
    assert set(services.RESTARTS) >= set(files)


def test_a_service_that_is_not_declared_is_not_served(network: Network) -> None:
    fewer = {name: each for name, each in network.services.items() if name != "resolver"}
    files = services.files(network.model_copy(update={"services": fewer}), {})
    assert services.UNBOUND not in files and services.NGINX in files


def test_the_resolver_asks_no_other_resolver(network: Network) -> None:
    assert 'local-zone: "." static' in services.files(network, {})[services.UNBOUND], "the lab has no way out"


def test_an_other_validator_dials_the_others_and_tells_where_it_is() -> None:
    node = plan.other_validators()[0]
    document = tomllib.loads(external_node.config_toml(node, ["a" * 40 + "@198.51.100.102:26656"]))
    assert document["p2p"]["pex"] is True
    assert document["p2p"]["external_address"] == f"{node.address}:{node.port}"
    assert document["p2p"]["persistent_peers"].startswith("a")
    tomllib.loads(external_node.app_toml())


def test_a_partners_node_is_not_gossiped(network: Network) -> None:
    nodes = [node for name in network.partners for node in plan.partner_nodes(network, name)]
    assert nodes
    for node in nodes:
        assert tomllib.loads(external_node.config_toml(node, []))["p2p"]["pex"] is False


def resource(kind: str, identity: str, made_for: str = "", **properties: object) -> Resource:
    return Resource(
        urn=f"urn:{identity}",
        type=kind,
        id=identity,
        region="us-east-1",
        properties=properties,
        account="1" * 12,
        made_for=made_for,
    )


def test_the_names_answered_are_the_clouds_a_records() -> None:
    found = names.answers(
        [
            resource(names.RECORD, "r1", fqdn="Seed.example", type="A", records=["203.0.113.9", "203.0.113.8"]),
            resource(names.RECORD, "r2", fqdn="text.example", type="TXT", records=["v=1"]),
        ]
    )
    assert found == {"seed.example": (IPv4Address("203.0.113.8"), IPv4Address("203.0.113.9"))}


def test_a_load_balancers_alias_is_followed_to_its_nodes() -> None:
    found = names.answers(
        [
            resource(names.BALANCER, "nlb-1", dnsName="nlb-1.elb.us-east-1.amazonaws.com", subnets=[]),
            resource(
                "aws:ec2/networkInterface:NetworkInterface",
                "eni-1",
                made_for="nlb-1",
                subnetId="subnet-1",
                privateIp="10.1.5.5",
                association={"publicIp": "203.0.113.20"},
            ),
            resource(
                names.RECORD,
                "r1",
                fqdn="rpc.example",
                type="A",
                aliases=[{"name": "dualstack.NLB-1.elb.us-east-1.amazonaws.com.", "zoneId": "Z"}],
            ),
        ]
    )
    assert found == {"rpc.example": (IPv4Address("203.0.113.20"),)}
