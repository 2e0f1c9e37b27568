"""Where packets go: route tables, internet gateways, peerings, VPN gateways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from lab.clouds.store import Resource
from lab.wiring.cloud.model import CloudRoute, Peering, RouteTable, VpnConnection, VpnGateway
from lab.wiring.cloud.resources import Resources, blocks_of, blocks_of_prefix_list

ROUTE_TARGETS = ("gatewayId", "natGatewayId", "vpcPeeringConnectionId", "networkInterfaceId", "instanceId")
UNWIRED_ROUTE_TARGETS = (
    "transitGatewayId",
    "vpcEndpointId",
    "egressOnlyGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
    "localGatewayId",
)


def _routes(resources: Resources, properties: Mapping[str, Any], origin: str) -> list[CloudRoute]:
    destinations = blocks_of([properties.get("destinationCidrBlock") or properties.get("cidrBlock")])
    if prefix_list := properties.get("destinationPrefixListId"):
        destinations += blocks_of_prefix_list(resources, prefix_list)
    target = next((properties[name] for name in ROUTE_TARGETS if properties.get(name)), "")
    unwired = next((properties[name] for name in UNWIRED_ROUTE_TARGETS if properties.get(name)), "")
    if unwired:
        resources.not_modelled.append(f"{origin}: routes to {unwired} lead nowhere in the lab")
    return [CloudRoute(destination=destination, target=target) for destination in destinations if target != "local"]


def route_tables(resources: Resources) -> dict[str, RouteTable]:
    routes: dict[str, list[CloudRoute]] = defaultdict(list)
    propagating: dict[str, set[str]] = defaultdict(set)
    tables = {resource.id: resource for resource in resources.of("ec2/routeTable", "ec2/defaultRouteTable")}
    for resource in tables.values():
        propagating[resource.id].update(resource.properties.get("propagatingVgws") or ())
        for inline in resource.properties.get("routes") or ():
            routes[resource.id] += _routes(resources, inline, resource.id)
    for resource in resources.of("ec2/route"):
        routes[resource.properties["routeTableId"]] += _routes(resources, resource.properties, resource.id)
    for resource in resources.of("ec2/vpnGatewayRoutePropagation"):
        propagating[resource.properties["routeTableId"]].add(resource.properties["vpnGatewayId"])
    return {
        id: RouteTable(
            id=id,
            vpc=resource.properties.get("vpcId") or resource.made_for,
            routes=tuple(sorted(set(routes[id]), key=lambda route: (route.destination, route.target))),
            propagating=tuple(sorted(propagating[id])),
        )
        for id, resource in tables.items()
    }


def main_route_table(resources: Resources, vpc: Resource) -> str:
    for resource in resources.of("ec2/mainRouteTableAssociation"):
        if resource.properties["vpcId"] == vpc.id:
            return str(resource.properties["routeTableId"])
    return str(vpc.properties.get("mainRouteTableId") or vpc.properties.get("defaultRouteTableId") or "")


def internet_gateways(resources: Resources) -> dict[str, str]:
    """The internet gateway of each VPC that has one."""
    found = {
        resource.properties["vpcId"]: resource.id
        for resource in resources.of("ec2/internetGateway")
        if resource.properties.get("vpcId")
    }
    for resource in resources.of("ec2/internetGatewayAttachment"):
        found[resource.properties["vpcId"]] = resource.properties["internetGatewayId"]
    return found


def peerings(resources: Resources) -> tuple[Peering, ...]:
    accepted = {
        resource.properties["vpcPeeringConnectionId"]
        for resource in resources.of("ec2/vpcPeeringConnectionAccepter")
        if resource.properties.get("autoAccept") or resource.properties.get("acceptStatus") == "active"
    }
    peerings: dict[str, Peering] = {}
    for resource in resources.of("ec2/vpcPeeringConnection", "ec2/vpcPeeringConnectionAccepter"):
        properties = resource.properties
        id = properties.get("vpcPeeringConnectionId") or resource.id
        active = id in accepted or properties.get("acceptStatus") == "active"
        known = peerings.get(id)
        peerings[id] = Peering(
            id=id,
            requester=known.requester if known else properties.get("vpcId", ""),
            accepter=known.accepter if known else properties.get("peerVpcId", ""),
            active=active or (known is not None and known.active),
        )
    return tuple(sorted(peerings.values(), key=lambda each: each.id))


def vpn_gateways(resources: Resources) -> dict[str, VpnGateway]:
    attached = {
        each.properties["vpnGatewayId"]: each.properties["vpcId"] for each in resources.of("ec2/vpnGatewayAttachment")
    }
    gateways = {}
    for resource in resources.of("ec2/vpnGateway"):
        vpc = attached.get(resource.id) or resource.properties.get("vpcId") or ""
        if vpc:
            asn = int(resource.properties.get("amazonSideAsn") or 64512)
            gateways[resource.id] = VpnGateway(id=resource.id, vpc=vpc, region=resource.region, asn=asn)
    return gateways


def vpn_connections(resources: Resources) -> tuple[VpnConnection, ...]:
    connections = []
    for resource in resources.of("ec2/vpnConnection"):
        properties = resource.properties
        customer = resources.by_id.get(properties.get("customerGatewayId", ""))
        if customer is None or not properties.get("vpnGatewayId"):
            resources.not_modelled.append(
                f"{resource.id}: only connections to a VPN gateway and a known customer gateway are wired"
            )
            continue
        asn = customer.properties.get("bgpAsnExtended") or customer.properties.get("bgpAsn") or 65000
        connections.append(
            VpnConnection(
                id=resource.id,
                gateway=properties["vpnGatewayId"],
                peer_asn=int(asn),
                peer=customer.properties.get("ipAddress") or "",
                insides=blocks_of([properties.get("tunnel1InsideCidr"), properties.get("tunnel2InsideCidr")]),
            )
        )
    return tuple(connections)
