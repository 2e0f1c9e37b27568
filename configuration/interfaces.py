"""The interfaces and addresses of a host, from the declaration. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from estate.model import Network, Role, ZoneKind
from estate.plan import addressing, naming
from estate.plan.hosts import Host

CLOUD_INTERFACE = "ens5"
VPN_INTERFACE = "tun0"


@dataclass(frozen=True, kw_only=True)
class ZonePort:
    """A host's interface in one firewall zone of its site. ``gateway``: the address that the edge firewalls share."""

    zone: str
    vlan: int
    interface: str
    address: IPv4Interface
    gateway: IPv4Address


def _port(network: Network, site: str, zone: str, address: IPv4Address) -> ZonePort:
    block = addressing.zone_block(network, site, zone)
    vlan = network.sites[site].zones[zone].vlan
    return ZonePort(
        zone=zone,
        vlan=vlan,
        interface=naming.bond_interface(vlan),
        address=IPv4Interface((address, block.prefixlen)),
        gateway=addressing.zone_gateway(network, site, zone),
    )


def zone_ports(network: Network, host: Host) -> tuple[ZonePort, ...]:
    """A bare-metal host's zones: for an edge all of them, for others their own and the management zone."""
    if host.in_cloud:
        return ()
    site = network.sites[host.place]
    if host.role is Role.EDGE:
        return tuple(
            _port(network, host.place, zone, addressing.edge_zone_address(network, host.place, zone, host.number))
            for zone in sorted(site.zones, key=lambda each: site.zones[each].slot)
        )
    management = addressing.management_zone(network, host.place)
    return (
        _port(network, host.place, host.zone, host.address),
        _port(network, host.place, management, host.management_address),
    )


def service_interface(network: Network, host: Host) -> str:
    """The interface with the host's service address."""
    return CLOUD_INTERFACE if host.in_cloud else naming.bond_interface(network.sites[host.place].zones[host.zone].vlan)


def management_interface(network: Network, host: Host) -> str:
    """The interface for SSH and metrics."""
    if host.in_cloud:
        return CLOUD_INTERFACE
    return naming.bond_interface(network.sites[host.place].zones[addressing.management_zone(network, host.place)].vlan)


def uplink_interface(network: Network, site: str) -> str:
    """The edges' interface to the internet: the VLAN of the edge zone, which also carries their public addresses."""
    return next(
        naming.bond_interface(zone.vlan) for zone in network.sites[site].zones.values() if zone.kind is ZoneKind.EDGE
    )


def uplink_gateway(network: Network, site: str) -> IPv4Address:
    return network.sites[site].uplink[1]


def public_interface_address(network: Network, edge: Host) -> IPv4Interface:
    """An edge's public address, with the prefix length of its site's uplink."""
    return IPv4Interface((edge.public_address, network.sites[edge.place].uplink.prefixlen))


def region_blocks(network: Network) -> tuple[IPv4Network, ...]:
    """The blocks of all regions, to any of which a tunnel may lead."""
    return tuple(addressing.region_block(network, region) for region in sorted(network.regions))
