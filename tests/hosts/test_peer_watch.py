"""The watch of a node's own peers is configured from the declaration, for every host with a node."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from configuration import node_config, peer_watch
from configuration.context import HostContext
from configuration.peer_watch import CONFIG, PROGRAM, UNIT_FILE
from estate.declaration import load
from estate.model import CHAIN_ROLES, Network, Role
from hosts.operations.files import File
from hosts.roles import node
from hosts.roles import peer_watch as role
from peerwatch.__main__ import Watch, read
from tests.hosts.test_node_role import contexts, known, text


@pytest.fixture(scope="module")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


def files(context: HostContext) -> dict[str, str]:
    items = role.items(
        context,
        known(context.network),
        node_unit=node.unit_name(context.chain),
        home=node.home(context.chain),
    )
    return {item.path: text(item) for item in items if isinstance(item, File)}


def watches(network: Network) -> dict[str, tuple[HostContext, Watch]]:
    return {each.host.name: (each, read(files(each)[CONFIG])) for each in contexts(network, *CHAIN_ROLES)}


def test_each_host_watches_those_of_our_own_that_its_node_dials(network: Network) -> None:
    for context, watch in watches(network).values():
        dialled = node_config.settings(network, context.host, known(network), context.inventory).persistent_peers
        watched = {f"{peer.node_id}@{peer.host}:{peer.port}" for peer in watch.peers}
        own = {known(network)[each.name] for each in node_config.own_peers(network, context.host)}
        assert watched == {peer for peer in dialled if peer.partition("@")[0] in own}
        assert watched, context.host.name


def test_each_host_has_a_turn_of_its_own(network: Network) -> None:
    places = [watch.place for _, watch in watches(network).values()]
    assert sorted(place.turn for place in places) == list(range(len(places)))
    assert {place.turns for place in places} == {len(places)}


def test_only_validators_wait_until_they_are_alone(network: Network) -> None:
    for context, watch in watches(network).values():
        assert watch.place.only_alone is (context.host.role is Role.VALIDATOR)


def test_every_peer_of_a_validator_dials_it_too(network: Network) -> None:
    """Otherwise a validator with one peer left would never get the others back."""
    for context, watch in watches(network).values():
        if watch.place.only_alone:
            for peer in node_config.own_peers(network, context.host):
                assert context.host in node_config.own_peers(network, peer)


def test_the_watch_may_talk_to_its_node_and_its_peers_and_restart_nothing_itself(network: Network) -> None:
    for context, watch in watches(network).values():
        unit = files(context)[UNIT_FILE].splitlines()
        allowed = {line.partition("=")[2] for line in unit if line.startswith("IPAddressAllow=")}
        assert watch.rpc.base == context.chain.client.spec.rpc_base
        assert allowed == {"localhost", watch.rpc.host, *(peer.host for peer in watch.peers)}
        assert {"DynamicUser=yes", "IPAddressDeny=any", "ProtectSystem=strict", "CapabilityBoundingSet="} <= set(unit)
        privileged = [line for line in unit if line.partition("=")[2].startswith("+")]
        assert len(privileged) == 1
        assert privileged[0].endswith(f"systemctl --no-block try-restart {node.unit_name(context.chain)}'"), (
            "a node that was stopped on purpose stays stopped"
        )


def test_no_node_opens_the_unsafe_methods_of_its_rpc(network: Network) -> None:
    for context in contexts(network, *CHAIN_ROLES):
        config = next(item for item in node.items(context, known(network)) if item.path.endswith("/config.toml"))
        assert isinstance(config, File) and "\nunsafe = false\n" in text(config)


def test_the_program_runs_on_the_host_alone(network: Network) -> None:
    installed = {path: each for path, each in files(contexts(network, Role.SEED)[0]).items() if path.endswith(".py")}
    assert f"{PROGRAM}/__main__.py" in installed and f"{PROGRAM}/decision.py" in installed
    assert peer_watch.PROGRAM.endswith("/peerwatch")
    for path, source in installed.items():
        for each in ast.walk(ast.parse(source, path)):
            if isinstance(each, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in each.names] if isinstance(each, ast.Import) else [each.module or ""]
                assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"peerwatch"}
