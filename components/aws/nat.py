"""The way out of a region's private subnets."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.subnet_tier import SubnetTier
from components.aws.vpc import Vpc
from components.base import of_this_cloud
from components.nouns import NatArgs
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.topology import EVERYWHERE


class Nat(AwsComponent):
    """One NAT gateway in each zone, for that zone only: losing a zone costs no other its way out.

    The addresses are fixed and outlive the stack, because partners and the network's peers know them.
    """

    TOKEN = "estate:network:Nat"

    def __init__(self, name: str, args: NatArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        vpc = of_this_cloud(args.vpc, Vpc)
        public, private = of_this_cloud(args.public, SubnetTier), of_this_cloud(args.private, SubnetTier)
        addresses = {}
        for zone, subnet in public.subnets.items():
            purpose = {"tier": Tier.PUBLIC.value, "role": "nat"}
            address = self._resource(
                aws.ec2.Eip,
                f"{zone}-address",
                purpose=purpose,
                outlive=True,
                domain="vpc",
                depends_on=[vpc.gateway],
            )
            gateway = self._resource(
                aws.ec2.NatGateway,
                zone,
                purpose=purpose,
                subnet_id=subnet.id,
                allocation_id=address.id,
                connectivity_type="public",
                private_ip=str(addressing.nat_gateway_address(args.network, args.region, zone)),
                depends_on=[vpc.gateway],
            )
            self._resource(
                aws.ec2.Route,
                f"{zone}-internet",
                route_table_id=private.route_tables[zone].id,
                destination_cidr_block=str(EVERYWHERE),
                nat_gateway_id=gateway.id,
            )
            addresses[zone] = address.public_ip
        self.register_outputs({"addresses": addresses})
