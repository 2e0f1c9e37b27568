"""An edge firewall's routing: BIRD, keepalived and strongSwan, from the declaration and the stack's tunnels. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configuration import interfaces
from configuration.rendering import render
from estate.model import Network
from estate.plan import addressing, tunnels
from estate.plan.hosts import Host, other_edges

VRRP_STATE = "/run/estate/vrrp.conf"
"""The file by which keepalived's notify script reports to BIRD whether this edge holds the gateway addresses."""

NOTIFY = "/usr/local/lib/estate/vrrp-notify"
TRACK = "/usr/local/lib/estate/has-routes"
CERTIFICATES = "/etc/swanctl/x509"
BACKUP_PREPENDS = 2


@dataclass(frozen=True, kw_only=True)
class VirtualGateway:
    """One zone's gateway address as keepalived holds it. ``router_id`` is unique among a site's zones."""

    zone: str
    interface: str
    router_id: int
    own: str
    others: tuple[str, ...]
    address: str


def virtual_gateways(network: Network, edge: Host) -> tuple[VirtualGateway, ...]:
    others = other_edges(network, edge)
    zones = network.sites[edge.place].zones
    return tuple(
        VirtualGateway(
            zone=port.zone,
            interface=port.interface,
            router_id=zones[port.zone].slot + 1,
            own=str(port.address.ip),
            others=tuple(
                str(addressing.edge_zone_address(network, edge.place, port.zone, other.number)) for other in others
            ),
            address=f"{port.gateway}/{port.address.network.prefixlen}",
        )
        for port in interfaces.zone_ports(network, edge)
    )


def keepalived(network: Network, edge: Host) -> str:
    """keepalived.conf: all zone gateways move together, to the edge that has routes to the cloud."""
    return render(
        "edge/keepalived.conf.j2",
        host=edge.name,
        gateways=virtual_gateways(network, edge),
        priority=150 if edge.active else 100,
        notify=NOTIFY,
        track=TRACK,
    )


def bird(network: Network, edge: Host) -> str:
    """bird.conf: one BGP session for each tunnel. Imports the regions' blocks; exports the site's and this edge's own
    address.
    """
    return render(
        "edge/bird.conf.j2",
        host=edge.name,
        router_id=edge.management_address,
        asn=network.sites[edge.place].asn,
        site_block=addressing.site_block(network, edge.place),
        management_address=edge.management_address,
        state_file=VRRP_STATE,
        prepends=BACKUP_PREPENDS,
        tunnels=[
            {
                "name": tunnel.interface.replace("-", "_"),
                "interface": tunnel.interface,
                "own": tunnel.edge_address,
                "peer": tunnel.cloud_address,
                "peer_asn": tunnel.cloud_asn,
                "block": addressing.region_block(network, tunnel.region),
            }
            for tunnel in tunnels.of_edge(network, edge)
        ],
    )


def swanctl(network: Network, edge: Host, inventory: Mapping[str, Any]) -> str:
    """swanctl.conf: a connection for each tunnel whose far end the stack reports, by certificate."""
    links = inventory.get("links", {}).get(edge.place, {})
    connections = []
    for tunnel in tunnels.of_edge(network, edge):
        reported = links.get(tunnel.region, {}).get(str(edge.number), [])
        if tunnel.number < len(reported):
            connections.append(
                {
                    "name": tunnel.interface,
                    "local": edge.public_address,
                    "remote": reported[tunnel.number]["outside_address"],
                    "number": tunnel.id,
                    "certificate": f"{edge.name}.pem",
                }
            )
    return render("edge/swanctl.conf.j2", host=edge.name, connections=connections)
