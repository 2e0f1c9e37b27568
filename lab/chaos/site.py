"""One datacentre's signing: gate, tap and tmkms, each a process. A gate that was never admitted has the same parts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.floor import path_of
from lab.chaos import chain, net, table
from lab.chaos.fastnet import SOURCES, FastNet, mount
from lab.chaos.judge import Lines
from lab.chaos.process import Process
from lab.errors import PromiseBroken

DEADLINE_SECONDS = 0.3
STATE_BYTES = 256 * 1024
"""The disk of a gate's state: so small that a test can fill it."""

DIALECT = "tendermint"


def gate_id(site: str) -> str:
    return f"gate-{site}"


def config_toml(gate: str, node: str, state: Path, socket: Path, credentials: Path, regions: tuple[str, ...]) -> str:
    """``gate.toml`` of a gate that dials ``node`` and prefers the first of ``regions``."""
    endpoints = "".join(
        f"""
[[chain.endpoint]]
region = "{each.region}"
host = "{each.host}"
address = "{each.address}"
port = {each.port}
scheme = "{each.scheme}"
"""
        for each in map(table.endpoint, regions)
    )
    return f"""\
gate_id = "{gate}"
state = "{state}"
metrics = "{state.parent / "metrics.prom"}"

[[chain]]
chain_id = "{chain.CHAIN_ID}"
generation = {table.GENERATION}
dialect = "{DIALECT}"
node = "{net.ADDRESSES[node]}:{chain.PRIVVAL_PORT}"
signer = "{socket}"
deadline_seconds = {DEADLINE_SECONDS}
head = "{table.HEAD}"
claims = "{table.CLAIMS}"
credentials = "{credentials}"
ca_file = "/etc/ssl/certs/ca-certificates.crt"
{endpoints}"""


@dataclass
class Site:
    """``name``: a datacentre's, or of a signer that should not be there. ``gate_id``: who its gate says that it is."""

    fast: FastNet
    name: str
    gate_id: str
    node: str
    place: str
    vault: str
    regions: tuple[str, ...] = table.REGIONS
    gate: Process = field(init=False)
    tap: Process = field(init=False)
    tmkms: Process = field(init=False)
    signatures: Lines = field(init=False)
    said: Lines = field(init=False)

    def __post_init__(self) -> None:
        self.where.mkdir(parents=True)
        self.state.mkdir()
        mount("tmpfs", self.state, f"size={STATE_BYTES},mode=700")
        sockets = self.where / "gate.sock", self.where / "tap.sock"
        self.dial(self.node)
        log = self.fast.root / "logs" / f"signatures-{self.name}.jsonl"
        tap = (sys.executable, "-m", "lab.chaos.tap", str(sockets[1]), str(sockets[0]), str(log), str(self.mode))
        gate = (sys.executable, "-m", "coordinator", "run", "--config", str(self.config))
        home = self.where / "tmkms"
        tmkms = chain.make_tmkms(self.fast.homes, self.fast.tmkms, home, f"unix://{sockets[1]}")
        self.gate = self.fast.add(f"gate-{self.name}", self.place, gate)
        self.tap = self.fast.add(f"tap-{self.name}", self.vault, tap)
        self.tmkms = self.fast.add(f"tmkms-{self.name}", self.vault, tmkms)
        self.signatures, self.said = Lines(log), Lines(self.gate.log)

    @property
    def where(self) -> Path:
        return self.fast.root / "run" / "sites" / self.name

    @property
    def state(self) -> Path:
        return self.where / "state"

    @property
    def config(self) -> Path:
        return self.where / "gate.toml"

    @property
    def mode(self) -> Path:
        """What breaks the link between tmkms and gate (``lab.chaos.tap``)."""
        return self.where / "mode"

    @property
    def signer_state(self) -> Path:
        """tmkms's own state, which it does not bring to the disk."""
        return self.where / "tmkms" / "state.json"

    @property
    def floor_file(self) -> Path:
        return path_of(self.state, chain.CHAIN_ID)

    @property
    def programs(self) -> tuple[Process, ...]:
        return (self.gate, self.tap, self.tmkms)

    def dial(self, node: str) -> None:
        """The gate dials this node from its next start on."""
        credentials = table.credentials(self.where, self.gate_id)
        socket = self.where / "gate.sock"
        self.config.write_text(config_toml(self.gate_id, node, self.state, socket, credentials, self.regions))

    def start(self) -> None:
        for each in self.programs:
            each.start()

    def remove(self) -> None:
        for each in self.programs:
            each.remove()

    def seed(self, height: int) -> None:
        """The ceremony that makes the watermark file, while the gate is stopped.

        Raises:
            PromiseBroken: it was refused.
        """
        options = ["--config", str(self.config), "--chain", chain.CHAIN_ID]
        what = ["--public-key", self.fast.homes.public_key.base64, "--height", str(height)]
        command = [sys.executable, "-m", "coordinator", "seed", *options, *what]
        done = subprocess.run(command, capture_output=True, text=True, cwd=SOURCES)
        if done.returncode:
            raise PromiseBroken(f"the watermark of {self.name} was not seeded: {done.stderr.strip()}")
