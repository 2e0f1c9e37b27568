"""What a host must exchange to work at all, beside the topology's flows: DHCP, instance metadata, VRRP and ESP.

Host firewalls permit it from here, and the prover tolerates it by the same rows. ICMP errors and neighbour discovery
are not rows: every ruleset has them, whatever the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.hosts import Host, other_edges
from estate.plan.topology import INTERNET

DHCP_SERVER, DHCP_CLIENT, HTTP = 67, 68, 80
METADATA = IPv4Address("169.254.169.254")
"""Where an EC2 instance reads its own metadata."""


class Need(StrEnum):
    """What an essential is for."""

    DHCP = "dhcp"
    METADATA = "instance-metadata"
    VRRP = "vrrp"
    ESP = "esp"


@dataclass(frozen=True, kw_only=True)
class Essential:
    """One exchange of a host that no flow declares.

    ``inbound``, ``outbound``: which side may begin it. ``protocol``: tcp, udp, vrrp or esp. ``own_port``, ``port``: the
    host's and the other end's, where the protocol has ports. ``peers``: the other end; ``None``: anybody, by IPv6 too.
    ``own_address``, ``zone``: of which address, in which firewall zone; ``None``: any. ``root_only``: only processes of
    root may use it.
    """

    need: Need
    protocol: str
    inbound: bool
    outbound: bool
    peers: tuple[IPv4Network, ...] | None
    own_port: int | None = None
    port: int | None = None
    own_address: IPv4Address | None = None
    zone: str | None = None
    root_only: bool = False


_CLOUD = (
    Essential(
        need=Need.DHCP,
        protocol="udp",
        inbound=True,
        outbound=True,
        peers=None,
        own_port=DHCP_CLIENT,
        port=DHCP_SERVER,
    ),
    Essential(
        need=Need.METADATA,
        protocol="tcp",
        inbound=False,
        outbound=True,
        peers=(IPv4Network(METADATA),),
        port=HTTP,
        root_only=True,
    ),
)


def _vrrp(network: Network, edge: Host, zone: str, others: tuple[Host, ...]) -> Essential:
    def own(number: int) -> IPv4Address:
        return addressing.edge_zone_address(network, edge.place, zone, number)

    return Essential(
        need=Need.VRRP,
        protocol="vrrp",
        inbound=True,
        outbound=True,
        peers=tuple(IPv4Network(own(other.number)) for other in others),
        own_address=own(edge.number),
        zone=zone,
    )


def of_host(network: Network, host: Host) -> tuple[Essential, ...]:
    """What ``host`` must exchange.

    In the cloud DHCP and, for root, the instance's metadata. Between the edges of a site VRRP in every zone, in order
    of slot. Between an edge and the cloud's ends of its tunnels ESP, whose addresses only the deployed stack knows: the
    plan says public addresses.
    """
    if host.in_cloud:
        return _CLOUD
    if host.role is not Role.EDGE:
        return ()
    zones = network.sites[host.place].zones
    others = other_edges(network, host)
    vrrp = [_vrrp(network, host, zone, others) for zone in sorted(zones, key=lambda each: zones[each].slot) if others]
    esp = Essential(
        need=Need.ESP, protocol="esp", inbound=True, outbound=True, peers=INTERNET, own_address=host.public_address
    )
    return (*vrrp, esp)
