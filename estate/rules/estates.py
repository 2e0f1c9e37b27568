"""Rules about all networks together: what two ServiceInstances must never share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from estate.clouds import aws
from estate.model import Network
from estate.plan import addressing, quotas
from estate.rules.finding import Finding, free, show, words
from estate.rules.quotas import exceeded

Networks = Mapping[Path, Network]


class Claim(NamedTuple):
    """Something of one network that is its own."""

    file: Path
    path: str
    value: Hashable


def _collisions(
    networks: Networks, claims: list[Claim], rule: str, reason: str, fix: str
) -> Iterator[tuple[Path, Finding]]:
    """One finding for each claim that a network of another file has made before."""
    first: dict[Hashable, Claim] = {}
    for claim in claims:
        earlier = first.setdefault(claim.value, claim)
        if earlier.file != claim.file:
            value = claim.value[-1] if isinstance(claim.value, tuple) else claim.value
            yield (
                claim.file,
                Finding(
                    path=claim.path,
                    value=show(value),
                    rule=rule,
                    reason=f"{networks[earlier.file].name} has the same at {earlier.path}{reason}",
                    fix=fix,
                ),
            )


def slots_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """Two networks do not share addresses, which also keeps their VPCs from overlapping."""
    taken = [network.slot for network in networks.values()]
    claims = [Claim(file, "slot", network.slot) for file, network in networks.items()]
    yield from _collisions(
        networks,
        claims,
        "each network must have a slot of its own",
        ", and both would have the same addresses",
        f"choose another slot before anything is deployed: {free(taken, 1, 254)}",
    )


def names_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """Host names distinguish two networks."""
    claims = [Claim(file, "name", network.name) for file, network in networks.items()]
    yield from _collisions(
        networks,
        claims,
        "each network must have a name of its own",
        ", and hosts of both would have the same names",
        "rename the newer network",
    )


def chains_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """One chain is validated once: a second instance with the same key would sign twice."""
    claims = [Claim(file, "chain.chain_id", network.chain.chain_id) for file, network in networks.items()]
    yield from _collisions(
        networks,
        claims,
        "each chain must be validated by one network",
        ", and two instances that sign for one chain are slashed",
        "declare more sites or regions in the first network instead",
    )


def machines_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """A machine serves one network; cards and uplinks are compared between datacentres."""
    serials, units = [], []
    users: dict[str, Path] = {}
    for file, network in networks.items():
        for site, each in network.sites.items():
            for index, server in enumerate(each.servers):
                path = f"sites.{site}.servers.{index}"
                serials.append(Claim(file, f"{path}.serial", server.serial))
                if users.setdefault(server.serial, file) != file:
                    continue
                units += [
                    Claim(file, f"{path}.rack_units.{number}", (each.vendor, each.facility, each.cabinet.id, unit))
                    for number, unit in enumerate(server.rack_units)
                ]
    yield from _collisions(
        networks,
        serials,
        "each server must serve one network",
        ", and a machine in two networks would connect one with the other",
        "read the serial on the machine again",
    )
    yield from _collisions(
        networks,
        units,
        "each rack unit of a cabinet must hold one server",
        ", in the same cabinet",
        "choose another unit",
    )


def vlans_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """Two networks in one datacentre share switches, and there no VLAN."""
    sites = [site for network in networks.values() for site in network.sites.values()]
    claims = [
        Claim(file, f"sites.{name}.zones.{zone}.vlan", (name, each.vlan))
        for file, network in networks.items()
        for name, site in network.sites.items()
        for zone, each in site.zones.items()
    ]
    yield from _collisions(
        networks,
        claims,
        "each zone of a datacentre must have a VLAN of its own",
        ", and the switches would join both networks",
        f"choose another VLAN: {free((each.vlan for site in sites for each in site.zones.values()), 2, 4094)}",
    )


def partners_do_not_overlap_with_networks(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """A partner's addresses are not those of another network of ours, which it could then pretend to be."""
    for file, network in networks.items():
        for name, partner in network.partners.items():
            for index, block in enumerate(partner.cidrs):
                for other, owner in networks.items():
                    if other != file and block.overlaps(addressing.network_block(owner)):
                        yield (
                            file,
                            Finding(
                                path=f"partners.{name}.cidrs.{index}",
                                value=show(block),
                                rule=f"must not overlap with {addressing.network_block(owner)}",
                                reason=(
                                    f"it is the block of {owner.name}, and a partner must not be taken for one "
                                    "of our networks"
                                ),
                                fix="ask the partner for a VPC with other addresses",
                            ),
                        )


