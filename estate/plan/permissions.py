"""The topology as a cloud's firewall enforces it: what one role's hosts in a region, or a load balancer, may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from estate.model import Role
from estate.plan.hosts import Host
from estate.plan.topology import Rule, Topology

LOAD_BALANCER = "load-balancer"
"""Used instead of a role's name for a load balancer's firewall."""


@dataclass(frozen=True, kw_only=True, order=True)
class Permission:
    """One rule: the peer, the protocol, the inclusive port range, and the flows that need it."""

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
    """All rules, each once, in a stable order."""

    inbound: tuple[Permission, ...]
    outbound: tuple[Permission, ...]


def _merged(rules: Iterable[tuple[str, tuple[int, int], IPv4Network, str]]) -> tuple[Permission, ...]:
    """Flows that need the same rule share it, because AWS refuses a duplicate rule."""
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
