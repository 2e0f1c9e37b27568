"""Addresses for those that only the deployment will tell: made up, free, and the same in every run."""

from __future__ import annotations

from hashlib import sha256

from reachability.addresses import V6, Interval, block
from reachability.aws.cloud import Cloud, Subnet

PUBLIC = block("198.18.0.0/15")
"""The block for benchmarks (RFC 2544): nobody's on the internet."""
V6_BLOCKS = block("2001:db8::/32")
"""The block for documentation (RFC 3849)."""


def _number(key: str) -> int:
    return int.from_bytes(sha256(key.encode()).digest()[:8], "big")


def public_address(cloud: Cloud, key: str) -> int:
    """A free public IPv4 address for whatever ``key`` names."""
    size = PUBLIC[1] - PUBLIC[0] - 1
    start = _number(key) % size
    for offset in range(size):
        point = PUBLIC[0] + 1 + (start + offset) % size
        if point not in cloud.taken:
            cloud.taken.add(point)
            return point
    raise ValueError("no stand-in is left for a public address")


def address(cloud: Cloud, subnet: Subnet, *, v6: bool = False) -> int:
    """A free address of the subnet, from its end. Raises ``ValueError`` if the subnet is full or has no such block."""
    for low, high in subnet.blocks:
        if (low >= V6) is not v6:
            continue
        point = high - 1
        while point >= low + 4:
            if point not in cloud.taken:
                cloud.taken.add(point)
                return point
            point -= 1
    raise ValueError(f"no stand-in is left for an address in {subnet.label}")


def v6_block(key: str) -> Interval:
    """A /56 for a VPC whose IPv6 block the cloud chooses."""
    low = V6_BLOCKS[0] + (_number(key) % (1 << 24) << 72)
    return low, low + (1 << 72) - 1


def v6_subnet_block(vpc_block: Interval, number: int) -> Interval:
    """The /64 of a VPC's IPv6 block with that number."""
    low = vpc_block[0] + (number << 64)
    return low, low + (1 << 64) - 1
