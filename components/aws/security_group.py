"""Security groups: the topology as AWS enforces it, for a role in a region or for a load balancer."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.nouns import GroupArgs
from estate.plan import quotas
from estate.plan.security_groups import Group, spread
from estate.plan.topology import EVERYWHERE

PATH_MTU = "path-mtu"
ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED = 3, 4


class SecurityGroup(AwsComponent):
    """A group and its rules, each a resource of its own, described by the flows that it serves; and further groups.

    One more rule belongs to no flow: routers may report to any interface that a packet was too big (RFC 1191).

    There are further groups only where there are more rules than AWS lets one have. Hosts have all of them.
    """

    TOKEN = "estate:network:SecurityGroup"

    ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: GroupArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        limit = quotas.granted(args.network, args.region, "rules_per_security_group")
        purpose = {"role": args.role}
        groups = [(planned, self._group(planned.number, args)) for planned in spread(args.permissions, limit)]
        for planned, group in groups:
            self._rules(planned, group, purpose)
        self.ids = [group.id for _, group in groups]
        first = self.ids[0]
        self._resource(
            aws.vpc.SecurityGroupIngressRule,
            f"in-{PATH_MTU}",
            purpose={**purpose, "exposure": PATH_MTU},
            security_group_id=first,
            ip_protocol="icmp",
            from_port=ICMP_UNREACHABLE,
            to_port=ICMP_FRAGMENTATION_NEEDED,
            cidr_ipv4=str(EVERYWHERE),
            description=PATH_MTU,
        )
        self.register_outputs({"id": first})

    def _group(self, number: int, args: GroupArgs) -> aws.ec2.SecurityGroup:
        suffix = "" if number == 1 else f"-{number}"
        return self._resource(
            aws.ec2.SecurityGroup,
            f"group{suffix}",
            purpose={"role": args.role},
            name=f"{args.network.name}-{args.role}{suffix}",
            description=f"{args.role} of {args.network.name}",
            vpc_id=args.vpc.id,
            revoke_rules_on_delete=True,
        )

    def _rules(self, planned: Group, group: aws.ec2.SecurityGroup, purpose: Mapping[str, str]) -> None:
        directions = (
            ("in", aws.vpc.SecurityGroupIngressRule, planned.inbound),
            ("out", aws.vpc.SecurityGroupEgressRule, planned.outbound),
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
