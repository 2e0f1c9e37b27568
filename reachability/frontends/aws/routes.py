"""Route tables: route table associations, and route priority.

Sources: the VPC user guide's "Subnet route tables" (local route, main table), "Gateway route tables", "How route
priority works" (longest prefix; static, then prefix list, then propagated; the local route over every propagated one).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, Interval, difference, union
from reachability.frontends.aws import endpoints, gateways, interfaces, peering, prefix_lists, transit, vpn
from reachability.frontends.aws.cloud import Cloud, Table, Vpc
from reachability.frontends.aws.index import Malformed, cidr, given, items, says, text_of
from reachability.frontends.aws.vpcs import DEFAULT_VPC, SUBNETS, VPCS, known, main_is_another, vpc_of
from reachability.network import LinkEnd, Lookup, Route, Unmodelled, exit_stage
from reachability.resources import UNKNOWN, Resource

TABLE = "aws:ec2/routeTable:RouteTable"
DEFAULT_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
MAIN_ASSOCIATION = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
PROPAGATION = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
TYPES = (TABLE, DEFAULT_TABLE, ROUTE, ASSOCIATION, MAIN_ASSOCIATION, PROPAGATION)
REFERABLE = (TABLE, DEFAULT_TABLE, *VPCS)

TARGETS: Mapping[str, tuple[str, ...]] = {
    "gatewayId": (gateways.INTERNET_GATEWAY, vpn.GATEWAY, endpoints.ENDPOINT),
    "natGatewayId": (gateways.NAT,),
    "networkInterfaceId": (interfaces.INTERFACE, interfaces.INSTANCE),
    "instanceId": (interfaces.INSTANCE,),
    "vpcPeeringConnectionId": peering.TYPES,
    "transitGatewayId": (transit.GATEWAY,),
    "egressOnlyGatewayId": (gateways.EGRESS_ONLY,),
    "vpcEndpointId": (endpoints.ENDPOINT,),
    "localGatewayId": (),
    "carrierGatewayId": (),
    "coreNetworkArn": (),
    "odbNetworkArn": (),
}
ATTACHED = (gateways.INTERNET_GATEWAY, vpn.GATEWAY)
"""Targets through which packets come in, too, if they are attached to the VPC."""
OPENING = frozenset({"gatewayId", "transitGatewayId"})
"""Targets through which other networks may send to the VPC."""
KEEP_DESTINATIONS = frozenset({"gatewayId", "natGatewayId", "transitGatewayId", "egressOnlyGatewayId"})
"""Targets that do not change whom packets are for."""
WITHIN = ("natGatewayId", "networkInterfaceId", "instanceId", "vpcEndpointId")
"""Targets allowed for a route to a part of the VPC itself."""


def read(cloud: Cloud) -> None:
    """Reads the route tables and their associations with subnets and gateways."""
    index = cloud.index
    defaults: dict[Vpc, Table] = {}
    for resource in index.of(TABLE, DEFAULT_TABLE):
        with index.reading(resource):
            if resource.type == DEFAULT_TABLE and not says(given(resource, "vpcId")):
                vpc = known(cloud.vpcs, index.need(resource, "defaultRouteTableId", *VPCS))
            else:
                vpc = vpc_of(cloud, resource)
            label, id_ = index.label(resource), text_of(resource.id)
            table = Table(f"{id_} {label}" if id_ else label, vpc, resource)
            cloud.tables[resource.urn] = table
            if resource.type == DEFAULT_TABLE:
                defaults[vpc] = table
    for vpc in cloud.vpcs.values():
        _choose_main(cloud, vpc, defaults.get(vpc))
        cloud.tables[vpc.resource.urn] = vpc.main
    for resource in index.of(MAIN_ASSOCIATION):
        with index.reading(resource):
            vpc_of(cloud, resource).main = _table(cloud, resource)
    for resource in index.of(ASSOCIATION):
        with index.reading(resource):
            table = _table(cloud, resource)
            if says(given(resource, "gatewayId")):
                gateway = index.need(resource, "gatewayId", gateways.INTERNET_GATEWAY, vpn.GATEWAY)
                cloud.edge_tables[gateway.urn] = table
            else:
                known(cloud.subnets, index.need(resource, "subnetId", *SUBNETS)).own_table = table


def _choose_main(cloud: Cloud, vpc: Vpc, default: Table | None) -> None:
    """Sets the main table of a VPC: the one that its outputs name, else the one that was created with it."""
    main = text_of(vpc.resource.properties.get("mainRouteTableId"))
    named = cloud.index.named(main, TABLE, DEFAULT_TABLE)
    if named is not None and named.urn in cloud.tables:
        vpc.main = cloud.tables[named.urn]
    elif main_is_another(vpc.resource):
        reason = f"{main}, the main route table of {vpc.label}, is not among the resources"
        stage = _unmodelled(cloud, vpc.resource, main, reason)
        vpc.main.vague.append(((stage,), reason, EVERYWHERE))
    elif default is not None:
        vpc.main = default
    elif vpc.resource.type == DEFAULT_VPC:
        _as_created(cloud, vpc)


def _as_created(cloud: Cloud, vpc: Vpc) -> None:
    """The main table of a default VPC: a route to its internet gateway (VPC guide, "Default VPC components")."""
    own = [each for each in cloud.index.of(gateways.INTERNET_GATEWAY) if cloud.attached.get(each.urn) is vpc]
    gateway = f"igw-of-{vpc.label}"
    via = gateways.internet_stage(cloud, own[0], vpc) if own else gateways.stage_of(gateway)
    if not own:
        gateways.adopt(cloud, gateway, vpc)
    name = f"{vpc.main.label}: 0.0.0.0/0 to the internet gateway of a default VPC"
    vpc.main.static[ALL_V4] = Route(ALL_V4, (via,), name, vpc.resource.urn)


def _table(cloud: Cloud, resource: Resource) -> Table:
    found = cloud.index.need(resource, "routeTableId", *REFERABLE)
    return known(cloud.tables, found)


def compile(cloud: Cloud) -> None:
    """Reads the routes and compiles each table to a lookup. Must run after gateways are read."""
    index = cloud.index
    for resource in index.of(TABLE, DEFAULT_TABLE):
        table = cloud.tables.get(resource.urn)
        if table is None:
            continue
        with index.reading(resource):
            value = given(resource, "routes")
            for entry in (UNKNOWN,) if value is UNKNOWN else items(value, "routes"):
                if entry is UNKNOWN:
                    raise Malformed("its routes are not known yet")
                _add(cloud, table, resource, entry, "routes")
        with index.reading(resource):
            found = index.find(resource, "propagatingVgws", vpn.GATEWAY, value=given(resource, "propagatingVgws", []))
            if found.foreign or found.unknown:
                raise Malformed("routes are propagated from a gateway that is not among the resources")
            for gateway in found.resources:
                vpn.propagate(cloud, gateway, table)
    for resource in index.of(ROUTE):
        with index.reading(resource):
            _add(cloud, _table(cloud, resource), resource, resource.properties, "")
    for resource in index.of(PROPAGATION):
        with index.reading(resource):
            vpn.propagate(cloud, index.need(resource, "vpnGatewayId", vpn.GATEWAY), _table(cloud, resource))
    endpoints.add_routes(cloud)
    for table in dict.fromkeys(cloud.tables.values()):
        cloud.fragment.stages[table.stage] = _lookup(table)


def _add(cloud: Cloud, table: Table, resource: Resource, entry: Mapping[str, Any], inline: str) -> None:
    """Adds one route, from a table's inline list (``inline``: that property's name) or a separate resource."""
    target, via, uncertainty = _target(cloud, table, resource, entry, inline)
    found = False
    prefix = "cidrBlock", "ipv6CidrBlock"
    if not inline:
        prefix = "destinationCidrBlock", "destinationIpv6CidrBlock"
    for name, family in zip(prefix, (ALL_V4, ALL_V6), strict=True):
        value = entry.get(name)
        if not says(value):
            continue
        found = True
        if value is UNKNOWN:
            table.vague.append((via, f"the destination of a route to {target} is not known yet", (family,)))
            continue
        destination = cidr(value, name, v6=family is ALL_V6)
        _within(table.vpc, destination, entry, str(value))
        shown = f"{table.label}: {value} to {target}"
        table.static[destination] = Route(destination, via, shown, resource.urn, uncertainty)
    if says(entry.get("destinationPrefixListId")):
        found = True
        for shown, blocks, unknown in prefix_lists.contents(
            cloud, resource, inline or "destinationPrefixListId", entry["destinationPrefixListId"]
        ):
            if unknown:
                table.vague.append((via, f"{shown} (to {target}): {unknown}", blocks))
                continue
            for destination in vpn.blocks(blocks):
                route = Route(destination, via, f"{table.label}: {shown} to {target}", resource.urn, uncertainty)
                table.from_lists.setdefault(destination, route)
    if not found:
        raise Malformed("a route has no destination")


def _within(vpc: Vpc, block: Interval, entry: Mapping[str, Any], shown: str) -> None:
    """Rejects a route into the VPC's own blocks unless its target is an interface or the like. Raises ``Malformed``."""
    inside = any(low <= block[0] and block[1] <= high for low, high in vpc.blocks)
    if inside and entry.get("gatewayId") != "local" and not any(says(entry.get(name)) for name in WITHIN):
        raise Malformed(f"the route to {shown} lies within {vpc.label}, for which AWS does not allow this target")


