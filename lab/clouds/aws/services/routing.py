"""Route tables, routes and what they are associated with."""

import ipaddress
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import cidr, exactly_one
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.peering import peering_seen_from
from lab.clouds.aws.services.vpc import IN_VPC, NO_SUBNET, blocks_of, vpc_of_subnet
from lab.clouds.aws.spec import Computed, Found, Reference, TypeSpec

TABLES = (tokens.ROUTE_TABLE, tokens.DEFAULT_ROUTE_TABLE)
NO_TABLE = ("InvalidRouteTableID.NotFound", "The routeTable ID '{id}' does not exist")
NO_GATEWAY = ("InvalidGatewayID.NotFound", "The gateway ID '{id}' does not exist")
GATEWAYS = (tokens.INTERNET_GATEWAY, tokens.VPN_GATEWAY)
IN_TABLE = Reference("routeTableId", TABLES, NO_TABLE)

_TARGETS = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "odbNetworkArn",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)
_LEFT_OUT = ("carrierGatewayId", "coreNetworkArn", "localGatewayId", "odbNetworkArn", "transitGatewayId")
_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")


def _target_references(prefix: str) -> tuple[Reference, ...]:
    def target(name: str, kinds: tuple[str, ...], error: tuple[str, str]) -> Reference:
        return Reference(f"{prefix}{name}", kinds, error, blocks=False, ignore=lambda id: id in ("", "local"))

    return (
        target("gatewayId", GATEWAYS, NO_GATEWAY),
        target("natGatewayId", (tokens.NAT_GATEWAY,), _missing("InvalidNatGatewayID.NotFound", "natGateway")),
        target("egressOnlyGatewayId", (tokens.EGRESS_ONLY_INTERNET_GATEWAY,), NO_GATEWAY),
        target(
            "networkInterfaceId",
            (tokens.NETWORK_INTERFACE,),
            _missing("InvalidNetworkInterfaceID.NotFound", "networkInterface"),
        ),
        target("vpcEndpointId", (tokens.VPC_ENDPOINT,), _missing("InvalidVpcEndpointId.NotFound", "vpcEndpoint")),
        target(
            "destinationPrefixListId",
            (tokens.MANAGED_PREFIX_LIST,),
            ("InvalidPrefixListID.NotFound", "The prefix list ID '{id}' does not exist"),
        ),
    )


def _missing(code: str, word: str) -> tuple[str, str]:
    return code, f"The {word} ID '{{id}}' does not exist"


def vpc_of_table(call: Call, table_id: str) -> str:
    """Returns the VPC id of a route table."""
    table = call.get(TABLES, table_id)
    return table.properties.get("vpcId", "") if table else ""


def _destination_of(route: Mapping[str, Any]) -> str:
    for name in (*_DESTINATIONS, "cidrBlock", "ipv6CidrBlock"):
        if route.get(name):
            return str(route[name])
    return ""


def _check_route(call: Call, table_id: str, vpc_id: str, route: Mapping[str, Any]) -> None:
    destination = _destination_of(route)
    _check_target(call, table_id, vpc_id, route)
    if "/" not in destination:
        return
    network = ipaddress.ip_network(destination)
    vpc = call.get(tokens.VPC, vpc_id)
    steers = route.get("networkInterfaceId") or route.get("vpcEndpointId") or route.get("gatewayId") == "local"
    blocks = blocks_of(call, vpc) if vpc and not steers else []
    if isinstance(network, ipaddress.IPv4Network) and any(network.subnet_of(block) for block in blocks):
        call.refuse(
            "InvalidParameterValue",
            f"The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks."
            " This route can target only an interface or an instance.",
        )
    if network.version == 4 and route.get("egressOnlyGatewayId"):
        call.refuse(
            "InvalidParameterValue",
            f"The destination {destination} is IPv4; an egress-only internet gateway carries IPv6 traffic only.",
        )


