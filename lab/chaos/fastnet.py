"""The fast net as a whole: its places, its programs, and what another validator sees of it."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab import netns
from lab.chain.watch import ChainUnreachable, Node
from lab.chaos import chain, net
from lab.chaos.process import Process
from lab.chaos.witness import Witness
from lab.errors import PromiseBroken
from lab.paths import LabPaths
from tools import parts

Say = Callable[[str], None]
SOURCES = Path(__file__).parents[2]
TICK_SECONDS = 0.1
FIRST_BLOCK_SECONDS = 60
RUN_BYTES = 2 << 30
"""What a run writes goes to memory, so that five nodes do not wait for one disk; logs go to the disk and stay."""


@dataclass
class FastNet:
    """``processes`` by name. Everything of a run is below ``root``; its logs stay until the next."""

    paths: LabPaths
    net: net.Net
    homes: chain.Homes
    wasmd: Path
    tmkms: Path
    witness: Witness
    say: Say
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.paths.root

    def add(self, name: str, place: str, command: tuple[str, ...]) -> Process:
        """A program at a place, not started yet."""
        log = self.root / "logs" / f"{name}.log"
        environment = {"PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"}
        self.processes[name] = Process(name, self.paths.namespace(place), command, log, environment)
        return self.processes[name]

    def tend(self) -> None:
        """Restarts programs as their systemd units would."""
        for process in self.processes.values():
            process.tend()

    def end(self) -> None:
        """Kills every program."""
        for process in self.processes.values():
            process.remove()

    def wait(self, seconds: float) -> None:
        """Waits while it tends to the programs."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(TICK_SECONDS, left))

    def wait_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Tends to the programs until ``done``; whether that came in time."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                return False
            self.wait(TICK_SECONDS)
        return True

    def height(self) -> int:
        """The height of the witness; the last known one if it does not answer."""
        try:
            return self.witness.look()
        except ChainUnreachable:
            return self.witness.height

    def wait_for(self, height: int, seconds: float) -> None:
        """Waits until the others' chain has reached ``height``.

        Raises:
            PromiseBroken: it did not in time.
        """
        if not self.wait_until(lambda: self.height() >= height, seconds):
            raise PromiseBroken(f"the chain is at height {self.height()} after {seconds:.0f} s; expected {height}")

    def tombstoned(self) -> bool:
        """Whether the chain's slashing module has tombstoned our key."""
        key = json.dumps({"@type": "/cosmos.crypto.ed25519.PubKey", "key": self.homes.public_key.base64})
        at = f"tcp://{self.witness.node.host}:{self.witness.node.port}"
        command = ["query", "slashing", "signing-info", key, "--node", at, "--output", "json"]
        inside = netns.command(self.witness.node.namespace or "")
        done = subprocess.run(
            [*inside, str(self.wasmd), *command, "--home", str(self.root / "query")], capture_output=True, text=True
        )
        if done.returncode:
            raise PromiseBroken(f"querying whether our key is tombstoned failed: {done.stderr.strip()[-300:]}")
        return bool(json.loads(done.stdout)["val_signing_info"].get("tombstoned", False))


def mount(kind: str, target: Path, options: str, flags: int = 0) -> None:
    """mount(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(kind.encode(), os.fsencode(target), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mounting {target}: {os.strerror(number)}")


def unmount(below: Path) -> None:
    """Unmounts whatever is mounted below a directory."""
    found = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for each in sorted((each for each in found if each.startswith(f"{below}/")), reverse=True):
        subprocess.run(["umount", "--lazy", each], check=True, capture_output=True)


@contextmanager
def running(checkout: Path, say: Say, *, with_nodes: bool = True) -> Iterator[FastNet]:
    """A fast net whose signers are still to be added; only its logs remain afterwards.

    ``with_nodes``: its nodes run, and its chain has a first block.

    Raises:
        PromiseBroken: another one runs in this checkout, or the chain makes no block.
    """
    paths = net.paths(checkout)
    paths.root.mkdir(parents=True, exist_ok=True)
    with (paths.root / "lock").open("w") as lock, ExitStack() as stack:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PromiseBroken(
                "a drill on a fast net runs in this checkout already; wait until it has ended"
            ) from None
        wasmd, tmkms = parts.ensure("wasmd", say) / "bin" / "wasmd", parts.ensure("tmkms", say) / "bin" / "tmkms"
        wires = net.Net(paths)
        wires.remove()
        unmount(paths.root)
        for each in ("logs", "run"):
            shutil.rmtree(paths.root / each, ignore_errors=True)
        (paths.root / "run").mkdir()
        stack.callback(unmount, paths.root)
        mount("tmpfs", paths.root / "run", f"size={RUN_BYTES},mode=700")
        say("making a chain of three other validators and ours, which two datacentres run")
        homes = chain.make(paths.root / "run", wasmd)
        place = net.OTHER_VALIDATORS[0]
        node = Node(str(net.ADDRESSES[place]), chain.RPC_PORT, paths.namespace(place), timeout_seconds=10)
        fast = FastNet(paths, wires, homes, wasmd, tmkms, Witness(node, homes.public_key.address), say)
        stack.callback(wires.remove)
        wires.make()
        stack.callback(fast.end)
        if with_nodes:
            for name in chain.NODES:
                fast.add(name, name, chain.command(wasmd, homes, name)).start()
            fast.wait_for(1, FIRST_BLOCK_SECONDS)
        yield fast
