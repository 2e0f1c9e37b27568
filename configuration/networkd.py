"""systemd-networkd's files for a bare-metal host: bond, VLANs, addresses, routes, and an edge's tunnels. Pure."""

from __future__ import annotations

from configuration import interfaces
from configuration.interfaces import ZonePort
from configuration.rendering import render
from estate.model import Network, Role
from estate.plan import addressing, tunnels
from estate.plan.hosts import Host

DIRECTORY = "/etc/systemd/network"
MANAGEMENT_TABLE = 100
"""The routing table of answers from the management address."""

TUNNEL_MTU = 1400
"""Room for ESP in tunnel mode over a 1500-byte uplink, rounded down."""


def _vlan(network: Network, host: Host, port: ZonePort) -> str:
    addresses = [str(port.address)]
    gateway, table = None, None
    if host.role is Role.EDGE:
        if port.interface == interfaces.uplink_interface(network, host.place):
            addresses.append(str(interfaces.public_interface_address(network, host)))
            gateway = interfaces.uplink_gateway(network, host.place)
    elif port.zone == addressing.management_zone(network, host.place):
        gateway, table = port.gateway, MANAGEMENT_TABLE
    else:
        gateway = port.gateway
    return render(
        "base/vlan.network.j2",
        interface=port.interface,
        addresses=addresses,
        gateway=gateway,
        table=table,
        own=port.address.ip,
        block=port.address.network,
    )


def files(network: Network, host: Host) -> dict[str, str]:
    """By file name: the text, for a host of a datacentre. None in the cloud: the image configures the interface."""
    if host.server is None:
        return {}
    ports = interfaces.zone_ports(network, host)
    switches = {nic.switch for nic in host.server.nics}
    made = {
        "10-bond0.netdev": render("base/bond0.netdev.j2", separate_switches=len(switches) > 1),
        "20-bond0.network": render("base/bond0.network.j2", vlans=[port.interface for port in ports]),
    }
    for index, nic in enumerate(host.server.nics):
        made[f"15-nic{index}.network"] = render("base/nic.network.j2", mac=nic.mac)
    for port in ports:
        made[f"30-{port.interface}.netdev"] = render("base/vlan.netdev.j2", interface=port.interface, vlan=port.vlan)
        made[f"40-{port.interface}.network"] = _vlan(network, host, port)
    for tunnel in tunnels.of_edge(network, host) if host.role is Role.EDGE else ():
        made[f"50-{tunnel.interface}.netdev"] = render(
            "edge/tunnel.netdev.j2", interface=tunnel.interface, number=tunnel.id, mtu=TUNNEL_MTU
        )
        made[f"60-{tunnel.interface}.network"] = render(
            "edge/tunnel.network.j2", interface=tunnel.interface, inside=tunnel.edge_interface_address
        )
    return made
