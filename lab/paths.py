"""Where the lab of a checkout keeps the state of each network, and the ids that the names it makes carry."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engine.workspace import Workspace


@dataclass(frozen=True)
class LabPaths:
    """What one network has in the lab of a checkout: the directory ``.lab/<network>``, and a four-hex-digit id."""

    checkout: Path
    network: str

    @property
    def lab_id(self) -> str:
        return _id(self.checkout, self.network)

    @property
    def prefix(self) -> str:
        """What every namespace, machine and cgroup of this network begins with."""
        return f"ev{self.lab_id}-"

    @property
    def exchange(self) -> str:
        """The network namespace in which all networks of the checkout meet."""
        return f"ev{_id(self.checkout, '')}-exchange"

    @property
    def others(self) -> tuple[LabPaths, ...]:
        """The other networks of the checkout's lab, by name."""
        return tuple(each for each in present(self.checkout) if each != self)

    @contextmanager
    def locked(self, what: str, say: Callable[[str], None] = lambda _: None) -> Iterator[int]:
        """One at a time in the checkout, whatever its network: waits for its turn; gives the lock's descriptor.

        ``say`` is called before it waits.
        """
        lab = _lab(self.checkout)
        lab.mkdir(exist_ok=True)
        with (lab / f"{what}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another network of this lab, which is changing its {what}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()

    def namespace(self, name: str) -> str:
        """The network namespace of the host or network element ``name``."""
        return self.prefix + name

    @property
    def root(self) -> Path:
        return _lab(self.checkout) / self.network

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root, self.network)

    @property
    def cloud_state(self) -> Path:
        return self.root / "cloud.db"

    @property
    def machines(self) -> Path:
        return self.root / "machines"

    @property
    def engine_state(self) -> Path:
        return self.root / "pulumi"

    @property
    def outputs(self) -> Path:
        """The stack's outputs, as ``pulumi stack output --json`` prints them."""
        return self.root / "outputs.json"

    @property
    def chain_facts(self) -> Path:
        """The chain facts of the lab's own chain, in the declaration's form."""
        return self.root / "chain.yaml"

    @property
    def ssh_key(self) -> Path:
        return self.root / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.root / "ssh" / "known_hosts"

    @property
    def authority(self) -> Path:
        """The lab's own certificate authority, and what it has signed."""
        return self.root / "authority"

    @property
    def repository(self) -> Path:
        """The signed APT repository that the lab serves."""
        return self.root / "repository"

    @property
    def keyring(self) -> Path:
        return self.root / "keyring"


def present(checkout: Path) -> tuple[LabPaths, ...]:
    """Every network that has a cloud in the checkout's lab, by name."""
    return tuple(LabPaths(checkout, each.parent.name) for each in sorted(_lab(checkout).glob("*/cloud.db")))


def _lab(checkout: Path) -> Path:
    return checkout / ".lab"


def _id(checkout: Path, name: str) -> str:
    return sha256(f"{checkout.resolve()}\0{name}".encode()).hexdigest()[:4]
