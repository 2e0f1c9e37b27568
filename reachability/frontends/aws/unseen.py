"""VPCs and subnets that resources name by id, but that are not among the resources.

Their blocks, routes, ACLs and gateways are unknown. An instance, service or load balancer there is a place that sends
and receives by its groups: what these refuse is refused, and what they admit may or may not come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, AddressError, Interval, address, difference, union
from reachability.frontends.aws import leaves
from reachability.frontends.aws.cloud import Acl, Cloud, Subnet, Table, Vpc
from reachability.frontends.aws.index import Malformed, text_of
from reachability.frontends.aws.vpcs import SUBNET, SUBNETS, VPC, VPCS
from reachability.frontends.aws_tokens import BALANCER, CLASSIC
from reachability.network import Action, Chain, LinkEnd, Lookup, Match, Route, Rule, Unmodelled, exit_stage
from reachability.resources import Resource

GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
SHARED = "aws:vpc/securityGroupVpcAssociation:SecurityGroupVpcAssociation"
PLACED = ("aws:ec2/instance:Instance", "aws:ec2/networkInterface:NetworkInterface")
WITH_SUBNETS = (*leaves.KINDS, BALANCER, CLASSIC)
"""Types with interfaces in several subnets, whose addresses are seldom told."""
ADDRESSES = ("privateIp", "secondaryPrivateIps", "privateIps", "ipv6Addresses", "ipAddress")
TRANSIT = "aws:ec2transitgateway/"
TYPES = ()

KEY = "unseen VPCs"
"""The stage of what others send to unseen VPCs, and the link to these others."""


def read(cloud: Cloud) -> None:
    """Adds the VPCs of groups, and the subnets of whatever has interfaces, that are named by their ids only. Must run
    after VPCs and subnets, and before groups."""
    index = cloud.index
    services = _Services(cloud)
    for group in index.of(*GROUPS):
        id_ = text_of(group.properties.get("vpcId"))
        if id_.startswith("vpc-") and index.named(id_, *VPCS) is None:
            _vpc(cloud, id_)
    placed = [(each, ids) for each in index.of(*PLACED, *WITH_SUBNETS) if (ids := services.subnet_ids(each))]
    for resource, ids in placed:
        with index.reading(resource):
            home = services.home(resource, ids)
            if home is not None:
                for id_ in ids:
                    _subnet(cloud, id_, home)
    for resource, ids in placed:
        with index.reading(resource):
            homes = [vpc for each in ids if (vpc := _known_home(cloud, each)) is not None]
            if not homes and any(index.of(*VPCS)):
                if resource.type in WITH_SUBNETS:
                    continue
                raise Malformed(f"it is in {ids[0]}, which is not among the resources, and may be in any VPC")
            home = homes[0] if homes else _vpc(cloud, f"VPC of {ids[0]}")
            for id_ in ids:
                subnet = _subnet(cloud, id_, home)
                for block in _blocks(resource):
                    subnet.add_block(block)
    for subnet in cloud.unseen_subnets.values():
        cloud.index.alias(subnet.label, subnet.resource)


def compile(cloud: Cloud) -> None:
    """Joins the unseen VPCs to what is not among the resources. Must run when all interfaces have their addresses."""
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


class _Services:
    """What instances, services and balancers say of their subnets and VPCs, each read once."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._subnets: dict[str, tuple[Resource, Any]] = {}
        """By URN of a service: the resource that names its subnets, and what it says."""

    def _named_subnets(self, resource: Resource) -> tuple[Resource, Any]:
        found = self._subnets.get(resource.urn)
        if found is None:
            found = resource, resource.properties.get("subnetId")
            with suppress(Malformed):
                owner, _, value = leaves.subnets(self._cloud, resource)
                found = owner, value
            self._subnets[resource.urn] = found
        return found

    @cached_property
    def _shared(self) -> tuple[bool, tuple[Resource, ...]]:
        """Whether an unknown group is in several VPCs, and the groups that are known to be."""
        index = self._cloud.index
        found = [index.find(each, "securityGroupId", *GROUPS) for each in index.of(SHARED)]
        return any(each.unknown for each in found), tuple(group for each in found for group in each.resources)

    def subnet_ids(self, resource: Resource) -> list[str]:
        """The ids of the resource's subnets that are not among the resources."""
        if resource.type in (BALANCER, CLASSIC):
            named = [*_texts(resource.properties.get("subnets")), *_texts(resource.properties.get("subnetMappings"))]
        elif resource.type in leaves.KINDS:
            named = list(_texts(self._named_subnets(resource)[1]))
        else:
            named = list(_texts(resource.properties.get("subnetId")))
        wanted = dict.fromkeys(each for each in named if each.startswith("subnet-"))
        return [each for each in wanted if self._cloud.index.named(each, *SUBNETS) is None]

    def home(self, resource: Resource, subnet_ids: list[str]) -> Vpc | None:
        """The VPC of the resource: the one that it names, else that of its groups, which is that of its subnets. Raises
        ``Malformed`` if there are several."""
        cloud = self._cloud
        homes: dict[str, Vpc] = {}
        owners = [] if resource.type in PLACED else [resource]
        if resource.type in leaves.KINDS:
            owners.append(self._named_subnets(resource)[0])
        for id_ in (each for owner in owners for each in _vpc_ids(owner)):
            found = _named(cloud, id_)
            if found is not None:
                homes[found.label] = found
        for owner, name, value in _groups_of(cloud, resource) if not homes else ():
            for group in cloud.index.find(owner, name, *GROUPS, value=value).resources:
                unknown, shared = self._shared
                if unknown or group in shared:
                    raise Malformed(f"it is in {subnet_ids[0]}, whose VPC its groups do not tell")
                home = _named(cloud, text_of(group.properties.get("vpcId")))
                if home is not None:
                    homes[home.label] = home
        if len(homes) > 1:
            raise Malformed(f"it is in {subnet_ids[0]}, and its groups are of several VPCs")
        return next(iter(homes.values()), None)


def _texts(value: Any) -> Iterator[str]:
    """The ids of subnets in a property: a text, a list of texts, or a list of objects with one each."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(value.get("subnetId"))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def _named(cloud: Cloud, id_: str) -> Vpc | None:
    known = cloud.index.named(id_, *VPCS)
    return cloud.unseen_vpcs.get(id_) if known is None else cloud.vpcs.get(known.urn)


def _vpc_ids(resource: Resource) -> Iterator[str]:
    """The ids of VPCs that the outputs of a service or balancer tell."""
    for value in (resource.properties, resource.properties.get("vpcConfig"), resource.properties.get("vpcOptions")):
        if isinstance(value, Mapping) and text_of(value.get("vpcId")):
            yield text_of(value.get("vpcId"))


def _groups_of(cloud: Cloud, resource: Resource) -> Iterator[tuple[Resource, str, Any]]:
    if resource.type in leaves.KINDS:
        with suppress(Malformed):
            yield from leaves.named_groups(cloud, resource)
        return
    for name in ("vpcSecurityGroupIds", "securityGroups"):
        yield resource, name, resource.properties.get(name)


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
    """The known private addresses of what is there, as blocks of one address."""
    for name in ADDRESSES:
        value = resource.properties.get(name)
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, str) and each:
                with suppress(AddressError):
                    point = address(each)
                    yield point, point
