"""What an instance declares and no part of the product serves yet: the one table of it.

A row goes when its part is served. ``status``, ``plan`` and ``up`` tell what is left; a policy refuses it on a live
deploy to production.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from estate.model import Network, Role
from estate.plan.hosts import of_role


@dataclass(frozen=True, slots=True)
class Unserved:
    """A part of what is declared. ``names``: what it is declared for: hosts, leases or the kind of client."""

    part: str
    names: tuple[str, ...]
    reason: str

    @property
    def entries(self) -> tuple[str, ...]:
        """``VPN service of cosmoshub-vpn-us-east-1-01``: an entry for each name."""
        return tuple(f"{self.part} {name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class _Row:
    part: str
    names: Callable[[Network], tuple[str, ...]]
    reason: str


def _hosts(role: Role) -> Callable[[Network], tuple[str, ...]]:
    return lambda network: tuple(host.name for host in of_role(network, role))


_TABLE = (
    _Row("VPN service of", _hosts(Role.VPN), "OpenVPN is not configured, so operators cannot reach a host through it"),
    _Row("monitoring by", _hosts(Role.MONITOR), "no monitor is configured, so nobody is alarmed when something fails"),
    _Row(
        "Vault lease",
        lambda network: tuple(sorted(network.leases)),
        "hosts do not log in to Vault, so what needs the credential lacks it, or has one that a person put there",
    ),
    _Row(
        "signing for a",
        lambda network: () if network.chain.client.spec.remote_signer else (network.chain.client.spec.title,),
        "its node speaks a protocol of remote signing that no signer here speaks, so no block is signed",
    ),
)


def unserved(network: Network) -> tuple[Unserved, ...]:
    """What ``network`` declares and nothing serves yet, by part."""
    found = (Unserved(row.part, row.names(network), row.reason) for row in _TABLE)
    return tuple(each for each in found if each.names)


def in_words(network: Network) -> list[str]:
    """A line for each part: what is declared, for what, and what follows."""
    short = f"{network.name}-"
    return [
        f"{each.part} {', '.join(name.removeprefix(short) for name in each.names)}: {each.reason}"
        for each in unserved(network)
    ]
