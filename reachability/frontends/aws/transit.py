"""Transit gateways: attachments of VPCs, VPNs and other gateways, and their route tables.

Source: the transit gateway guide's "How transit gateways work" (association, propagation, static over propagated, VPC
over VPN, black holes), "Network ACLs for transit gateways" and "Security group referencing".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, V6, Interval, texts
from reachability.frontends.aws import prefix_lists, vpn
from reachability.frontends.aws.cloud import Cloud, Subnet, Vpc
from reachability.frontends.aws.index import Malformed, cidr, flag, given, settled
from reachability.frontends.aws.vpcs import SUBNETS, known, vpc_of
from reachability.network import Blocked, Check, LinkEnd, Lookup, Route, exit_stage
from reachability.resources import UNKNOWN, Resource

GATEWAY = vpn.TRANSIT_GATEWAY
_MODULE = "aws:ec2transitgateway/"
VPC_ATTACHMENT = f"{_MODULE}vpcAttachment:VpcAttachment"
VPC_ACCEPTER = f"{_MODULE}vpcAttachmentAccepter:VpcAttachmentAccepter"
PEERING = f"{_MODULE}peeringAttachment:PeeringAttachment"
PEERING_ACCEPTER = f"{_MODULE}peeringAttachmentAccepter:PeeringAttachmentAccepter"
TABLE = f"{_MODULE}routeTable:RouteTable"
ROUTE = f"{_MODULE}route:Route"
LIST_REFERENCE = f"{_MODULE}prefixListReference:PrefixListReference"
ASSOCIATION = f"{_MODULE}routeTableAssociation:RouteTableAssociation"
PROPAGATION = f"{_MODULE}routeTablePropagation:RouteTablePropagation"
DEFAULT_ASSOCIATION = f"{_MODULE}defaultRouteTableAssociation:DefaultRouteTableAssociation"
DEFAULT_PROPAGATION = f"{_MODULE}defaultRouteTablePropagation:DefaultRouteTablePropagation"
TYPES = (
    GATEWAY, VPC_ATTACHMENT, VPC_ACCEPTER, PEERING, PEERING_ACCEPTER, TABLE, ROUTE, LIST_REFERENCE, ASSOCIATION,
    PROPAGATION, DEFAULT_ASSOCIATION, DEFAULT_PROPAGATION,
)  # fmt: skip
ATTACHMENTS = (VPC_ATTACHMENT, VPC_ACCEPTER, PEERING, PEERING_ACCEPTER, vpn.CONNECTION)


@dataclass(slots=True, eq=False)
class TransitTable:
    """A table of a transit gateway."""

    label: str
    gateway: Resource
    origin: str
    static: dict[Interval, Route] = field(default_factory=dict)
    listed: dict[Interval, Route] = field(default_factory=dict)
    from_vpcs: dict[Interval, list[Route]] = field(default_factory=dict)
    from_vpns: dict[Interval, list[Route]] = field(default_factory=dict)
    vague: list[tuple[tuple[str, ...], str, tuple[Interval, ...]]] = field(default_factory=list)

    @property
    def stage(self) -> str:
        return f"transit route table {self.label}"


@dataclass(slots=True, eq=False)
class Attachment:
    """An attachment at one gateway. ``into``: the stage of packets from the gateway. ``subnets``: of a VPC."""

    label: str
    resource: Resource
    gateway: Resource
    into: str
    vpc: Vpc | None = None
    subnets: list[Subnet] = field(default_factory=list)
    v6: bool = False
    connection: vpn.Connection | None = None
    associates: bool = True
    """Whether it is associated with the gateway's default table."""
    propagates: bool = True
    table: TransitTable | None = None


@dataclass(slots=True)
class Transit:
    """The transit gateways of the input. ``attachments`` by URN and gateway; ``tables`` by URN, the default one by the
    gateway's.
    """

    attachments: dict[tuple[str, str], Attachment] = field(default_factory=dict)
    tables: dict[str, TransitTable] = field(default_factory=dict)
    association: dict[str, TransitTable | None] = field(default_factory=dict)
    propagation: dict[str, TransitTable | None] = field(default_factory=dict)
    accepted: dict[str, Resource] = field(default_factory=dict)
    """The attachment that an accepter accepts, by the accepter's URN."""


