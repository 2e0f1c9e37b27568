"""The host that pyinfra is at, in its network: the declaration joined with the stack's outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from configuration.context import HostContext
from estate.declaration import load
from estate.findings import DeclarationError, Problem
from estate.model import Network
from estate.plan import hosts as estate_hosts
from estate.plan.hosts import Host
from hosts import stack_output

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_NETWORK = "cosmoshub"


class Named(Protocol):
    """A pyinfra host, of which only the name matters here."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Name:
    """A host by its name alone."""

    name: str


@lru_cache(maxsize=1)
def declared() -> Network:
    """The network that ``ESTATE_NETWORK`` names, with the chain facts of ``ESTATE_CHAIN`` where that is set."""
    chain = os.environ.get("ESTATE_CHAIN")
    return load.read(
        load.stack_file(ROOT, os.environ.get("ESTATE_NETWORK", DEFAULT_NETWORK)), chain=Path(chain) if chain else None
    )


@lru_cache(maxsize=1)
def joined() -> tuple[Network, Mapping[str, Any]]:
    """The declared network and the stack's ``inventory`` output, which agree.

    Raises:
        DeclarationError: with every disagreement between the two.
    """
    network = declared()
    inventory = stack_output.read(network.name, ROOT)
    problems = stack_output.problems(network, inventory)
    if problems:
        raise DeclarationError(problems)
    return network, inventory


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, Host]:
    return {host.name: host for host in estate_hosts.hosts(joined()[0])}


def of(host: Named) -> HostContext:
    """The context of a pyinfra host, whatever connector its name begins with (``@fake/…``)."""
    network, inventory = joined()
    name = host.name.rsplit("/", 1)[-1]
    if name not in _by_name():
        raise DeclarationError(
            [
                Problem(
                    file="hosts/inventory.py",
                    path="hosts",
                    value=repr(name),
                    rule="a host must be one that the network declares",
                    reason="its role and addresses come from the declaration",
                    fix=f"declare it in stacks/Pulumi.{network.name}.yaml, or leave it out",
                )
            ]
        )
    keyring = os.environ.get("ESTATE_ARCHIVE_KEYRING")
    return HostContext(
        network=network, host=_by_name()[name], inventory=inventory, archive_keyring=Path(keyring) if keyring else None
    )
