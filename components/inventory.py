"""What the cloud side tells the hosts' side: one object, without a secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.aws.endpoint import Endpoint
from components.aws.lease import Lease
from components.aws.machine import Machine
from components.aws.region import Region
from components.aws.signer import Signer
from components.aws.site_link import SiteLink
from estate.model import Network, Role
from estate.plan.hosts import of_role


def scrape(network: Network) -> dict[str, Any]:
    """By job: what the monitors read, and where."""
    monitors = [host.name for host in of_role(network, Role.MONITOR)]
    return {
        name: {
            "port": job.port,
            "path": job.path,
            "interval_seconds": job.interval_seconds,
            "monitors": monitors,
            "targets": {host.name: str(host.management_address) for host in of_role(network, *job.roles)},
        }
        for name, job in sorted(network.monitoring.items())
    }


def later(network: Network) -> list[str]:
    """What is declared, and has its place in the cloud, but is not served yet."""
    gateways, monitors = of_role(network, Role.VPN), of_role(network, Role.MONITOR)
    waiting = [f"VPN service of {host.name}" for host in gateways] + [f"monitoring by {host.name}" for host in monitors]
    return [*waiting, *(f"Vault lease {name}" for name in sorted(network.leases))]


def inventory(
    network: Network,
    *,
    machines: Mapping[str, Machine],
    endpoints: Mapping[str, Endpoint],
    regions: Mapping[str, Region],
    links: Mapping[tuple[str, str], SiteLink],
    signer: Signer,
    leases: Mapping[str, Lease],
) -> dict[str, Any]:
    """The stack's output ``inventory``. ``links`` is by site and region."""
    return {
        "network": network.name,
        "hosts": {
            name: {
                "instance_id": machine.instance_id,
                "private_address": str(machine.host.address),
                "public_address": machine.public_address,
            }
            for name, machine in machines.items()
        },
        "endpoints": {
            region: {"dns_name": endpoint.dns_name, "arn": endpoint.arn} for region, endpoint in endpoints.items()
        },
        "nat": {region: each.nat.addresses for region, each in regions.items()},
        "links": {
            site: {region: links[site, region].tunnels for region in sorted(declared.links)}
            for site, declared in sorted(network.sites.items())
        },
        "signer": signer.entries,
        "coordination": signer.table,
        "leases": {name: lease.entry for name, lease in sorted(leases.items())},
        "scrape": scrape(network),
        "later": later(network),
    }
