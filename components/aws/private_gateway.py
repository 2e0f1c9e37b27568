"""A region's end of the tunnels from the datacentres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, RegionalArgs


@dataclass(frozen=True, kw_only=True)
class PrivateGatewayArgs(RegionalArgs):
    """``route_tables``, by a stable key, learn the sites' addresses from the gateway."""

    vpc_id: pulumi.Input[str]
    route_tables: Mapping[str, aws.ec2.RouteTable]


class PrivateGateway(Component):
    """The virtual private gateway of a VPC, with the region's BGP autonomous system number."""

    TOKEN = "estate:network:PrivateGateway"

    id: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateGatewayArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        asn = str(args.network.regions[args.region].asn)
        gateway = self._child(aws.ec2.VpnGateway, "gateway", vpc_id=args.vpc_id, amazon_side_asn=asn)
        for key, table in args.route_tables.items():
            self._child(
                aws.ec2.VpnGatewayRoutePropagation,
                f"propagation-{key}",
                vpn_gateway_id=gateway.id,
                route_table_id=table.id,
            )
        self.id = gateway.id
        self.register_outputs({"id": gateway.id})