def read(cloud: Cloud) -> None:
    """Reads gateways, route tables and attachments, and connects them."""
    index = cloud.index
    transit = cloud.transit = Transit()
    for resource in index.of(GATEWAY):
        with index.reading(resource):
            label = index.label(resource)
            table = TransitTable(f"{label} (default)", resource, resource.urn)
            transit.tables[resource.urn] = table
            transit.association[resource.urn] = transit.propagation[resource.urn] = table
            associates = flag(settled(resource, "defaultRouteTableAssociation"), True)
            propagates = flag(settled(resource, "defaultRouteTablePropagation"), True)
            transit.association[resource.urn] = table if associates is not False else None
            transit.propagation[resource.urn] = table if propagates is not False else None
            settled(resource, "securityGroupReferencingSupport")
            for name in ("associationDefaultRouteTableId", "propagationDefaultRouteTableId"):
                index.alias(resource.properties.get(name), resource)
    for resource in index.of(TABLE):
        with index.reading(resource):
            gateway = index.need(resource, "transitGatewayId", GATEWAY)
            transit.tables[resource.urn] = TransitTable(index.label(resource), gateway, resource.urn)
    for type_, defaults in ((DEFAULT_ASSOCIATION, transit.association), (DEFAULT_PROPAGATION, transit.propagation)):
        for resource in index.of(type_):
            with index.reading(resource):
                defaults[index.need(resource, "transitGatewayId", GATEWAY).urn] = _table(cloud, resource)
    _read_attachments(cloud, transit)
    for resource in index.of(ASSOCIATION):
        with index.reading(resource):
            table = _table(cloud, resource)
            _attachment(cloud, resource, table.gateway).table = table
    for attachment in transit.attachments.values():
        if attachment.table is None and attachment.associates:
            attachment.table = transit.association[attachment.gateway.urn]
    _allow_references(transit)


def _read_attachments(cloud: Cloud, transit: Transit) -> None:
    index = cloud.index
    for resource in index.of(VPC_ACCEPTER, PEERING_ACCEPTER):
        with index.reading(resource):
            accepts = index.need(resource, "transitGatewayAttachmentId", VPC_ATTACHMENT, PEERING)
            transit.accepted[resource.urn] = accepts
    for resource in index.of(VPC_ATTACHMENT):
        with index.reading(resource):
            gateway = index.need(resource, "transitGatewayId", GATEWAY)
            vpc = vpc_of(cloud, resource)
            found = index.find(resource, "subnetIds", *SUBNETS)
            if found.foreign or (found.unknown and not found.resources):
                raise Malformed("one of its subnets is not among the resources")
            settled(resource, "securityGroupReferencingSupport")
            label = index.label(resource)
            transit.attachments[resource.urn, gateway.urn] = Attachment(
                label,
                resource,
                gateway,
                f"transit attachment {label} into {vpc.label}",
                vpc,
                [known(cloud.subnets, each) for each in found.resources],
                v6=flag(settled(resource, "ipv6Support"), False) is True,
                associates=flag(settled(resource, "transitGatewayDefaultRouteTableAssociation"), True) is True,
                propagates=flag(settled(resource, "transitGatewayDefaultRouteTablePropagation"), True) is True,
            )
    for connection in cloud.connections.values():
        if connection.transit is not None:
            key = connection.resource.urn, connection.transit.urn
            into = f"transit attachment {connection.label} into the tunnels"
            transit.attachments[key] = Attachment(
                connection.label, connection.resource, connection.transit, into, connection=connection
            )
    accepted = {each.urn for each in transit.accepted.values()}
    for resource in index.of(PEERING):
        with index.reading(resource):
            _read_peering(cloud, transit, resource, resource.urn in accepted)


