"""Each declared network, recorded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.recording import Recorded, record
from estate import load
from estate.model import Network


@pytest.fixture(scope="session")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


@pytest.fixture(scope="session")
def recorded(network: Network) -> Recorded:
    return record(network)


@pytest.fixture(scope="session")
def small(network: Network) -> Network:
    """The network with two regions and one host a role: what varies the declaration need not record all of it."""
    regions = dict(sorted(network.regions.items(), key=lambda item: item[1].slot)[:2])
    nodes = {node.role: node for node in reversed(network.nodes) if node.region in regions}
    sites = {
        name: site.model_copy(
            update={"links": {region: link for region, link in site.links.items() if region in regions}}
        )
        for name, site in network.sites.items()
    }
    partners = {name: partner for name, partner in network.partners.items() if partner.region in regions}
    return network.model_copy(
        update={"regions": regions, "nodes": tuple(nodes.values()), "sites": sites, "partners": partners}
    )
