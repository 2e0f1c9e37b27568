"""Failures rehearsed in a running lab: each breaks one thing, watches the chain, mends it, and says whether the promise held.

Every drill undoes what it did, also when it is stopped; ``bin/estate up`` repairs whatever a killed one left.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from estate.hosts import Host, of_role
from estate.model import Network, Role
from hosts.keys.public_key import ConsensusKey
from lab.broken import Broken
from lab.chain import world
from lab.chain.watch import ChainUnreachable, Node
from lab.chaos import no_gate
from lab.machines import machine
from lab.paths import LabPaths
from lab.wiring.drill import cut, heal
from lab.wiring.model import Wiring

WATCHED_BLOCKS = 12
SETTLING_BLOCKS = 3
"""Blocks after a change that may still carry, or still lack, a signature that was already under way."""

RESUME_SECONDS = 150
"""Within this time signing is back: a restarted validator looks ten blocks back before it signs."""

POLL_SECONDS = 0.5
UNIT_SECONDS = 180
WAITING_SECONDS = 15
"""So long a node without its signer is watched: it must not answer."""
SIGNER_UNIT = "tmkms.service"


@dataclass(frozen=True, kw_only=True)
class Estate:
    """A running lab, as a drill sees it: ``say`` gets each step in words."""

    network: Network
    paths: LabPaths
    wiring: Wiring
    key: ConsensusKey
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def world(self) -> Node:
        return world.node(self.paths)

    def active(self, role: Role, site: str) -> Host:
        return next(host for host in of_role(self.network, role) if host.active and host.place == site)

    def unit(self, action: str, host: Host, unit: str) -> None:
        command = ["systemctl", action, unit]
        try:
            done = machine.execute(self.paths, host.name, command, timeout_seconds=UNIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise Broken(f"systemctl {action} {unit} on {host.name} took more than {UNIT_SECONDS} s") from None
        if done.returncode:
            raise Broken(f"systemctl {action} {unit} on {host.name} failed: {done.stderr.strip()}")

    def node_unit(self, action: str, host: Host) -> None:
        self.unit(action, host, f"{self.network.chain.client.daemon}.service")

    def wait_for(self, height: int, *, seconds: float = 120) -> None:
        """Waits until the rest of the world has reached ``height``."""
        deadline = time.monotonic() + seconds
        while self.world.head().height < height:
            if time.monotonic() > deadline:
                raise Broken(
                    f"the chain did not reach height {height} within {seconds:.0f} s; it is at {self.world.head().height}"
                )
            time.sleep(POLL_SECONDS)

    def signed(self, blocks: int) -> tuple[int, int]:
        """Of the next ``blocks`` blocks, after those under way: how many we signed, and how many there were."""
        first = self.world.head().height + SETTLING_BLOCKS
        self.wait_for(first + blocks + 1)
        commits = [
            commit for commit in self.world.commits(blocks + SETTLING_BLOCKS) if first <= commit.height < first + blocks
        ]
        return sum(self.key.address in commit.signers for commit in commits), len(commits)

    def wait_until_signing(self) -> float:
        """Seconds until a block is signed by us again."""
        begun, since = time.monotonic(), self.world.head().height
        while time.monotonic() - begun < RESUME_SECONDS:
            if any(self.key.address in commit.signers for commit in self.world.commits(10) if commit.height > since):
                return time.monotonic() - begun
            time.sleep(POLL_SECONDS)
        raise Broken(f"no signature of ours within {RESUME_SECONDS} s")

    def wait_until_steady(self) -> None:
        """Waits until what came before is over: the last blocks are all signed by us."""
        deadline = time.monotonic() + RESUME_SECONDS
        while True:
            commits = self.world.commits(SETTLING_BLOCKS)
            if all(self.key.address in commit.signers for commit in commits):
                return
            if time.monotonic() > deadline:
                raise Broken(
                    f"the drill did not begin: for {RESUME_SECONDS} s there were blocks without our signature; `bin/estate status` tells more"
                )
            time.sleep(POLL_SECONDS)

    def must_sign_all(self, blocks: int = WATCHED_BLOCKS) -> None:
        signed, seen = self.signed(blocks)
        self.say(f"signed {signed} of {seen} blocks")
        if signed != seen:
            raise Broken(f"signed {signed} of {seen} blocks; none was to be missed")

    def must_sign_none(self, blocks: int = WATCHED_BLOCKS) -> None:
        signed, seen = self.signed(blocks)
        self.say(f"signed {signed} of {seen} blocks")
        if signed:
            raise Broken(f"{signed} of {seen} blocks carry our signature; none was to")

    @contextmanager
    def without(self, *, region: str = "", site: str = "") -> Iterator[None]:
        self.say(f"cutting {region or site} off")
        try:
            cut(self.paths, self.wiring, region=region, site=site)
            yield
        finally:
            heal(self.paths)
            self.say(f"{region or site} is connected again")


def _answers(node: Node) -> bool:
    try:
        node.head()
    except ChainUnreachable:
        return False
    return True


def stop_signer(estate: Estate) -> None:
    """The signer stops: no vote of ours; its validator, restarted, waits for it; the signer starts: signing resumes."""
    site = estate.network.signing.custody
    signer, validator = estate.active(Role.SIGNER, site), estate.active(Role.VALIDATOR, site)
    rpc = Node("127.0.0.1", estate.network.chain.ports.rpc, estate.paths.namespace(validator.name), timeout_seconds=3)
    try:
        estate.say(f"stopping tmkms on {signer.name}")
        estate.unit("stop", signer, SIGNER_UNIT)
        estate.must_sign_none()
        estate.say(f"restarting the node on {validator.name} without a signer")
        estate.node_unit("stop", validator)
        estate.node_unit("start", validator)
        time.sleep(WAITING_SECONDS)
        if _answers(rpc):
            raise Broken(f"the node on {validator.name} runs without its signer; it was to wait for it")
        estate.say("it waits")
    finally:
        estate.unit("start", signer, SIGNER_UNIT)
    estate.say(f"signing resumed {estate.wait_until_signing():.0f} s after the signer was started")
    estate.must_sign_all()


def public_sentries_down(estate: Estate) -> None:
    """All public sentries stop: the validators keep up, and sign, through the private ones."""
    sentries = of_role(estate.network, Role.PUBLIC_SENTRY)
    try:
        for sentry in sentries:
            estate.node_unit("stop", sentry)
        estate.say(f"{len(sentries)} public sentries are stopped")
        estate.must_sign_all()
    finally:
        for sentry in sentries:
            estate.node_unit("start", sentry)


def lose_region(estate: Estate) -> None:
    """The first region is cut off: signing goes on through the others."""
    with estate.without(region=sorted(estate.network.regions)[-1]):
        estate.must_sign_all()


def lose_standby_datacentre(estate: Estate) -> None:
    """The datacentre that does not hold the key is cut off: the other signs on."""
    with estate.without(site=next(site for site in estate.network.sites if site != estate.network.signing.custody)):
        estate.must_sign_all()


def lose_signing_datacentre(estate: Estate) -> None:
    """The datacentre that holds the key is cut off: nothing of ours is signed anywhere, and signing resumes when it is back."""
    with estate.without(site=estate.network.signing.custody):
        estate.must_sign_none()
    estate.say(f"signing resumed {estate.wait_until_signing():.0f} s after the cut was healed")


DRILLS: dict[str, Callable[[Estate], None]] = {
    "stop-signer": stop_signer,
    "public-sentries-down": public_sentries_down,
    "lose-region": lose_region,
    "lose-standby-datacentre": lose_standby_datacentre,
    "lose-signing-datacentre": lose_signing_datacentre,
}

ON_THE_FAST_NET: dict[str, Callable[[Path, Callable[[str], None]], None]] = {"no-gate": no_gate.run}
"""Drills that need no running lab: on a small chain with fast blocks that they make themselves, of this checkout."""
