"""Each kind of node says to the network what its kind may say, and knows the peers that its kind must know."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from configuration import node_config
from configuration.node_config import NodeSettings, settings
from estate.declaration import load
from estate.model import CHAIN_ROLES, ROLES, SENTRY_ROLES, Network, Role
from estate.plan.hosts import Host, hosts, of_role
from estate.plan.topology import Topology
from tests.hosts import samples


def node_id(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:40]


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


@pytest.fixture(scope="module")
def known(network: Network) -> Mapping[str, str]:
    return {host.name: node_id(host.name) for host in of_role(network, *CHAIN_ROLES)}


def of(network: Network, known: Mapping[str, str], *roles: Role) -> list[tuple[Host, NodeSettings]]:
    inventory = samples.inventory(network)
    return [(host, settings(network, host, known, inventory)) for host in of_role(network, *roles)]


def ids(peers: tuple[str, ...]) -> set[str]:
    return {peer.split("@")[0] for peer in peers}


def partner_ids(network: Network) -> set[str]:
    return {peer.split("@")[0] for partner in network.partners.values() for peer in partner.peers}


def test_a_validator_knows_its_own_sentries_and_nobody_else(network: Network, known: Mapping[str, str]) -> None:
    sentries = {node_id(host.name) for host in of_role(network, *SENTRY_ROLES)}
    for host, node in of(network, known, Role.VALIDATOR):
        assert not node.pex, f"{host.name}: peer exchange would tell of a validator"
        assert not node.seeds
        assert ids(node.persistent_peers) == sentries
        if network.chain.client.spec.unconditional_peers:
            assert set(node.unconditional_peer_ids) == sentries
            assert node.max_inbound_peers == 0, "a stranger that got through both firewalls is still refused"
        else:
            assert not node.unconditional_peer_ids
            assert node.max_inbound_peers == len(sentries), "there is room for its sentries, and for nobody else"
        assert not node.addr_book_strict, "its sentries have private addresses"
        assert not node.external_address


def test_only_the_active_validator_of_a_site_waits_for_a_signer(network: Network, known: Mapping[str, str]) -> None:
    for host, node in of(network, known, *CHAIN_ROLES):
        if host.role is Role.VALIDATOR and host.active:
            assert node.privval_laddr == f"tcp://{host.address}:{network.chain.ports.privval}"
        else:
            assert not node.privval_laddr, f"{host.name} takes signatures from nobody"
            assert node.double_sign_check_height == 0


def test_a_validator_looks_back_for_its_own_signatures_unless_a_twin_makes_them(
    network: Network, known: Mapping[str, str]
) -> None:
    alone = network.model_copy(update={"signing": network.signing.model_copy(update={"coordination": None})})
    for each, expected in ((network, 0), (alone, node_config.DOUBLE_SIGN_CHECK_HEIGHT)):
        found = {node.double_sign_check_height for host, node in of(each, known, Role.VALIDATOR) if host.active}
        assert found == {expected}


def chain(network: Network) -> set[str]:
    return {peer.split("@")[0] for peer in network.chain.persistent_peers}


def test_a_public_sentry_gossips_with_anyone_and_tells_of_no_hidden_node(
    network: Network, known: Mapping[str, str]
) -> None:
    hidden = {node_id(host.name) for host in of_role(network, Role.VALIDATOR, Role.PRIVATE_SENTRY)}
    for host, node in of(network, known, Role.PUBLIC_SENTRY):
        assert node.pex
        assert not node.seed_mode
        assert node.external_address.endswith(f":{network.chain.ports.p2p}")
        assert set(node.private_peer_ids) == hidden | partner_ids(network)
        validators = {node_id(each.name) for each in of_role(network, Role.VALIDATOR)}
        room = node.max_inbound_peers - ROLES[Role.PUBLIC_SENTRY].node.inbound_peers
        assert validators <= set(node.unconditional_peer_ids) or room == len(
            ids(node.persistent_peers) - chain(network)
        ), "a full sentry would shut its validators out"
        assert node_id(host.name) not in ids(node.persistent_peers), "no node dials itself"


def test_a_private_sentry_knows_only_declared_peers(network: Network, known: Mapping[str, str]) -> None:
    for host, node in of(network, known, Role.PRIVATE_SENTRY):
        own = {node_id(each.name) for each in of_role(network, *SENTRY_ROLES, Role.VALIDATOR) if each.name != host.name}
        partners = {
            peer.split("@")[0]
            for partner in network.partners.values()
            if partner.region == host.place
            for peer in partner.peers
        }
        assert not node.pex
        assert not node.external_address, "it must not be dialled"
        assert ids(node.persistent_peers) == own | partners | chain(network)
        if network.chain.client.spec.unconditional_peers:
            assert set(node.unconditional_peer_ids) == own | partners
            assert node.max_inbound_peers == 0, "whoever is not declared does not get in"
        else:
            assert not node.unconditional_peer_ids
            assert node.max_inbound_peers == len(own | partners), "there is room for who is declared, and no more"


def test_a_seed_crawls_and_serves_and_follows_the_chain_by_public_addresses(
    network: Network, known: Mapping[str, str]
) -> None:
    public = {entry["public_address"] for entry in samples.inventory(network)["hosts"].values()}
    for host, node in of(network, known, Role.SEED):
        assert node.seed_mode and node.pex
        lcd = network.chain.ports.lcd
        assert node.api_laddr == (f"tcp://{host.address}:{lcd}" if lcd else None)
        assert str(host.address) in node.rpc_laddr
        assert node.keeps_history
        for peer in node.persistent_peers:
            address = peer.split("@")[1].split(":")[0]
            assert address in public or peer in network.chain.persistent_peers, (
                "the plan lets seeds dial nothing private"
            )


def test_only_seeds_serve_rpc_and_lcd(network: Network, known: Mapping[str, str]) -> None:
    for host, node in of(network, known, *(set(CHAIN_ROLES) - {Role.SEED})):
        assert node.rpc_laddr == f"tcp://127.0.0.1:{network.chain.ports.rpc}", host.name
        assert node.api_laddr is None, host.name


def test_metrics_are_where_the_monitors_read_them(network: Network, known: Mapping[str, str]) -> None:
    for host, node in of(network, known, *CHAIN_ROLES):
        assert node.metrics_laddr == f"{host.management_address}:{network.chain.ports.metrics}"


def test_every_peer_of_ours_may_be_dialled_by_the_plan(network: Network, known: Mapping[str, str]) -> None:
    topology = Topology(network)
    everyone = {str(host.address): host for host in hosts(network)}
    for host, node in of(network, known, *CHAIN_ROLES):
        allowed = topology.outbound(host)
        for peer in node.persistent_peers:
            address, port = peer.split("@")[1].split(":")
            if address not in everyone:
                continue
            other = everyone[address]
            assert any(
                rule.ports[0] <= int(port) <= rule.ports[1] and any(other.address in block for block in rule.addresses)
                for rule in allowed
            ), f"{host.name} is configured to dial {other.name}, which its firewall forbids"


def test_a_host_without_an_identity_is_nobodys_peer_and_is_named(network: Network, known: Mapping[str, str]) -> None:
    validator = of_role(network, Role.VALIDATOR)[0]
    sentry = of_role(network, Role.PUBLIC_SENTRY)[0]
    fewer = {name: each for name, each in known.items() if name != sentry.name}
    node = settings(network, validator, fewer, samples.inventory(network))
    assert node.missing == (sentry.name,)
    assert len(node.persistent_peers) == len(of_role(network, *SENTRY_ROLES)) - 1


def test_a_block_time_of_six_seconds_waits_five_after_a_commit(network: Network, known: Mapping[str, str]) -> None:
    six = network.model_copy(update={"chain": network.chain.model_copy(update={"block_seconds": 6.0})})
    assert settings(six, of_role(six, Role.SEED)[0], known, {}).timeout_commit_ms == 5000
