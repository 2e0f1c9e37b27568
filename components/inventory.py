"""The stack's output ``inventory``, from which the hosts are configured. It contains no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.nouns import Machine, SiteLink
from estate.model import Network
from estate.plan.served import unserved


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
        "later": [entry for part in unserved(network) for entry in part.entries],
    }
