"""Rules about cloud nodes: where they run, how many there are of each role, on which instance types."""

from __future__ import annotations

from collections.abc import Iterator

from estate.clouds import aws
from estate.model import CHAIN_ROLES, ROLES, SENTRY_ROLES, CloudNode, Network, Role
from estate.rules import promises
from estate.rules.finding import Finding, choose, free, repeated, show, words

_PLACES = ("nodes.*.role", "nodes.*.region", "regions.[keys]")


def _of_role(network: Network, role: Role) -> list[CloudNode]:
    return [node for node in network.nodes if node.role == role]


def nodes_are_in_declared_regions(network: Network) -> Iterator[Finding]:
    """A node's region is declared."""
    for index, node in enumerate(network.nodes):
        if node.region not in network.regions:
            yield Finding(
                path=f"nodes.{index}.region",
                value=show(node.region),
                rule="must be one of the declared regions",
                reason="a node in a region that is not declared has no subnet",
                fix=choose(node.region, network.regions),
                involves=("regions.[keys]", f"nodes.{index}.role"),
            )


def nodes_are_in_declared_zones(network: Network) -> Iterator[Finding]:
    """A node's availability zone is declared for its region."""
    for index, node in enumerate(network.nodes):
        region = network.regions.get(node.region)
        if region and node.zone not in region.zones:
            yield Finding(
                path=f"nodes.{index}.zone",
                value=show(node.zone),
                rule=f"must be one of the zones declared for {node.region}: {words(region.zones)}",
                reason="subnets are made in declared zones only",
                fix=f"use {words(region.zones, 'or')}, or declare zone {node.zone} with a slot",
                involves=(
                    f"nodes.{index}.region",
                    f"regions.{node.region}.zones",
                    f"regions.{node.region}.zones.[keys]",
                ),
            )


def node_numbers_are_distinct(network: Network) -> Iterator[Finding]:
    """Role, region and number name one node."""
    seen = repeated(
        (f"nodes.{index}.number", (node.role, node.region, node.number)) for index, node in enumerate(network.nodes)
    )
    for path, (role, region, number), first in seen:
        taken = [node.number for node in network.nodes if (node.role, node.region) == (role, region)]
        place, other = path.rsplit(".", 1)[0], first.rsplit(".", 1)[0]
        yield Finding(
            path=path,
            value=show(number),
            rule="each node of one role and region must have a number of its own",
            reason=f"{other} is {role} {number} in {region} already, so both would have its name and its address",
            fix=f"choose another number: {free(taken, 1, 30)}",
            involves=(first, f"{place}.role", f"{place}.region", f"{other}.role", f"{other}.region"),
        )


def every_region_has_a_sentry(network: Network) -> Iterator[Finding]:
    """A region without a sentry would be paid for and carry nothing."""
    for name in network.regions:
        if not any(node.region == name and node.role in SENTRY_ROLES for node in network.nodes):
            yield Finding(
                path=f"regions.{name}",
                value=show(name),
                rule="must have at least one sentry",
                reason="a region without one feeds no validator",
                fix=f"add a sentry in {name} to nodes, or remove the region",
                involves=("nodes.*.role", "nodes.*.region"),
            )


def _in_two_regions(network: Network, role: Role, reason: str) -> Iterator[Finding]:
    noun = ROLES[role].singular
    there = sorted({node.region for node in _of_role(network, role) if node.region in network.regions})
    if len(there) < 2:
        other = next((name for name in network.regions if name not in there), None)
        yield Finding(
            path="nodes",
            value=f"{noun} in {words(there) if there else 'no region'}",
            rule=f"must have a {noun} in at least two regions",
            reason=reason,
            fix=f"add a {noun} in {other}" if other else f"declare a second region, with a {noun} in it",
            involves=_PLACES,
        )


def public_sentries_in_two_regions(network: Network) -> Iterator[Finding]:
    """The connection to the chain survives the loss of a region."""
    yield from _in_two_regions(
        network,
        Role.PUBLIC_SENTRY,
        "the loss of one region must not cut the instance off from the public network",
    )


def private_sentries_in_two_regions(network: Network) -> Iterator[Finding]:
    """When the public sentries are attacked, the connection to the chain still survives the loss of a region."""
    yield from _in_two_regions(
        network,
        Role.PRIVATE_SENTRY,
        "when the public sentries are attacked, the private ones must still survive the loss of a region",
    )


