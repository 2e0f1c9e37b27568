"""A network that nobody has declared yet, and small: for what varies the declaration."""

from __future__ import annotations

from datetime import date

import pytest

from components.recording import Recorded, record
from estate.declaration import load
from estate.declaration.example import declared
from estate.model import Network


@pytest.fixture(scope="session")
def small() -> Network:
    """What ``bin/estate new`` writes, reduced to two regions and one host a role."""
    new = load.network(declared("osmosis", 77, today=date.today()), source="stacks/Pulumi.osmosis.yaml")
    regions = dict(sorted(new.regions.items(), key=lambda item: item[1].slot)[:2])
    nodes = {node.role: node for node in reversed(new.nodes) if node.region in regions}
    sites = {
        name: site.model_copy(
            update={"links": {region: link for region, link in site.links.items() if region in regions}}
        )
        for name, site in new.sites.items()
    }
    partners = {name: partner for name, partner in new.partners.items() if partner.region in regions}
    return new.model_copy(
        update={"regions": regions, "nodes": tuple(nodes.values()), "sites": sites, "partners": partners}
    )


@pytest.fixture(scope="session")
def small_recorded(small: Network) -> Recorded:
    return record(small)
