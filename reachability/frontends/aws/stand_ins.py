"""Placeholders for addresses that are unknown until the deployment: unused, and the same in every run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise
from typing import Any

from reachability.addresses import V6, AddressError, Interval, Intervals, block, difference, union
from reachability.frontends.aws.cloud import Cloud, Subnet, Vpc
from reachability.frontends.aws.index import Malformed

PUBLIC = block("198.18.0.0/15")
"""The block for benchmarks (RFC 2544), unused on the internet."""
V6_BLOCKS = block("2001:db8::/32")
"""The block for documentation (RFC 3849)."""
PRIVATE_BLOCKS = tuple(map(block, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")))
"""Where the block of a VPC may be that is known by its id only."""

RESERVED_FIRST = 4
"""The number of addresses that AWS reserves at the start of a subnet (one more at its end)."""
MOST_PARTS = 64
"""The maximum number of parts of a subnet in which an unknown address may be; beyond it, it is not modelled."""


NAMING_BLOCKS: Mapping[str, tuple[str, ...]] = {
    "aws:ec2/securityGroup:SecurityGroup": ("ingress", "egress"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ("ingress", "egress"),
    "aws:ec2/securityGroupRule:SecurityGroupRule": ("cidrBlocks", "ipv6CidrBlocks"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("cidrIpv4", "cidrIpv6"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("cidrIpv4", "cidrIpv6"),
    "aws:ec2/networkAcl:NetworkAcl": ("ingress", "egress"),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": ("ingress", "egress"),
    "aws:ec2/networkAclRule:NetworkAclRule": ("cidrBlock", "ipv6CidrBlock"),
    "aws:ec2/routeTable:RouteTable": ("routes",),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": ("routes",),
    "aws:ec2/route:Route": ("destinationCidrBlock", "destinationIpv6CidrBlock"),
    "aws:ec2/managedPrefixList:ManagedPrefixList": ("entries",),
    "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry": ("cidr",),
    "aws:ec2transitgateway/route:Route": ("destinationCidrBlock",),
}
"""The properties of rules and routes with blocks, by type."""


def _number(key: str) -> int:
    return int.from_bytes(sha256(key.encode()).digest()[:8], "big")


def public_address(cloud: Cloud, key: str) -> int:
    """A free public IPv4 address for ``key``."""
    size = PUBLIC[1] - PUBLIC[0] - 1
    start = _number(key) % size
    for offset in range(size):
        point = PUBLIC[0] + 1 + (start + offset) % size
        if ("", point) not in cloud.taken:
            cloud.taken.add(("", point))
            return point
    raise Malformed("no placeholder is left for a public address")


def address(cloud: Cloud, subnet: Subnet, *, v6: bool = False) -> int:
    """A free address of the subnet, from its end. Raises ``Malformed`` if the subnet is full or has no such block."""
    if subnet.label in cloud.unseen_subnets:
        return next(_anywhere(cloud, subnet, [V6_BLOCKS] if v6 else _unseen_ranges(subnet)))
    for low, high in subnet.blocks:
        if (low >= V6) is v6:
            point = _free(cloud, subnet, low + RESERVED_FIRST, high - 1)
            if point is not None:
                cloud.taken.add((subnet.vpc.resource.urn, point))
                return point
    raise Malformed(f"no placeholder is left for an address in {subnet.label}")


def _free(cloud: Cloud, subnet: Subnet, low: int, high: int) -> int | None:
    vpc = subnet.vpc.resource.urn
    for point in range(high, low - 1, -1):
        if (vpc, point) not in cloud.taken:
            return point
    return None


def elsewhere(cloud: Cloud, subnet: Subnet, own: int) -> list[int]:
    """Free addresses, one in each part of the subnet that some rule or route treats differently from that of ``own``:
    an unknown address may be in any. They are not reserved. Raises ``Malformed`` if there are too many parts.
    """
    if subnet.label in cloud.unseen_subnets:
        return list(_anywhere(cloud, subnet, _unseen_ranges(subnet), own))
    low, high = next(each for each in subnet.blocks if each[0] <= own <= each[1])
    cuts = _cuts(cloud)
    inside = cuts[bisect_right(cuts, low) : bisect_right(cuts, high)]
    if len(inside) > MOST_PARTS:
        raise Malformed(f"its address is unknown, and rules distinguish {len(inside) + 1} parts of {subnet.label}")
    bounds = [low, *inside, high + 1]
    found = []
    for first, beyond in pairwise(bounds):
        if not first <= own < beyond:
            point = _free(cloud, subnet, max(first, low + RESERVED_FIRST), min(beyond - 1, high - 1))
            if point is not None:
                found.append(point)
    return found


def in_vpc(cloud: Cloud, vpc: Vpc, near: Subnet) -> int:
    """A free IPv4 address of a VPC outside of its known subnets, else one of the subnet ``near``. Raises
    ``Malformed``."""
    ranges = PRIVATE_BLOCKS if vpc.unseen else tuple(each for each in vpc.blocks if each[0] < V6)
    beside = difference(ranges, union(*(each.blocks for each in vpc.subnets)))
    for low, high in (*beside[::-1], *near.blocks):
        point = _free(cloud, near, low, high) if low < V6 else None
        if point is not None:
            cloud.taken.add((vpc.resource.urn, point))
            return point
    raise Malformed(f"no placeholder is left for an address in {vpc.label}")


def _unseen_ranges(subnet: Subnet) -> Intervals:
    """Where the block of a subnet may be that is known by its id only: in its VPC, but in no other subnet."""
    vpc = subnet.vpc
    ranges = PRIVATE_BLOCKS if vpc.unseen else tuple(each for each in vpc.blocks if each[0] < V6)
    others = union(*(each.blocks for each in vpc.subnets if each is not subnet))
    return difference(ranges, others)


def _anywhere(cloud: Cloud, subnet: Subnet, ranges: Iterable[Interval], own: int | None = None) -> Iterator[int]:
    """A free address in each part of some ranges that rules treat differently, apart from that of ``own``; each becomes
    a block of its subnet. Raises ``Malformed`` if there are too many parts, or none."""
    parts = []
    for low, high in ranges:
        cuts = _cuts(cloud)
        inside = cuts[bisect_right(cuts, low) : bisect_right(cuts, high)]
        parts += list(pairwise([low, *inside, high + 1]))
    if len(parts) > MOST_PARTS:
        raise Malformed(f"its address is unknown, and rules distinguish {len(parts)} parts of where it may be")
    found = False
    for first, beyond in parts:
        if own is not None and first <= own < beyond:
            continue
        point = _free(cloud, subnet, first, beyond - 1)
        if point is not None:
            found = True
            cloud.taken.add((subnet.vpc.resource.urn, point))
            subnet.add_block((point, point))
            yield point
    if not found and own is None:
        raise Malformed(f"no placeholder is left for an address in {subnet.label}")


def _cuts(cloud: Cloud) -> list[int]:
    """The boundaries of all blocks in the resources."""
    if cloud.cuts is None:
        texts: set[str] = set()
        for type_, names in NAMING_BLOCKS.items():
            for resource in cloud.index.of(type_):
                for name in names:
                    _collect(resource.properties.get(name), texts)
        cuts: set[int] = set()
        for text in texts:
            with suppress(AddressError):
                low, high = block(text)
                cuts |= {low, high + 1}
        cloud.cuts = sorted(cuts)
    return cloud.cuts


def _collect(value: Any, texts: set[str]) -> None:
    if isinstance(value, str):
        if value[-1:].isdigit() and "/" in value and ":" not in value.partition("/")[2]:
            texts.add(value)
    elif isinstance(value, dict):
        for each in value.values():
            _collect(each, texts)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, texts)


def v6_block(key: str) -> Interval:
    """A /56 for a VPC whose IPv6 block AWS assigns."""
    low = V6_BLOCKS[0] + (_number(key) % (1 << 24) << 72)
    return low, low + (1 << 72) - 1


def v6_subnet_block(vpc_block: Interval, number: int) -> Interval:
    """The /64 of a VPC's IPv6 block with that number."""
    low = vpc_block[0] + (number << 64)
    return low, low + (1 << 64) - 1
