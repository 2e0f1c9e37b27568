"""The lab's genesis has other validators, an operator with the means to join, and rules that an exercise survives."""

from __future__ import annotations

import json
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from estate.declaration import load
from lab.chain import genesis, plan
from lab.chain.genesis import ChainHome
from lab.paths import LabPaths
from tests.conftest import ROOT
from tools import cache, recipes

pytestmark = pytest.mark.slow


def daemon() -> Path:
    recipe = recipes.recipe("wasmd")
    program = cache.root() / "parts" / recipe.directory_name / "bin" / "wasmd"
    if not program.exists():
        pytest.skip("the chain daemon is not built yet: python -m tools ensure wasmd")
    return program


def create(paths: LabPaths) -> ChainHome:
    network = load.read(ROOT / "stacks/Pulumi.cosmoshub.yaml")
    return genesis.create(paths, network, binary=daemon(), version="0.61.2")


def left_by_a_killed_run(paths: LabPaths) -> Path:
    """A directory of the chain that was being made."""
    return paths.root / "chain.unfinished" / "nodes" / "other-1" / "config"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabPaths, ChainHome]:
    """A chain, made where a run was killed before."""
    paths = LabPaths(tmp_path_factory.mktemp("checkout"), "cosmoshub")
    leftover = left_by_a_killed_run(paths)
    leftover.mkdir(parents=True)
    (leftover / "genesis.json").write_text("half of a geno")
    return paths, create(paths)


def test_every_other_validator_validates_from_the_first_block(made: tuple[LabPaths, ChainHome]) -> None:
    document = json.loads(made[1].genesis.read_text())
    assert document["chain_id"] == "cosmoshub-4-lab"
    transactions = document["app_state"]["genutil"]["gen_txs"]
    monikers = {each["body"]["messages"][0]["description"]["moniker"] for each in transactions}
    assert monikers == {each.name for each in plan.other_validators()}


def test_the_rules_punish_a_double_sign_and_forgive_a_drill(made: tuple[LabPaths, ChainHome]) -> None:
    slashing = json.loads(made[1].genesis.read_text())["app_state"]["slashing"]["params"]
    assert float(slashing["slash_fraction_double_sign"]) == 0.05
    missable = plan.SIGNED_BLOCKS_WINDOW * (1 - float(slashing["min_signed_per_window"]))
    assert missable * plan.BLOCK_SECONDS >= 300, "a key move and its deploy take minutes"


def test_the_facts_name_the_genesis_and_its_checksum(made: tuple[LabPaths, ChainHome]) -> None:
    paths, chain = made
    facts = yaml.safe_load(paths.chain_facts.read_text())
    assert facts["genesis"]["sha256"] == sha256(chain.genesis.read_bytes()).hexdigest()
    assert tuple(facts["persistent_peers"]) == genesis.peers(chain)


def test_a_partners_node_has_the_identity_that_is_declared(made: tuple[LabPaths, ChainHome]) -> None:
    network = load.read(ROOT / "stacks/Pulumi.cosmoshub.yaml")
    assert network.partners
    for name, partner in network.partners.items():
        ids = [genesis.node_id(made[1].node(node.name)) for node in plan.partner_nodes(network, name)]
        assert ids == [peer.split("@")[0] for peer in partner.peers]


def test_a_chain_is_made_once(made: tuple[LabPaths, ChainHome]) -> None:
    paths, chain = made
    before = chain.genesis.read_bytes(), paths.chain_facts.stat().st_mtime_ns
    create(paths)
    assert (chain.genesis.read_bytes(), paths.chain_facts.stat().st_mtime_ns) == before


def test_what_a_killed_run_left_is_rebuilt(made: tuple[LabPaths, ChainHome]) -> None:
    paths, chain = made
    assert json.loads(chain.genesis.read_text())["chain_id"] == "cosmoshub-4-lab"
    assert not left_by_a_killed_run(paths).exists()
    assert tomllib.loads((chain.node("other-1") / "config/config.toml").read_text())


def test_a_real_partners_node_is_left_out_and_said_so(made: tuple[LabPaths, ChainHome]) -> None:
    network = load.read(ROOT / "stacks/Pulumi.cosmoshub.yaml")
    name, partner = next(iter(network.partners.items()))
    real = partner.model_copy(update={"peers": (f"{'e' * 40}@172.20.4.10:26656",)})
    said: list[str] = []
    genesis.create(
        made[0],
        network.model_copy(update={"partners": {name: real}}),
        binary=daemon(),
        version="0.61.2",
        progress=said.append,
    )
    assert any("its node is left out" in line for line in said)


def test_a_lab_does_not_change_its_chain_under_way(made: tuple[LabPaths, ChainHome]) -> None:
    network = load.read(ROOT / "stacks/Pulumi.cosmoshub.yaml")
    other = network.model_copy(update={"chain": network.chain.model_copy(update={"chain_id": "cosmoshub-5"})})
    with pytest.raises(genesis.ChainToolFailed, match="got chain cosmoshub-5-lab; this lab runs cosmoshub-4-lab"):
        genesis.create(made[0], other, binary=daemon(), version="0.61.2")
