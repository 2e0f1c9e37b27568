"""The flows that the topology permits, by host, as intervals on the prover's axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from estate.model import Network
from estate.plan import addressing
from estate.plan import essentials as essential
from estate.plan.essentials import Essential, Need
from estate.plan.hosts import Host
from estate.plan.topology import Topology
from reachability import services
from reachability.addresses import GLOBAL, Intervals, block, intersection, union
from reachability.claims.sets import Allowance, port

ANYWHERE: Intervals = (block("0.0.0.0/0"), block("::/0"))
NEIGHBOUR_DISCOVERY: Intervals = (services.icmp(services.ICMPV6, 133)[:1] + services.icmp(services.ICMPV6, 136)[1:],)
"""Only valid on the local link, never from another (RFC 4861)."""


@dataclass(slots=True)
class Permitted:
    """The connections that one host may accept and open: (peer addresses, services), by flow."""

    inbound: dict[str, Allowance] = field(default_factory=dict)
    outbound: dict[str, Allowance] = field(default_factory=dict)


def intervals(blocks: Iterable[IPv4Network]) -> Intervals:
    """Blocks of the declaration as intervals."""
    return union([(int(each.network_address), int(each.broadcast_address)) for each in blocks])


def permitted(topology: Topology) -> dict[str, Permitted]:
    """By host: its share of all flows, its own addresses included."""
    found: dict[str, Permitted] = {}
    for flow in topology.flows:
        used = (services.of(services.protocol(flow.protocol), *flow.ports),)
        if flow.destination.hosts:
            inbound = intervals(flow.source.addresses), used
            for name in flow.destination.hosts:
                found.setdefault(name, Permitted()).inbound[flow.id] = inbound
        if flow.source.hosts:
            outbound = intervals(flow.destination.addresses), used
            for name in flow.source.hosts:
                found.setdefault(name, Permitted()).outbound[flow.id] = outbound
    return found


def unfiltered(network: Network, region: str) -> Intervals:
    """The services of a VPC that no security group filters: metadata, time, resolver (EC2 guide, "Security groups")."""
    resolver = int(addressing.region_block(network, region).network_address) + 2
    return union([block("169.254.0.0/16"), block("fd00:ec2::/32"), (resolver, resolver)])


def _essential(need: Essential, port_number: int | None) -> Allowance:
    """An essential service as an allowance; ``port_number`` is the destination port, if the protocol has ports."""
    number = services.protocol(need.protocol)
    used = (services.of(number),) if port_number is None else port(number, port_number)
    if need.peers is None:
        return ANYWHERE, used
    peers = intervals(need.peers)
    return (intersection(peers, GLOBAL) if need.need is Need.ESP else peers), used


def essentials(network: Network, host: Host) -> tuple[tuple[Allowance, ...], tuple[Allowance, ...]]:
    """Essential services besides the topology's flows: inbound as (senders, services), outbound as (destinations,
    services)."""
    rows = list(essential.of_host(network, host))
    always = ANYWHERE, NEIGHBOUR_DISCOVERY
    return (
        (always, *(_essential(each, each.own_port) for each in rows if each.inbound)),
        (always, *(_essential(each, each.port) for each in rows if each.outbound)),
    )