def _target(
    cloud: Cloud, table: Table, resource: Resource, entry: Mapping[str, Any], inline: str
) -> tuple[str, tuple[str, ...], str]:
    """The target of a route: its name, its stages (none: a black hole), and why it is unknown."""
    index = cloud.index
    for name, types in TARGETS.items():
        value = entry.get(name) if inline else given(resource, name)
        if not says(value):
            continue
        if value == "local":
            return "local", (table.vpc.stage,), ""
        if not types:
            return _open(cloud, table.vpc, resource, f"{name} {value if value is not UNKNOWN else ''}".strip())
        found = index.find(resource, inline or name, *types, value=value)
        gone = not inline and text_of(resource.properties.get("state")) == "blackhole"
        if found.foreign and gone:
            return f"{found.foreign[0]}, a black hole", (), ""
        if found.foreign:
            return _foreign(cloud, table, resource, name, found.foreign[0])
        if not found.resources:
            return _not_understood(cloud, resource, f"{name}, which is not known yet")
        stages = tuple(_stage(cloud, table, each) for each in found.resources)
        uncertainty = found.unknown if len(stages) == 1 else f"{name} may be any of {len(stages)} resources"
        if gone:
            uncertainty = f"{resource.urn} is a black hole according to AWS, though its target is among the resources"
            cloud.doubted.update((each.urn, uncertainty) for each in found.resources if each.type in ATTACHED)
        return ", ".join(index.label(each) for each in found.resources), stages, uncertainty
    return "nothing", (), ""


