"""The address plan: a pure function of explicit slots, so that adding or removing one thing moves no other.

A network has 10.<slot>.0.0/16. Its regions (slots 0–10) and sites (slots 11–14) have a /20 of it each; slot 15 holds
the VPN's client pools. A region's /20 holds a /24 per tier and zone; a site's /20 a /24 per firewall zone.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from estate.model import ROLES, CloudNode, Network, Role, Server, ZoneKind
from estate.model import Tier as Tier

NAT_GATEWAY_OFFSET = 8
MANAGEMENT_EDGE_OFFSET = ROLES[Role.EDGE].offset
VPN_POOL_SLOT = 15
TIER_OFFSETS = {Tier.PUBLIC: 0, Tier.INGRESS: 5, Tier.PRIVATE: 10}
ROLE_TIERS = {role: spec.tier for role, spec in ROLES.items() if spec.tier}
"""The kind of subnet of each role in the cloud."""


@lru_cache(maxsize=4096)
def _part(block: IPv4Network, prefix: int, slot: int) -> IPv4Network:
    return IPv4Network((int(block.network_address) + (slot << (32 - prefix)), prefix))


def network_block(network: Network) -> IPv4Network:
    return IPv4Network(((10 << 24) + (network.slot << 16), 16))


def region_block(network: Network, region: str) -> IPv4Network:
    return _part(network_block(network), 20, network.regions[region].slot)


def site_block(network: Network, site: str) -> IPv4Network:
    return _part(network_block(network), 20, network.sites[site].slot)


def subnet(network: Network, region: str, tier: Tier, zone: str) -> IPv4Network:
    slot = TIER_OFFSETS[tier] + network.regions[region].zones[zone].slot
    return _part(region_block(network, region), 24, slot)


def ingress_subnets(network: Network, region: str) -> tuple[IPv4Network, ...]:
    """The subnets in which only load-balancer nodes live."""
    return tuple(subnet(network, region, Tier.INGRESS, zone) for zone in sorted(network.regions[region].zones))


def nat_gateway_address(network: Network, region: str, zone: str) -> IPv4Address:
    return subnet(network, region, Tier.PUBLIC, zone)[NAT_GATEWAY_OFFSET]


def node_address(network: Network, node: CloudNode) -> IPv4Address:
    block = subnet(network, node.region, ROLE_TIERS[node.role], node.zone)
    return block[ROLES[node.role].offset + node.number]


def vpn_pool(network: Network, region: str) -> IPv4Network:
    """The addresses of VPN clients of the gateways in ``region``."""
    return _part(_part(network_block(network), 20, VPN_POOL_SLOT), 24, network.regions[region].slot)


def zone_block(network: Network, site: str, zone: str) -> IPv4Network:
    return _part(site_block(network, site), 24, network.sites[site].zones[zone].slot)


def zone_gateway(network: Network, site: str, zone: str) -> IPv4Address:
    """The address that the edge firewalls share in this zone."""
    return zone_block(network, site, zone)[1]


def server_address(network: Network, site: str, server: Server) -> IPv4Address:
    return zone_block(network, site, server.zone)[ROLES[server.role].offset + server.number]


def management_zone(network: Network, site: str) -> str:
    return next(name for name, zone in network.sites[site].zones.items() if zone.kind is ZoneKind.MANAGEMENT)


def management_address(network: Network, site: str, server: Server) -> IPv4Address:
    """Where a server takes SSH and is scraped: in the management zone, and nowhere else."""
    return zone_block(network, site, management_zone(network, site))[ROLES[server.role].offset + server.number]


def edge_zone_address(network: Network, site: str, zone: str, edge_number: int) -> IPv4Address:
    """An edge firewall's own address in a zone, beside the shared gateway address."""
    return zone_block(network, site, zone)[ROLES[Role.EDGE].offset + edge_number]


def tunnel_inside(network: Network, site: str, region: str, edge_number: int, tunnel: int) -> IPv4Network:
    """The /30 of tunnel 0 or 1 from an edge to a region's VPN gateway: AWS has the first address, the edge the other.

    From 169.254.8.0/21, which avoids the link-local addresses that AWS keeps for itself.
    """
    site_index = network.sites[site].slot - 11
    index = ((site_index * 11 + network.regions[region].slot) * 2 + (edge_number - 1)) * 2 + tunnel
    return IPv4Network((int(IPv4Address("169.254.8.0")) + index * 4, 30))
