"""VPN gateways and site-to-site connections.

Sources: the Site-to-Site VPN guide's "Route tables and route priority", "Site-to-Site VPN static and dynamic routing";
the VPC guide on route propagation. Packets that enter through a VPN gateway end in its VPC (no edge to edge routing).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reachability.addresses import EVERYWHERE, Interval, Intervals, block, difference, texts, union
from reachability.frontends.aws.cloud import Cloud, Table, Vpc
from reachability.frontends.aws.index import Malformed, cidr, flag, given, items, says, settled, text_of
from reachability.frontends.aws.vpcs import known, vpc_of
from reachability.network import Blocked, LinkEnd, Lookup, Route, exit_stage
from reachability.resources import Resource

GATEWAY = "aws:ec2/vpnGateway:VpnGateway"
ATTACHMENT = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
CONNECTION = "aws:ec2/vpnConnection:VpnConnection"
TRANSIT_GATEWAY = "aws:ec2transitgateway/transitGateway:TransitGateway"
CONNECTION_ROUTE = "aws:ec2/vpnConnectionRoute:VpnConnectionRoute"
CUSTOMER_GATEWAY = "aws:ec2/customerGateway:CustomerGateway"
TYPES = (GATEWAY, ATTACHMENT, CONNECTION, CONNECTION_ROUTE)

SIDE = "cloud"
PRIVATE: Intervals = union([block(each) for each in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")])
"""The possible announcements of a site, if they are unknown."""


@dataclass(slots=True, eq=False)
class Connection:
    """Two tunnels. ``keys`` of their link ends; ``static``: its declared routes; ``gateway``: of a VPC, or ``None``."""

    label: str
    resource: Resource
    keys: tuple[str, str]
    gateway: Resource | None
    transit: Resource | None = None
    static: list[Interval] = field(default_factory=list)
    dynamic: bool = True


def read(cloud: Cloud) -> None:
    """Reads gateways and connections."""
    index = cloud.index
    for resource in index.of(GATEWAY):
        with index.reading(resource):
            if says(given(resource, "vpcId")):
                cloud.attached[resource.urn] = vpc_of(cloud, resource)
    for resource in index.of(ATTACHMENT):
        with index.reading(resource):
            gateway = index.need(resource, "vpnGatewayId", GATEWAY)
            cloud.attached[gateway.urn] = vpc_of(cloud, resource)
    for resource in index.of(CONNECTION):
        with index.reading(resource):
            connection = cloud.connections[resource.urn] = _connection(cloud, resource)
            if connection.gateway is not None:
                cloud.connections_of.setdefault(connection.gateway.urn, []).append(connection)
    for resource in index.of(CONNECTION_ROUTE):
        with index.reading(resource):
            owner = index.need(resource, "vpnConnectionId", CONNECTION)
            known(cloud.connections, owner).static.append(
                cidr(resource.properties.get("destinationCidrBlock"), "destinationCidrBlock")
            )


def _connection(cloud: Cloud, resource: Resource) -> Connection:
    index = cloud.index
    index.alias(resource.properties.get("transitGatewayAttachmentId"), resource)
    keys = _key(cloud, resource, 1), _key(cloud, resource, 2)
    gateway = index.one(resource, "vpnGatewayId", GATEWAY)
    transit = index.one(resource, "transitGatewayId", TRANSIT_GATEWAY)
    static_only = flag(settled(resource, "staticRoutesOnly"), False)
    connection = Connection(index.label(resource), resource, keys, gateway, transit, dynamic=static_only is not True)
    for entry in items(given(resource, "routes"), "routes"):
        value = entry.get("destinationCidrBlock") if isinstance(entry, dict) else None
        if isinstance(value, str) and value and text_of(entry.get("source")).lower() == "static":
            connection.static.append(cidr(value, "routes"))
    if gateway is None and transit is None:
        raise Malformed("it has neither vpnGatewayId nor transitGatewayId")
    return connection


def _key(cloud: Cloud, resource: Resource, number: int) -> str:
    """The link key. Inside addresses are link-local: two networks may use the same ones, to other customer gateways."""
    inside = settled(resource, f"tunnel{number}InsideCidr")
    if not isinstance(inside, str) or not inside:
        return f"tunnel {resource.urn} {number}"
    low, high = block(inside)
    found = cloud.index.find(resource, "customerGatewayId", CUSTOMER_GATEWAY)
    if found.unknown:
        raise Malformed(found.unknown)
    customer = text_of(settled(found.resources[0], "ipAddress")) if len(found.resources) == 1 else ""
    return f"tunnel {texts(((low, high),))[0]}" + (f" to {customer}" if customer else "")


def destinations(cloud: Cloud, connection: Connection) -> tuple[Intervals, str]:
    """The destinations of a connection, and why they are unknown (then it may be any part of them)."""
    if not connection.dynamic:
        return tuple(connection.static), ""
    announced = [cloud.announcements[key] for key in connection.keys if key in cloud.announcements]
    if not announced:
        return PRIVATE, f"the BGP announcements over {connection.label} are unknown"
    return union(connection.static, *announced), ""


def blocks(intervals: Intervals) -> list[Interval]:
    """Intervals as CIDR blocks, for longest-prefix match."""
    return [block(each) for each in texts(intervals)]


def of_gateway(cloud: Cloud, gateway: Resource) -> list[Connection]:
    """The connections of a VPN gateway."""
    return cloud.connections_of.get(gateway.urn, [])


def stage(cloud: Cloud, gateway: Resource, vpc: Vpc) -> str:
    """The stage for packets of a VPC to a VPN gateway."""
    label = cloud.index.label(gateway)
    if cloud.attached.get(gateway.urn) is vpc:
        return f"VPN gateway {label}"
    elsewhere = f"VPN gateway {label} from {vpc.label}"
    cloud.fragment.stages[elsewhere] = Blocked(f"{label} is not attached to {vpc.label}", gateway.urn)
    return elsewhere


def propagate(cloud: Cloud, gateway: Resource, table: Table) -> None:
    """Propagates the routes of a gateway's connections to a route table."""
    if cloud.attached.get(gateway.urn) is not table.vpc:
        return
    via = stage(cloud, gateway, table.vpc)
    label = cloud.index.label(gateway)
    for connection in of_gateway(cloud, gateway):
        reached, uncertainty = destinations(cloud, connection)
        if uncertainty:
            table.vague.append(((via,), uncertainty, reached))
            continue
        for each in blocks(reached):
            if each not in table.propagated:
                name = f"{table.label}: {texts((each,))[0]} to {label} (propagated)"
                table.propagated[each] = Route(each, (via,), name, connection.resource.urn)


