"""Where one lab keeps its state, and the id that every name it makes carries."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engine.workspace import Workspace


@dataclass(frozen=True)
class LabPaths:
    """The state directory ``.lab/<network>`` of a checkout, and the lab's four-hex-digit id."""

    checkout: Path
    network: str

    @property
    def lab_id(self) -> str:
        return sha256(f"{self.checkout.resolve()}\0{self.network}".encode()).hexdigest()[:4]

    @property
    def prefix(self) -> str:
        """What every namespace, machine and cgroup of this lab begins with."""
        return f"ev{self.lab_id}-"

    def namespace(self, name: str) -> str:
        """The network namespace of the host or network element ``name``."""
        return self.prefix + name

    @property
    def root(self) -> Path:
        return self.checkout / ".lab" / self.network

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
