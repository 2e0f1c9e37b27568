"""What a network does not declare is the company's default; a fault in one is told once, in the company's file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from estate.declaration import example, load
from estate.findings import DeclarationError
from estate.model import Network
from tests.estate.declarations import TODAY, edit, place
from tests.estate.test_composition import COMPANY, change, in_network, told

STACK = "Pulumi.example.yaml"
WHOLE = example.declared("example", 7, today=TODAY)


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    place(tmp_path / "stacks")
    return tmp_path / "stacks"


def read(stacks: Path) -> Network:
    return load.read(stacks / STACK, today=TODAY)


def own_site(site: str, *fields: str) -> dict[str, Any]:
    """What the example has in a site by default, declared in the network's own file."""
    return {field: WHOLE["sites"][site][field] for field in fields}


def test_a_section_that_the_file_has_is_whole_and_no_default_is_added_to_it(stacks: Path) -> None:
    own = copy.deepcopy(WHOLE["leases"])
    own["seeds"] = own.pop("seed-tls")
    monitoring = {"all": WHOLE["monitoring"]["host"] | {"port": 9100}, "chain": WHOLE["monitoring"]["chain"]}
    change(stacks, STACK, in_network({"leases": own, "monitoring": monitoring}))
    assert (list(read(stacks).leases), list(read(stacks).monitoring)) == (list(own), ["all", "chain"])


def test_the_long_form_and_the_short_form_of_a_site_are_equal(stacks: Path) -> None:
    short = read(stacks)
    zones = own_site("dal1", "zones", "links")
    servers = [
        {key: server[key] for key in ("role", "zone", "number", "serial", "active")}
        for server in WHOLE["sites"]["dal1"]["servers"]
    ]
    long = {f"sites.dal1.{field}": value for field, value in zones.items()}
    change(stacks, STACK, in_network(long | {"sites.dal1.servers": servers, "sites.dal1.vlans": "(removed)"}))
    assert read(stacks) == short


def test_the_other_server_of_a_pair_is_made_the_active_one(stacks: Path) -> None:
    change(stacks, STACK, in_network({"sites.dal1.active": {"validator": 2}}))
    active = {(server.role, server.number) for server in read(stacks).sites["dal1"].servers if server.active}
    assert active == {("edge", 1), ("validator", 2), ("signer", 1)}


def test_without_defaults_a_network_declares_everything_itself(stacks: Path) -> None:
    change(stacks, COMPANY, {"defaults": "(removed)"})
    assert {path for _, path, rule in told(stacks) if rule.startswith("must be given")} == {
        *("endpoints", "vpn", "leases", "monitoring"),
        *(f"sites.{site}.{field}" for site in ("dal1", "hel1") for field in ("zones", "links")),
    }


def test_a_placeholder_takes_what_the_network_declares(stacks: Path) -> None:
    change(stacks, STACK, in_network({"chain.ports.metrics": 26670, "aws.account_id": "999988887777"}))
    network = read(stacks)
    assert network.monitoring["chain"].port == 26670
    assert {arn.split(":")[4] for link in network.sites["dal1"].links.values() for arn in link.certificates} == {
        "999988887777"
    }


def test_a_port_that_is_not_declared_is_the_one_that_chains_have(stacks: Path) -> None:
    change(stacks, STACK, in_network({"chain.ports": {"lcd": 1317}}))
    assert read(stacks).monitoring["chain"].port == 26660


def test_a_lease_of_each_site_is_made_for_those_that_sign_together(stacks: Path) -> None:
    change(stacks, STACK, in_network({"signing.coordination": "(removed)", "services": {}}))
    assert [name for name in read(stacks).leases if name.startswith("gate")] == []


@pytest.mark.parametrize(
    ("changes", "path", "rule"),
    [
        ({"name": "Example"}, "name", "must be 2 to 16 lower-case letters"),
        ({"aws.account_id": 12}, "aws.account_id", "must be 12 digits"),
        ({"chain.ports.metrics": "x"}, "chain.ports.metrics", "must be a whole number from 1 to 65535"),
        ({"signing": []}, "signing", "must be a mapping"),
        (
            {"regions.europe": WHOLE["regions"]["eu-west-1"] | {"slot": 3, "asn": 64805}},
            "regions.europe",
            "must be the name of an AWS region",
        ),
        ({"sites.dal1.vlans": "(removed)"}, "sites.dal1.vlans", "must be given: a whole number from 0 to 4054"),
        ({"sites.dal1.vlans": 4055}, "sites.dal1.vlans", "must be a whole number from 0 to 4054"),
        ({"sites.dal1.vlans": True}, "sites.dal1.vlans", "must be a whole number from 0 to 4054"),
        ({"sites.dal1.zones": WHOLE["sites"]["dal1"]["zones"]}, "sites.dal1.vlans", "must not be given beside zones"),
        ({"sites.dal1.servers.edge": "DAL1-007-01"}, "sites.dal1.servers.edge", "must be a list of serials"),
        ({"sites.dal1.servers.seed": ["DAL1-007-09"]}, "sites.dal1.servers.seed", "must be a role of the company's"),
        ({"sites.dal1.servers.edge.2": "DAL1-007-09"}, "sites.dal1.servers.edge", "must be at most 2"),
        ({"sites.dal1.active": {"edge": 3}}, "sites.dal1.active.edge", "must be the number of a server of the role"),
        ({"sites.dal1.active": {"seed": 1}}, "sites.dal1.active.seed", "must be the number of a server of the role"),
        ({"sites.dal1.active": 2}, "sites.dal1.active", "must be a mapping from roles to the number"),
        ({"sites.dal1.servers.edge.1": "edge 2"}, "sites.dal1.servers.edge.1", "must be 4 to 32 capital letters"),
    ],
)
def test_what_a_default_is_made_of_is_told_where_the_network_declares_it(
    stacks: Path, changes: dict[str, Any], path: str, rule: str
) -> None:
    change(stacks, STACK, in_network(changes))
    found = {(file, at, said) for file, at, said in told(stacks) if at != f"{path}.serial"}
    assert {(file, at) for file, at, _ in found} == {(STACK, path)} or changes.keys() & {"sites.dal1.servers.edge.2"}
    assert any(at == path and said.startswith(rule) for _, at, said in found)
    assert all(file == STACK for file, _, _ in found)


