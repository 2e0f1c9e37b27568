"""A region's subnets of one tier, one per zone, and their route tables."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.vpc import Vpc
from components.base import of_this_cloud
from components.nouns import SubnetTier as Noun
from components.nouns import SubnetTierArgs
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.topology import EVERYWHERE

SHARED = "all"
"""The key of a route table that serves every zone."""


class SubnetTier(AwsComponent):
    """Subnets and route tables of a tier.

    ``subnets`` and ``subnet_ids`` are by zone. ``route_tables`` is by zone in the private tier, where each zone's NAT
    gateway adds the way out; public and ingress have one table (key ``all``), whose way out is the internet gateway.
    """

    TOKEN = "estate:network:SubnetTier"

    subnets: dict[str, aws.ec2.Subnet]
    subnet_ids: dict[str, pulumi.Output[str]]
    route_tables: dict[str, aws.ec2.RouteTable]

    def __init__(self, name: str, args: SubnetTierArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        zones = sorted(args.network.regions[args.region].zones)
        purpose = {"tier": args.tier.value}
        private = args.tier is Tier.PRIVATE
        vpc = of_this_cloud(args.vpc, Vpc)
        self.route_tables = {
            key: self._resource(aws.ec2.RouteTable, f"routes-{key}", purpose=purpose, vpc_id=vpc.id)
            for key in (zones if private else [SHARED])
        }
        if not private:
            self._resource(
                aws.ec2.Route,
                "internet",
                route_table_id=self.route_tables[SHARED].id,
                destination_cidr_block=str(EVERYWHERE),
                gateway_id=vpc.gateway.id,
            )
        self.subnets = {}
        for zone in zones:
            subnet = self._resource(
                aws.ec2.Subnet,
                zone,
                purpose=purpose,
                vpc_id=vpc.id,
                cidr_block=str(addressing.subnet(args.network, args.region, args.tier, zone)),
                availability_zone=f"{args.region}{zone}",
                map_public_ip_on_launch=False,
            )
            table = self.route_tables[zone if private else SHARED]
            self._resource(
                aws.ec2.RouteTableAssociation, f"{zone}-routes", subnet_id=subnet.id, route_table_id=table.id
            )
            self.subnets[zone] = subnet
        self.subnet_ids = {zone: subnet.id for zone, subnet in self.subnets.items()}
        self.register_outputs({"subnet_ids": self.subnet_ids})


def tables(tiers: Mapping[Tier, Noun]) -> dict[str, aws.ec2.RouteTable]:
    """The route tables of ``tiers``, by ``<tier>-<zone or all>``."""
    return {
        f"{tier}-{key}": table
        for tier, noun in tiers.items()
        for key, table in of_this_cloud(noun, SubnetTier).route_tables.items()
    }