def compile(cloud: Cloud) -> None:
    """Compiles the gateways, and adds a link end for each tunnel."""
    stages = cloud.fragment.stages
    for gateway in cloud.index.of(GATEWAY):
        label = f"VPN gateway {cloud.index.label(gateway)}"
        connections = of_gateway(cloud, gateway)
        stages[label] = Lookup(label, tuple(routes(cloud, label, connections)), gateway.urn)
        vpc = cloud.attached.get(gateway.urn)
        if gateway.urn in cloud.doubted:
            cloud.index.unmodelled(gateway, f"whether it is attached is unknown: {cloud.doubted[gateway.urn]}")
        own: Intervals = ()
        if vpc is None:
            inside = f"{label} in"
            stages[f"{label} in"] = Blocked(f"{label} is attached to no VPC", gateway.urn)
        else:
            table = cloud.edge_tables.get(gateway.urn)
            inside, own = table.stage if table else vpc.stage, union(vpc.blocks)
        for connection in connections:
            add_link_ends(cloud, connection, inside, own)


def routes(cloud: Cloud, label: str, connections: list[Connection]) -> list[Route]:
    """Routes into the tunnels of connections, by longest prefix; equal ones share the packets."""
    ways: dict[Interval, list[str]] = {}
    vague = []
    origin: dict[Interval, Connection] = {}
    for connection in connections:
        reached, uncertainty = destinations(cloud, connection)
        exits = [exit_stage(key, SIDE) for key in connection.keys]
        if uncertainty:
            vague.append((exits, uncertainty, reached, connection))
            continue
        for each in blocks(reached):
            ways.setdefault(each, []).extend(exits)
            origin.setdefault(each, connection)
    found = []
    for each, exits in ways.items():
        name = f"{label}: {texts((each,))[0]} by {origin[each].label}"
        found.append(Route(each, tuple(dict.fromkeys(exits)), name, origin[each].resource.urn))
    for exits, uncertainty, reached, connection in vague:
        for each in (*reached, *ways):
            name = f"{label}: perhaps by {connection.label}"
            found.append(Route(each, tuple(exits), name, connection.resource.urn, uncertainty))
    return found


def add_link_ends(cloud: Cloud, connection: Connection, inside: str, own: Intervals) -> None:
    """Adds a link end for each tunnel: inbound packets enter at ``inside``."""
    sources = difference(EVERYWHERE, own)
    for number, key in enumerate(connection.keys, start=1):
        cloud.fragment.link_ends.append(LinkEnd(key, SIDE, inside, f"{connection.label} tunnel {number}", sources))