@pytest.mark.parametrize(
    ("changes", "path", "rule"),
    [
        ({"defaults": []}, "defaults", "must be a mapping"),
        ({"defaults.nodes": []}, "defaults.nodes", "must be a field of a defaults"),
        ({"defaults.leases": []}, "defaults.leases", "must be a mapping"),
        (
            {"defaults.leases.Seed": WHOLE["leases"]["seed-tls"]},
            "defaults.leases.Seed",
            "must be a name of lower-case letters",
        ),
        ({"defaults.leases.seed-tls.kind": "tls"}, "defaults.leases.seed-tls.kind", "must be one of aws"),
        ({"defaults.leases.seed-tls.kind": "(removed)"}, "defaults.leases.seed-tls.kind", "must be given"),
        ({"defaults.leases.seed-tls.path": "/{network}"}, "defaults.leases.seed-tls.path", "must be a path in Vault"),
        ({"defaults.leases.seed-tls.path": "pki/{netwrok}"}, "defaults.leases.seed-tls.path", "must have no placehold"),
        ({"defaults.leases.seed-tls.path": "pki/{site}"}, "defaults.leases.seed-tls.path", "must have no placeholder"),
        (
            {"defaults.leases.gate-{site}.renew_before_seconds": 900},
            "defaults.leases.gate-{site}.renew_before_seconds",
            "must be",
        ),
        ({"defaults.monitoring.chain.port": "{name}"}, "defaults.monitoring.chain.port", "must have no placeholder"),
        ({"defaults.site.zones.edge.kind": "dmz"}, "defaults.site.zones.edge.kind", "must be one of"),
        ({"defaults.site.zones.edge.vlan": "x"}, "defaults.site.zones.edge.vlan", "must be a whole number"),
        ({"defaults.site.zones": []}, "defaults.site.zones", "must be a mapping"),
        ({"defaults.site.servers": []}, "defaults.site.servers", "must be a mapping"),
        ({"defaults.site.servers.edge.1": "outer"}, "defaults.site.servers.edge.1", "must be one of the zones"),
        ({"defaults.site.zones.edge.slot": 4}, "defaults.site.zones.edge.slot", "each zone"),
        ({"defaults.site.certificates.1": "arn:{site}"}, "defaults.site.certificates.1", "must be the ARN"),
        ({"defaults.site.certificates": []}, "defaults.site.certificates", "must not be empty"),
    ],
)
def test_a_fault_in_a_default_is_told_once_for_all_networks_in_the_companys_file(
    stacks: Path, changes: dict[str, Any], path: str, rule: str
) -> None:
    place(stacks, "other", 8, number=8)
    change(stacks, COMPANY, changes)
    with pytest.raises(DeclarationError) as refused:
        load.all_networks(stacks.parent, today=TODAY)
    (problem,) = refused.value.problems
    assert (Path(problem.file).name, problem.path) == (COMPANY, path)
    assert problem.rule.startswith(rule)


def test_the_value_that_is_told_is_the_one_that_is_written(stacks: Path) -> None:
    change(stacks, COMPANY, {"defaults.leases.seed-tls.path": "/{network}"})
    (problem,) = load.examine(stacks / STACK, today=TODAY).problems
    assert problem.value == "'/{network}'"


def test_the_shipped_files_are_short() -> None:
    stacks = Path(__file__).parents[2] / "stacks"
    lengths = {path.name: len(path.read_text().splitlines()) for path in stacks.glob("Pulumi.*.yaml")}
    assert all(lengths[f"Pulumi.{name}.yaml"] <= 90 for name in ("cosmoshub", "terra"))
    uncommented = [
        line for line in example.declaration("example", 7).splitlines() if line.strip() and line.strip()[0] != "#"
    ]
    assert len(uncommented) <= 90


def test_what_is_composed_is_plain_yaml_again(stacks: Path) -> None:
    """What tools edit is the whole declaration, without a default left in it."""
    whole = load.whole(stacks / STACK)
    assert "{" not in yaml.safe_dump(whole, default_flow_style=False)
    assert load.network(edit(whole, {}), source="", today=TODAY) == read(stacks)
