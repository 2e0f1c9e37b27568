"""VPCs and subnets that resources name by id, but that are not among the resources.

Their blocks, routes, ACLs and gateways are unknown. An instance there is a place that sends and receives by its groups:
what these refuse is refused, and what they admit may or may not come.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, AddressError, Interval, address, difference, union
from reachability.frontends.aws.cloud import Acl, Cloud, Subnet, Table, Vpc
from reachability.frontends.aws.index import Malformed, text_of
from reachability.frontends.aws.vpcs import SUBNET, SUBNETS, VPC, VPCS
from reachability.network import Action, Chain, LinkEnd, Lookup, Match, Route, Rule, Unmodelled, exit_stage
from reachability.resources import Resource

GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
SHARED = "aws:vpc/securityGroupVpcAssociation:SecurityGroupVpcAssociation"
PLACED = ("aws:ec2/instance:Instance", "aws:ec2/networkInterface:NetworkInterface")
ADDRESSES = ("privateIp", "secondaryPrivateIps", "privateIps", "ipv6Addresses")
TRANSIT = "aws:ec2transitgateway/"
TYPES = ()

KEY = "unseen VPCs"
"""The stage of what others send to unseen VPCs, and the link to these others."""


def read(cloud: Cloud) -> None:
    """Adds the VPCs of groups, and the subnets of instances and interfaces, that are named by their ids only. Must run
    after VPCs and subnets, and before groups."""
    index = cloud.index
    for group in index.of(*GROUPS):
        id_ = text_of(group.properties.get("vpcId"))
        if id_.startswith("vpc-") and index.named(id_, *VPCS) is None:
            _vpc(cloud, id_)
    placed = [each for each in index.of(*PLACED) if _subnet_id(cloud, each)]
    for resource in placed:
        with index.reading(resource):
            home = _home(cloud, resource)
            if home is not None:
                _subnet(cloud, _subnet_id(cloud, resource), home)
    for resource in placed:
        with index.reading(resource):
            id_ = _subnet_id(cloud, resource)
            home = _known_home(cloud, id_)
            if home is None and any(index.of(*VPCS)):
                raise Malformed(f"it is in {id_}, which is not among the resources, and may be in any VPC")
            subnet = _subnet(cloud, id_, home or _vpc(cloud, f"VPC of {id_}"))
            for block in _blocks(resource):
                if block not in subnet.blocks:
                    subnet.blocks.append(block)
                    if subnet.vpc.unseen:
                        subnet.vpc.blocks.append(block)
    for subnet in cloud.unseen_subnets.values():
        cloud.index.alias(subnet.label, subnet.resource)
    if cloud.unseen_vpcs:
        _join(cloud)


def _join(cloud: Cloud) -> None:
    """Whoever else is in unseen VPCs, or linked to them, may send from any address to what is known to be there."""
    stages, vpcs = cloud.fragment.stages, list(cloud.unseen_vpcs.values())
    name = f"the rest of {', '.join(vpc.label for vpc in vpcs)}"
    ways: dict[Interval, tuple[str, ...]] = {}
    for vpc in vpcs:
        for block in vpc.blocks:
            ways[block] = (*ways.get(block, ()), vpc.stage)
        way = (exit_stage(KEY, KEY),)
        vpc.elsewhere = tuple(Route(family, way, name) for family in (ALL_V4, ALL_V6))
    stages[KEY] = Lookup(KEY, tuple(Route(block, via, KEY) for block, via in ways.items()))
    sources = difference(EVERYWHERE, union(*(vpc.blocks for vpc in vpcs)))
    cloud.fragment.link_ends.append(LinkEnd(KEY, KEY, KEY, name, sources))
    cloud.fragment.unseen = name
    if any(type_.startswith(TRANSIT) for type_ in cloud.index.by_type):
        cloud.fragment.unmodelled.append(f"whether a transit gateway leads to {name} is unknown")


def _subnet_id(cloud: Cloud, resource: Resource) -> str:
    """The id of the resource's subnet if that is not among the resources; else an empty text."""
    id_ = text_of(resource.properties.get("subnetId"))
    return id_ if id_.startswith("subnet-") and cloud.index.named(id_, *SUBNETS) is None else ""


