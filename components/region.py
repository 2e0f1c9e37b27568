"""One region of a network: its VPC, tiers and ways out, and the key that encrypts what is stored there."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.base import Component, RegionalArgs
from components.nouns import (
    Cloud,
    FlowLogArgs,
    Key,
    NatArgs,
    PeeringEnd,
    PrivateGateway,
    PrivateGatewayArgs,
    SubnetTier,
    SubnetTierArgs,
    Vpc,
)
from estate.model import Network, Role
from estate.plan.addressing import Tier

HOST_TIERS = (Tier.PUBLIC, Tier.PRIVATE)
"""The tiers that hold hosts, and so know the way to other regions and to the datacentres."""


def home_region(network: Network) -> str:
    """The region of regional resources that a network has only once: the one with the lowest slot."""
    return min(network.regions, key=lambda region: network.regions[region].slot)


def has_seeds(network: Network, region: str) -> bool:
    return any(node.role == Role.SEED and node.region == region for node in network.nodes)


@dataclass(frozen=True, kw_only=True)
class RegionArgs(RegionalArgs):
    """``cloud``: the one that the region is on."""

    cloud: Cloud


class Region(Component):
    """The region as its hosts and neighbours need it. ``tiers`` has ingress only where there are seeds to balance."""

    TOKEN = "estate:network:Region"

    cloud: Cloud
    vpc: Vpc
    key: Key
    tiers: dict[Tier, SubnetTier]
    private_gateway: PrivateGateway

    def __init__(self, name: str, args: RegionArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network, region, cloud = args.network, args.region, args.cloud
        own = RegionalArgs(network=network, region=region)
        self.cloud = cloud
        self.key = self._part(cloud.key, f"{name}-encryption", own)
        self.vpc = self._part(cloud.vpc, f"{name}-network", own)
        self._part(
            cloud.flow_log,
            f"{name}-flows",
            FlowLogArgs(network=network, region=region, vpc=self.vpc, key_id=self.key.id),
        )
        self.tiers = {
            tier: self._part(
                cloud.subnet_tier,
                f"{name}-{tier}",
                SubnetTierArgs(network=network, region=region, tier=tier, vpc=self.vpc),
            )
            for tier in Tier
            if tier is not Tier.INGRESS or has_seeds(network, region)
        }
        self._part(
            cloud.nat,
            f"{name}-nat",
            NatArgs(
                network=network,
                region=region,
                vpc=self.vpc,
                public=self.tiers[Tier.PUBLIC],
                private=self.tiers[Tier.PRIVATE],
            ),
        )
        self.private_gateway = self._part(
            cloud.private_gateway,
            f"{name}-sites",
            PrivateGatewayArgs(network=network, region=region, vpc=self.vpc, tiers=self.end.tiers),
        )
        self.register_outputs({"vpc_id": self.vpc.id})

    @property
    def end(self) -> PeeringEnd:
        """The region as another region reaches it."""
        return PeeringEnd(region=self.region, vpc=self.vpc, tiers={tier: self.tiers[tier] for tier in HOST_TIERS})
