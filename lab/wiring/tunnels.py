"""A region's VPN gateway: a namespace with a link for each tunnel, and BIRD that speaks BGP with the sites' edges.

Tunnels are plain links: the lab's kernel has no ESP. Where the edges do not come up with BGP, fixed
routes of a worse metric lead both ways until they speak it, over the first edge and its first tunnel before the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from estate.model import Network, Role
from estate.plan import addressing, naming
from estate.plan.hosts import Host, of_role
from lab.wiring import security
from lab.wiring.cloud.model import Cloud, VpnConnection, VpnGateway
from lab.wiring.draft import Draft, interface_name
from lab.wiring.model import Process, Route
from lab.wiring.vpc import TO_VPC, Names

FALLBACK_METRIC = 1000
HOLD_SECONDS, KEEPALIVE_SECONDS = 30, 10
"""What AWS's end of a tunnel proposes."""


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """One tunnel of a connection, ``number`` 0 or 1, from the gateway to ``edge``."""

    connection: VpnConnection
    number: int
    edge: Host
    region: str

    @property
    def inside(self) -> IPv4Network:
        return self.connection.insides[self.number]

    @property
    def gateway_interface(self) -> str:
        return interface_name(f"{self.edge.place}-{self.edge.number}{'ab'[self.number]}")

    @property
    def edge_interface(self) -> str:
        return naming.tunnel_interface(self.region, self.edge.number, self.number)

    @property
    def rank(self) -> int:
        """The order in which fixed routes prefer the tunnels of a site."""
        return (self.edge.number - 1) * 2 + self.number


def _edge_of(network: Network, connection: VpnConnection, region: str) -> Host | None:
    """The edge that a connection ends at: by its outside address, else by its first tunnel's inside."""
    edges = of_role(network, Role.EDGE)
    for edge in edges:
        if connection.peer and str(edge.public_address) == connection.peer:
            return edge
    for edge in edges:
        if connection.insides and connection.insides[0] == addressing.tunnel_inside(
            network, edge.place, region, edge.number, 0
        ):
            return edge
    return None


def tunnels(network: Network, cloud: Cloud, gateway: VpnGateway) -> tuple[Tunnel, ...]:
    """The tunnels of a gateway, in order of site, edge and number."""
    found = []
    for connection in cloud.vpn_connections:
        edge = _edge_of(network, connection, gateway.region) if connection.gateway == gateway.id else None
        if edge is not None:
            found += [
                Tunnel(connection=connection, number=number, edge=edge, region=gateway.region)
                for number in range(len(connection.insides))
            ]
    return tuple(sorted(found, key=lambda tunnel: (tunnel.edge.place, tunnel.rank)))


def connect_vpn_gateway(
    draft: Draft, network: Network, cloud: Cloud, names: Names, gateway: VpnGateway, *, fixed_routes: bool
) -> tuple[str, Process, tuple[Tunnel, ...]]:
    """The gateway, its link to the VPC and its tunnels; returns the VPC's way to it, its BIRD, and the tunnels."""
    vpc = cloud.vpcs[gateway.vpc]
    name, router = names.vpn_gateway(vpc.id), names.vpcs[vpc.id]
    near = interface_name(gateway.id)
    draft.router(name)
    to_vpc, to_gateway = draft.router_link((router, near), (name, TO_VPC))
    draft.route(name, *(Route(destination=str(block), device=TO_VPC, gateway=to_vpc) for block in vpc.blocks))
    found = tunnels(network, cloud, gateway)
    for tunnel in found:
        _connect(draft, name, tunnel)
        if fixed_routes:
            _route(draft, network, cloud, name, gateway, tunnel)
    interfaces = ", ".join(f'"{tunnel.gateway_interface}"' for tunnel in found)
    draft.ruleset(
        name,
        security.table(
            security.chain(
                "to-router",
                ["iifname lo accept", security.ESTABLISHED, "ip protocol icmp accept"]
                + ([f"iifname {{ {interfaces} }} tcp dport 179 accept"] if found else []),
                hook="filter hook input priority 0; policy drop",
            )
        ),
    )
    process = Process(namespace=name, program="bird", configuration=_bird(gateway, to_gateway, vpc.blocks, found))
    return f"{near} {to_gateway}", process, found


def _connect(draft: Draft, name: str, tunnel: Tunnel) -> None:
    inside = tunnel.inside
    draft.link(
        (name, tunnel.gateway_interface),
        (tunnel.edge.name, tunnel.edge_interface),
        near_addresses=(f"{inside[1]}/{inside.prefixlen}",),
        far_addresses=(f"{inside[2]}/{inside.prefixlen}",),
    )


def _route(draft: Draft, network: Network, cloud: Cloud, name: str, gateway: VpnGateway, tunnel: Tunnel) -> None:
    """The fixed routes over a tunnel, both ways; an edge's own management address by its own tunnels."""
    inside, edge = tunnel.inside, tunnel.edge
    metric = FALLBACK_METRIC + tunnel.rank
    reached = [addressing.site_block(network, edge.place), IPv4Network((edge.management_address, 32))]
    for destination in reached:
        own = metric if destination.prefixlen < 32 else FALLBACK_METRIC + tunnel.number
        draft.route(
            name,
            Route(destination=str(destination), device=tunnel.gateway_interface, gateway=str(inside[2]), metric=own),
        )
    for block in cloud.vpcs[gateway.vpc].blocks:
        way = Route(
            destination=str(block),
            device=tunnel.edge_interface,
            gateway=str(inside[1]),
            metric=FALLBACK_METRIC + tunnel.number,
            source=str(edge.management_address),
        )
        draft.route(edge.name, way)


def _bird(gateway: VpnGateway, router_id: str, blocks: tuple[IPv4Network, ...], found: tuple[Tunnel, ...]) -> str:
    announced = "\n".join(f"    route {block} unreachable;" for block in blocks)
    sessions = "\n".join(
        f"""protocol bgp {tunnel.gateway_interface.replace("-", "_")} {{
    description "{tunnel.edge.name}, tunnel {tunnel.number + 1}";
    local {tunnel.inside[1]} as {gateway.asn};
    neighbor {tunnel.inside[2]} as {tunnel.connection.peer_asn};
    hold time {HOLD_SECONDS};
    keepalive time {KEEPALIVE_SECONDS};
    connect retry time 5;
    connect delay time 1;
    error wait time 2, 10;
    ipv4 {{ import all; export all; next hop self; }};
}}
"""
        for tunnel in found
    )
    return f"""router id {router_id};
log stderr all;
protocol device {{ scan time 10; }}
protocol kernel {{
    metric 32;
    ipv4 {{ import none; export where source = RTS_BGP; }};
}}
protocol static announced {{
    ipv4;
{announced}
}}
{sessions}"""