def endpoints_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """A public name leads to one network."""
    claims = [
        Claim(file, f"endpoints.{field}", name)
        for file, network in networks.items()
        for field, name in network.endpoints.by_name().items()
    ]
    yield from _collisions(
        networks,
        claims,
        "each endpoint must belong to one network",
        ", and a name leads to one place",
        "choose another name in the zone",
    )


def vpn_authorities_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """A VPN certificate opens one network."""
    claims = [
        Claim(file, "vpn.certificate_authority", network.vpn.certificate_authority)
        for file, network in networks.items()
    ]
    yield from _collisions(
        networks,
        claims,
        "each VPN must have a certificate authority of its own",
        ", and a certificate for one VPN would open the other",
        "create another authority in Vault, and name that",
    )


def leases_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """A credential is of one network."""
    claims = [
        Claim(file, f"leases.{name}.path", lease.path)
        for file, network in networks.items()
        for name, lease in network.leases.items()
    ]
    yield from _collisions(
        networks,
        claims,
        "each lease must belong to one network",
        ", and a credential that leaks in one would open the other",
        "write a path with this network's name in it",
    )


def certificates_are_distinct(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """A tunnel's identity is of one network's edge."""
    claims = [
        Claim(file, f"sites.{site}.links.{region}.certificates.{index}", arn)
        for file, network in networks.items()
        for site, each in network.sites.items()
        for region, link in each.links.items()
        for index, arn in enumerate(link.certificates)
    ]
    yield from _collisions(
        networks,
        claims,
        "each edge must have certificates of its own",
        ", and the two could not be distinguished or revoked separately",
        "issue another one",
    )


def account_quotas_agree(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """Networks of one account declare the same of it: a quota is the account's, not a network's."""
    first: dict[tuple[str, str, str], tuple[Path, int]] = {}
    for file, network in networks.items():
        for region, declared in network.aws.quotas.items():
            for name, raised in declared:
                if raised is None:
                    continue
                other, value = first.setdefault((network.aws.account_id, region, name), (file, raised))
                if value != raised:
                    yield (
                        file,
                        Finding(
                            path=f"aws.quotas.{region}.{name}",
                            value=show(raised),
                            rule=f"must be {value}, as another network of the account declares",
                            reason=f"{networks[other].name} is in account {network.aws.account_id} too, which has one"
                            " quota of this name in the region",
                            fix="write in both files what AWS has raised it to",
                        ),
                    )


def account_quotas_suffice(networks: Networks) -> Iterator[tuple[Path, Finding]]:
    """What all networks of an account need together, AWS grants. The network with which it is too much is told."""
    totals: Counter[tuple[str, str, str, str]] = Counter()
    limits: dict[tuple[str, str, str], int] = {}
    names: dict[str, list[str]] = {}
    for network in networks.values():
        for region in network.regions:
            for quota in aws.QUOTAS:
                key = network.aws.account_id, region, quota
                limits[key] = max(limits.get(key, 0), quotas.granted(network, region, quota))
    for file, network in networks.items():
        account = network.aws.account_id
        names.setdefault(account, []).append(network.name)
        for use in quotas.shared(network):
            totals[account, use.region, use.quota, use.where] += use.count
            total, limit = totals[account, use.region, use.quota, use.where], limits[account, use.region, use.quota]
            if total > limit:
                raised = limit != aws.QUOTAS[use.quota].default
                whose = f", of {words(names[account])} in account {account}"
                yield file, exceeded(replace(use, count=total), limit, whose=whose, raised=raised)


RULES = (
    slots_are_distinct,
    names_are_distinct,
    chains_are_distinct,
    machines_are_distinct,
    vlans_are_distinct,
    partners_do_not_overlap_with_networks,
    endpoints_are_distinct,
    vpn_authorities_are_distinct,
    leases_are_distinct,
    certificates_are_distinct,
    account_quotas_agree,
    account_quotas_suffice,
)


def check(networks: Networks) -> tuple[tuple[Path, Finding], ...]:
    """Everything that is wrong between ``networks``, each finding with the file that it is in."""
    return tuple(each for rule in RULES for each in rule(networks))
