"""A chain of real daemons in namespaces of their own, with one of our sentries, our validator and its signer, alone."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from configuration import node_config, signer_config
from configuration.rendering import render
from estate.declaration import load
from estate.model import Network, Role
from estate.plan.hosts import Host, of_role
from lab import netns
from lab.chain import external_node, genesis, plan
from lab.chain.genesis import ChainHome
from lab.chain.watch import Node
from lab.paths import LabPaths
from tests.conftest import ROOT


def run(*command: object) -> None:
    subprocess.run([str(each) for each in command], check=True, capture_output=True)


@dataclass
class SmallNetwork:
    """Processes by name: the other validators by theirs, ours `sentry`, `validator`, `signer`."""

    root: Path
    daemon: Path
    tmkms: Path
    name: str = field(default_factory=lambda: f"evn{os.getpid()}")
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        paths = LabPaths(self.root, "cosmoshub")
        stack = ROOT / "stacks/Pulumi.cosmoshub.yaml"
        self.chain: ChainHome = genesis.create(paths, load.read(stack), binary=self.daemon, version="0.61.2")
        declared = load.read(stack, chain=paths.chain_facts)
        alone = declared.signing.model_copy(update={"coordination": None})
        self.network: Network = declared.model_copy(update={"signing": alone})
        self.sentry: Host = of_role(self.network, Role.PUBLIC_SENTRY)[0]
        custody = self.network.signing.custody
        self.validator: Host = next(
            host for host in of_role(self.network, Role.VALIDATOR) if host.place == custody and host.active
        )
        self.signer: Host = next(
            host for host in of_role(self.network, Role.SIGNER) if host.place == custody and host.active
        )

    @property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """The addresses of each member."""
        return {
            **{each.name: (str(each.address),) for each in plan.other_validators()},
            "sentry": (str(self.sentry.address),),
            "validator": (str(self.validator.address), str(self.validator.management_address)),
            "signer": (str(self.signer.address),),
        }

    def namespace(self, member: str) -> str:
        return f"{self.name}-{member}"

    def home(self, member: str) -> Path:
        return self.root / "homes" / member

    def connect(self) -> None:
        hub = self.namespace("hub")
        run("ip", "netns", "add", hub)
        run("ip", "-n", hub, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", hub, "link", "set", "bridge", "up")
        for index, (member, addresses) in enumerate(self.members.items()):
            inside = self.namespace(member)
            run("ip", "netns", "add", inside)
            run("ip", "-n", hub, "link", "add", f"p{index}", "type", "veth", "peer", "name", "eth0", "netns", inside)
            run("ip", "-n", hub, "link", "set", f"p{index}", "master", "bridge", "up")
            run("ip", "-n", inside, "link", "set", "lo", "up")
            run("ip", "-n", inside, "link", "set", "eth0", "up")
            for address in addresses:
                run("ip", "-n", inside, "addr", "add", f"{address}/32", "dev", "eth0")
            run("ip", "-n", inside, "route", "add", "default", "dev", "eth0", "src", addresses[0])

    def configure(self) -> None:
        peers = genesis.peers(self.chain)
        for each in plan.other_validators():
            home = self.home(each.name)
            shutil.copytree(self.chain.node(each.name), home)
            others = [peer for peer in peers if f"@{each.address}:" not in peer]
            (home / "config/config.toml").write_text(external_node.config_toml(each, others))
            (home / "config/app.toml").write_text(external_node.app_toml())
        ids = {}
        ours = {"sentry": self.sentry, "validator": self.validator}
        for member, host in ours.items():
            run(self.daemon, "init", member, "--chain-id", self.network.chain.chain_id, "--home", self.home(member))
            shutil.copy(self.chain.genesis, self.home(member) / "config/genesis.json")
            ids[host.name] = genesis.node_id(self.home(member))
        for member, host in ours.items():
            settings = node_config.settings(self.network, host, ids, {})
            values = {"node": settings, "chain": self.network.chain}
            (self.home(member) / "config/config.toml").write_text(render("node/config.toml.j2", **values))
            (self.home(member) / "config/app.toml").write_text(
                render("node/app.toml.j2", recent_states_kept=100, pruning_interval=10, **values)
            )
        self._configure_signer()

    def _configure_signer(self) -> None:
        home = self.home("signer")
        (home / "state").mkdir(parents=True)
        settings = dataclasses.replace(
            signer_config.settings(self.network, self.signer),
            key_file=str(home / "consensus.key"),
            state_file=str(home / "state/state.json"),
            connection_key=str(home / "connection.key"),
        )
        for key in ("consensus.key", "connection.key"):
            run(self.tmkms, "softsign", "keygen", "-t", "consensus", home / key)
        text = render("signer/tmkms.toml.j2", signer=settings, chain=self.network.chain, host=self.signer)
        (home / "tmkms.toml").write_text(text)

    def start(self, member: str) -> None:
        home = self.home(member)
        command = [self.tmkms, "start", "-c", home / "tmkms.toml"]
        if member != "signer":
            command = [self.daemon, "start", "--home", home, "--log_no_color"]
        with (self.root / f"{member}.log").open("ab") as log:
            self.running[member] = subprocess.Popen(
                [*netns.command(self.namespace(member)), *map(str, command)],
                stdout=log,
                stderr=log,
                env={"HOME": str(home), "PATH": os.environ["PATH"]},
            )

    def stop(self, member: str) -> None:
        process = self.running.pop(member)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def keep(self, member: str) -> None:
        """Starts a member again if it has ended, as systemd would."""
        if self.running[member].poll() is not None:
            self.start(member)

    def down(self) -> None:
        for member in list(self.running):
            self.stop(member)
        for member in (*self.members, "hub"):
            subprocess.run(["ip", "netns", "del", self.namespace(member)], capture_output=True)

    @property
    def outside(self) -> Node:
        """The chain as the first of the other validators sees it."""
        first = plan.other_validators()[0]
        return Node(str(first.address), plan.RPC_PORT, namespace=self.namespace(first.name))
