"""One host of a network on a real machine, and pyinfra beside it in a network namespace that has the VPN gateway's
address.

The machine's interfaces have the names and addresses that the declaration gives them; each is a cable to the
operator's side.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from configuration import interfaces
from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.hosts import Host, hosts
from lab import machines
from lab.paths import LabPaths

ROOT = Path(__file__).resolve().parents[2]


def _run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, text=True, capture_output=True, **options)  # type: ignore[call-overload]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run of pyinfra said: its exit code, all its words, and how many operations changed something."""

    code: int
    text: str
    changed: int


class Rehearsal:
    """A booted machine of ``host``; ``directory`` keeps the lab's state. Ended by ``close``."""

    def __init__(self, network: Network, host: Host, directory: Path) -> None:
        self.network, self.host, self.directory = network, host, directory
        self.lab = LabPaths(directory, network.name)
        self.operator = self.lab.namespace("op")
        self.namespace = self.lab.namespace("host")
        self.gateway = next(each for each in hosts(network) if each.role is Role.VPN and each.name != host.name)
        self.key = directory / "key"
        self.known_hosts = directory / "known_hosts"
        self.keyring = directory / "keyring.gpg"
        self.outputs = directory / "outputs.json"

    def _ports(self) -> list[tuple[str, str]]:
        if self.host.in_cloud:
            region = addressing.ROLE_TIERS[self.host.role]
            prefix = addressing.subnet(self.network, self.host.place, region, self.host.zone).prefixlen
            return [(interfaces.CLOUD_INTERFACE, f"{self.host.address}/{prefix}")]
        return [(port.interface, str(port.address)) for port in interfaces.zone_ports(self.network, self.host)]

    def open(self, outputs: object) -> None:
        """Makes the namespaces and cables, boots the machine, and writes what pyinfra is told."""
        self.outputs.write_text(json.dumps({"inventory": outputs}))
        self.keyring.write_bytes(b"a keyring of no archive")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        for namespace in (self.operator, self.namespace):
            _run("ip", "netns", "add", namespace)
            _run("ip", "-n", namespace, "link", "set", "lo", "up")
        _run("ip", "-n", self.operator, "address", "add", f"{self.gateway.address}/32", "dev", "lo")
        management = interfaces.management_interface(self.network, self.host)
        for index, (interface, address) in enumerate(self._ports()):
            _run(
                "ip",
                "-n",
                self.namespace,
                "link",
                "add",
                interface,
                "type",
                "veth",
                "peer",
                "name",
                f"peer{index}",
                "netns",
                self.operator,
            )
            _run("ip", "-n", self.namespace, "address", "add", address, "dev", interface)
            _run("ip", "-n", self.namespace, "link", "set", interface, "up")
            _run("ip", "-n", self.operator, "link", "set", f"peer{index}", "up")
            if interface == management:
                way = ["dev", f"peer{index}", "src", str(self.gateway.address)]
                _run("ip", "-n", self.operator, "route", "add", f"{self.host.management_address}/32", *way)
                _run("ip", "-n", self.namespace, "route", "add", f"{self.gateway.address}/32", "dev", interface)
        machine = machines.Machine(
            name="host",
            hostname=self.host.name,
            netns=self.namespace,
            addresses=dict(self._ports()),
            authorized_keys=(Path(f"{self.key}.pub").read_text().strip(),),
        )
        machines.start(self.lab, machine)
        self.known_hosts.write_text(machines.known_hosts(self.lab, [machine]))

    def close(self) -> None:
        machines.stop_all(self.lab, graceful_seconds=0)
        if "host" in machines.made(self.lab):
            machines.destroy(self.lab, "host")
        for namespace in (self.operator, self.namespace):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "ESTATE_NETWORK": self.network.name,
            "ESTATE_OUTPUTS": str(self.outputs),
            "ESTATE_SSH_KEY": str(self.key),
            "ESTATE_KNOWN_HOSTS": str(self.known_hosts),
            "ESTATE_ARCHIVE_KEYRING": str(self.keyring),
        }

    def _pyinfra(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("pyinfra"))
        command = ["ip", "netns", "exec", self.operator, program, "--limit", self.host.name, "hosts/inventory.py"]
        return subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def deploy(self, deploy: str = "hosts/deploy.py") -> Outcome:
        """Runs pyinfra on the host alone."""
        done = self._pyinfra(deploy, "-y")
        text = done.stdout + done.stderr
        return Outcome(code=done.returncode, text=text, changed=len(re.findall(r"\]\s+Success$", text, re.MULTILINE)))

    def preview(self, *options: str) -> str:
        """What pyinfra says that it would do."""
        done = self._pyinfra("hosts/deploy.py", "--dry", *options)
        return done.stdout + done.stderr

    def on_host(self, command: str) -> str:
        """What a shell command says on the machine, asked from outside SSH."""
        done = machines.execute(self.lab, "host", ["sh", "-c", command])
        return (done.stdout + done.stderr).strip()