def _check_target(call: Call, table_id: str, vpc_id: str, route: Mapping[str, Any]) -> None:
    gateway_id = route.get("gatewayId")
    if gateway_id and gateway_id != "local":
        gateway = call.get(GATEWAYS, gateway_id)
        attached = {gateway.properties.get("vpcId")} if gateway else set()
        for attachment in call.mentioning(
            gateway_id, tokens.INTERNET_GATEWAY_ATTACHMENT, tokens.VPN_GATEWAY_ATTACHMENT
        ):
            attached.add(attachment.properties["vpcId"])
        if vpc_id not in attached:
            call.refuse(
                "InvalidParameterValue",
                f"route table {table_id} and network gateway {gateway_id} belong to different networks",
            )
    for name, token in (("natGatewayId", tokens.NAT_GATEWAY), ("networkInterfaceId", tokens.NETWORK_INTERFACE)):
        target = call.get(token, route.get(name, ""))
        if target and vpc_of_subnet(call, target.properties.get("subnetId", "")) != vpc_id:
            call.refuse(
                "InvalidParameterValue",
                f"route table {table_id} and interface {target.id} belong to different networks",
            )
    egress_only = call.get(tokens.EGRESS_ONLY_INTERNET_GATEWAY, route.get("egressOnlyGatewayId", ""))
    if egress_only and egress_only.properties["vpcId"] != vpc_id:
        call.refuse(
            "InvalidParameterValue",
            f"route table {table_id} and egress-only gateway {egress_only.id} belong to different networks",
        )
    if route.get("vpcPeeringConnectionId"):
        _check_peering(call, table_id, vpc_id, route["vpcPeeringConnectionId"])


def _check_peering(call: Call, table_id: str, vpc_id: str, peering_id: str) -> None:
    """Refuses a route to a peering that carries nothing.

    Stricter than AWS in one case: AWS takes a route to a connection that waits to be accepted, as a blackhole. An
    estate that comes up with one does not do what it was declared to do, and should fail in rehearsal.
    """
    peering = peering_seen_from(call, peering_id)
    if peering is None:
        call.refuse(
            "InvalidVpcPeeringConnectionID.NotFound", f"The vpcPeeringConnection ID '{peering_id}' does not exist"
        )
    if vpc_id not in (peering.properties["vpcId"], peering.properties["peerVpcId"]):
        call.refuse(
            "InvalidParameterValue",
            f"route table {table_id} and vpc peering connection {peering_id} belong to different networks",
        )
    status = peering.properties["acceptStatus"]
    if status != "active":
        call.refuse(
            "InvalidStateTransition",
            f"The VPC peering connection {peering_id} is {status}, not active: a route to it would carry nothing.",
        )


