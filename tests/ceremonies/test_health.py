"""Which hosts are healthy."""

from __future__ import annotations

from ceremonies import health
from ceremonies.chain_rpc import Head
from ceremonies.health import BEHIND_BLOCKS, diagnosed
from estate.model import CHAIN_ROLES, Network
from estate.plan.hosts import hosts
from tests.ceremonies.test_looks import HEAD, Hosts, network, node

__all__ = ["network"]
CHAIN = "cosmoshub-4"


def head(height: int, *, chain: str = CHAIN, syncing: bool = False) -> Head:
    return Head(chain_id=chain, height=height, time="", catching_up=syncing)


def test_a_node_that_follows_and_a_host_that_answers_are_healthy() -> None:
    assert diagnosed(CHAIN, {"a": head(100), "b": head(100 - BEHIND_BLOCKS), "c": None}) == {}


def test_what_is_wrong_is_said() -> None:
    answers = {
        "ahead": head(100),
        "late": head(100 - BEHIND_BLOCKS - 1),
        "syncing": head(100, syncing=True),
        "elsewhere": head(900, chain="theta"),
        "silent": "could not be reached",
    }
    assert diagnosed(CHAIN, answers) == {
        "late": "its node is 6 blocks behind",
        "syncing": "its node is still syncing, at height 100",
        "elsewhere": "its node follows theta, not cosmoshub-4",
        "silent": "could not be reached",
    }


def test_every_host_is_asked_what_it_can_answer(network: Network) -> None:
    nodes = {host.name: node(head=HEAD) for host in hosts(network) if host.role in CHAIN_ROLES}
    others = {host.name: lambda script: "" for host in hosts(network) if host.role not in CHAIN_ROLES}
    lost, garbled = next(iter(others)), next(iter(nodes))
    del others[lost]
    nodes[garbled] = lambda script: "HTTP/1.0 502\r\n\r\n@@\n"
    reached = Hosts(answers=nodes | others)
    found = health.ill(network, reached)
    assert sorted(reached.asked) == sorted(host.name for host in hosts(network))
    assert set(found) == {lost, garbled}
    assert "does not answer as a node does" in found[garbled]
