"""Security groups: the topology as AWS enforces it, one group for a role in a region, one for a load balancer."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import GroupArgs
from estate.plan.topology import EVERYWHERE

RULE_LIMIT = 60
"""IPv4 rules that a group takes in each direction: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html."""

PATH_MTU = "path-mtu"
ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED = 3, 4


class SecurityGroup(AwsComponent):
    """A group and its rules, each a resource of its own, described by the flows that it serves.

    One more rule belongs to no flow: routers may report to any interface that a packet was too big (RFC 1191).
    """

    TOKEN = "estate:network:SecurityGroup"

    id: pulumi.Output[str]

    def __init__(self, name: str, args: GroupArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        purpose = {"role": args.role}
        group = self._resource(
            aws.ec2.SecurityGroup,
            "group",
            purpose=purpose,
            name=f"{args.network.name}-{args.role}",
            description=f"{args.role} of {args.network.name}",
            vpc_id=args.vpc.id,
            revoke_rules_on_delete=True,
        )
        directions = (
            ("in", aws.vpc.SecurityGroupIngressRule, args.permissions.inbound),
            ("out", aws.vpc.SecurityGroupEgressRule, args.permissions.outbound),
        )
        for direction, rule, permissions in directions:
            for permission in permissions:
                exposed = direction == "in" and permission.cidr == EVERYWHERE
                self._resource(
                    rule,
                    f"{direction}-{permission.key}",
                    purpose={**purpose, **({"exposure": permission.flows[0].split("-")[0]} if exposed else {})},
                    security_group_id=group.id,
                    ip_protocol=permission.protocol,
                    from_port=permission.ports[0],
                    to_port=permission.ports[1],
                    cidr_ipv4=str(permission.cidr),
                    description=", ".join(permission.flows),
                )
        self._resource(
            aws.vpc.SecurityGroupIngressRule,
            f"in-{PATH_MTU}",
            purpose={**purpose, "exposure": PATH_MTU},
            security_group_id=group.id,
            ip_protocol="icmp",
            from_port=ICMP_UNREACHABLE,
            to_port=ICMP_FRAGMENTATION_NEEDED,
            cidr_ipv4=str(EVERYWHERE),
            description=PATH_MTU,
        )
        self.id = group.id
        self.register_outputs({"id": group.id})