def _refuse_route(call: Call) -> None:
    table_id = call.props["routeTableId"]
    _check_route(call, table_id, vpc_of_table(call, table_id), call.props)
    if call.old is not None:
        return
    destination = _destination_of(call.props)
    table = call.get(TABLES, table_id)
    inline = (table.properties.get("routes") or []) if table else []
    others = [row.properties for row in call.mentioning(table_id, tokens.ROUTE)]
    if destination in map(_destination_of, (*others, *inline)):
        call.refuse("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    _refuse_too_many(call, table_id, vpc_of_table(call, table_id), [*others, *inline, call.props])


def _refuse_too_many(call: Call, table_id: str, vpc_id: str, routes: Iterable[Mapping[str, Any]]) -> None:
    """Refuses more routes than the quota, for either IP version; those to the VPC itself count, propagated ones do not.

    A route to a prefix list counts as often as the list may have entries.
    """
    vpc = call.get(tokens.VPC, vpc_id)
    total = Counter(
        IPv4=len(blocks_of(call, vpc)) if vpc else 0, IPv6=1 if vpc and vpc.properties.get("ipv6CidrBlock") else 0
    )
    for route in routes:
        prefixes = call.get(tokens.MANAGED_PREFIX_LIST, route.get("destinationPrefixListId") or "")
        if prefixes:
            total[prefixes.properties["addressFamily"]] += prefixes.properties["maxEntries"]
        else:
            total["IPv6" if ":" in _destination_of(route) else "IPv4"] += 1
    if max(total.values()) > call.quotas.routes_per_route_table:
        call.refuse("RouteLimitExceeded", f"The maximum number of routes has been reached in {table_id}.")


def _refuse_table(call: Call) -> None:
    routes = call.props.get("routes") or []
    for route in routes:
        _check_route(call, call.id or "of this request", _table_vpc(call), route)
    destinations = list(map(_destination_of, routes))
    for destination in destinations:
        if destinations.count(destination) > 1:
            call.refuse("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    alone = [row.properties for row in call.mentioning(call.id, tokens.ROUTE)] if call.id else []
    _refuse_too_many(call, call.id or "the new table", _table_vpc(call), [*alone, *routes])
    others = call.find(tokens.ROUTE_TABLE, vpcId=_table_vpc(call)) if call.old is None else []
    if len(others) >= call.quotas.route_tables_per_vpc and call.spec.token == tokens.ROUTE_TABLE:
        call.refuse("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")


def _table_vpc(call: Call) -> str:
    return call.props.get("vpcId") or vpc_of_table(call, call.props.get("defaultRouteTableId", ""))


def _refuse_association(call: Call) -> None:
    subnet_id, table_id = call.props.get("subnetId"), call.props["routeTableId"]
    if not subnet_id:
        return
    if vpc_of_subnet(call, subnet_id) != vpc_of_table(call, table_id):
        call.refuse(
            "InvalidParameterValue", f"Route table {table_id} and subnet {subnet_id} belong to different networks"
        )
    if call.mentioning(subnet_id, tokens.ROUTE_TABLE_ASSOCIATION):
        call.refuse(
            "Resource.AlreadyAssociated",
            f"the specified association for route table {table_id} conflicts with an existing association of"
            f" {subnet_id}",
        )


def _refuse_main_association(call: Call) -> None:
    vpc_id, table_id = call.props["vpcId"], call.props["routeTableId"]
    if vpc_of_table(call, table_id) != vpc_id:
        call.refuse("InvalidParameterValue", f"route table {table_id} and VPC {vpc_id} belong to different networks")


def _main_association(call: Call) -> Computed:
    vpc = call.get(tokens.VPC, call.props["vpcId"])
    return {"originalRouteTableId": vpc.properties["mainRouteTableId"] if vpc else ""}


def _refuse_propagation(call: Call) -> None:
    gateway_id, table_id = call.props["vpnGatewayId"], call.props["routeTableId"]
    gateway = call.get(tokens.VPN_GATEWAY, gateway_id)
    vpc_id = vpc_of_table(call, table_id)
    attached = {gateway.properties.get("vpcId")} if gateway else set()
    attached |= {row.properties["vpcId"] for row in call.mentioning(gateway_id, tokens.VPN_GATEWAY_ATTACHMENT)}
    if vpc_id not in attached:
        call.refuse("Gateway.NotAttached", f"The gateway ID '{gateway_id}' is not attached to {vpc_id}")


def _route_id(call: Call) -> str:
    return f"r-{call.props['routeTableId']}{zlib.crc32(_destination_of(call.props).encode())}"


def _left_out_targets(inputs: Mapping[str, Any]) -> Found:
    for name in _LEFT_OUT:
        if inputs.get(name):
            yield name, f"the lab's AWS has no target of this kind ({inputs[name]})"


SPECS = (
    TypeSpec(
        token=tokens.ROUTE_TABLE,
        noun="EC2 Route Table",
        service="EC2",
        create="CreateRouteTable",
        update="CreateRoute",
        id="rtb-",
        arn="arn:aws:ec2:{region}:{account}:route-table/{id}",
        replaces=frozenset({"vpcId"}),
        computed_inputs=frozenset({"routes", "propagatingVgws"}),
        defaults={"routes": [], "propagatingVgws": []},
        rules=(cidr("routes[].cidrBlock"), cidr("routes[].ipv6CidrBlock", version=6)),
        references=(IN_VPC, *_target_references("routes[].")),
        refusals=(_refuse_table,),
    ),
    TypeSpec(
        token=tokens.DEFAULT_ROUTE_TABLE,
        noun="EC2 Default Route Table",
        service="EC2",
        create="CreateRoute",
        update="CreateRoute",
        delete="DeleteRoute",
        id=lambda call: call.props["defaultRouteTableId"],
        arn="arn:aws:ec2:{region}:{account}:route-table/{id}",
        replaces=frozenset({"defaultRouteTableId"}),
        defaults={"routes": [], "propagatingVgws": []},
        rules=(cidr("routes[].cidrBlock"), cidr("routes[].ipv6CidrBlock", version=6)),
        references=(
            Reference("defaultRouteTableId", (tokens.ROUTE_TABLE,), NO_TABLE, blocks=False),
            *_target_references("routes[]."),
        ),
        refusals=(_refuse_table,),
        compute=lambda call: {"vpcId": _table_vpc(call)},
    ),
    TypeSpec(
        token=tokens.ROUTE,
        noun="EC2 Route",
        service="EC2",
        create="CreateRoute",
        update="ReplaceRoute",
        id=_route_id,
        replaces=frozenset({"routeTableId", *_DESTINATIONS}),
        rules=(
            exactly_one(*_DESTINATIONS),
            exactly_one(*_TARGETS),
            _left_out_targets,
            cidr("destinationCidrBlock"),
            cidr("destinationIpv6CidrBlock", version=6),
        ),
        references=(
            Reference("routeTableId", TABLES, NO_TABLE, blocks=False),
            *_target_references(""),
        ),
        refusals=(_refuse_route,),
        compute=lambda call: {
            "origin": "CreateRoute",
            "state": "active",
            "instanceId": "",
            "instanceOwnerId": "",
        },
    ),
    TypeSpec(
        token=tokens.ROUTE_TABLE_ASSOCIATION,
        noun="EC2 Route Table Association",
        service="EC2",
        create="AssociateRouteTable",
        update="ReplaceRouteTableAssociation",
        delete="DisassociateRouteTable",
        id="rtbassoc-",
        replaces=frozenset({"subnetId", "gatewayId"}),
        rules=(exactly_one("subnetId", "gatewayId"),),
        references=(
            IN_TABLE,
            Reference("subnetId", (tokens.SUBNET,), NO_SUBNET, blocks=False),
            Reference("gatewayId", GATEWAYS, NO_GATEWAY, blocks=False),
        ),
        refusals=(_refuse_association,),
    ),
    TypeSpec(
        token=tokens.MAIN_ROUTE_TABLE_ASSOCIATION,
        noun="EC2 Main Route Table Association",
        service="EC2",
        create="ReplaceRouteTableAssociation",
        update="ReplaceRouteTableAssociation",
        delete="ReplaceRouteTableAssociation",
        id="rtbassoc-",
        replaces=frozenset({"vpcId"}),
        references=(IN_VPC, IN_TABLE),
        refusals=(_refuse_main_association,),
        compute=_main_association,
    ),
    TypeSpec(
        token=tokens.VPN_GATEWAY_ROUTE_PROPAGATION,
        noun="EC2 VPN Gateway Route Propagation",
        service="EC2",
        create="EnableVgwRoutePropagation",
        delete="DisableVgwRoutePropagation",
        id=lambda call: f"{call.props['vpnGatewayId']}_{call.props['routeTableId']}",
        replaces=frozenset({"vpnGatewayId", "routeTableId"}),
        references=(
            Reference("routeTableId", TABLES, NO_TABLE, blocks=False),
            Reference(
                "vpnGatewayId",
                (tokens.VPN_GATEWAY,),
                ("InvalidVpnGatewayID.NotFound", "The vpnGateway ID '{id}' does not exist"),
                blocks=False,
            ),
        ),
        refusals=(_refuse_propagation,),
    ),
)
