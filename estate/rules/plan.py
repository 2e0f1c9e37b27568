"""Rules about the plan that follows from a declaration: they need one whose parts fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Network
from estate.plan import naming
from estate.rules.finding import Finding, repeated, show


def tunnel_interfaces_are_distinct(network: Network) -> Iterator[Finding]:
    """The tunnels of an edge have names of their own."""
    for site, each in network.sites.items():
        names = ((f"sites.{site}.links.{region}", naming.tunnel_interface(region, 1, 0)) for region in each.links)
        for path, name, first in repeated(names):
            yield Finding(
                path=path,
                value=show(path.rsplit(".", 1)[1]),
                rule="each region must give its tunnels names of their own",
                reason=f"{first.rsplit('.', 1)[1]} shortens to {name} too",
                fix="use another region",
            )
