"""Every host of a network, from cloud nodes and bare-metal servers alike, with its place and its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from estate.model import CloudNode, Network, Role, Server, Tier
from estate.plan import addressing, naming


@dataclass(frozen=True, kw_only=True)
class Host:
    """One machine.

    ``place`` is a region or a site, ``address`` its service address, ``management_address`` where SSH is taken.
    In the cloud the two are the same. ``public`` says that it owns a public address: a fixed one for an edge
    (``public_address``), one that the cloud assigns for a node in a public subnet.
    """

    name: str
    role: Role
    place: str
    zone: str
    number: int
    address: IPv4Address
    management_address: IPv4Address
    public: bool
    public_address: IPv4Address | None
    active: bool
    node: CloudNode | None = None
    server: Server | None = None

    @property
    def in_cloud(self) -> bool:
        return self.node is not None


def _cloud_host(network: Network, node: CloudNode) -> Host:
    address = addressing.node_address(network, node)
    return Host(
        name=naming.host(network.name, node.role, node.region, node.number),
        role=node.role,
        place=node.region,
        zone=node.zone,
        number=node.number,
        address=address,
        management_address=address,
        public=addressing.ROLE_TIERS[node.role] is Tier.PUBLIC,
        public_address=None,
        active=True,
        node=node,
    )


def _site_host(network: Network, site: str, server: Server) -> Host:
    return Host(
        name=naming.host(network.name, server.role, site, server.number),
        role=server.role,
        place=site,
        zone=server.zone,
        number=server.number,
        address=addressing.server_address(network, site, server),
        management_address=addressing.management_address(network, site, server),
        public=server.public_address is not None,
        public_address=server.public_address,
        active=server.active,
        server=server,
    )


def hosts(network: Network) -> tuple[Host, ...]:
    """All hosts, in order of name."""
    cloud = [_cloud_host(network, node) for node in network.nodes]
    bare_metal = [_site_host(network, site, server) for site, each in network.sites.items() for server in each.servers]
    return tuple(sorted(cloud + bare_metal, key=lambda host: host.name))


def of_role(network: Network, *roles: Role) -> tuple[Host, ...]:
    return tuple(host for host in hosts(network) if host.role in roles)


def other_edges(network: Network, edge: Host) -> tuple[Host, ...]:
    """The edges that share the gateway addresses of a site with ``edge``."""
    return tuple(each for each in of_role(network, Role.EDGE) if each.place == edge.place and each.name != edge.name)
