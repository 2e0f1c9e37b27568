"""Names, and the limits that the things named put on them."""

from __future__ import annotations

from hashlib import sha256


def host(network: str, role: str, place: str, number: int) -> str:
    """The host name ``<network>-<role>-<place>-<nn>``, in at most 63 characters (RFC 1123).

    ``place`` is a region or a site.
    """
    return safe(f"{network}-{role}-{place}-{number:02d}", 63)


def safe(name: str, limit: int) -> str:
    """``name`` itself where it fits in ``limit`` characters, else its beginning and seven hex digits of its hash."""
    if len(name) <= limit:
        return name
    digest = sha256(name.encode()).hexdigest()[:7]
    return f"{name[: limit - 8].rstrip('-')}-{digest}"


def tunnel_interface(region: str, edge: int, tunnel: int) -> str:
    """The name of an edge's tunnel interface, e.g. ``vti-use1-1a``: at most 15 characters (Linux IFNAMSIZ)."""
    area, *middle, ordinal = region.split("-")
    compass = "".join(
        word[0]
        for word in "-".join(middle).replace("northeast", "north-east").replace("southeast", "south-east").split("-")
    )
    return f"vti-{area}{compass}{ordinal}-{edge}{'ab'[tunnel]}"


def bond_interface(vlan: int) -> str:
    """The interface of a bonded server in the zone with this VLAN."""
    return f"bond0.{vlan}"
