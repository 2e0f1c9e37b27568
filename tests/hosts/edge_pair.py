"""A datacentre's two edges on real machines, as their installation media make them.

On one side a switch with the site's zones and a validator's place, on the other a cloud region that speaks BGP.
"""

from __future__ import annotations

import base64
import io
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configuration import first_boot, interfaces
from estate.model import Network, Role
from estate.plan import addressing, naming, tunnels
from estate.plan.hosts import Host, hosts
from hosts import medium
from lab import machines, netns
from lab.paths import LabPaths
from tests.hosts import samples

SERVER = (
    "import socket, sys\n"
    "listener = socket.create_server((sys.argv[1], int(sys.argv[2])))\n"
    "while True:\n"
    "    peer, _ = listener.accept()\n"
    "    peer.sendall(b'here')\n"
    "    peer.close()\n"
)
CLIENT = (
    "import socket, sys\n"
    "peer = socket.create_connection((sys.argv[2], int(sys.argv[3])), 2, (sys.argv[1], 0))\n"
    "sys.exit(peer.recv(4) != b'here')\n"
)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


class EdgePair:
    """Two edges of one site, with the tunnels to one region."""

    def __init__(self, network: Network, site: str, directory: Path) -> None:
        self.network, self.site, self.directory = network, site, directory
        self.lab = LabPaths(directory, network.name)
        everyone = hosts(network)
        self.edges = [host for host in everyone if host.role is Role.EDGE and host.place == site]
        self.validator = next(host for host in everyone if host.role is Role.VALIDATOR and host.place == site)
        self.region = next(iter(network.sites[site].links))
        self.sentry = next(host for host in everyone if host.role is Role.PUBLIC_SENTRY and host.place == self.region)
        self.gateway = next(host for host in everyone if host.role is Role.VPN and host.place == self.region)
        self.switch, self.cloud, self.server = (self.lab.namespace(each) for each in ("switch", "cloud", "server"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def namespace(self, edge: Host) -> str:
        return self.lab.namespace(f"edge{edge.number}")

    def _cable(self, inside: str, name: str, outside: str, peer: str) -> None:
        _run("ip", "-n", inside, "link", "add", name, "type", "veth", "peer", "name", peer, "netns", outside)
        _run("ip", "-n", inside, "link", "set", name, "up")
        _run("ip", "-n", outside, "link", "set", peer, "up")

    def _namespaces(self) -> tuple[str, ...]:
        return (self.switch, self.cloud, self.server, *(self.namespace(edge) for edge in self.edges))

    def _wire(self) -> None:
        for namespace in self._namespaces():
            _run("ip", "netns", "add", namespace)
            _run("ip", "-n", namespace, "link", "set", "lo", "up")
        for zone in self.network.sites[self.site].zones.values():
            _run("ip", "-n", self.switch, "link", "add", f"zone{zone.vlan}", "type", "bridge")
            _run("ip", "-n", self.switch, "link", "set", f"zone{zone.vlan}", "up")
        for edge in self.edges:
            for port in interfaces.zone_ports(self.network, edge):
                self._plug(
                    self.namespace(edge), port.interface, port.vlan, str(port.address), f"e{edge.number}-{port.vlan}"
                )
            for tunnel in self._tunnels(edge):
                peer = f"c{tunnel.interface[3:]}"
                self._cable(self.namespace(edge), tunnel.interface, self.cloud, peer)
                _run(
                    "ip",
                    "-n",
                    self.namespace(edge),
                    "address",
                    "add",
                    str(tunnel.edge_interface_address),
                    "dev",
                    tunnel.interface,
                )
                _run("ip", "-n", self.cloud, "address", "add", f"{tunnel.cloud_address}/30", "dev", peer)
        zone = self.network.sites[self.site].zones[self.validator.zone]
        self._plug(self.server, naming.bond_interface(zone.vlan), zone.vlan, f"{self.validator.address}/24", "server")
        gateway = addressing.zone_gateway(self.network, self.site, self.validator.zone)
        _run("ip", "-n", self.server, "route", "add", "default", "via", str(gateway))
        for host in (self.sentry, self.gateway):
            _run("ip", "-n", self.cloud, "address", "add", f"{host.address}/32", "dev", "lo")

    def _plug(self, namespace: str, interface: str, vlan: int, address: str, socket: str) -> None:
        self._cable(namespace, interface, self.switch, socket)
        _run("ip", "-n", namespace, "address", "add", address, "dev", interface)
        _run("ip", "-n", self.switch, "link", "set", socket, "master", f"zone{vlan}")

    def _tunnels(self, edge: Host) -> list[tunnels.Tunnel]:
        return [each for each in tunnels.of_edge(self.network, edge) if each.region == self.region]

    def _start(self, namespace: str, *command: str) -> None:
        everything = [*netns.command(namespace), *command]
        self._processes.append(subprocess.Popen(everything, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _cloud_router(self) -> None:
        block = addressing.region_block(self.network, self.region)
        sessions = "".join(
            f"protocol bgp {{ local {tunnel.cloud_address} as {tunnel.cloud_asn}; neighbor {tunnel.edge_address} as "
            f"{self.network.sites[self.site].asn}; connect retry time 2; hold time 6; "
            "ipv4 { import all; export where source = RTS_STATIC; }; }\n"
            for edge in self.edges
            for tunnel in self._tunnels(edge)
        )
        config = self.directory / "cloud.conf"
        config.write_text(
            f"router id {self.sentry.address};\nprotocol device {{}}\n"
            f"protocol static {{ ipv4; route {block} blackhole; }}\n"
            f"protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; }}\n{sessions}"
        )
        self._start(self.cloud, "bird", "-f", "-c", str(config), "-s", str(self.directory / "cloud.ctl"))

    def open(self) -> None:
        """Wires everything, boots both edges from their media, and starts the region's router."""
        self._wire()
        for edge in self.edges:
            machines.start(
                self.lab, machines.Machine(name=f"edge{edge.number}", hostname=edge.name, netns=self.namespace(edge))
            )
            tar = io.BytesIO()
            files = first_boot.files(self.network, edge, samples.inventory(self.network))
            medium.write(files, first_boot.units(edge), tar)
            self.on(
                edge, "base64 -d | tar -xf - -C / --no-overwrite-dir", text=base64.encodebytes(tar.getvalue()).decode()
            )
            units = " ".join(first_boot.units(edge))
            self.on(
                edge,
                f"sysctl -qp /etc/sysctl.d/50-first-boot.conf; systemd-tmpfiles --create; "
                f"systemctl daemon-reload; systemctl start {units}",
            )
        self._cloud_router()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        machines.stop_all(self.lab, graceful_seconds=0)
        for name in machines.made(self.lab):
            machines.destroy(self.lab, name)
        for namespace in self._namespaces():
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)

    def on(self, edge: Host, command: str, text: str | None = None) -> str:
        done = machines.execute(self.lab, f"edge{edge.number}", ["sh", "-c", command], text_input=text)
        return (done.stdout + done.stderr).strip()

    def holds_gateways(self, edge: Host) -> bool:
        gateway = addressing.zone_gateway(self.network, self.site, self.validator.zone)
        return f"{gateway}/" in self.on(edge, "ip -br -4 address show")

    def way_to(self, destination: str) -> str:
        """The interface by which the region sends to ``destination``."""
        done = subprocess.run(
            ["ip", "-n", self.cloud, "route", "get", destination], capture_output=True, text=True, check=False
        )
        words = done.stdout.split()
        return words[words.index("dev") + 1] if "dev" in words else ""

    @contextmanager
    def listening(self, namespace: str, address: str, port: int) -> Iterator[None]:
        self._start(namespace, "python3", "-c", SERVER, address, str(port))
        time.sleep(0.5)
        try:
            yield
        finally:
            process = self._processes.pop()
            process.kill()
            process.wait()

    def connects(self, namespace: str, source: str, destination: str, port: int) -> bool:
        command = [*netns.command(namespace), "python3", "-c", CLIENT, source, destination, str(port)]
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0


def until(condition: object, seconds: float) -> bool:
    """Whether ``condition()`` came true within ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.5)
    return False
