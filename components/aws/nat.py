"""The way out of a region's private subnets."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.subnet_tier import SubnetTier
from components.aws.vpc import Vpc
from components.base import Component, RegionalArgs
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.topology import EVERYWHERE


@dataclass(frozen=True, kw_only=True)
class NatArgs(RegionalArgs):
    vpc: Vpc
    public: SubnetTier
    private: SubnetTier


class Nat(Component):
    """One NAT gateway in each zone, for that zone only: losing a zone costs no other its way out.

    ``addresses`` (by zone) are fixed and outlive the stack, because partners and the network's peers know them.
    """

    TOKEN = "estate:network:Nat"

    addresses: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: NatArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self.addresses = {}
        for zone, subnet in args.public.subnets.items():
            purpose = {"tier": Tier.PUBLIC.value, "role": "nat"}
            address = self._child(
                aws.ec2.Eip,
                f"{zone}-address",
                purpose=purpose,
                outlive=True,
                domain="vpc",
                depends_on=[args.vpc.gateway],
            )
            gateway = self._child(
                aws.ec2.NatGateway,
                zone,
                purpose=purpose,
                subnet_id=subnet.id,
                allocation_id=address.id,
                connectivity_type="public",
                private_ip=str(addressing.nat_gateway_address(args.network, args.region, zone)),
                depends_on=[args.vpc.gateway],
            )
            self._child(
                aws.ec2.Route,
                f"{zone}-internet",
                route_table_id=args.private.route_tables[zone].id,
                destination_cidr_block=str(EVERYWHERE),
                nat_gateway_id=gateway.id,
            )
            self.addresses[zone] = address.public_ip
        self.register_outputs({"addresses": self.addresses})
