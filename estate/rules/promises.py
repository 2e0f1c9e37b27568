"""The predicates behind the estate's promises, shared by declaration rules, policies and prover."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from estate.clouds import aws
from estate.model import CHAIN_ROLES, ROLES, Network, Role, ZoneKind

PRIVATE_BLOCKS = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918."""

PRIVATE_ASN_RANGES = ((64512, 65534), (4200000000, 4294967294))
"""RFC 6996."""

WIDEST_PARTNER_PREFIX = 22
"""A partner's private sentries fit in 1022 addresses; a wider block lets in other machines of the partner."""

NECESSARY_SERVICES = ("packages", "time", "logs")
"""The central services that every host uses."""

SIGNER_LEASE_SECONDS = 300
"""The longest that what unlocks a signer's key may live."""

GATE_LEASE_SECONDS = (900, 3600)
"""How long a gate's credential lives: STS gives none for less than the first, nor for more than the second to a role
that was itself assumed.
"""

SINGLE_USE_SECONDS = 300
"""The longest that a single-use credential may wait for its use."""

EDGE_NUMBERS = (1, 2)
"""The two edge firewalls of a site."""

PLACES_OF_ROLES = ("nodes.*.role", "sites.*.servers.*.role")
"""Where a declaration says which roles have hosts."""

MINIMUM_ZONES = 2
MINIMUM_CHAIN_DISK_GIB = 100


def roles_with_hosts(network: Network) -> tuple[Role, ...]:
    """The roles that this network has hosts of, in the order of the table. Only these need leases, operators, jobs."""
    found = {node.role for node in network.nodes}
    found |= {server.role for site in network.sites.values() for server in site.servers}
    return tuple(role for role in Role if role in found)


def may_have_public_address(role: Role) -> bool:
    """Whether a bare-metal host of this role may own a public address: only the edge firewalls may."""
    return ROLES[role].public_address


def may_be_read(role: Role) -> bool:
    """Whether the monitors may open connections to hosts of this role: to a signer only SSH from the VPN does."""
    return ROLES[role].scraped


def signer_services(network: Network) -> frozenset[str]:
    """The central services that a signer may call; it opens connections to nothing else but its validators."""
    coordination = network.signing.coordination
    return frozenset(
        {"packages", "time", "logs", "vault", *(name for _, name in (coordination.services() if coordination else ()))}
    )


def is_private(block: IPv4Network | IPv4Address) -> bool:
    """Whether all of it is RFC 1918 space."""
    whole = block if isinstance(block, IPv4Network) else IPv4Network((block, 32))
    return any(whole.subnet_of(private) for private in PRIVATE_BLOCKS)


def is_private_asn(asn: int) -> bool:
    return any(low <= asn <= high for low, high in PRIVATE_ASN_RANGES)


def belongs_in(role: Role, kind: ZoneKind) -> bool:
    """Whether a bare-metal host of this role may be in a firewall zone of this kind."""
    return ROLES[role].zone is kind


def is_throttled(role: Role, instance_type: str) -> bool:
    """Whether a node of the chain would run on a processor that is throttled when its credits are spent."""
    return role in CHAIN_ROLES and aws.family(instance_type) in aws.BURSTABLE_FAMILIES
