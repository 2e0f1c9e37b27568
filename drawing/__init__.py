"""A map of the estate.

Regions, zones, hosts, links and allowed flows of one network, from its declaration alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from drawing.page import Map, draw
from estate.model import Network
from estate.plan.hosts import hosts


def layout(network: Network, status: Mapping[str, str] | None = None) -> Map:
    """The map, with the boxes of its cards and panels by name."""
    return draw(network, status)


def svg(network: Network, status: Mapping[str, str] | None = None) -> str:
    """The map as an SVG document.

    ``status`` gives states of hosts by name (``ok``, ``stopped``, …) for a dot on each card.
    """
    drawn = draw(network, status)
    title = f"{network.name}: the validator estate for {network.chain.chain_id}"
    places = f"{len(network.regions)} cloud regions and {len(network.sites)} datacentres"
    return drawn.scene.svg(drawn.width, drawn.height, title, f"{len(hosts(network))} hosts in {places}")
