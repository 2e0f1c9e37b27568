"""Roles of hosts: one row for each, with everything that a role decides.

A new role is a member of ``Role``, a row of ``ROLES``, a module in ``hosts/roles`` and, in the cloud, a component.
Everything else (addresses, subnets, flows, peers, the map, messages, the declaration's schema) reads the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias


class Role(StrEnum):
    """What a host is for. A host has exactly one role."""

    PUBLIC_SENTRY = "public-sentry"
    PRIVATE_SENTRY = "private-sentry"
    SEED = "seed"
    VPN = "vpn"
    MONITOR = "monitor"
    VALIDATOR = "validator"
    SIGNER = "signer"
    EDGE = "edge"


class Side(StrEnum):
    """Where hosts of a role run: as virtual machines in cloud regions, or as servers in datacentres."""

    CLOUD = "cloud"
    SITE = "site"


class Tier(StrEnum):
    """The kinds of subnet in a region."""

    PUBLIC = "public"
    INGRESS = "ingress"
    PRIVATE = "private"


class ZoneKind(StrEnum):
    """What a datacentre's firewall zone is for."""

    VALIDATOR = "validator"
    SIGNER = "signer"
    MANAGEMENT = "management"
    EDGE = "edge"


class Offer(StrEnum):
    """What hosts of a role may listen for, beside SSH and the ports that the monitors scrape."""

    P2P = "p2p"
    RPC = "rpc"
    LCD = "lcd"
    PRIVVAL = "privval"
    VPN = "vpn"
    BGP = "bgp"


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """How the chain's client runs on hosts of a role.

    ``inbound_peers``, ``outbound_peers``: how many of the chain's other nodes may dial in and are dialled;
    unconditional peers (our own and our partners' nodes) come on top. ``persistent_peers``: the roles whose hosts the
    node keeps connections with; ``by_public_address``: at their public addresses, because no flow leads to the private
    ones.

    ``sentry``: it is between the validators and the public network. ``public_p2p``: any node of the chain may dial it.
    ``dials_public``: it dials nodes of the network, and the chain's declared persistent peers. ``takes_partners``: it
    peers with the partners of its region. ``peer_exchange``: it learns addresses from its peers and passes them on.
    ``seed_mode``: it crawls the network and hands out addresses. ``hidden``: nodes with peer exchange keep its id to
    themselves. ``behind_sentries``: its only peers are our sentries, which dial it too. ``keeps_history``: it keeps old
    states, blocks' results and an index of transactions, for those who ask by RPC.
    """

    inbound_peers: int
    outbound_peers: int
    persistent_peers: tuple[Role, ...]
    by_public_address: bool = False
    sentry: bool = False
    public_p2p: bool = False
    dials_public: bool = False
    takes_partners: bool = False
    peer_exchange: bool = False
    seed_mode: bool = False
    hidden: bool = False
    behind_sentries: bool = False
    keeps_history: bool = False


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """One role.

    ``offset``: where the numbers of its hosts begin in their /24. AWS keeps the first four addresses of a subnet and
    the last one. ``singular``, ``plural``: its name in messages and on the map, ``colour`` its colour there.
    ``host_module``: the module in ``hosts/roles`` that configures its hosts. ``forwards``: its hosts forward packets.
    ``scraped``: the monitors may open connections to its hosts. ``node``: the chain's client, where it runs.

    In the cloud: ``tier``, the kind of subnet, and ``component``, the class of the Pulumi component. In a datacentre:
    ``zone``, the kind of firewall zone, ``zone_reason``, why it must be of that kind, ``apart``, whether the two hosts
    of a pair must be in different zones, and ``public_address``, whether they may have one.
    """

    side: Side
    offset: int
    singular: str
    plural: str
    colour: str
    host_module: str
    offers: frozenset[Offer] = frozenset()
    forwards: bool = False
    scraped: bool = True
    node: NodeSpec | None = None
    tier: Tier | None = None
    component: str | None = None
    zone: ZoneKind | None = None
    zone_reason: str = ""
    apart: bool = False
    public_address: bool = False


_SENTRIES = (Role.PUBLIC_SENTRY, Role.PRIVATE_SENTRY)