def _home(cloud: Cloud, resource: Resource) -> Vpc | None:
    """The VPC of the resource's groups, which is that of its subnet. Raises ``Malformed`` if there are several."""
    homes: dict[str, Vpc] = {}
    for name in ("vpcSecurityGroupIds", "securityGroups"):
        for group in cloud.index.find(resource, name, *GROUPS).resources:
            shared = [cloud.index.find(each, "securityGroupId", *GROUPS) for each in cloud.index.of(SHARED)]
            if any(each.unknown or group in each.resources for each in shared):
                raise Malformed(f"it is in {_subnet_id(cloud, resource)}, whose VPC its groups do not tell")
            id_ = text_of(group.properties.get("vpcId"))
            known = cloud.index.named(id_, *VPCS)
            home = cloud.unseen_vpcs.get(id_) if known is None else cloud.vpcs.get(known.urn)
            if home is not None:
                homes[home.label] = home
    if len(homes) > 1:
        raise Malformed(f"it is in {_subnet_id(cloud, resource)}, and its groups are of several VPCs")
    return next(iter(homes.values()), None)


def _known_home(cloud: Cloud, id_: str) -> Vpc | None:
    subnet = cloud.unseen_subnets.get(id_)
    return None if subnet is None else subnet.vpc


def _vpc(cloud: Cloud, id_: str) -> Vpc:
    vpc = cloud.unseen_vpcs.get(id_)
    if vpc is None:
        resource = Resource(f"urn:pulumi:unseen::{VPC}::{id_}", VPC, id_, id_, {}, {})
        vpc = Vpc(resource, id_, id_, "", [], resolver=False, unseen=True)
        vpc.main.vague.append(
            (_unknown_routes(cloud, vpc.label, resource), f"the routes of {id_} are unknown", EVERYWHERE)
        )
        cloud.unseen_vpcs[id_] = cloud.vpcs[resource.urn] = vpc
    return vpc


def _subnet(cloud: Cloud, id_: str, vpc: Vpc) -> Subnet:
    subnet = cloud.unseen_subnets.get(id_)
    if subnet is None:
        resource = Resource(f"urn:pulumi:unseen::{SUBNET}::{id_}", SUBNET, id_, id_, {}, {})
        table = Table(f"{id_} (unknown)", vpc, resource)
        table.vague.append((_unknown_routes(cloud, id_, resource), f"the routes of {id_} are unknown", EVERYWHERE))
        unknown = Rule(
            Match(uncertain=f"the network ACL of {id_} is unknown"), Action.ACCEPT, f"{id_}: unknown network ACL"
        )
        chain = Chain(f"network ACL of {id_}", (unknown,), Action.DROP)
        subnet = Subnet(resource, id_, vpc, [], "", None, None, own_table=table, own_acl=Acl(id_, chain, chain))
        cloud.tables[resource.urn] = table
        cloud.unseen_subnets[id_] = cloud.subnets[resource.urn] = subnet
        vpc.subnets.append(subnet)
    elif subnet.vpc is not vpc:
        raise Malformed(f"it is in {id_}, which others place in {subnet.vpc.label}, and it in {vpc.label}")
    return subnet


def _unknown_routes(cloud: Cloud, label: str, resource: Resource) -> tuple[str, ...]:
    stage = f"unknown routes of {label}"
    reason = f"{label} is not among the resources, so its routes are unknown"
    cloud.fragment.stages[stage] = Unmodelled(reason, resource.urn)
    return (stage,)


def _blocks(resource: Resource) -> Iterator[Interval]:
    """The known private addresses of an instance or interface, as blocks of one address."""
    for name in ADDRESSES:
        value = resource.properties.get(name)
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, str) and each:
                with suppress(AddressError):
                    point = address(each)
                    yield point, point
