"""Stack outputs as they would be, made from the declaration."""

from __future__ import annotations

from typing import Any

from estate.model import Network, Role
from estate.plan import tunnels
from estate.plan.hosts import hosts


def inventory(network: Network) -> dict[str, Any]:
    """What the stack of ``network`` reports, with addresses from the documentation ranges."""
    edges = [host for host in hosts(network) if host.role is Role.EDGE]
    cloud = [host for host in hosts(network) if host.in_cloud]
    return {
        "network": network.name,
        "hosts": {
            host.name: {
                "instance_id": f"i-{index:017x}",
                "private_address": str(host.address),
                "public_address": f"203.0.113.{index + 1}" if host.public else None,
            }
            for index, host in enumerate(cloud)
        },
        "endpoints": {},
        "nat": {},
        "links": {
            site: {
                region: {str(edge.number): _tunnels(network, edge, region) for edge in edges if edge.place == site}
                for region in each.links
            }
            for site, each in network.sites.items()
        },
        "signer": {},
        "leases": {},
        "scrape": {},
        "later": [],
    }


def _tunnels(network: Network, edge: Any, region: str) -> list[dict[str, Any]]:
    return [
        {
            "interface": tunnel.interface,
            "outside_address": f"203.0.113.{100 + 2 * network.regions[region].slot + index}",
            "inside_cidr": str(tunnel.inside_cidr),
            "cloud_inside_address": str(tunnel.cloud_address),
            "edge_inside_address": str(tunnel.edge_address),
            "cloud_asn": tunnel.cloud_asn,
            "edge_asn": tunnel.edge_asn,
        }
        for index, tunnel in enumerate(tunnels.between(network, edge.place, region, edge.number))
    ]