def _read_peering(cloud: Cloud, transit: Transit, resource: Resource, accepted: bool) -> None:
    index, label = cloud.index, cloud.index.label(resource)
    gateway = index.need(resource, "transitGatewayId", GATEWAY)
    other = index.find(resource, "peerTransitGatewayId", GATEWAY)
    ends = [gateway, *other.resources[:1]]
    for end in ends:
        into = f"transit peering {label} from {index.label(end)}"
        transit.attachments[resource.urn, end.urn] = Attachment(
            label, resource, end, into, associates=False, propagates=False
        )
    if len(ends) == 1:
        key = f"transit peering {resource.id if isinstance(resource.id, str) and resource.id else resource.urn}"
        cloud.fragment.link_ends.append(LinkEnd(key, index.label(gateway), f"from {key}", label, EVERYWHERE))
    elif not accepted and settled(resource, "state") != "available":
        for end in ends:
            into = transit.attachments[resource.urn, end.urn].into
            cloud.fragment.stages[into] = Blocked(f"transit peering {label} is not accepted", resource.urn)


def _allow_references(transit: Transit) -> None:
    """Allows inbound rules to reference groups of other VPCs of a gateway if it and both attachments support it."""
    for gateway in {id(each.gateway): each.gateway for each in transit.attachments.values()}.values():
        if flag(given(gateway, "securityGroupReferencingSupport"), False) is False:
            continue
        vpcs = [
            each.vpc
            for each in transit.attachments.values()
            if each.gateway is gateway
            and each.vpc is not None
            and flag(given(each.resource, "securityGroupReferencingSupport"), True) is not False
        ]
        for vpc in vpcs:
            vpc.transit_peers.update(each for each in vpcs if each is not vpc)


def _table(cloud: Cloud, resource: Resource) -> TransitTable:
    found = cloud.index.need(resource, "transitGatewayRouteTableId", TABLE, GATEWAY)
    return known(cloud.transit.tables, found)


def _attachment(cloud: Cloud, resource: Resource, gateway: Resource) -> Attachment:
    found = cloud.index.need(resource, "transitGatewayAttachmentId", *ATTACHMENTS)
    found = cloud.transit.accepted.get(found.urn, found)
    attachment = cloud.transit.attachments.get((found.urn, gateway.urn))
    if attachment is None:
        raise Malformed(f"{found.urn} is not attached to {gateway.urn}")
    return attachment


def stage(cloud: Cloud, gateway: Resource, vpc: Vpc) -> str:
    """The stage for packets of a VPC to a transit gateway."""
    label = cloud.index.label(gateway)
    stage = f"transit gateway {label} from {vpc.label}"
    if not any(each.gateway is gateway and each.vpc is vpc for each in cloud.transit.attachments.values()):
        cloud.fragment.stages[stage] = Blocked(f"{vpc.label} is not attached to {label}", gateway.urn)
    return stage


def compile(cloud: Cloud) -> None:
    """Compiles route tables and attachments. Must run after subnets have their ACLs and route tables."""
    index, transit = cloud.index, cloud.transit
    for resource in index.of(ROUTE):
        with index.reading(resource):
            table = _table(cloud, resource)
            value = resource.properties.get("destinationCidrBlock")
            via, target = _target(cloud, resource, table)
            if value is UNKNOWN:
                uncertainty = f"the destination of a route to {target} is not known yet"
                table.vague.append((via, uncertainty, (ALL_V4, ALL_V6)))
                continue
            block = cidr(value, "destinationCidrBlock")
            table.static[block] = Route(block, via, f"{table.label}: {value} to {target}", resource.urn)
    for resource in index.of(LIST_REFERENCE):
        with index.reading(resource):
            table = _table(cloud, resource)
            via, target = _target(cloud, resource, table)
            for shown, blocks, unknown in prefix_lists.contents(cloud, resource, "prefixListId"):
                if unknown:
                    table.vague.append((via, unknown, blocks))
                    continue
                for block in vpn.blocks(blocks):
                    name = f"{table.label}: {shown} to {target}"
                    table.listed.setdefault(block, Route(block, via, name, resource.urn))
    for resource in index.of(PROPAGATION):
        with index.reading(resource):
            table = _table(cloud, resource)
            _propagate(cloud, _attachment(cloud, resource, table.gateway), table)
    for attachment in transit.attachments.values():
        default = transit.propagation[attachment.gateway.urn]
        if attachment.propagates and default is not None:
            _propagate(cloud, attachment, default)
        _compile_attachment(cloud, attachment)
    for gateway in index.of(GATEWAY):
        _compile_entries(cloud, gateway)
    for subnet in cloud.subnets.values() if transit.attachments else ():
        _compile_zone(cloud, subnet)
    for table in transit.tables.values():
        cloud.fragment.stages[table.stage] = _lookup(table)


