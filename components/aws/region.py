"""One region of a network: its VPC, tiers and ways out, and the key that encrypts what is stored there."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.encryption import EncryptionKey
from components.aws.flow_log import FlowLog, FlowLogArgs
from components.aws.nat import Nat, NatArgs
from components.aws.private_gateway import PrivateGateway, PrivateGatewayArgs
from components.aws.subnet_tier import SubnetTier, SubnetTierArgs
from components.aws.vpc import Vpc
from components.base import Component, RegionalArgs
from estate.model import Network, Role
from estate.plan.addressing import Tier


def has_seeds(network: Network, region: str) -> bool:
    return any(node.role == Role.SEED and node.region == region for node in network.nodes)


@dataclass(frozen=True, kw_only=True)
class RegionArgs(RegionalArgs):
    flow_log_role_arn: pulumi.Input[str]


class Region(Component):
    """The region as its hosts and neighbours need it. ``tiers`` has ingress only where there are seeds to balance."""

    TOKEN = "estate:network:Region"

    vpc: Vpc
    key: EncryptionKey
    tiers: dict[Tier, SubnetTier]
    nat: Nat
    private_gateway: PrivateGateway

    def __init__(self, name: str, args: RegionArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        own = {"network": args.network, "region": args.region}
        self.key = self._part(EncryptionKey, f"{name}-encryption", RegionalArgs(**own))
        self.vpc = self._part(Vpc, f"{name}-network", RegionalArgs(**own))
        self._part(
            FlowLog,
            f"{name}-flows",
            FlowLogArgs(**own, vpc_id=self.vpc.id, role_arn=args.flow_log_role_arn, key_arn=self.key.arn),
        )
        wanted = [tier for tier in Tier if tier is not Tier.INGRESS or has_seeds(args.network, args.region)]
        self.tiers = {
            tier: self._part(SubnetTier, f"{name}-{tier}", SubnetTierArgs(**own, tier=tier, vpc=self.vpc))
            for tier in wanted
        }
        self.nat = self._part(
            Nat,
            f"{name}-nat",
            NatArgs(**own, vpc=self.vpc, public=self.tiers[Tier.PUBLIC], private=self.tiers[Tier.PRIVATE]),
        )
        self.private_gateway = self._part(
            PrivateGateway,
            f"{name}-sites",
            PrivateGatewayArgs(**own, vpc_id=self.vpc.id, route_tables=self.host_route_tables),
        )
        self.register_outputs({"vpc_id": self.vpc.id, "nat": self.nat.addresses})

    @property
    def host_route_tables(self) -> dict[str, aws.ec2.RouteTable]:
        """The route tables that know other regions and sites, by ``<tier>-<zone or all>``: those where hosts stand."""
        return {
            f"{tier}-{key}": table
            for tier in (Tier.PUBLIC, Tier.PRIVATE)
            for key, table in self.tiers[tier].route_tables.items()
        }
