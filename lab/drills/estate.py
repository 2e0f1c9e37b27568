"""A running lab, as a drill breaks and watches it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ceremonies.public_key import ConsensusKey
from estate.model import Network, Role
from estate.plan import coordination
from estate.plan.hosts import Host, of_role
from lab.chain import outside
from lab.chain.watch import Node
from lab.chaos import witness
from lab.errors import PromiseBroken
from lab.machines import machine
from lab.paths import LabPaths
from lab.table import coordination as gates
from lab.wiring.drill import cut, heal, mute
from lab.wiring.model import Wiring

WATCHED_BLOCKS = 8
SETTLING_BLOCKS = 3
"""Blocks after a change that may still carry, or still lack, a signature that was already under way."""

RESUME_SECONDS = 150
"""Within this time signing is back: a restarted validator looks ten blocks back before it signs."""

POLL_SECONDS = 0.5
UNIT_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Estate:
    """A running lab, as a drill sees it. ``say`` is called with each step as text."""

    network: Network
    paths: LabPaths
    wiring: Wiring
    key: ConsensusKey
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def observer(self) -> Node:
        """Another validator's node, through which the drill watches the chain."""
        return outside.node(self.paths)

    def active(self, role: Role, site: str) -> Host:
        return next(host for host in of_role(self.network, role) if host.active and host.place == site)

    def units(self, action: str, host: Host, *words: str) -> None:
        """``systemctl action`` on the host, with options and the names of units."""
        command = ["systemctl", action, *words]
        try:
            done = machine.execute(self.paths, host.name, command, timeout_seconds=UNIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise PromiseBroken(f"{' '.join(command)} on {host.name} took more than {UNIT_SECONDS} s") from None
        if done.returncode:
            raise PromiseBroken(f"{' '.join(command)} on {host.name} failed: {done.stderr.strip()}")

    def node_unit(self, action: str, host: Host) -> None:
        self.units(action, host, f"{self.network.chain.client.daemon}.service")

    def wait_for(self, height: int, *, seconds: float = 120) -> None:
        """Waits until the other validators have reached ``height``."""
        deadline = time.monotonic() + seconds
        while self.observer.head().height < height:
            if time.monotonic() > deadline:
                reached = self.observer.head().height
                raise PromiseBroken(
                    f"the chain did not reach height {height} within {seconds:.0f} s; it is at {reached}"
                )
            time.sleep(POLL_SECONDS)

    def let_pass(self, blocks: int = WATCHED_BLOCKS) -> None:
        self.wait_for(self.observer.head().height + blocks)

    def unsigned_since(self, first: int) -> tuple[int, ...]:
        """The final heights from ``first`` on that lack our signature."""
        head = self.observer.head().height
        commits = self.observer.commits(head - first) if head > first else ()
        return tuple(each.height for each in commits if each.height >= first and self.key.address not in each.signers)

    def signed(self, blocks: int) -> tuple[int, int]:
        """Of the next ``blocks`` blocks, after those under way: how many we signed, and how many there were."""
        first = self.observer.head().height + SETTLING_BLOCKS
        self.wait_for(first + blocks + 1)
        commits = [
            commit
            for commit in self.observer.commits(blocks + SETTLING_BLOCKS)
            if first <= commit.height < first + blocks
        ]
        return sum(self.key.address in commit.signers for commit in commits), len(commits)

    @contextmanager
    def missing_at_most(self, heights: int, blocks: int = WATCHED_BLOCKS) -> Iterator[None]:
        """During the context and ``blocks`` blocks after it at most ``heights`` heights are missed.

        Raises:
            PromiseBroken: more were missed.
        """
        first = self.observer.head().height
        yield
        self.let_pass(blocks)
        missed = self.unsigned_since(first)
        which = f": {', '.join(map(str, missed))}" if missed else ""
        self.say(f"missed {len(missed)} heights since {first}{which}")
        if len(missed) > heights:
            raise PromiseBroken(f"missed {len(missed)} heights{which}; expected at most {heights}")

    def must_not_be_accused(self, first: int) -> None:
        """No block since ``first`` has evidence that we signed twice.

        Raises:
            PromiseBroken: one has.
        """
        head = self.observer.head().height
        answers = self.observer.ask(*(("block", {"height": str(height)}) for height in range(first, head + 1)))
        found = [each for answer in answers for each in witness.parse_block(answer, self.key.address).evidence]
        if found:
            raise PromiseBroken(
                f"block {found[0].found_at} has evidence that {found[0].address} signed height {found[0].height} twice"
            )

    def wait_until_signing(self) -> float:
        """Seconds until a block is signed by us again."""
        begun, since = time.monotonic(), self.observer.head().height
        while time.monotonic() - begun < RESUME_SECONDS:
            if any(self.key.address in commit.signers for commit in self.observer.commits(10) if commit.height > since):
                return time.monotonic() - begun
            time.sleep(POLL_SECONDS)
        raise PromiseBroken(f"no signature of ours within {RESUME_SECONDS} s")

    def wait_until_steady(self) -> None:
        """Waits until earlier disturbances are over: we signed all of the last blocks, and every gate could sign."""
        deadline = time.monotonic() + RESUME_SECONDS
        while reason := self._unsteady():
            if time.monotonic() > deadline:
                raise PromiseBroken(
                    f"the estate did not recover within {RESUME_SECONDS} s: {reason}; see `bin/estate status`"
                )
            time.sleep(POLL_SECONDS)

    def _unsteady(self) -> str:
        commits = self.observer.commits(SETTLING_BLOCKS)
        if any(self.key.address not in commit.signers for commit in commits):
            return f"some of the last {SETTLING_BLOCKS} blocks lack our signature"
        for host in gates.gates(self.network):
            if reason := gates.kept_by(gates.gauges(self.paths, host, self.network.chain.chain_id)):
                return f"{host.name}: {reason}"
        return ""

    def must_sign_all(self, blocks: int = WATCHED_BLOCKS) -> None:
        signed, seen = self.signed(blocks)
        self.say(f"signed {signed} of {seen} blocks")
        if signed != seen:
            raise PromiseBroken(f"signed {signed} of {seen} blocks; expected all of them")

    def must_sign_none(self, blocks: int = WATCHED_BLOCKS) -> None:
        signed, seen = self.signed(blocks)
        self.say(f"signed {signed} of {seen} blocks")
        if signed:
            raise PromiseBroken(f"{signed} of {seen} blocks carry our signature; expected none")

    @contextmanager
    def without(self, *, region: str = "", site: str = "") -> Iterator[None]:
        self.say(f"cutting {region or site} off")
        try:
            cut(self.paths, self.wiring, region=region, site=site)
            yield
        finally:
            heal(self.paths)
            self.say(f"{region or site} is connected again")

    @contextmanager
    def muted(self, *sites: str, both_ways: bool) -> Iterator[None]:
        """Packets from the table to these sites are dropped; ``both_ways``: and those from them to the table."""
        table = [str(address) for each in coordination.endpoints(self.network) for address in each.addresses]
        uplinks = [str(self.network.sites[site].uplink) for site in sites]
        ways = [(table, uplinks), *([(uplinks, table)] if both_ways else [])]
        names = " and ".join(sites)
        self.say(f"dropping packets from the table to {names}" + (", and back" if both_ways else ""))
        try:
            mute(self.paths, ways)
            yield
        finally:
            heal(self.paths)
            self.say(f"{names} and the table are connected again")
