"""VPC peerings: with our own VPC in another region, or with a partner's."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.subnet_tier import SubnetTier, tables
from components.base import of_this_cloud
from components.nouns import PartnerPeeringArgs, RegionPeeringArgs
from estate.plan import addressing
from estate.plan.addressing import Tier


class RegionPeering(AwsComponent):
    """Two regions of one network, over AWS's backbone, with routes both ways in every tier that has hosts."""

    TOKEN = "estate:network:RegionPeering"

    def __init__(self, name: str, args: RegionPeeringArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        near, far = args.requester, args.accepter
        connection = self._resource(
            aws.ec2.VpcPeeringConnection,
            "request",
            region=near.region,
            vpc_id=near.vpc.id,
            peer_vpc_id=far.vpc.id,
            peer_owner_id=args.network.aws.account_id,
            peer_region=far.region,
            auto_accept=False,
        )
        accepted = self._resource(
            aws.ec2.VpcPeeringConnectionAccepter,
            "acceptance",
            region=far.region,
            vpc_peering_connection_id=connection.id,
            auto_accept=True,
        )
        for here, there in ((near, far), (far, near)):
            for key, table in tables(here.tiers).items():
                self._resource(
                    aws.ec2.Route,
                    f"{here.region}-{key}",
                    region=here.region,
                    route_table_id=table.id,
                    destination_cidr_block=str(addressing.region_block(args.network, there.region)),
                    vpc_peering_connection_id=accepted.vpc_peering_connection_id,
                )
        self.register_outputs({"connection_id": connection.id})


class PartnerPeering(AwsComponent):
    """A declared partner's VPC. We request, the partner accepts; only our private subnets have a route to it."""

    TOKEN = "estate:network:PartnerPeering"

    def __init__(self, name: str, args: PartnerPeeringArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        partner = args.network.partners[args.partner]
        private = of_this_cloud(args.private, SubnetTier)
        connection = self._resource(
            aws.ec2.VpcPeeringConnection,
            "request",
            purpose={"partner": args.partner, "expires": partner.expires.isoformat(), "contact": partner.contact},
            vpc_id=args.vpc.id,
            peer_vpc_id=partner.vpc_id,
            peer_owner_id=partner.account_id,
            peer_region=partner.vpc_region,
            auto_accept=False,
        )
        for cidr in sorted(partner.cidrs):
            for zone, table in private.route_tables.items():
                self._resource(
                    aws.ec2.Route,
                    f"{Tier.PRIVATE}-{zone}-{cidr.network_address}-{cidr.prefixlen}",
                    route_table_id=table.id,
                    destination_cidr_block=str(cidr),
                    vpc_peering_connection_id=connection.id,
                )
        self.register_outputs({"connection_id": connection.id})
