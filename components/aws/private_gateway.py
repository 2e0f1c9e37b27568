"""A region's end of the tunnels from the datacentres."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.subnet_tier import tables
from components.nouns import PrivateGatewayArgs


class PrivateGateway(AwsComponent):
    """The virtual private gateway of a VPC, with the region's BGP autonomous system number."""

    TOKEN = "estate:network:PrivateGateway"

    id: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateGatewayArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        asn = str(args.network.regions[args.region].asn)
        gateway = self._resource(aws.ec2.VpnGateway, "gateway", vpc_id=args.vpc.id, amazon_side_asn=asn)
        for key, table in tables(args.tiers).items():
            self._resource(
                aws.ec2.VpnGatewayRoutePropagation,
                f"propagation-{key}",
                vpn_gateway_id=gateway.id,
                route_table_id=table.id,
            )
        self.id = gateway.id
        self.register_outputs({"id": gateway.id})
