"""VPC endpoints: gateway endpoints are routes, interface endpoints are interfaces.

Source: the AWS PrivateLink guide's "Gateway endpoints" (routes to the service's prefix list) and "Access an AWS service
using an interface VPC endpoint" (one interface per subnet, the VPC's default group if none is named).
"""

from __future__ import annotations

from reachability.addresses import ALL_V4, V6, texts
from reachability.frontends.aws import groups, interfaces
from reachability.frontends.aws.cloud import Cloud, Nic, Subnet, Table
from reachability.frontends.aws.index import Found, Malformed, cidr, given, items
from reachability.frontends.aws.vpcs import SUBNETS, VPCS, known, vpc_of
from reachability.network import Deliver, Route, Unmodelled
from reachability.resources import UNKNOWN, Resource

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
SUBNET_ASSOCIATION = "aws:ec2/vpcEndpointSubnetAssociation:VpcEndpointSubnetAssociation"
TABLE_ASSOCIATION = "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation"
GROUP_ASSOCIATION = "aws:ec2/securityGroupAssociation:SecurityGroupAssociation"
TYPES = (ENDPOINT, SUBNET_ASSOCIATION, TABLE_ASSOCIATION, GROUP_ASSOCIATION)

TABLES = (
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    *VPCS,
)


def _kind(endpoint: Resource) -> str:
    kind = given(endpoint, "vpcEndpointType", "Gateway")
    if not isinstance(kind, str) or kind not in ("Gateway", "Interface", "GatewayLoadBalancer"):
        raise Malformed(f"endpoints of type {kind!r} are not modelled")
    return kind


def read(cloud: Cloud) -> None:
    """Reads the interfaces of endpoints."""
    index = cloud.index
    further: dict[str, list[Subnet]] = {}
    for resource in index.of(SUBNET_ASSOCIATION):
        with index.reading(resource):
            endpoint = index.need(resource, "vpcEndpointId", ENDPOINT)
            subnet = known(cloud.subnets, index.need(resource, "subnetId", *SUBNETS))
            further.setdefault(endpoint.urn, []).append(subnet)
    for resource in index.of(ENDPOINT):
        with index.reading(resource):
            if _kind(resource) == "Interface":
                _read_interfaces(cloud, resource, further.get(resource.urn, []))
    for resource in index.of(GROUP_ASSOCIATION):
        with index.reading(resource):
            endpoint = index.need(resource, "vpcEndpointId", ENDPOINT)
            found = index.find(resource, "securityGroupId", *groups.REFERABLE)
            for nic in cloud.nics.get(endpoint.urn, ()):
                more, uncertainty = groups.of_interface(cloud, nic.subnet.vpc, found)
                interfaces.set_groups(
                    nic,
                    (*nic.groups, *(each for each in more if each not in nic.groups)),
                    nic.uncertainty or uncertainty,
                )


def _read_interfaces(cloud: Cloud, resource: Resource, further: list[Subnet]) -> None:
    index, stages = cloud.index, cloud.fragment.stages
    vpc = vpc_of(cloud, resource)
    label = index.label(resource)
    found = index.find(resource, "subnetIds", *SUBNETS, value=given(resource, "subnetIds", []))
    if found.foreign or (found.unknown and not found.resources):
        raise Malformed("one of its subnets is not among the resources")
    subnets = dict.fromkeys([*(known(cloud.subnets, each) for each in found.resources), *further])
    wanted = index.find(resource, "securityGroupIds", *groups.REFERABLE, value=given(resource, "securityGroupIds", []))
    fixed = _fixed(cloud, resource)
    v6 = given(resource, "ipAddressType") not in (None, "", "ipv4")
    stages[label_stage(label)] = Deliver(resource.urn)
    entries = []
    for subnet in subnets:
        own_v6 = [UNKNOWN] if v6 and any(low >= V6 for low, _ in subnet.blocks) else []
        addresses = interfaces.private_addresses(cloud, subnet, [fixed.get(subnet)], own_v6, None, 0)
        nic = Nic(f"{label} in {subnet.label}", resource, subnet, addresses, label_stage(label), checked=True)
        nic.groups, nic.uncertainty = groups.of_interface(cloud, vpc, wanted)
        interfaces.add(cloud, resource, nic)
        entries.append(nic.entry)
    interfaces.name(cloud, resource, (*entries, resource.urn))


def label_stage(label: str) -> str:
    """The stage for packets that an endpoint accepted."""
    return f"endpoint {label}"


def _fixed(cloud: Cloud, resource: Resource) -> dict[Subnet, str]:
    """The requested addresses, by subnet."""
    found = {}
    for entry in items(given(resource, "subnetConfigurations"), "subnetConfigurations"):
        at: Found = cloud.index.find(resource, "subnetConfigurations", *SUBNETS, value=entry.get("subnetId"))
        if len(at.resources) == 1 and isinstance(entry.get("ipv4"), str):
            found[known(cloud.subnets, at.resources[0])] = entry["ipv4"]
    return found


def stage(cloud: Cloud, endpoint: Resource) -> str:
    """The stage for packets that a route sends to an endpoint."""
    name = f"endpoint {cloud.index.label(endpoint)} by route"
    if _kind(endpoint) == "Gateway":
        cloud.fragment.stages[name] = Deliver(endpoint.urn)
    else:
        reason = f"{endpoint.urn}: Gateway Load Balancer endpoints are not modelled"
        cloud.fragment.stages[name] = Unmodelled(reason, endpoint.urn)
    return name


def add_routes(cloud: Cloud) -> None:
    """Adds the routes of gateway endpoints to route tables."""
    index = cloud.index
    for resource in index.of(ENDPOINT):
        with index.reading(resource):
            if _kind(resource) != "Gateway":
                continue
            interfaces.name(cloud, resource, (resource.urn,))
            found = index.find(resource, "routeTableIds", *TABLES, value=given(resource, "routeTableIds", []))
            if found.foreign or found.unknown:
                raise Malformed("a table that it adds routes to is not among the resources")
            for each in found.resources:
                _route(cloud, resource, known(cloud.tables, each))
    for resource in index.of(TABLE_ASSOCIATION):
        with index.reading(resource):
            endpoint = index.need(resource, "vpcEndpointId", ENDPOINT)
            _route(cloud, endpoint, known(cloud.tables, index.need(resource, "routeTableId", *TABLES)))


def _route(cloud: Cloud, endpoint: Resource, table: Table) -> None:
    via = (stage(cloud, endpoint),)
    label = cloud.index.label(endpoint)
    blocks = given(endpoint, "cidrBlocks")
    if isinstance(blocks, (list, tuple)) and blocks and UNKNOWN not in blocks:
        for each in (cidr(value, "cidrBlocks") for value in blocks):
            name = f"{table.label}: {texts((each,))[0]} to {label}"
            table.from_lists.setdefault(each, Route(each, via, name, endpoint.urn))
        return
    uncertainty = f"the addresses of the service of {label} are not known"
    table.vague.append((via, uncertainty, (ALL_V4,)))
