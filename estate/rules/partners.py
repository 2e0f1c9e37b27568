"""Rules about partners: whose private sentries reach ours, from where, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from ipaddress import AddressValueError, IPv4Address

from estate.clouds import aws
from estate.model import Network, Role
from estate.plan import addressing
from estate.rules import promises
from estate.rules.finding import Finding, choose, repeated, show, words

NOTICE = timedelta(days=30)


def partners_are_current(network: Network, today: date) -> Iterator[Finding]:
    """A partner whose agreement has ended is let in no longer."""
    for name, partner in network.partners.items():
        if partner.expires < today:
            yield Finding(
                path=f"partners.{name}.expires",
                value=show(partner.expires),
                rule=f"must not be past (today is {today})",
                reason="access that is not renewed must end",
                fix=f"renew the agreement with {partner.contact} and its date, or remove the partner",
            )


def partners_expire_soon(network: Network, today: date) -> Iterator[Finding]:
    """A notice, not a fault: whom to ask for a renewal before the date."""
    for name, partner in network.partners.items():
        if today <= partner.expires <= today + NOTICE:
            days = (partner.expires - today).days
            yield Finding(
                path=f"partners.{name}.expires",
                value=show(partner.expires),
                rule=f"must be renewed or removed by {partner.expires}: {days} day{'' if days == 1 else 's'} left",
                reason="after that day the declaration is refused until it is done",
                fix=f"agree on a new date with {partner.contact}",
            )


def partners_are_others(network: Network) -> Iterator[Finding]:
    """A partner's account is not our own."""
    for name, partner in network.partners.items():
        if partner.account_id == network.aws.account_id:
            yield Finding(
                path=f"partners.{name}.account_id",
                value=show(partner.account_id),
                rule="must be the partner's account",
                reason="it is our own, whose regions are peered already",
                fix="write the account that the partner named",
                involves=("aws.account_id",),
            )


def partner_regions_are_ours(network: Network) -> Iterator[Finding]:
    """The peering ends in a region that we have."""
    for name, partner in network.partners.items():
        if partner.region not in network.regions:
            yield Finding(
                path=f"partners.{name}.region",
                value=show(partner.region),
                rule="must be one of the declared regions",
                reason="the peering must end in a VPC of ours",
                fix=choose(partner.region, network.regions),
                involves=("regions.[keys]",),
            )


def partner_regions_exist(network: Network) -> Iterator[Finding]:
    """The partner's VPC lies in a region that AWS has."""
    for name, partner in network.partners.items():
        if partner.vpc_region not in aws.REGIONS:
            yield Finding(
                path=f"partners.{name}.vpc_region",
                value=show(partner.vpc_region),
                rule="must be a region of AWS",
                reason="no region has this name",
                fix=choose(partner.vpc_region, aws.REGIONS),
            )


def partners_meet_private_sentries(network: Network) -> Iterator[Finding]:
    """There is a private sentry where the peering ends."""
    for name, partner in network.partners.items():
        there = any(node.role == Role.PRIVATE_SENTRY and node.region == partner.region for node in network.nodes)
        if partner.region in network.regions and not there:
            regions = sorted({node.region for node in network.nodes if node.role == Role.PRIVATE_SENTRY})
            yield Finding(
                path=f"partners.{name}.region",
                value=show(partner.region),
                rule="must be a region with a private sentry",
                reason="partners peer with private sentries and with nothing else",
                fix=f"use {words(regions, 'or')}, or add a private sentry in {partner.region}"
                if regions
                else f"add a private sentry in {partner.region}",
                involves=("nodes.*.role", "nodes.*.region"),
            )


def _blocks(network: Network) -> Iterator[tuple[str, str, int]]:
    for name, partner in network.partners.items():
        for index in range(len(partner.cidrs)):
            yield f"partners.{name}.cidrs.{index}", name, index


def partner_blocks_are_private(network: Network) -> Iterator[Finding]:
    """Peered VPCs have RFC 1918 addresses."""
    for path, name, index in _blocks(network):
        block = network.partners[name].cidrs[index]
        if not promises.is_private(block):
            yield Finding(
                path=path,
                value=show(block),
                rule="must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
                reason=(
                    "a route to it through the peering would capture traffic that belongs on the internet (RFC 1918)"
                ),
                fix="ask the partner for the private block of its sentries",
            )


