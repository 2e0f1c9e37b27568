"""The context of each host: the declaration joined with the stack's outputs. pyinfra and `hosts.medium` use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from configuration.context import HostContext
from estate.declaration import load
from estate.findings import DeclarationError
from estate.plan.hosts import hosts
from hosts import stack_output

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_NETWORK = "cosmoshub"


def contexts(environment: Mapping[str, str]) -> dict[str, HostContext]:
    """The context of every host of a network, by name.

    `ESTATE_NETWORK` names the network; `ESTATE_CHAIN`, where it is set, a file of chain facts in place of the declared
    ones; `ESTATE_ARCHIVE_KEYRING` the package repository's keyring; `ESTATE_OUTPUTS` is as in `stack_output.read`.

    Raises:
        DeclarationError: with every problem of the declaration, or every disagreement between it and the outputs.
    """
    chain, keyring = environment.get("ESTATE_CHAIN"), environment.get("ESTATE_ARCHIVE_KEYRING")
    file = load.stack_file(ROOT, environment.get("ESTATE_NETWORK", DEFAULT_NETWORK))
    network = load.read(file, chain=Path(chain) if chain else None)
    inventory = stack_output.read(network.name, ROOT, environment.get("ESTATE_OUTPUTS"))
    if problems := stack_output.problems(network, inventory):
        raise DeclarationError(problems)
    return {
        host.name: HostContext(
            network=network, host=host, inventory=inventory, archive_keyring=Path(keyring) if keyring else None
        )
        for host in hosts(network)
    }
