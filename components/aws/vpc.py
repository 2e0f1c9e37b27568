"""A region's own network, closed by default: the default resources of the VPC are adopted and emptied."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.base import RegionalArgs
from estate.plan import addressing
from estate.plan.topology import EVERYWHERE, SSH_PORT

ALL_PROTOCOLS = {"protocol": "-1", "from_port": 0, "to_port": 0}
"""Network ACL entries; they are evaluated in the order of their numbers, and the first match decides."""


def nacl_ingress(network_block: str) -> list[dict[str, object]]:
    """A second layer for SSH below the security groups: only from the network's own addresses."""
    return [
        {**ALL_PROTOCOLS, "rule_no": 100, "action": "allow", "cidr_block": network_block},
        {
            "rule_no": 200,
            "action": "deny",
            "protocol": "tcp",
            "from_port": SSH_PORT,
            "to_port": SSH_PORT,
            "cidr_block": str(EVERYWHERE),
        },
        {**ALL_PROTOCOLS, "rule_no": 300, "action": "allow", "cidr_block": str(EVERYWHERE)},
    ]


class Vpc(AwsComponent):
    """The VPC of one region, with its internet gateway.

    A subnet without a route table of its own has no routes out; an interface without its own security group reaches
    nothing.
    """

    TOKEN = "estate:network:Vpc"

    id: pulumi.Output[str]
    gateway: aws.ec2.InternetGateway

    def __init__(self, name: str, args: RegionalArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network = args.network
        vpc = self._resource(
            aws.ec2.Vpc,
            "vpc",
            keep=True,
            cidr_block=str(addressing.region_block(network, args.region)),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            instance_tenancy="default",
        )
        self._resource(aws.ec2.DefaultSecurityGroup, "default-group", vpc_id=vpc.id, ingress=[], egress=[])
        self._resource(
            aws.ec2.DefaultRouteTable, "default-routes", default_route_table_id=vpc.default_route_table_id, routes=[]
        )
        self._resource(
            aws.ec2.DefaultNetworkAcl,
            "default-acl",
            default_network_acl_id=vpc.default_network_acl_id,
            ingress=nacl_ingress(str(addressing.network_block(network))),
            egress=[{**ALL_PROTOCOLS, "rule_no": 100, "action": "allow", "cidr_block": str(EVERYWHERE)}],
            ignore_changes=["subnet_ids"],
        )
        self.gateway = self._resource(aws.ec2.InternetGateway, "internet-gateway", vpc_id=vpc.id)
        self.id = vpc.id
        self.register_outputs({"id": vpc.id})
