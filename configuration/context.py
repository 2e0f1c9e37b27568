"""What a role is given about the host that it configures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from estate.model import Chain, Network, Role
from estate.plan.hosts import Host
from estate.plan.topology import Topology


@dataclass(frozen=True, kw_only=True)
class HostContext:
    """One host in its network. ``inventory``: the stack's output; ``archive_keyring``: of the package repository."""

    network: Network
    host: Host
    inventory: Mapping[str, Any] = field(repr=False)
    archive_keyring: Path | None = None

    @property
    def chain(self) -> Chain:
        return self.network.chain

    @cached_property
    def topology(self) -> Topology:
        """The network's hosts and flows."""
        return Topology(self.network)

    @property
    def everyone(self) -> tuple[Host, ...]:
        """All hosts of the network, in order of name."""
        return self.topology.hosts

    def of_role(self, *roles: Role) -> tuple[Host, ...]:
        return tuple(host for host in self.everyone if host.role in roles)

    def public_address(self, name: str) -> str | None:
        """The public address of the host ``name``: its declared one, or what the cloud assigned."""
        declared = next(host for host in self.everyone if host.name == name).public_address
        return str(declared) if declared else self.inventory.get("hosts", {}).get(name, {}).get("public_address")
