"""Interfaces in the VPCs: of instances, NAT gateways and load balancers."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from lab.wiring.cloud.model import CloudInterface
from lab.wiring.cloud.resources import Resources


def _public_addresses(resources: Resources) -> dict[str, IPv4Address]:
    """Elastic addresses by what they belong to: instance, interface or allocation id."""
    found = {}
    addresses = {resource.id: resource for resource in resources.of("ec2/eip") if resource.properties.get("publicIp")}
    for resource in addresses.values():
        public = IPv4Address(resource.properties["publicIp"])
        found[resource.id] = public
        for name in ("allocationId", "instance", "networkInterface"):
            if owner := resource.properties.get(name):
                found[owner] = public
    for resource in resources.of("ec2/eipAssociation"):
        address = addresses.get(resource.properties.get("allocationId", ""))
        for name in ("instanceId", "networkInterfaceId"):
            if address and (owner := resource.properties.get(name)):
                found[owner] = IPv4Address(address.properties["publicIp"])
    return found


def _instance_interfaces(resources: Resources, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    interfaces = []
    for resource in resources.of("ec2/instance"):
        properties = resource.properties
        if properties.get("instanceState") in ("terminated", "shutting-down"):
            continue
        own = properties.get("publicIp") or None
        first = properties.get("primaryNetworkInterfaceId") or ""
        interfaces.append(
            CloudInterface(
                id=first or resource.id,
                owner=resource.id,
                kind="instance",
                subnet=properties["subnetId"],
                address=IPv4Address(properties["privateIp"]),
                groups=tuple(sorted(properties.get("vpcSecurityGroupIds") or ())),
                checked=properties.get("sourceDestCheck", True) is not False,
                public=public.get(resource.id) or public.get(first) or (IPv4Address(own) if own else None),
            )
        )
    return interfaces


def _nat_interfaces(resources: Resources, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    return [
        CloudInterface(
            id=resource.properties.get("networkInterfaceId") or resource.id,
            owner=resource.id,
            kind="nat",
            subnet=resource.properties["subnetId"],
            address=IPv4Address(resource.properties["privateIp"]),
            groups=None,
            checked=False,
            public=public.get(resource.properties.get("allocationId") or ""),
        )
        for resource in resources.of("ec2/natGateway")
    ]


def _balancer_interfaces(resources: Resources, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    """A load balancer's node in each of its subnets: the interfaces that AWS made for it."""
    balancers = {resource.id: resource for resource in resources.of("lb/loadBalancer")}
    interfaces = []
    for resource in resources.of("ec2/networkInterface"):
        balancer = balancers.get(resource.made_for)
        if balancer is None:
            continue
        subnet = resource.properties["subnetId"]
        mappings: list[Mapping[str, Any]] = balancer.properties.get("subnetMappings") or []
        mapping = next((each for each in mappings if each.get("subnetId") == subnet), {})
        own = (resource.properties.get("association") or {}).get("publicIp") or resource.properties.get("publicIp")
        interfaces.append(
            CloudInterface(
                id=resource.id,
                owner=balancer.id,
                kind="balancer",
                subnet=subnet,
                address=IPv4Address(resource.properties["privateIp"]),
                groups=tuple(sorted(balancer.properties.get("securityGroups") or ())) or None,
                public=IPv4Address(own)
                if own
                else public.get(mapping.get("allocationId") or "") or public.get(resource.id),
            )
        )
    return interfaces


def _declared_interfaces(resources: Resources, public: Mapping[str, IPv4Address]) -> list[CloudInterface]:
    """Interfaces that the program made itself and attached to an instance as a further one."""
    attached = {
        each.properties["networkInterfaceId"]: each.properties["instanceId"]
        for each in resources.of("ec2/networkInterfaceAttachment")
    }
    return [
        CloudInterface(
            id=resource.id,
            owner=attached[resource.id],
            kind="instance",
            subnet=resource.properties["subnetId"],
            address=IPv4Address(resource.properties.get("privateIp") or resource.properties["privateIps"][0]),
            groups=tuple(sorted(resource.properties.get("securityGroups") or ())),
            checked=resource.properties.get("sourceDestCheck", True) is not False,
            public=public.get(resource.id),
        )
        for resource in resources.of("ec2/networkInterface")
        if not resource.made_for and resource.id in attached
    ]


def all_interfaces(resources: Resources) -> tuple[CloudInterface, ...]:
    """Every interface in a VPC, in order of address."""
    public = _public_addresses(resources)
    makers = (_instance_interfaces, _nat_interfaces, _balancer_interfaces, _declared_interfaces)
    found = [interface for make in makers for interface in make(resources, public)]
    return tuple(sorted(found, key=lambda each: each.address))