def _foreign(
    cloud: Cloud, table: Table, resource: Resource, name: str, target: str
) -> tuple[str, tuple[str, ...], str]:
    if name == "vpcPeeringConnectionId":
        return target, (peering.foreign(cloud, table.vpc, target),), ""
    if name == "gatewayId" and target.startswith("igw-") and gateways.adopt(cloud, target, table.vpc):
        return target, (gateways.stage_of(target),), ""
    if name in OPENING and not target.startswith(("igw-", "vpce-")):
        return _open(cloud, table.vpc, resource, target)
    keeps = name in KEEP_DESTINATIONS
    return _not_understood(cloud, resource, f"{target}, which is not among the resources", passes_on=keeps)


def _open(cloud: Cloud, vpc: Vpc, resource: Resource, target: str) -> tuple[str, tuple[str, ...], str]:
    """The target of a route through which an unknown network is reached, which may send to the VPC, too."""
    name, stages, _ = _not_understood(cloud, resource, f"{target}, which is not among the resources", passes_on=True)
    key = f"gateway {target} of {vpc.label}"
    if (key, vpc.label) not in cloud.opened:
        cloud.opened.add((key, vpc.label))
        sources = difference(EVERYWHERE, union(vpc.blocks))
        cloud.fragment.link_ends.append(LinkEnd(key, vpc.label, vpc.stage, f"{target} from {vpc.label}", sources))
    return name, (*stages, exit_stage(key, vpc.label)), f"what {target} does with packets is unknown"


