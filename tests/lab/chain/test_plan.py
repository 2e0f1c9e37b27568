"""The lab's chain is another chain with the declared firewalls, and its other validators alone can keep it going."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from estate.declaration import load
from estate.model import Network
from lab.chain import plan
from lab.chain.identity import NodeKey, example_partner_key


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def facts(network: Network, tmp_path: Path) -> dict[str, object]:
    peers = tuple(f"{index:040x}@{each}:26656" for index, each in enumerate(plan.OTHER_VALIDATOR_ADDRESSES, 1))
    return plan.chain_facts(network, version="1.2.3", genesis=tmp_path / "genesis.json", sha256="a" * 64, peers=peers)


def test_the_facts_replace_the_declared_chain(network: Network, stack_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "chain.yaml"
    file.write_text(yaml.safe_dump(facts(network, tmp_path)))
    rehearsed = load.read(stack_file, chain=file)
    assert rehearsed.chain.chain_id == f"{network.chain.chain_id}-lab"
    assert rehearsed.chain.client.daemon == plan.DAEMON
    assert rehearsed.chain.ports == network.chain.ports, "the rehearsed firewalls are the declared ones"
    assert rehearsed.model_copy(update={"chain": network.chain}) == network, "nothing else differs"


def test_the_other_validators_outvote_us_and_need_not_all_be_up_when_we_sign() -> None:
    others = len(plan.other_validators()) * plan.OTHER_VALIDATOR_STAKE
    total = others + plan.OPERATOR_STAKE
    assert 3 * others > 2 * total, "the chain goes on while our signer is stopped"
    assert 3 * (total - plan.OTHER_VALIDATOR_STAKE) > 2 * total, "with us, one of them may be down"
    assert plan.OPERATOR_STAKE < plan.OPERATOR_BALANCE


def test_every_example_partner_can_be_stood_in_for(network: Network) -> None:
    assert network.partners
    for name, partner in network.partners.items():
        nodes = plan.partner_nodes(network, name)
        assert len(nodes) == len(partner.peers)
        for node, peer in zip(nodes, partner.peers, strict=True):
            assert node.key is not None
            assert peer == f"{node.key.node_id}@{node.address}:{node.port}"
            assert not node.validator


def test_a_real_partners_node_is_refused_with_what_to_do(network: Network) -> None:
    name, partner = next(iter(network.partners.items()))
    real = partner.model_copy(update={"peers": (f"{'e' * 40}@172.20.4.10:26656",)})
    other = network.model_copy(update={"partners": {name: real}})
    with pytest.raises(plan.UnknownIdentity, match=f"got peer e{{40}}@.*{example_partner_key(name, 0).node_id}"):
        plan.partner_nodes(other, name)


def test_a_node_id_is_the_hash_of_its_public_key() -> None:
    assert NodeKey(bytes(32)).node_id == "139e3940e64b5491722088d9a0d741628fc826e0"
    assert example_partner_key("a", 0) != example_partner_key("a", 1) != example_partner_key("b", 1)


def test_a_partner_that_is_given_by_name_is_not_stood_in_for(network: Network) -> None:
    name, partner = next(iter(network.partners.items()))
    named = partner.model_copy(
        update={"peers": (f"{example_partner_key(name, 0).node_id}@node.partner.example:26656",)}
    )
    other = network.model_copy(update={"partners": {name: named}})
    with pytest.raises(plan.UnknownIdentity, match="left out"):
        plan.partner_nodes(other, name)
