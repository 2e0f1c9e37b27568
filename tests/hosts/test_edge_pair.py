"""A datacentre's pair of edges: who carries its packets, and who does when one of the two is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from estate.declaration import load
from lab import machines
from lab.machines import LabUnavailable
from tests.hosts.edge_pair import EdgePair, until

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgePair]:
    if os.geteuid() != 0:
        pytest.skip("needs root on Linux: machines are booted")
    if not shutil.which("bird", path="/usr/sbin:/usr/bin"):
        pytest.skip("needs BIRD for the region's side: apt-get install bird2")
    network = load.read(ROOT / "stacks" / "Pulumi.cosmoshub.yaml")
    made = EdgePair(network, next(iter(network.sites)), tmp_path_factory.mktemp("pair"))
    try:
        made.open()
        yield made
    except LabUnavailable as error:
        pytest.skip(str(error))
    finally:
        made.close()


def settled(pair: EdgePair, carrier: int) -> bool:
    """Whether the edge of this number holds the gateways and the region sends to the site by one of its tunnels."""
    first, second = pair.edges
    edge, other = (first, second) if carrier == 1 else (second, first)
    way = pair.way_to(str(pair.validator.address))
    return pair.holds_gateways(edge) and not pair.holds_gateways(other) and f"-{carrier}" in way


def feeds(pair: EdgePair) -> bool:
    """Whether sentry and validator reach each other's p2p port, each way."""
    port = pair.network.chain.ports.p2p
    sentry, validator = str(pair.sentry.address), str(pair.validator.address)
    with pair.listening(pair.server, validator, port), pair.listening(pair.cloud, sentry, port):
        inward = pair.connects(pair.cloud, sentry, validator, port)
        return inward and pair.connects(pair.server, validator, sentry, port)


def test_the_active_edge_carries_the_site(pair: EdgePair) -> None:
    assert until(lambda: settled(pair, 1), 60), pair.on(pair.edges[0], "birdc show protocols; journalctl -u keepalived")
    assert feeds(pair)


def test_each_edge_is_reached_by_its_own_tunnels(pair: EdgePair) -> None:
    for edge in pair.edges:
        assert until(lambda edge=edge: f"-{edge.number}" in pair.way_to(str(edge.management_address)), 30), edge.name
        pair.connects(pair.cloud, str(pair.gateway.address), str(edge.management_address), 22)
        counter = pair.on(edge, "nft list counter inet estate in-ssh-vpn")
        assert "packets" in counter and "packets 0" not in counter, (
            f"SSH from the VPN gateway did not arrive: {counter}"
        )


def test_what_the_topology_does_not_forward_stays_outside(pair: EdgePair) -> None:
    port = pair.network.chain.ports.rpc
    sentry, validator = str(pair.sentry.address), str(pair.validator.address)
    with pair.listening(pair.server, validator, port):
        assert not pair.connects(pair.cloud, sentry, validator, port)


def test_the_other_edge_takes_over_when_the_active_one_has_no_way_to_the_cloud_and_gives_back(pair: EdgePair) -> None:
    first = pair.edges[0]
    pair.on(first, "systemctl stop bird")
    assert until(lambda: settled(pair, 2), 60), pair.on(first, "journalctl -u keepalived -n 20")
    assert feeds(pair)
    pair.on(first, "systemctl start bird")
    assert until(lambda: settled(pair, 1), 90), pair.on(first, "journalctl -u keepalived -n 20")
    assert feeds(pair)


def test_the_other_edge_takes_over_when_the_active_one_is_gone(pair: EdgePair) -> None:

    machines.stop(pair.lab, "edge1", graceful_seconds=0)
    assert until(lambda: pair.holds_gateways(pair.edges[1]), 30)
    assert until(lambda: "-2" in pair.way_to(str(pair.validator.address)), 60)
    assert feeds(pair)