def partner_blocks_are_narrow(network: Network) -> Iterator[Finding]:
    """A partner reaches our sentries from its sentries, not from its whole company."""
    for path, name, index in _blocks(network):
        block = network.partners[name].cidrs[index]
        if block.prefixlen < promises.WIDEST_PARTNER_PREFIX:
            yield Finding(
                path=path,
                value=show(block),
                rule=f"must not be wider than /{promises.WIDEST_PARTNER_PREFIX}",
                reason=f"{block.num_addresses} addresses let in machines that are no part of the agreement",
                fix="ask the partner for the subnets of its sentries",
            )


def partner_blocks_are_not_ours(network: Network) -> Iterator[Finding]:
    """A partner's addresses do not overlap with the network's own."""
    ours = addressing.network_block(network)
    for path, name, index in _blocks(network):
        block = network.partners[name].cidrs[index]
        if block.overlaps(ours):
            yield Finding(
                path=path,
                value=show(block),
                rule=f"must not overlap with {ours}",
                reason="it is this network's own block, and AWS refuses to peer overlapping VPCs",
                fix="ask the partner for a VPC with other addresses",
                involves=("slot",),
            )


def partner_blocks_are_disjoint(network: Network) -> Iterator[Finding]:
    """An address belongs to one partner, and is listed once."""
    seen: list[tuple[str, str, int]] = []
    for path, name, index in _blocks(network):
        block = network.partners[name].cidrs[index]
        for first, other, position in seen:
            if block.overlaps(network.partners[other].cidrs[position]):
                yield Finding(
                    path=path,
                    value=show(block),
                    rule="must not overlap with another block of a partner",
                    reason=f"{first} is {network.partners[other].cidrs[position]}, and a packet has one way back",
                    fix="remove or narrow one of the two",
                    involves=(first,),
                )
                break
        seen.append((path, name, index))


def partner_vpcs_are_distinct(network: Network) -> Iterator[Finding]:
    """One VPC is one partner."""
    for path, vpc, first in repeated(
        (f"partners.{name}.vpc_id", partner.vpc_id) for name, partner in network.partners.items()
    ):
        yield Finding(
            path=path,
            value=show(vpc),
            rule="each partner must have a VPC of its own",
            reason=f"{first.split('.')[1]} has it too",
            fix="correct the id, or join the two entries",
            involves=(first,),
        )


def partner_peers_lie_in_their_blocks(network: Network) -> Iterator[Finding]:
    """A partner's node is dialled at an address that the partner declared."""
    for name, partner in network.partners.items():
        for index, peer in enumerate(partner.peers):
            host = peer.split("@")[1].rsplit(":", 1)[0]
            try:
                inside = any(IPv4Address(host) in block for block in partner.cidrs)
            except AddressValueError:
                inside = False
            if not inside:
                yield Finding(
                    path=f"partners.{name}.peers.{index}",
                    value=show(peer),
                    rule=f"must be at an address in {words(map(str, partner.cidrs), 'or')}",
                    reason="routes and firewalls lead to no other addresses of the partner",
                    fix="write the node's private address, or add its block to cidrs",
                    involves=(f"partners.{name}.cidrs.*",),
                )


def partner_peer_ports_exist(network: Network) -> Iterator[Finding]:
    """A peer's port is a port."""
    for name, partner in network.partners.items():
        for index, peer in enumerate(partner.peers):
            port = peer.rsplit(":", 1)[1]
            if not 1 <= int(port) <= 65535:
                yield Finding(
                    path=f"partners.{name}.peers.{index}",
                    value=show(peer),
                    rule="must end in a port from 1 to 65535",
                    reason=f"{port} is not a port",
                    fix="write the port that the partner's node listens on, often 26656",
                )


def partner_nodes_are_distinct(network: Network) -> Iterator[Finding]:
    """One node id is one node of one partner, and no public peer."""
    listed = [
        (f"chain.{field}.{index}", peer.split("@")[0])
        for field in ("seeds", "persistent_peers")
        for index, peer in enumerate(getattr(network.chain, field))
    ]
    theirs = [
        (f"partners.{name}.peers.{index}", peer.split("@")[0])
        for name, partner in network.partners.items()
        for index, peer in enumerate(partner.peers)
    ]
    for path, node_id, first in repeated(listed + theirs):
        if path.startswith("partners."):
            yield Finding(
                path=path,
                value=show(node_id),
                rule="a node id must be listed once",
                reason=f"{first} has it too, and a node id is the key of one machine",
                fix="ask the partner for the right id, or remove one of the two",
                involves=(first,),
            )