def _target(cloud: Cloud, resource: Resource, table: TransitTable) -> tuple[tuple[str, ...], str]:
    blackhole = flag(settled(resource, "blackhole"), False)
    if blackhole is True:
        return (), "a black hole"
    attachment = _attachment(cloud, resource, table.gateway)
    return (attachment.into,), attachment.label


def _propagate(cloud: Cloud, attachment: Attachment, table: TransitTable) -> None:
    origin = attachment.resource.urn
    if attachment.vpc is not None:
        for block in attachment.vpc.blocks:
            if block[0] < V6 or attachment.v6:
                name = f"{table.label}: {texts((block,))[0]} to {attachment.label} (propagated)"
                table.from_vpcs.setdefault(block, []).append(Route(block, (attachment.into,), name, origin))
    elif attachment.connection is not None:
        reached, uncertainty = vpn.destinations(cloud, attachment.connection)
        if uncertainty:
            table.vague.append(((attachment.into,), uncertainty, reached))
            return
        for block in vpn.blocks(reached):
            name = f"{table.label}: {texts((block,))[0]} to {attachment.label} (propagated)"
            table.from_vpns.setdefault(block, []).append(Route(block, (attachment.into,), name, origin))


def _inward(attachment: Attachment) -> tuple[str, str]:
    """The stage of packets from an attachment to its gateway, and why they are dropped, if they are."""
    if attachment.table is not None:
        return attachment.table.stage, ""
    return f"transit attachment {attachment.label} without a table", f"{attachment.label} is associated with no table"


def _compile_attachment(cloud: Cloud, attachment: Attachment) -> None:
    stages, origin = cloud.fragment.stages, attachment.resource.urn
    inward, nothing = _inward(attachment)
    if nothing:
        stages[inward] = Blocked(nothing, origin)
    if attachment.vpc is not None:
        ways = []
        for subnet in attachment.subnets:
            name = f"{attachment.into} by {subnet.label}"
            local = [Route(block, (subnet.delivery,), f"{subnet.stage}: local", origin) for block in subnet.blocks]
            beyond = [
                Route(family, (subnet.leaving,), f"{subnet.stage}: beyond", origin) for family in (ALL_V4, ALL_V6)
            ]
            stages[name] = Lookup(name, (*local, *beyond), origin)
            ways.append(name)
        families = (ALL_V4, ALL_V6) if attachment.v6 else (ALL_V4,)
        stages[attachment.into] = Lookup(
            attachment.into, tuple(Route(family, tuple(ways), attachment.into, origin) for family in families), origin
        )
    elif attachment.connection is not None:
        connection = attachment.connection
        stages[attachment.into] = Lookup(
            attachment.into, tuple(vpn.routes(cloud, attachment.label, [connection])), origin
        )
        vpn.add_link_ends(cloud, connection, inward, ())
    else:
        _compile_peering(cloud, attachment)


