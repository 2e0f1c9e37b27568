"""The tunnels between datacentres and cloud regions: both ends of each, by the address plan."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from estate.model import Network
from estate.plan import addressing, naming
from estate.plan.hosts import Host

NUMBERS = (0, 1)
"""A site-to-site VPN connection of AWS has two tunnels."""


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """One tunnel between the edge ``edge`` of ``site`` and the VPN gateway of ``region``; ``number`` is 0 or 1.

    ``interface``: its name on the edge. ``inside_cidr``: the /30 inside it, of which AWS has the first address and the
    edge the second.
    """

    site: str
    region: str
    edge: int
    number: int
    interface: str
    inside_cidr: IPv4Network
    cloud_asn: int
    edge_asn: int

    @property
    def cloud_address(self) -> IPv4Address:
        return self.inside_cidr[1]

    @property
    def edge_address(self) -> IPv4Address:
        return self.inside_cidr[2]

    @property
    def edge_interface_address(self) -> IPv4Interface:
        """The edge's address with the prefix length of the /30."""
        return IPv4Interface((self.edge_address, self.inside_cidr.prefixlen))

    @property
    def id(self) -> int:
        """What joins the tunnel's interface with its IPsec policy: the index of its /30 in the plan, from 1."""
        return ((int(self.inside_cidr.network_address) >> 2) & 0x1FF) + 1


def between(network: Network, site: str, region: str, edge: int) -> tuple[Tunnel, ...]:
    """The two tunnels from the edge number ``edge`` of ``site`` to ``region``."""
    return tuple(
        Tunnel(
            site=site,
            region=region,
            edge=edge,
            number=number,
            interface=naming.tunnel_interface(region, edge, number),
            inside_cidr=addressing.tunnel_inside(network, site, region, edge, number),
            cloud_asn=network.regions[region].asn,
            edge_asn=network.sites[site].asn,
        )
        for number in NUMBERS
    )


def of_edge(network: Network, edge: Host) -> tuple[Tunnel, ...]:
    """All tunnels of an edge: two to each region that its site is linked to, in the order of the declaration."""
    links = network.sites[edge.place].links
    return tuple(tunnel for region in links for tunnel in between(network, edge.place, region, edge.number))
