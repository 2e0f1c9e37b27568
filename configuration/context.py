"""What a role knows about the host that it configures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from estate.model import Chain, Network, Role
from estate.plan import hosts as estate_hosts
from estate.plan.hosts import Host


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

    @property
    def everyone(self) -> tuple[Host, ...]:
        """All hosts of the network, in order of name."""
        return estate_hosts.hosts(self.network)

    def of_role(self, *roles: Role) -> tuple[Host, ...]:
        return tuple(host for host in self.everyone if host.role in roles)

    def public_address(self, name: str) -> str | None:
        """The public address of the host ``name``: its declared one, or what the cloud assigned."""
        declared = next(host for host in self.everyone if host.name == name).public_address
        return str(declared) if declared else self.inventory.get("hosts", {}).get(name, {}).get("public_address")