def vpn_gateways_in_two_regions(network: Network) -> Iterator[Finding]:
    """Operators' access survives the loss of a region."""
    yield from _in_two_regions(
        network, Role.VPN, "operators have no other access, and need it most when a region is lost"
    )


def monitors_in_two_regions(network: Network) -> Iterator[Finding]:
    """Monitoring survives the loss of a region."""
    yield from _in_two_regions(network, Role.MONITOR, "when a region is lost, a monitor elsewhere must report it")


def seeds_behind_endpoints(network: Network) -> Iterator[Finding]:
    """The declared endpoints have seeds behind them, more than one."""
    count = len(_of_role(network, Role.SEED))
    if count < 2:
        yield Finding(
            path="nodes",
            value=f"{count} seed{'' if count == 1 else 's'}",
            rule="must have at least two seeds",
            reason=(
                f"{words(network.endpoints.by_name().values())} are answered "
                "by seeds, and one alone is not load-balanced"
            ),
            fix="add seeds to nodes, in different zones",
            involves=("nodes.*.role", "endpoints.seed", "endpoints.rpc", "endpoints.lcd"),
        )


def nodes_of_a_role_are_spread(network: Network) -> Iterator[Finding]:
    """The nodes of one role in one region are not all in one zone."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, node in enumerate(network.nodes):
        groups.setdefault((node.role, node.region), []).append(index)
    for (role, region), indexes in groups.items():
        zones = {network.nodes[index].zone for index in indexes}
        declared = network.regions[region].zones if region in network.regions else {}
        if len(indexes) > 1 and len(zones) == 1 and len(declared) > 1:
            other = next((letter for letter in declared if letter not in zones), "another one")
            yield Finding(
                path=f"nodes.{indexes[-1]}.zone",
                value=show(network.nodes[indexes[-1]].zone),
                rule="nodes of one role in one region must be spread over more than one zone",
                reason=(
                    f"all {len(indexes)} nodes of role {role} in {region} are in it, and its outage would stop them all"
                ),
                fix=f"move one to zone {other}",
                involves=tuple(
                    f"nodes.{index}.{field}" for index in indexes for field in ("zone", "role", "region", "number")
                )
                + ("nodes.*.role", "nodes.*.region"),
            )


def instance_types_exist(network: Network) -> Iterator[Finding]:
    """The instance type is one that runs the estate's packages."""
    for index, node in enumerate(network.nodes):
        family, size = aws.family(node.instance_type), aws.size(node.instance_type)
        path, value = f"nodes.{index}.instance_type", show(node.instance_type)
        if family in aws.ARM_FAMILIES:
            yield Finding(
                path=path,
                value=value,
                rule="must have an amd64 processor",
                reason=f"{family} is arm64, and the estate's packages are built for amd64",
                fix="use a family such as m6i, c6i or t3",
            )
        elif family not in aws.X86_FAMILIES:
            yield Finding(
                path=path,
                value=value,
                rule="must be of a known instance family",
                reason=f"AWS is not known to have a family {family}",
                fix=choose(family, sorted(aws.X86_FAMILIES)),
            )
        elif size not in aws.SIZES:
            yield Finding(
                path=path,
                value=value,
                rule="must be of a known instance size",
                reason=f"AWS is not known to have a size {size}",
                fix=choose(size, sorted(aws.SIZES)),
            )


def chain_nodes_are_not_throttled(network: Network) -> Iterator[Finding]:
    """A node of the chain keeps its processor under load."""
    for index, node in enumerate(network.nodes):
        if promises.is_throttled(node.role, node.instance_type):
            yield Finding(
                path=f"nodes.{index}.instance_type",
                value=show(node.instance_type),
                rule="must not be burstable for a node of the chain",
                reason="its processor is throttled once its credits are spent, which is when the chain is busiest",
                fix="use a family such as m6i or c6i",
                involves=(f"nodes.{index}.role",),
            )


def chain_nodes_have_room(network: Network) -> Iterator[Finding]:
    """A node of the chain has a disk that the chain fits on."""
    for index, node in enumerate(network.nodes):
        if node.role in CHAIN_ROLES and node.disk_gib < promises.MINIMUM_CHAIN_DISK_GIB:
            yield Finding(
                path=f"nodes.{index}.disk_gib",
                value=show(node.disk_gib),
                rule=f"must be at least {promises.MINIMUM_CHAIN_DISK_GIB} for a node of the chain",
                reason="the chain's data outgrows a smaller disk within weeks, and a full disk stops the node",
                fix="leave it out for 500, or give more",
                involves=(f"nodes.{index}.role",),
            )
