"""The network part of the cloud's state."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from lab.clouds.store import Resource
from lab.wiring.cloud.balancing import health_checks, load_balancers, targets_of
from lab.wiring.cloud.filters import acl_of_subnets, network_acls, security_groups
from lab.wiring.cloud.interfaces import all_interfaces
from lab.wiring.cloud.model import Cloud, Subnet, Vpc
from lab.wiring.cloud.resources import Resources, blocks_of
from lab.wiring.cloud.routing import (
    internet_gateways,
    main_route_table,
    peerings,
    route_tables,
    vpn_connections,
    vpn_gateways,
)


def read(resources: Iterable[Resource]) -> Cloud:
    """The network part of the cloud's state."""
    known = Resources(resources)
    vpcs = {
        resource.id: Vpc(
            id=resource.id,
            region=resource.region,
            blocks=blocks_of(
                [
                    resource.properties["cidrBlock"],
                    *(
                        each.properties.get("cidrBlock")
                        for each in known.of("ec2/vpcIpv4CidrBlockAssociation")
                        if each.properties["vpcId"] == resource.id
                    ),
                ]
            ),
            main_route_table=main_route_table(known, resource),
        )
        for resource in known.of("ec2/vpc")
    }
    tables = {
        each.properties["subnetId"]: each.properties["routeTableId"]
        for each in known.of("ec2/routeTableAssociation")
        if each.properties.get("subnetId")
    }
    acls = acl_of_subnets(known)
    subnets = {
        resource.id: Subnet(
            id=resource.id,
            vpc=resource.properties["vpcId"],
            block=IPv4Network(resource.properties["cidrBlock"]),
            zone=resource.properties.get("availabilityZone", ""),
            route_table=tables.get(resource.id) or vpcs[resource.properties["vpcId"]].main_route_table,
            acl=acls[resource.id],
        )
        for resource in known.of("ec2/subnet")
    }
    return Cloud(
        vpcs=vpcs,
        subnets=subnets,
        route_tables=route_tables(known),
        acls=network_acls(known),
        groups=security_groups(known),
        interfaces=all_interfaces(known),
        instance_names={
            each.id: (each.properties.get("tags") or {}).get("Name", each.id) for each in known.of("ec2/instance")
        },
        internet_gateways=internet_gateways(known),
        peerings=peerings(known),
        vpn_gateways=vpn_gateways(known),
        vpn_connections=vpn_connections(known),
        balancers=load_balancers(known),
        targets=targets_of(known, subnets),
        health_checks=health_checks(known),
        not_modelled=tuple(known.not_modelled),
    )
