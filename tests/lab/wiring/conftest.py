"""A small estate, wired once for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from estate.model import Role
from estate.plan import addressing
from estate.plan.hosts import Host, of_role
from lab.paths import LabPaths
from lab.wiring.apply import apply, remove
from lab.wiring.model import Wiring
from lab.wiring.plan import plan
from lab.wiring.send import Listener, Probe, Verdict, send
from tests.lab.wiring import small

ANSWER_SECONDS = 1.8
"""A first packet that a busy machine loses is sent again after one second."""


@dataclass(frozen=True)
class Wired:
    """An estate whose network is up, and questions to it."""

    estate: small.Estate
    wiring: Wiring
    paths: LabPaths

    def host(self, role: Role, place: str, number: int = 1) -> Host:
        return self.estate.host(role, place, number)

    def probe(
        self, origin: Host | str, destination: object, port: int, *, protocol: str = "tcp", source: str | None = None
    ) -> Probe:
        """A packet from a host, or from a namespace by its name without the prefix."""
        name = origin if isinstance(origin, str) else origin.name
        return Probe(
            namespace=self.paths.namespace(name),
            destination=str(destination),
            port=port,
            protocol=protocol,
            source=source,
        )

    def ask(self, *probes: Probe, listeners: tuple[Listener, ...] = ()) -> list[Verdict]:
        return send(probes, listeners=listeners, seconds=ANSWER_SECONDS)

    def arrives(self, origin: Host | str, destination: object, port: int, **more: str) -> bool:
        return self.ask(self.probe(origin, destination, port, **more))[0].arrived


def needs_namespaces() -> None:
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("network namespaces need root on Linux")


def let_clients_in(wired: Wired) -> None:
    """What the user data of a VPN gateway does at its first boot."""
    gateway = of_role(wired.estate.network, Role.VPN)[0]
    pool = addressing.vpn_pool(wired.estate.network, gateway.place)
    ruleset = (
        "table ip clients {\nchain out {\ntype nat hook postrouting priority 100;\n"
        f'ip saddr {pool} oifname "ens5" masquerade\n}}\n}}\n'
    )
    inside = ["ip", "netns", "exec", wired.paths.namespace(gateway.name)]
    subprocess.run([*inside, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"], check=True)
    subprocess.run([*inside, "nft", "-f", "-"], input=ruleset, text=True, check=True)


@pytest.fixture(scope="session")
def lab_paths(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    return LabPaths(checkout=tmp_path_factory.mktemp("checkout"), network="cosmoshub")


@contextmanager
def wired_up(estate: small.Estate, checkout: Path) -> Iterator[Wired]:
    """The network of ``estate`` in the lab of ``checkout``, taken away at the end."""
    needs_namespaces()
    paths = LabPaths(checkout=checkout, network=estate.network.name)
    wiring = plan(estate.network, estate.resources, paths)
    try:
        apply(wiring, paths)
        yield Wired(estate, wiring, paths)
    finally:
        remove(paths)


@pytest.fixture(scope="session")
def wired(lab_paths: LabPaths) -> Iterator[Wired]:
    with wired_up(small.build(), lab_paths.checkout) as built:
        let_clients_in(built)
        yield built


@pytest.fixture
def spare_paths(tmp_path: Path) -> Iterator[LabPaths]:
    """A second lab, for tests that take theirs apart."""
    needs_namespaces()
    paths = LabPaths(checkout=tmp_path, network="cosmoshub")
    yield paths
    remove(paths)