def _not_understood(
    cloud: Cloud, resource: Resource, target: str, *, passes_on: bool = False
) -> tuple[str, tuple[str, ...], str]:
    stage = _unmodelled(cloud, resource, target, f"the target of a route is {target}", passes_on=passes_on)
    return target, (stage,), ""


def _unmodelled(cloud: Cloud, resource: Resource, target: str, reason: str, *, passes_on: bool = False) -> str:
    """The stage of packets to something that is not modelled."""
    stage = f"beyond {target}"
    cloud.fragment.stages.setdefault(stage, Unmodelled(f"{resource.urn}: {reason}", resource.urn, passes_on))
    return stage


def _stage(cloud: Cloud, table: Table, target: Resource) -> str:
    """The stage of a target for packets from a subnet of the table's VPC."""
    match target.type:
        case gateways.INTERNET_GATEWAY:
            return gateways.internet_stage(cloud, target, table.vpc)
        case gateways.EGRESS_ONLY:
            return gateways.egress_only_stage(cloud, target, table.vpc)
        case gateways.NAT:
            return gateways.nat_stage(cloud, target)
        case vpn.GATEWAY:
            return vpn.stage(cloud, target, table.vpc)
        case transit.GATEWAY:
            return transit.stage(cloud, target, table.vpc)
        case endpoints.ENDPOINT:
            return endpoints.stage(cloud, target)
        case interfaces.INTERFACE | interfaces.INSTANCE:
            return interfaces.forwarding_stage(cloud, target)
        case _:
            return peering.stage(cloud, target, table.vpc)


def _lookup(table: Table) -> Lookup:
    origin = table.origin
    routes: dict[Interval, Route] = {
        block: Route(block, (table.vpc.stage,), f"{table.label}: local", origin) for block in table.vpc.blocks
    }
    routes.update(table.static)
    for block, route in table.from_lists.items():
        routes.setdefault(block, route)
    for block, route in table.propagated.items():
        if not any(low <= block[0] and block[1] <= high for low, high in table.vpc.blocks):
            routes.setdefault(block, route)
    for via, uncertainty, scope in table.vague:
        _add_vague(table, routes, via, uncertainty, scope)
    return Lookup(table.stage, tuple(routes.values()), origin)


def _add_vague(
    table: Table, routes: dict[Interval, Route], via: tuple[str, ...], uncertainty: str, scope: tuple[Interval, ...]
) -> None:
    """A route to an unknown part of ``scope`` may be more specific than any other there, except the local route."""
    for low, high in scope:
        for block, route in list(routes.items()):
            if low <= block[0] and block[1] <= high and block not in table.vpc.blocks:
                ways = route.via + tuple(each for each in via if each not in route.via)
                name = f"{route.name}, or another route ({uncertainty})"
                routes[block] = Route(block, ways, name, route.origin, route.uncertain or uncertainty)
        if (low, high) not in routes:
            routes[low, high] = Route(
                (low, high), via, f"{table.label}: perhaps ({uncertainty})", table.origin, uncertainty
            )
