"""The namespaces of the fast net: every place is connected to one switch, and any pair of them can be cut."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from lab.paths import LabPaths
from lab.wiring import namespace, rulesets, security

NETWORK = "chaos"
"""The fast net's name, where the lab has the declared network's."""

SWITCH = "switch"
OTHER_VALIDATORS = ("other-1", "other-2", "other-3")
SITES = ("a", "b")
TABLE = "table"
FORGOTTEN = "forgotten"
"""A forgotten signer host: it holds the key, and no ceremony has admitted it."""


def node(site: str) -> str:
    return f"node-{site}"


def signer(site: str) -> str:
    return f"signer-{site}"


def vault(site: str) -> str:
    """Where tmkms runs: no link leads out of it, only a unix socket."""
    return f"vault-{site}"


ADDRESSES = {
    place: IPv4Address(f"198.18.0.{last}")
    for last, place in enumerate(
        (*OTHER_VALIDATORS, *map(node, SITES), *map(signer, SITES), TABLE, FORGOTTEN), start=11
    )
}
"""In the block for benchmarks (RFC 2544)."""

VAULTS = (*map(vault, SITES), vault(FORGOTTEN))
KILL_SECONDS = 5


def paths(checkout: Path) -> LabPaths:
    return LabPaths(checkout=checkout, network=NETWORK)


def _ruleset(senders: Iterable[str]) -> str:
    addresses = ", ".join(sorted(str(ADDRESSES[each]) for each in senders))
    text = "table inet cut\ndelete table inet cut\n"
    if addresses:
        rules = [f"ip saddr {{ {addresses} }} drop"]
        text += (
            f"table inet cut {{\n{security.chain('inward', rules, hook='filter hook prerouting priority -400')}\n}}\n"
        )
    return text


@dataclass
class Net:
    """The namespaces of one fast net. ``cuts``: (sender, receiver) whose packets are dropped where they arrive."""

    paths: LabPaths
    cuts: set[tuple[str, str]] = field(default_factory=set)

    def make(self) -> None:
        """Makes every namespace. Kills the processes of an earlier run and deletes its namespaces first."""
        self.remove()
        switch = self.paths.namespace(SWITCH)
        every = (SWITCH, *ADDRESSES, *VAULTS)
        namespace.run(["ip", "-batch", "-"], "".join(f"netns add {self.paths.namespace(each)}\n" for each in every))
        namespace.run(["ip", "-n", switch, "link", "add", "lan", "type", "bridge", "forward_delay", "0"])
        lines = ["link set lan up"]
        for place, address in ADDRESSES.items():
            inner = self.paths.namespace(place)
            lines.append(f"link add p{int(address) & 0xFF} type veth peer name eth0 netns {inner}")
            lines.append(f"link set p{int(address) & 0xFF} master lan up")
            namespace.run(["ip", "-n", switch, "-batch", "-"], "\n".join(lines) + "\n")
            own = f"link set lo up\naddress add {address}/24 dev eth0\nlink set eth0 up\n"
            namespace.run(["ip", "-n", inner, "-batch", "-"], own)
            lines = []

    def remove(self) -> None:
        """Kills the processes in the namespaces and deletes these."""
        names = namespace.named(self.paths.prefix)
        deadline = time.monotonic() + KILL_SECONDS
        while (living := namespace.occupants(names)) and time.monotonic() < deadline:
            for process in {each for found in living.values() for each in found}:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.05)
        if names:
            namespace.run(["ip", "-batch", "-"], "".join(f"netns del {each}\n" for each in names))
        self.cuts.clear()

    def cut(self, *pairs: tuple[str, str]) -> None:
        """Drops what the first of each pair sends to the second, in addition to what is dropped already."""
        self._load(self.cuts | set(pairs))

    def heal(self, *pairs: tuple[str, str]) -> None:
        """Lets these pass again; without any, everything."""
        self._load(self.cuts - set(pairs) if pairs else set())

    def _load(self, wanted: set[tuple[str, str]]) -> None:
        for receiver in sorted({receiver for _, receiver in wanted ^ self.cuts}):
            senders = [sender for sender, to in wanted if to == receiver]
            rulesets.load(self.paths.namespace(receiver), _ruleset(senders))
        self.cuts = wanted


def both_ways(first: Iterable[str], second: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Every pair between the two groups, in both directions."""
    others = tuple(second)
    return tuple(pair for one in first for other in others for pair in ((one, other), (other, one)))
