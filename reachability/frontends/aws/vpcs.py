"""VPCs and their subnets: blocks, local services and routes, and delivery of inbound packets.

Sources: the VPC user guide's "VPC CIDR blocks", "Subnet CIDR blocks" (reserved addresses), "DNS attributes",
and "Link-local addresses" in the EC2 guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from reachability.addresses import ALL_V4, ALL_V6, V6, Interval, address, block
from reachability.frontends.aws import stand_ins
from reachability.frontends.aws.cloud import Cloud, Subnet, Vpc
from reachability.frontends.aws.index import Malformed, cidr, flag, given, region_of, says, text_of
from reachability.network import Check, Deliver, Lookup, Route
from reachability.resources import UNKNOWN, Resource

VPC = "aws:ec2/vpc:Vpc"
DEFAULT_VPC = "aws:ec2/defaultVpc:DefaultVpc"
VPCS = (VPC, DEFAULT_VPC)
SUBNET = "aws:ec2/subnet:Subnet"
DEFAULT_SUBNET = "aws:ec2/defaultSubnet:DefaultSubnet"
SUBNETS = (SUBNET, DEFAULT_SUBNET)
V4_ASSOCIATION = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
V6_ASSOCIATION = "aws:ec2/vpcIpv6CidrBlockAssociation:VpcIpv6CidrBlockAssociation"
TYPES = (*VPCS, *SUBNETS, V4_ASSOCIATION, V6_ASSOCIATION)

_Thing = TypeVar("_Thing")

DEFAULT_VPC_BLOCK = "172.31.0.0/16"
LINK_LOCAL = {
    "metadata": ("169.254.169.254", "fd00:ec2::254"),
    "time": ("169.254.169.123", "fd00:ec2::123"),
    "licences": ("169.254.169.250", "169.254.169.251", "fd00:ec2::250", "fd00:ec2::251"),
}
"""Link-local services, which neither groups nor ACLs filter."""
RESOLVER = ("169.254.169.253", "fd00:ec2::253")


def read(cloud: Cloud) -> None:
    """Reads VPCs with all their blocks, then their subnets."""
    index = cloud.index
    for resource in index.of(*VPCS):
        with index.reading(resource):
            cloud.vpcs[resource.urn] = _vpc(cloud, resource)
    for resource in index.of(V4_ASSOCIATION):
        with index.reading(resource):
            vpc = vpc_of(cloud, resource)
            vpc.blocks.append(cidr(resource.properties.get("cidrBlock"), "cidrBlock", v6=False))
    for resource in index.of(V6_ASSOCIATION):
        with index.reading(resource):
            vpc = vpc_of(cloud, resource)
            vpc.blocks.append(_v6_block(resource))
    for resource in index.of(*SUBNETS):
        with index.reading(resource):
            subnet = _subnet(cloud, resource)
            cloud.subnets[resource.urn] = subnet
            subnet.vpc.subnets.append(subnet)


def vpc_of(cloud: Cloud, resource: Resource, name: str = "vpcId") -> Vpc:
    """The VPC to which ``resource`` refers. Raises ``Malformed``."""
    return known(cloud.vpcs, cloud.index.need(resource, name, *VPCS))


def known(things: Mapping[str, _Thing], resource: Resource) -> _Thing:
    """The object that was read from a resource. Raises ``Malformed`` if it could not be read."""
    thing = things.get(resource.urn)
    if thing is None:
        raise Malformed(f"it refers to {resource.urn}, which could not be read")
    return thing


def _v6_block(resource: Resource) -> Interval:
    value = resource.properties.get("ipv6CidrBlock")
    if isinstance(value, str) and value:
        return cidr(value, "ipv6CidrBlock", v6=True)
    return stand_ins.v6_block(resource.urn)


def _vpc(cloud: Cloud, resource: Resource) -> Vpc:
    properties = resource.properties
    value = properties.get("cidrBlock")
    if resource.type == DEFAULT_VPC:
        value = DEFAULT_VPC_BLOCK if value is None or value is UNKNOWN else value
    blocks = [cidr(value, "cidrBlock", v6=False)]
    v6 = given(resource, "ipv6CidrBlock")
    generated = flag(given(resource, "assignGeneratedIpv6CidrBlock"), False)
    if says(v6) or generated is not False or says(properties.get("ipv6IpamPoolId")):
        blocks.append(_v6_block(resource))
    vpc = Vpc(
        resource=resource,
        label=cloud.index.label(resource),
        id=text_of(resource.id),
        region=region_of(resource),
        blocks=blocks,
        resolver=flag(given(resource, "enableDnsSupport"), True) is not False,
    )
    for name in ("mainRouteTableId", "defaultNetworkAclId", "defaultSecurityGroupId"):
        cloud.index.alias(properties.get(name), resource)
    if not main_is_another(resource):
        cloud.index.alias(properties.get("defaultRouteTableId"), resource)
    return vpc


def main_is_another(vpc: Resource) -> bool:
    """Whether the outputs of a VPC say that its main route table is not the one that was created with it."""
    main, default = (text_of(vpc.properties.get(name)) for name in ("mainRouteTableId", "defaultRouteTableId"))
    return bool(main and default) and main != default


def _subnet(cloud: Cloud, resource: Resource) -> Subnet:
    properties = resource.properties
    vpc = vpc_of(cloud, resource)
    blocks = []
    native = flag(properties.get("ipv6Native"), False)
    if native is not True:
        blocks.append(cidr(properties.get("cidrBlock"), "cidrBlock", v6=False))
    v6 = given(resource, "ipv6CidrBlock")
    if v6 is UNKNOWN or (v6 is None and native is True):
        roots = [each for each in vpc.blocks if each[0] >= V6]
        if not roots:
            raise Malformed("its IPv6 block is not known yet, and its VPC has none")
        blocks.append(stand_ins.v6_subnet_block(roots[0], len(vpc.subnets)))
    elif v6:
        blocks.append(cidr(v6, "ipv6CidrBlock", v6=True))
    for low, high in blocks:
        if not any(first <= low and high <= last for first, last in vpc.blocks):
            raise Malformed(f"its block is outside of those of {vpc.label}")
        for other in vpc.subnets:
            if any(first <= high and low <= last for first, last in other.blocks):
                raise Malformed(f"its block overlaps {other.label}'s")
    default = resource.type == DEFAULT_SUBNET
    return Subnet(
        resource=resource,
        label=cloud.index.label(resource),
        vpc=vpc,
        blocks=blocks,
        zone=text_of(properties.get("availabilityZone")) or text_of(properties.get("availabilityZoneId")),
        automatic=flag(given(resource, "mapPublicIpOnLaunch"), default),
        automatic_v6=flag(given(resource, "assignIpv6AddressOnCreation"), False),
    )


def unfiltered(vpc: Vpc) -> list[tuple[int, str]]:
    """(address, name) of the services of the VPC that no group and no ACL filters."""
    found = [(address(text), f"{vpc.label} {name}") for name, texts in LINK_LOCAL.items() for text in texts]
    if vpc.resolver:
        points = [address(text) for text in RESOLVER] + [low + 2 for low, _ in vpc.blocks if low < V6]
        found += [(point, f"{vpc.label} resolver") for point in points]
    return found


def compile(cloud: Cloud) -> None:
    """Compiles every VPC and subnet. Must run after the route tables and ACLs of the subnets are read."""
    stages = cloud.fragment.stages
    link_local = block("169.254.0.0/16")
    for vpc in cloud.vpcs.values():
        own = [
            Route(interval, (subnet.entering,), f"{vpc.stage}: {subnet.label}", subnet.resource.urn)
            for subnet in vpc.subnets
            for interval in subnet.blocks
        ]
        stages[vpc.stage] = Lookup(vpc.stage, (*own, *vpc.elsewhere), vpc.resource.urn)
        services = unfiltered(vpc)
        for name in {name for _, name in services}:
            stages[name] = Deliver(name)
        around = [Route((point, point), (name,), name, vpc.resource.urn) for point, name in services]
        around.append(Route(link_local, (), f"{vpc.label}: link-local addresses end at the host"))
        for subnet in vpc.subnets:
            _compile_subnet(cloud, subnet, around)


def _compile_subnet(cloud: Cloud, subnet: Subnet, around: list[Route]) -> None:
    stages, origin = cloud.fragment.stages, subnet.resource.urn
    name = f"{subnet.stage}: local"
    local = [Route(interval, (subnet.delivery,), name, origin) for interval in subnet.blocks]
    beyond = [Route(family, (subnet.leaving,), f"{subnet.stage}: beyond", origin) for family in (ALL_V4, ALL_V6)]
    stages[subnet.stage] = Lookup(subnet.stage, (*around, *local, *beyond), origin)
    owners: dict[int, list[str]] = {}
    for nic in subnet.nics:
        for point in nic.addresses:
            owners.setdefault(point, []).append(nic.entry)
    stages[subnet.delivery] = Lookup(
        subnet.delivery,
        tuple(Route((point, point), tuple(via), f"{subnet.label}: local", origin) for point, via in owners.items()),
        origin,
    )
    stages[subnet.leaving] = Check(subnet.acl.egress, cloud.zoned.get(origin, subnet.table.stage))
    stages[subnet.entering] = Check(subnet.acl.ingress, subnet.delivery)
