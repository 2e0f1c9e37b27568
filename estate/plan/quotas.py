"""How much a network uses of each service quota of its AWS account, and how much it may use.

The counts follow from the plan of the declaration: they are of what the program registers, before it registers it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from estate.clouds import aws
from estate.model import Network, Role, Tier
from estate.plan import security_groups
from estate.plan.permissions import LOAD_BALANCER, Permissions, balancer_permissions, host_permissions
from estate.plan.topology import Topology

MAIN_ROUTE_TABLES = 1
"""A VPC's own route table, which counts too."""
LOCAL_ROUTES = 1
"""A route table's route to its own VPC, which AWS makes and lists among the others."""


@dataclass(frozen=True, kw_only=True, order=True)
class Use:
    """``count`` of what the quota ``quota`` limits in ``region``.

    ``where``: which one, for a quota of each zone, table, gateway or group; empty for one of the whole region.
    """

    region: str
    quota: str
    where: str = ""
    count: int


def granted(network: Network, region: str, quota: str) -> int:
    """What the account may use of ``quota`` in ``region``: AWS's default, or as much as is declared to be raised."""
    known = aws.QUOTAS[quota]
    declared = network.aws.quotas.get(region)
    raised = getattr(declared, known.follows or quota, None) if declared else None
    return known.default if raised is None else int(raised)


def shared(network: Network) -> Iterator[Use]:
    """What counts together with the other networks of the account in the region."""
    topology = Topology(network)
    for region, declared in network.regions.items():
        instances = [host for host in topology.hosts if host.place == region]
        public = sum(host.public for host in instances)
        connections = _connections(network, topology, region)
        per_region = {
            "vpcs_per_region": 1,
            "internet_gateways_per_region": 1,
            "elastic_ips_per_region": public + len(declared.zones),
            "customer_gateways_per_region": connections,
            "vpn_gateways_per_region": 1,
            "vpn_connections_per_region": connections,
        }
        for host in instances:
            if host.node:
                quota = aws.vcpu_quota(host.node.instance_type)
                per_region[quota] = per_region.get(quota, 0) + aws.vcpus(host.node.instance_type)
        yield from (Use(region=region, quota=quota, count=count) for quota, count in per_region.items())
        for zone in declared.zones:
            yield Use(region=region, quota="nat_gateways_per_zone", where=f"{region}{zone}", count=1)


def _connections(network: Network, topology: Topology, region: str) -> int:
    """Each edge of each datacentre that is linked to the region has one VPN connection, with a customer gateway."""
    edges = Counter(host.place for host in topology.hosts if host.role is Role.EDGE)
    return sum(edges[site] for site, declared in network.sites.items() if region in declared.links)


def separate(network: Network) -> Iterator[Use]:
    """What each VPC, route table, gateway and security group has of its own. The plan has no transit gateways."""
    topology = Topology(network)
    for region in network.regions:
        tables = _routes(network, topology, region)
        yield Use(region=region, quota="route_tables_per_vpc", count=len(tables) + MAIN_ROUTE_TABLES)
        for table, count in tables.items():
            yield Use(region=region, quota="routes_per_route_table", where=table, count=count)
        yield Use(region=region, quota="vpn_connections_per_gateway", count=_connections(network, topology, region))
        yield from _rules(network, topology, region)


def _routes(network: Network, topology: Topology, region: str) -> dict[str, int]:
    """Routes by route table: to the VPC itself, the internet, the other regions and the region's partners."""
    regions = len(network.regions) - 1
    partners = sum(len(each.cidrs) for each in network.partners.values() if each.region == region)
    out = LOCAL_ROUTES + 1
    found = {f"{Tier.PUBLIC} subnets": out + regions}
    if any(host.role is Role.SEED and host.place == region for host in topology.hosts):
        found[f"{Tier.INGRESS} subnets"] = out
    for zone in network.regions[region].zones:
        found[f"{Tier.PRIVATE} subnets in {region}{zone}"] = out + regions + partners
    return found


def _rules(network: Network, topology: Topology, region: str) -> Iterator[Use]:
    for role, permissions in of_groups(topology, region):
        limit = granted(network, region, "rules_per_security_group")
        for group in security_groups.spread(permissions, limit):
            for direction, version, count in group.counts():
                where = f"group {group.number} of {role}, {direction}, IPv{version}"
                yield Use(region=region, quota="rules_per_security_group", where=where, count=count)


def of_groups(topology: Topology, region: str) -> Iterator[tuple[str, Permissions]]:
    """What has security groups of its own in a region: each role with hosts there, and the load balancer."""
    roles = {host.role for host in topology.hosts if host.place == region}
    for role in sorted(roles):
        yield role.value, host_permissions(topology, region, role)
    if Role.SEED in roles:
        yield LOAD_BALANCER, balancer_permissions(topology, region)
