"""The stack's output ``inventory``, from which the hosts are configured. It contains no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.nouns import Machine, SiteLink
from estate.model import Network, Role
from estate.plan.hosts import of_role


def later(network: Network) -> list[str]:
    """Services that are declared and have their cloud resources, but are not configured yet."""
    gateways, monitors = of_role(network, Role.VPN), of_role(network, Role.MONITOR)
    waiting = [f"VPN service of {host.name}" for host in gateways] + [f"monitoring by {host.name}" for host in monitors]
    client = network.chain.client.spec
    unsigned = [] if client.remote_signer else [f"signing for a {client.title}"]
    return [*waiting, *unsigned, *(f"Vault lease {name}" for name in sorted(network.leases))]


def inventory(
    network: Network, *, machines: Mapping[str, Machine], links: Mapping[tuple[str, str], SiteLink]
) -> dict[str, Any]:
    """The stack's output ``inventory``. ``machines`` is by host name, ``links`` by site and region."""
    return {
        "network": network.name,
        "hosts": {
            name: {
                "instance_id": machine.id,
                "private_address": str(machine.host.address),
                "public_address": machine.public_address,
            }
            for name, machine in machines.items()
        },
        "links": {
            site: {region: links[site, region].tunnels for region in sorted(declared.links)}
            for site, declared in sorted(network.sites.items())
        },
        "later": later(network),
    }
