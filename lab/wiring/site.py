"""A datacentre: switches, cables, and its servers as they are handed over."""

from __future__ import annotations

from ipaddress import IPv4Address

from estate.model import Network, Role, ZoneKind
from estate.plan import addressing, naming
from estate.plan.hosts import Host, hosts
from lab.wiring import security
from lab.wiring.draft import Draft, interface_name
from lab.wiring.model import Route, Rule

MANAGEMENT_TABLE = 100
MANAGEMENT_PRIORITY = 100
TO_INTERNET = "internet"

EDGE_HANDOVER = """table ip handover {{
	chain outward {{
		type nat hook postrouting priority 100; policy accept;
		oifname "{uplink}" ip saddr {block} ip daddr != 10.0.0.0/8 masquerade
	}}
}}
"""
"""Until an edge has its own firewall, it lets its site out under its public address."""


def fabric(site: str) -> str:
    """The namespace of a site's switches."""
    return f"site-{site}"


def _bridge(vlan: int) -> str:
    return f"vlan{vlan}"


def connect_site(draft: Draft, network: Network, site: str, internet: str) -> None:
    """One bridge for each zone's VLAN; the edge VLAN also carries the provider's uplink."""
    declared = network.sites[site]
    name = fabric(site)
    draft.router(name)
    draft.setting(name, "net/bridge/bridge-nf-call-iptables", "0")
    for zone in declared.zones.values():
        addresses = (f"{declared.uplink[1]}/{declared.uplink.prefixlen}",) if zone.kind is ZoneKind.EDGE else ()
        draft.bridge(name, _bridge(zone.vlan), *addresses)
    outside = interface_name(f"site-{site}")
    to_internet, to_fabric = draft.router_link((internet, outside), (name, TO_INTERNET))
    public = [server.public_address for server in declared.servers if server.public_address is not None]
    draft.route(internet, *(Route(destination=f"{each}/32", device=outside, gateway=to_fabric) for each in public))
    draft.route(name, Route(destination="default", device=TO_INTERNET, gateway=to_internet))
    uplink = next(_bridge(zone.vlan) for zone in declared.zones.values() if zone.kind is ZoneKind.EDGE)
    draft.ruleset(
        name,
        security.table(
            security.chain(
                "forward",
                [
                    f'iifname "{uplink}" oifname "{TO_INTERNET}" ip saddr {declared.uplink} accept',
                    f'iifname "{TO_INTERNET}" oifname "{uplink}" ip daddr {declared.uplink} accept',
                ],
                hook="filter hook forward priority 0; policy drop",
            ),
            security.chain("to-router", ["ip protocol icmp accept"], hook="filter hook input priority 0; policy drop"),
        ),
    )
    for host in hosts(network):
        if host.place == site:
            _connect_server(draft, network, site, host)


def _connect_server(draft: Draft, network: Network, site: str, host: Host) -> None:
    zones = network.sites[site].zones
    draft.machine(host.name)
    if host.role is Role.EDGE:
        for name in zones:
            _plug(draft, network, site, host, name, addressing.edge_zone_address(network, site, name, host.number))
        _hand_over_edge(draft, network, site, host)
        return
    management = addressing.management_zone(network, site)
    _plug(draft, network, site, host, host.zone, host.address)
    gateway = addressing.zone_gateway(network, site, host.zone)
    draft.route(
        host.name,
        Route(
            destination="default",
            device=naming.bond_interface(zones[host.zone].vlan),
            gateway=str(gateway),
            source=str(host.address),
        ),
    )
    if management == host.zone:
        return
    interface = naming.bond_interface(zones[management].vlan)
    _plug(draft, network, site, host, management, host.management_address)
    block = addressing.zone_block(network, site, management)
    gateway = addressing.zone_gateway(network, site, management)
    own = str(host.management_address)
    draft.route(
        host.name,
        Route(destination=str(block), table=MANAGEMENT_TABLE, device=interface, source=own),
        Route(destination="default", table=MANAGEMENT_TABLE, device=interface, gateway=str(gateway), source=own),
    )
    draft.rule(host.name, Rule(priority=MANAGEMENT_PRIORITY, table=MANAGEMENT_TABLE, source=own))


def _plug(draft: Draft, network: Network, site: str, host: Host, zone: str, address: IPv4Address) -> None:
    """A server's leg in a zone: a cable from its bond to the zone's switch."""
    vlan = network.sites[site].zones[zone].vlan
    block = addressing.zone_block(network, site, zone)
    port = interface_name(f"{host.role[:4]}-{host.number:02d}.{vlan}")
    draft.link(
        (fabric(site), port),
        (host.name, naming.bond_interface(vlan)),
        near_master=_bridge(vlan),
        far_addresses=(f"{address}/{block.prefixlen}",),
    )


def _hand_over_edge(draft: Draft, network: Network, site: str, host: Host) -> None:
    """An edge forwards; the first holds the addresses that the edges share until they agree on it themselves."""
    declared = network.sites[site]
    edge_vlan = next(zone.vlan for zone in declared.zones.values() if zone.kind is ZoneKind.EDGE)
    uplink = naming.bond_interface(edge_vlan)
    if host.public_address is not None:
        draft.address(host.name, uplink, f"{host.public_address}/{declared.uplink.prefixlen}")
        way_out = Route(
            destination="default", device=uplink, gateway=str(declared.uplink[1]), source=str(host.public_address)
        )
        draft.route(host.name, way_out)
    if host.number == min(server.number for server in declared.servers if server.role == Role.EDGE):
        for name, zone in declared.zones.items():
            shared = addressing.zone_gateway(network, site, name)
            length = addressing.zone_block(network, site, name).prefixlen
            draft.handover_addresses(host.name, naming.bond_interface(zone.vlan), f"{shared}/{length}")
    draft.handover(
        host.name,
        settings={
            "net/ipv4/ip_forward": "1",
            "net/ipv4/conf/all/rp_filter": "0",
            "net/ipv4/conf/default/rp_filter": "0",
        },
        ruleset=EDGE_HANDOVER.format(uplink=uplink, block=addressing.site_block(network, site)),
    )