ROLES: Mapping[Role, RoleSpec] = MappingProxyType(
    {
        Role.PUBLIC_SENTRY: RoleSpec(
            side=Side.CLOUD,
            tier=Tier.PUBLIC,
            offset=16,
            singular="public sentry",
            plural="public sentries",
            colour="#2f6fde",
            host_module="sentry",
            component="Sentry",
            offers=frozenset({Offer.P2P}),
            node=NodeSpec(
                inbound_peers=80,
                outbound_peers=20,
                persistent_peers=(*_SENTRIES, Role.VALIDATOR),
                sentry=True,
                public_p2p=True,
                dials_public=True,
                peer_exchange=True,
            ),
        ),
        Role.PRIVATE_SENTRY: RoleSpec(
            side=Side.CLOUD,
            tier=Tier.PRIVATE,
            offset=16,
            singular="private sentry",
            plural="private sentries",
            colour="#7a5af0",
            host_module="sentry",
            component="Sentry",
            offers=frozenset({Offer.P2P}),
            node=NodeSpec(
                inbound_peers=0,
                outbound_peers=20,
                persistent_peers=(*_SENTRIES, Role.VALIDATOR),
                sentry=True,
                dials_public=True,
                takes_partners=True,
                hidden=True,
            ),
        ),
        Role.SEED: RoleSpec(
            side=Side.CLOUD,
            tier=Tier.PUBLIC,
            offset=64,
            singular="seed",
            plural="seeds",
            colour="#0b8f9c",
            host_module="seed",
            component="Seed",
            offers=frozenset({Offer.P2P, Offer.RPC, Offer.LCD}),
            node=NodeSpec(
                inbound_peers=200,
                outbound_peers=40,
                persistent_peers=(Role.PUBLIC_SENTRY,),
                by_public_address=True,
                public_p2p=True,
                dials_public=True,
                peer_exchange=True,
                seed_mode=True,
                keeps_history=True,
            ),
        ),
        Role.VPN: RoleSpec(
            side=Side.CLOUD,
            tier=Tier.PUBLIC,
            offset=96,
            singular="VPN gateway",
            plural="VPN gateways",
            colour="#d18a04",
            host_module="vpn",
            component="VpnGateway",
            offers=frozenset({Offer.VPN}),
            forwards=True,
        ),
        Role.MONITOR: RoleSpec(
            side=Side.CLOUD,
            tier=Tier.PRIVATE,
            offset=128,
            singular="monitor",
            plural="monitors",
            colour="#5b8c3a",
            host_module="monitor",
            component="Monitor",
        ),
        Role.VALIDATOR: RoleSpec(
            side=Side.SITE,
            zone=ZoneKind.VALIDATOR,
            zone_reason="the firewall lets sentries into validators' zones and into no other",
            apart=True,
            offset=32,
            singular="validator",
            plural="validators",
            colour="#c4501b",
            host_module="validator",
            offers=frozenset({Offer.P2P, Offer.PRIVVAL}),
            node=NodeSpec(
                inbound_peers=0, outbound_peers=20, persistent_peers=_SENTRIES, hidden=True, behind_sentries=True
            ),
        ),
        Role.SIGNER: RoleSpec(
            side=Side.SITE,
            zone=ZoneKind.SIGNER,
            zone_reason="an intruder in a validator must still face a firewall before the key",
            apart=True,
            offset=64,
            singular="signer",
            plural="signers",
            colour="#b4234a",
            host_module="signer",
            scraped=False,
        ),
        Role.EDGE: RoleSpec(
            side=Side.SITE,
            zone=ZoneKind.EDGE,
            zone_reason="an edge is the firewall between the zones and belongs to none of them",
            public_address=True,
            offset=1,
            singular="edge",
            plural="edges",
            colour="#475467",
            host_module="edge",
            offers=frozenset({Offer.BGP}),
            forwards=True,
        ),
    }
)
"""Every role, in the order of the map and of messages."""

CLOUD_ROLES = tuple(role for role, spec in ROLES.items() if spec.side is Side.CLOUD)
SITE_ROLES = tuple(role for role, spec in ROLES.items() if spec.side is Side.SITE)
CHAIN_ROLES = tuple(role for role, spec in ROLES.items() if spec.node)
SENTRY_ROLES = tuple(role for role, spec in ROLES.items() if spec.node and spec.node.sentry)

if TYPE_CHECKING:
    CloudRole: TypeAlias = Role
    SiteRole: TypeAlias = Role
else:
    CloudRole = Literal[CLOUD_ROLES]
    SiteRole = Literal[SITE_ROLES]
