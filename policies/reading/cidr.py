"""Whether a CIDR is private or open to the internet."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

PRIVATE = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
NARROWEST_WORLD = {4: 24, 6: 48}
"""A public block with at least this prefix length belongs to one party. A shorter one counts as the whole internet,
so that 0.0.0.0/1 and 128.0.0.0/1 do too."""


def network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)


def is_private(text: str) -> bool:
    block = network(text)
    return any(_inside(block, each) for each in PRIVATE)


def _inside(block: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(block, IPv4Network):
        return isinstance(other, IPv4Network) and block.subnet_of(other)
    return isinstance(other, IPv6Network) and block.subnet_of(other)


def is_world(text: str) -> bool:
    """Whether the block counts as the whole internet, IPv4 or IPv6."""
    block = network(text)
    return not is_private(text) and block.prefixlen < NARROWEST_WORLD[block.version]
