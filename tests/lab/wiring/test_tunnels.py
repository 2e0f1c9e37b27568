"""The tunnels with the routing configuration that the edges really run: BGP alone carries, and an edge can fall out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configuration import routing
from estate.model import Role
from estate.plan import addressing, naming
from lab.paths import LabPaths
from lab.wiring import namespace
from lab.wiring.apply import apply, remove
from lab.wiring.plan import plan
from lab.wiring.send import Probe, send
from tests.lab.wiring import small
from tests.lab.wiring.conftest import needs_namespaces

pytestmark = pytest.mark.lab

US, SITE = "us-east-1", "ash1"
SECONDS_TO_AGREE = 90


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[tuple[small.Estate, LabPaths, dict[int, subprocess.Popen[bytes]]]]:
    """The small estate without fixed routes, and BIRD in both edges as the edges' role configures it."""
    needs_namespaces()
    paths = LabPaths(checkout=tmp_path, network="cosmoshub")
    estate = small.build()
    running = {}
    try:
        apply(plan(estate.network, estate.resources, paths, fixed_tunnel_routes=False), paths)
        for number, holds in ((1, "true"), (2, "false")):
            state = tmp_path / f"vrrp-{number}.conf"
            state.write_text(f"define vrrp_master = {holds};\n")
            edge = estate.host(Role.EDGE, SITE, number)
            configuration = tmp_path / f"bird-{number}.conf"
            configuration.write_text(routing.bird(estate.network, edge).replace(routing.VRRP_STATE, str(state)))
            command = ["bird", "-f", "-c", str(configuration), "-s", str(tmp_path / f"{number}.ctl")]
            running[number] = subprocess.Popen(["ip", "netns", "exec", paths.namespace(edge.name), *command])
        yield estate, paths, running
    finally:
        for process in running.values():
            process.kill()
            process.wait()
        remove(paths)


def becomes(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS_TO_AGREE
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(1)
    return False


def test_bgp_carries_the_site_and_the_second_edge_takes_over_from_the_first(
    routed: tuple[small.Estate, LabPaths, dict[int, subprocess.Popen[bytes]]],
) -> None:
    estate, paths, running = routed
    sentry, validator = estate.host(Role.PRIVATE_SENTRY, US), estate.host(Role.VALIDATOR, SITE)
    there = Probe(namespace=paths.namespace(sentry.name), destination=str(validator.address), port=26656)
    back = Probe(namespace=paths.namespace(validator.name), destination=str(sentry.address), port=26656)

    def carries() -> bool:
        return all(verdict.arrived for verdict in send([there, back]))

    assert becomes(carries), "the gateway and the edges did not agree on routes"
    gateway = paths.namespace(f"vgw-{US}")
    block = str(addressing.site_block(estate.network, SITE))
    chosen = namespace.run(["ip", "-n", gateway, "route", "show", block])
    assert f"dev {SITE}-1" in chosen, "the edge on standby announces itself as farther away"

    running[1].kill()
    assert becomes(lambda: f"dev {SITE}-2" in namespace.run(["ip", "-n", gateway, "route", "show", block]))
    first, second = (paths.namespace(estate.host(Role.EDGE, SITE, number).name) for number in (1, 2))
    for name, zone in estate.network.sites[SITE].zones.items():
        shared = f"{addressing.zone_gateway(estate.network, SITE, name)}/24"
        device = naming.bond_interface(zone.vlan)
        namespace.run(["ip", "-n", first, "address", "del", shared, "dev", device])
        namespace.run(["ip", "-n", second, "address", "add", shared, "dev", device])
    for host in (validator, estate.host(Role.SIGNER, SITE)):
        namespace.run(["ip", "-n", paths.namespace(host.name), "neigh", "flush", "all"])
    assert becomes(carries), "the second edge does not carry what the first did"
