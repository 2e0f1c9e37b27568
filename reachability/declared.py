"""What the prover needs from a declaration besides resources: datacentres, guests, BGP announcements.

Sources: the address plan and topology of ``estate``; an edge's routing as its BIRD, keepalived and systemd-networkd are
configured (in come the regions' blocks, out go the site's block and the edge's own address).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from estate.model import Network, Role, ZoneKind
from estate.plan import addressing, naming, tunnels
from estate.plan.hosts import Host, hosts
from reachability.addresses import ALL_V4, Interval, Intervals, union
from reachability.frontends.sites import Leg, Segment, Server, Site, TunnelEnd
from reachability.resources import Resource
from reachability.subject import Guest, Subject

INSTANCE = "aws:ec2/instance:Instance"
VPN_DEVICE = "tun0"
"""The device of a VPN gateway behind which operators connect."""


def interval(block: IPv4Network) -> Interval:
    """A block of the address plan as an interval."""
    return int(block.network_address), int(block.broadcast_address)


def labels(network: Network, host: Host) -> Mapping[str, str]:
    """The labels of a host, for users and claims."""
    return {
        "Name": host.name,
        "Network": network.name,
        "Role": host.role.value,
        "Place": host.place,
        "Zone": host.zone,
        "Provider": "aws" if host.in_cloud else network.sites[host.place].vendor,
    }


def tunnel_key(inside: IPv4Network, edge: IPv4Address | None) -> str:
    """The key of a tunnel at both ends. Networks reuse the same inside addresses, but with different edges."""
    return f"tunnel {inside}" + (f" to {edge}" if edge else "")


def _tunnels(network: Network, edge: Host) -> tuple[TunnelEnd, ...]:
    return tuple(
        TunnelEnd(
            device=each.interface,
            key=tunnel_key(each.inside_cidr, edge.public_address),
            reaches=union([interval(each.inside_cidr), interval(addressing.region_block(network, each.region))]),
            address=int(each.edge_address),
        )
        for each in tunnels.of_edge(network, edge)
    )


def _edge(network: Network, edge: Host) -> Server:
    site = network.sites[edge.place]
    legs, routes = [], []
    for name, zone in site.zones.items():
        device = naming.bond_interface(zone.vlan)
        own = addressing.edge_zone_address(network, edge.place, name, edge.number)
        addresses = [own, addressing.zone_gateway(network, edge.place, name)]
        routes.append((interval(addressing.zone_block(network, edge.place, name)), device))
        if zone.kind is ZoneKind.EDGE:
            routes += [(ALL_V4, device), (interval(site.uplink), device)]
            addresses += [edge.public_address] if edge.public_address else []
        legs.append(Leg(device, name, tuple(int(each) for each in addresses)))
    tunnels = _tunnels(network, edge)
    routes += [(block, tunnel.device) for tunnel in tunnels for block in tunnel.reaches]
    return Server(edge.name, tuple(legs), tuple(routes), forwards=True, tunnels=tunnels, labels=labels(network, edge))


def _server(network: Network, host: Host) -> Server:
    """One leg in its own zone, with the default gateway there; one in the management zone, whose answers use that
    zone's gateway.
    """
    site = network.sites[host.place]
    management = addressing.management_zone(network, host.place)
    places: dict[str, IPv4Address] = {host.zone: host.address, management: host.management_address}
    legs, routes = [], []
    for zone, address in places.items():
        device = naming.bond_interface(site.zones[zone].vlan)
        legs.append(Leg(device, zone, (int(address),)))
        routes.append((interval(addressing.zone_block(network, host.place, zone)), device))
    routes.append((ALL_V4, naming.bond_interface(site.zones[host.zone].vlan)))
    own = int(host.management_address)
    device = naming.bond_interface(site.zones[management].vlan)
    block = interval(addressing.zone_block(network, host.place, management))
    answers = ((own, block, device), (own, ALL_V4, device))
    return Server(
        host.name,
        tuple(legs),
        tuple(routes),
        source_routes=answers if management != host.zone else (),
        labels=labels(network, host),
    )


def _site(network: Network, name: str, members: Iterable[Host]) -> Site:
    site = network.sites[name]
    here = tuple(members)
    edges = tuple(host.name for host in here if host.role is Role.EDGE)
    segments = tuple(
        Segment(
            name=zone_name,
            block=interval(addressing.zone_block(network, name, zone_name)),
            gateways=edges,
            uplink=zone.kind is ZoneKind.EDGE,
            public=interval(site.uplink) if zone.kind is ZoneKind.EDGE else None,
        )
        for zone_name, zone in site.zones.items()
    )
    servers = tuple(_edge(network, host) if host.role is Role.EDGE else _server(network, host) for host in here)
    return Site(site_name(network, name), segments, servers, announced(network, name))


def site_name(network: Network, site: str) -> str:
    """A site's name, unique in the estate: two networks may use one datacentre."""
    return f"{network.name} {site}"


def announced(network: Network, site: str) -> Intervals:
    """The blocks that the edges of a site announce to the clouds. An edge's own address, also announced, is inside."""
    return (interval(addressing.site_block(network, site)),)


def sites(network: Network) -> tuple[Site, ...]:
    """The network's datacentres."""
    everyone = hosts(network)
    return tuple(_site(network, name, (host for host in everyone if host.place == name)) for name in network.sites)


def announcements(network: Network) -> dict[str, Intervals]:
    """By link key: the blocks that the site at the other end announces to the cloud."""
    return {
        tunnel.key: announced(network, host.place)
        for host in hosts(network)
        if host.role is Role.EDGE
        for tunnel in _tunnels(network, host)
    }


def guests(network: Network, resources: Iterable[Resource]) -> dict[str, Guest]:
    """By the URN of its instance: the guest of each declared cloud host. Undeclared instances are omitted."""
    known = {f"{host.name}-instance": host for host in hosts(network) if host.in_cloud}
    found = {}
    for resource in resources:
        host = known.get(resource.name) if resource.type == INSTANCE else None
        if host is not None:
            gateway = host.role is Role.VPN
            pools = {VPN_DEVICE: (interval(addressing.vpn_pool(network, host.place)),)} if gateway else {}
            found[resource.urn] = Guest(host.name, forwards=gateway, pools=pools, labels=labels(network, host))
    return found


def subject(network: Network, resources: Iterable[Resource], rulesets: Mapping[str, str]) -> Subject:
    """The subject of a network: its resources with its datacentres, hosts and their firewalls."""
    deployed = tuple(resources)
    return Subject(deployed, tuple(sites(network)), guests(network, deployed), rulesets)
