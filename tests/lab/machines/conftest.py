"""A lab of its own for the tests: machines in their own network namespaces, joined where the operator is."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import machines
from lab.machines import image, requirements
from lab.machines.provision import Machine
from lab.paths import LabPaths

LOGIN_OPTIONS = (
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "ConnectTimeout=5",
    "-o",
    "LogLevel=ERROR",
)


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output as text."""
    return subprocess.run(command, check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@dataclass(frozen=True)
class World:
    """A lab, its machines by name, the namespace of the operator, and his private key."""

    paths: LabPaths
    members: dict[str, Machine]
    operator: str
    key: Path

    def start(self, name: str) -> machines.Started:
        """Start the machine from the image of the cache."""
        return machines.start(self.paths, self.members[name])

    def inside(self, name: str, *command: str) -> str:
        """What a command prints inside the machine, without the line's end; it must succeed."""
        done = machines.execute(self.paths, name, command)
        assert done.returncode == 0, f"{command} on {name}: {done.stderr}"
        return done.stdout.strip()

    def ssh(self, name: str, *command: str, known_hosts: str | None = None) -> subprocess.CompletedProcess[str]:
        """Log in from the operator's namespace with the pinned host key, and run a command."""
        pinned = self.paths.checkout / "known_hosts"
        pinned.write_text(known_hosts or machines.known_hosts(self.paths, [self.members[name]]))
        identity = ["-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={pinned}"]
        target = f"debian@{self.address(name)}"
        return run(
            "ip", "netns", "exec", self.operator, "ssh", *LOGIN_OPTIONS, *identity, target, *command, check=False
        )

    def address(self, name: str) -> str:
        """The machine's address, without the prefix length."""
        return self.members[name].addresses["eth0"].partition("/")[0]

    def answers(self, name: str, port: int) -> bool:
        """Whether the machine answers the operator's attempt to connect, be it by a refusal."""
        connect = ("timeout", "1", "bash", "-c", f": <>/dev/tcp/{self.address(name)}/{port}")
        return run("ip", "netns", "exec", self.operator, *connect, check=False).returncode != 124

    def leftovers(self) -> list[str]:
        """Every process, mount and cgroup on this computer that is of this lab."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (process / "cmdline").read_text().replace("\0", " ")
                mounts = (process / "mountinfo").read_text()
            except OSError:
                continue
            if self.paths.prefix in arguments and "nspawn" in arguments:
                found.append(f"process {process.name}: {arguments}")
            found += [
                f"mount in {process.name}: {line}" for line in mounts.splitlines() if str(self.paths.root) in line
            ]
        found += [str(path) for path in Path("/sys/fs/cgroup").rglob(f"{self.paths.prefix}*")]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three machines that can be started, and afterwards nothing of them."""
    if lacks := requirements.missing():
        pytest.skip("machines cannot run here: " + "; ".join(lacks))
    image.ensure()
    checkout = tmp_path_factory.mktemp("checkout")
    paths = LabPaths(checkout=checkout, network="machines")
    key = checkout / "id_ed25519"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    public = key.with_suffix(".pub").read_text().strip()
    operator = paths.namespace("operator")
    members = {
        name: Machine(
            name=name,
            hostname=f"{name}.example.net",
            netns=paths.namespace(name),
            addresses={"eth0": f"192.0.2.{10 + number}/24"},
            authorized_keys=(public,),
            memory_mib=512,
        )
        for number, name in enumerate(("alpha", "beta", "gamma"))
    }
    namespaces = [operator, *(machine.netns for machine in members.values())]
    try:
        for namespace in namespaces:
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", operator, "link", "add", "lan", "type", "bridge")
        run("ip", "-n", operator, "address", "add", "192.0.2.1/24", "dev", "lan")
        run("ip", "-n", operator, "link", "set", "lan", "up")
        for name, machine in members.items():
            connect(operator, name, machine)
        yield World(paths, members, operator, key)
    finally:
        machines.stop_all(paths, graceful_seconds=0)
        for namespace in namespaces:
            run("ip", "netns", "delete", namespace, check=False)


def connect(operator: str, port: str, machine: Machine) -> None:
    """Hang the machine's namespace on the operator's bridge."""
    ends = (
        "ip",
        "link",
        "add",
        port,
        "netns",
        operator,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        machine.netns,
    )
    run(*ends)
    run("ip", "-n", operator, "link", "set", port, "master", "lan", "up")
    run("ip", "-n", machine.netns, "address", "add", machine.addresses["eth0"], "dev", "eth0")
    run("ip", "-n", machine.netns, "link", "set", "eth0", "up")
    run("ip", "-n", operator, "neighbour", "flush", "all")
