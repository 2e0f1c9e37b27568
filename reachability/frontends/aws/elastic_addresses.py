"""Elastic addresses, and what each is associated with.

Source: the EC2 user guide's "Elastic IP addresses": one address maps to one private address, and replaces the public
one assigned at launch.
"""

from __future__ import annotations

from reachability.addresses import address
from reachability.frontends.aws import stand_ins
from reachability.frontends.aws.cloud import Cloud, Nic
from reachability.frontends.aws.index import Malformed, given, says
from reachability.frontends.aws.interfaces import INSTANCE, INTERFACE
from reachability.network import Route, Unmodelled
from reachability.resources import UNKNOWN, Resource

EIP = "aws:ec2/eip:Eip"
ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"
TYPES = (EIP, ASSOCIATION)

NAT = "aws:ec2/natGateway:NatGateway"
HOLDERS = (INTERFACE, INSTANCE, NAT)


def read(cloud: Cloud) -> None:
    """Sets the elastic addresses of interfaces. State has each association twice: at the address, and as a resource."""
    index = cloud.index
    associated = set()
    for resource in index.of(ASSOCIATION):
        with index.reading(resource):
            elastic = index.need(resource, "allocationId", EIP)
            associated.add(elastic.urn)
            held = _holder(cloud, resource, "networkInterfaceId") or _holder(cloud, resource, "instanceId")
            if held is None:
                raise Malformed("its association is unknown")
            _associate(cloud, elastic, held, given(resource, "privateIpAddress"))
    for resource in index.of(EIP):
        if resource.urn in associated:
            continue
        with index.reading(resource):
            held = _holder(cloud, resource, "instance") or _holder(cloud, resource, "networkInterface")
            if held is not None and held.type != NAT:
                private = given(resource, "associateWithPrivateIp", given(resource, "privateIp"))
                _associate(cloud, resource, held, private)


def _holder(cloud: Cloud, resource: Resource, name: str) -> Resource | None:
    found = cloud.index.find(resource, name, *HOLDERS, value=given(resource, name, ""))
    if found.unknown:
        raise Malformed(f"{name} is not known yet")
    if found.foreign:
        cloud.elsewhere.setdefault(resource.urn, found.foreign[0])
    return found.resources[0] if found.resources else None


def value(cloud: Cloud, resource: Resource) -> int:
    """The address of an elastic IP. Raises ``Malformed`` if it is concealed: rules may treat it as any."""
    shown = resource.properties.get("publicIp")
    if "publicIp" in resource.concealed and shown is UNKNOWN:
        raise Malformed("publicIp is set to a value that is unknown")
    if isinstance(shown, str) and shown:
        return address(shown)
    point = cloud.elastic.get(resource.urn)
    if point is None:
        point = cloud.elastic[resource.urn] = stand_ins.public_address(cloud, resource.urn)
    return point


def _associate(cloud: Cloud, elastic: Resource, held: Resource, private: object) -> None:
    nics = cloud.nics.get(held.urn)
    if not nics:
        raise Malformed(f"it refers to {held.urn}, which could not be read")
    point = address(private) if isinstance(private, str) and private else nics[0].addresses[0]
    nic: Nic | None = next((each for each in nics if point in each.addresses), None)
    if nic is None:
        raise Malformed(f"it is associated with {private}, which {nics[0].label} does not have")
    if point == nic.addresses[0]:
        nic.public_uncertainty = ""
    nic.public[point] = [value(cloud, elastic)]


def compile(cloud: Cloud) -> None:
    """Stages for addresses of no interface in the input: unassociated, or associated with something outside it."""
    used = {point for nics in cloud.nics.values() for nic in nics for points in nic.public.values() for point in points}
    for resource in cloud.index.of(EIP):
        if not says(resource.properties.get("publicIp")) or resource.properties["publicIp"] is UNKNOWN:
            continue
        with cloud.index.reading(resource):
            point = value(cloud, resource)
            if point in used:
                continue
            label = cloud.index.label(resource)
            held = cloud.elsewhere.get(resource.urn)
            via: tuple[str, ...] = ()
            if held is not None:
                stage = f"elastic address {label}"
                reason = f"{resource.urn} is associated with {held}, which is not among the resources"
                cloud.fragment.stages[stage] = Unmodelled(reason, resource.urn)
                via = (stage,)
            name = f"{label} is associated with {held}" if held else f"{label} is associated with nothing"
            cloud.fragment.public.append(Route((point, point), via, name, resource.urn))