def _compile_peering(cloud: Cloud, attachment: Attachment) -> None:
    stages, origin = cloud.fragment.stages, attachment.resource.urn
    if isinstance(stages.get(attachment.into), Blocked):
        return
    others = [
        each
        for (urn, _), each in cloud.transit.attachments.items()
        if urn == origin and each.gateway is not attachment.gateway
    ]
    if others:
        then = _inward(others[0])[0]
    else:
        end = next(
            each for each in cloud.fragment.link_ends if each.name == attachment.label and each.sources == EVERYWHERE
        )
        stages[end.entry] = Lookup(
            end.entry,
            tuple(Route(family, (_inward(attachment)[0],), end.entry, origin) for family in EVERYWHERE),
            origin,
        )
        then = exit_stage(end.key, end.side)
    routes = tuple(Route(family, (then,), attachment.into, origin) for family in EVERYWHERE)
    stages[attachment.into] = Lookup(attachment.into, routes, origin)


def _compile_entries(cloud: Cloud, gateway: Resource) -> None:
    """Packets of a VPC to a gateway pass through one of the attachment's subnets and its ACL."""
    stages = cloud.fragment.stages
    for attachment in cloud.transit.attachments.values():
        if attachment.gateway is not gateway or attachment.vpc is None:
            continue
        entry = stage(cloud, gateway, attachment.vpc)
        ways = []
        for subnet in attachment.subnets:
            name = f"{entry} by {subnet.label}"
            stages[name] = Check(subnet.acl.ingress, _inward(attachment)[0])
            ways.append(name)
        families = (ALL_V4, ALL_V6) if attachment.v6 else (ALL_V4,)
        routes = tuple(Route(family, tuple(ways), entry, attachment.resource.urn) for family in families)
        stages[entry] = Lookup(entry, routes, gateway.urn)


def _compile_zone(cloud: Cloud, subnet: Subnet) -> None:
    """A subnet reaches a gateway only through the attachment's subnet in its own zone."""
    stages = cloud.fragment.stages
    lookup = stages.get(subnet.table.stage)
    used = {via for route in lookup.routes for via in route.via} if isinstance(lookup, Lookup) else set()
    changed: dict[str, str] = {}
    for attachment in cloud.transit.attachments.values():
        zones = {each.zone for each in attachment.subnets}
        if attachment.vpc is not subnet.vpc or not subnet.zone or "" in zones or zones == {subnet.zone}:
            continue
        entry = stage(cloud, attachment.gateway, subnet.vpc)
        if entry not in used:
            continue
        name = changed[entry] = f"{entry} in {subnet.zone}"
        origin = attachment.resource.urn
        ways = tuple(f"{entry} by {each.label}" for each in attachment.subnets if each.zone == subnet.zone)
        if ways:
            families = (ALL_V4, ALL_V6) if attachment.v6 else (ALL_V4,)
            stages[name] = Lookup(name, tuple(Route(family, ways, name, origin) for family in families), origin)
        else:
            stages[name] = Blocked(f"{attachment.label} has no subnet in {subnet.zone}", origin)
    if changed and isinstance(lookup, Lookup):
        own = cloud.zoned[subnet.resource.urn] = f"{subnet.table.stage} in {subnet.zone}"
        stages[own] = Lookup(
            lookup.name,
            tuple(replace(route, via=tuple(changed.get(each, each) for each in route.via)) for route in lookup.routes),
            lookup.origin,
        )


def _lookup(table: TransitTable) -> Lookup:
    routes: dict[Interval, list[Route]] = {block: [route] for block, route in table.static.items()}
    for block, route in table.listed.items():
        routes.setdefault(block, [route])
    for propagated in (table.from_vpcs, table.from_vpns):
        for block, found in propagated.items():
            routes.setdefault(block, found)
    vague = []
    for via, uncertainty, scope in table.vague:
        for low, high in scope:
            inside = [block for block in routes if low <= block[0] and block[1] <= high and block != (low, high)]
            for block in (*inside, (low, high)):
                vague.append(Route(block, via, f"{table.label}: perhaps ({uncertainty})", table.origin, uncertainty))
    return Lookup(table.stage, (*(route for found in routes.values() for route in found), *vague), table.origin)
