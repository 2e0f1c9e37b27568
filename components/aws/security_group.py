"""Security groups: the topology as AWS enforces it, one group for a role in a region, one for a load balancer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws

from components.base import Component, RegionalArgs
from estate.model import Role
from estate.plan.hosts import Host
from estate.plan.topology import EVERYWHERE, Rule, Topology

RULE_LIMIT = 60
"""IPv4 rules that a group takes in each direction: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html."""

LOAD_BALANCER = "load-balancer"
PATH_MTU = "path-mtu"
ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED = 3, 4


@dataclass(frozen=True, kw_only=True, order=True)
class Permission:
    """One rule of a group: who at the other end, which protocol and inclusive ports, and the flows that ask for it."""

    protocol: str
    ports: tuple[int, int]
    cidr: IPv4Network
    flows: tuple[str, ...]

    @property
    def key(self) -> str:
        lowest, highest = self.ports
        ports = str(lowest) if lowest == highest else f"{lowest}-{highest}"
        return f"{self.protocol}-{ports}-{self.cidr.network_address}-{self.cidr.prefixlen}"


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """All rules of a group, each once, in a stable order."""

    inbound: tuple[Permission, ...]
    outbound: tuple[Permission, ...]


def _merged(rules: Iterable[tuple[str, tuple[int, int], IPv4Network, str]]) -> tuple[Permission, ...]:
    """AWS refuses a rule that is there already, so flows that ask for the same share one."""
    flows: dict[tuple[str, tuple[int, int], IPv4Network], set[str]] = {}
    for protocol, ports, cidr, flow in rules:
        flows.setdefault((protocol, ports, cidr), set()).add(flow)
    return tuple(
        sorted(
            Permission(protocol=p, ports=ports, cidr=cidr, flows=tuple(sorted(ids)))
            for (p, ports, cidr), ids in flows.items()
        )
    )


def host_permissions(topology: Topology, region: str, role: Role) -> Permissions:
    """What the topology lets hosts of ``role`` in ``region`` accept and open."""
    members = [host for host in topology.hosts if host.role is role and host.place == region]

    def projected(project: Callable[[Host], tuple[Rule, ...]]) -> tuple[Permission, ...]:
        return _merged(
            (rule.protocol, rule.ports, cidr, rule.flow)
            for host in members
            for rule in project(host)
            for cidr in rule.addresses
        )

    return Permissions(inbound=projected(topology.inbound), outbound=projected(topology.outbound))


def balancer_permissions(topology: Topology, region: str) -> Permissions:
    """What the topology lets the load balancer of ``region`` accept and open."""
    flows = topology.flows
    return Permissions(
        inbound=_merged(
            (flow.protocol, flow.ports, cidr, flow.id)
            for flow in flows
            if flow.destination.place == region
            for cidr in flow.source.addresses
        ),
        outbound=_merged(
            (flow.protocol, flow.ports, cidr, flow.id)
            for flow in flows
            if flow.source.place == region
            for cidr in flow.destination.addresses
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SecurityGroupArgs(RegionalArgs):
    """``role``: a host role's name, or ``load-balancer``."""

    vpc_id: pulumi.Input[str]
    role: str
    permissions: Permissions


class SecurityGroup(Component):
    """A group and its rules, each a resource of its own, described by the flows that it serves.

    Beside them one rule that no flow asks for: routers may tell any interface that a packet was too big (RFC 1191).
    """

    TOKEN = "estate:network:SecurityGroup"

    id: pulumi.Output[str]

    def __init__(self, name: str, args: SecurityGroupArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        purpose = {"role": args.role}
        group = self._child(
            aws.ec2.SecurityGroup,
            "group",
            purpose=purpose,
            name=f"{args.network.name}-{args.role}",
            description=f"{args.role} of {args.network.name}",
            vpc_id=args.vpc_id,
            revoke_rules_on_delete=True,
        )
        directions = (
            ("in", aws.vpc.SecurityGroupIngressRule, args.permissions.inbound),
            ("out", aws.vpc.SecurityGroupEgressRule, args.permissions.outbound),
        )
        for direction, rule, permissions in directions:
            for permission in permissions:
                exposed = direction == "in" and permission.cidr == EVERYWHERE
                self._child(
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
        self._child(
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
