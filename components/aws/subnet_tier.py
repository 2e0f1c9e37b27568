"""A region's subnets of one kind, one a zone, and the route tables that make them that kind."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.vpc import Vpc
from components.base import Component, RegionalArgs
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.topology import EVERYWHERE

SHARED = "all"
"""The key of a route table that serves every zone."""


@dataclass(frozen=True, kw_only=True)
class SubnetTierArgs(RegionalArgs):
    tier: Tier
    vpc: Vpc


class SubnetTier(Component):
    """Subnets and route tables of a tier.

    ``subnets`` is by zone. ``route_tables`` is by zone in the private tier, where each zone's NAT gateway adds the way
    out; public and ingress have one table (key ``all``), whose way out is the internet gateway.
    """

    TOKEN = "estate:network:SubnetTier"

    subnets: dict[str, aws.ec2.Subnet]
    route_tables: dict[str, aws.ec2.RouteTable]

    def __init__(self, name: str, args: SubnetTierArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        zones = sorted(args.network.regions[args.region].zones)
        purpose = {"tier": args.tier.value}
        private = args.tier is Tier.PRIVATE
        self.route_tables = {
            key: self._child(aws.ec2.RouteTable, f"routes-{key}", purpose=purpose, vpc_id=args.vpc.id)
            for key in (zones if private else [SHARED])
        }
        if not private:
            self._child(
                aws.ec2.Route,
                "internet",
                route_table_id=self.route_tables[SHARED].id,
                destination_cidr_block=str(EVERYWHERE),
                gateway_id=args.vpc.gateway.id,
            )
        self.subnets = {}
        for zone in zones:
            subnet = self._child(
                aws.ec2.Subnet,
                zone,
                purpose=purpose,
                vpc_id=args.vpc.id,
                cidr_block=str(addressing.subnet(args.network, args.region, args.tier, zone)),
                availability_zone=f"{args.region}{zone}",
                map_public_ip_on_launch=False,
            )
            table = self.route_tables[zone if private else SHARED]
            self._child(aws.ec2.RouteTableAssociation, f"{zone}-routes", subnet_id=subnet.id, route_table_id=table.id)
            self.subnets[zone] = subnet
        self.register_outputs({"subnet_ids": {zone: subnet.id for zone, subnet in self.subnets.items()}})
