"""Rules about datacentres: where they are, their cabinet, their firewall zones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Network

from estate.clouds import aws
from estate.model import ROLES, Network, ZoneKind
from estate.plan import addressing
from estate.rules import promises
from estate.rules.finding import Finding, free, repeated, show, words

WANTED_ZONES = {spec.zone: 2 for spec in ROLES.values() if spec.zone and spec.apart}
SINGLE_ZONES = {
    ZoneKind.MANAGEMENT: "servers take SSH and are scraped in one management zone",
    ZoneKind.EDGE: "both edge firewalls share one edge zone",
}
NEVER_UPLINK = (
    *promises.PRIVATE_BLOCKS,
    *(IPv4Network(each) for each in ("0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")),
)


def two_sites(network: Network) -> Iterator[Finding]:
    """Signing survives the loss of a datacentre."""
    if len(network.sites) < 2:
        yield Finding(
            path="sites",
            value=words(network.sites),
            rule="must be at least two datacentres",
            reason="with one, its outage stops the validator",
            fix="declare a second site, of another vendor and on another continent",
            involves=("sites.[keys]",),
        )


def site_names_are_not_regions(network: Network) -> Iterator[Finding]:
    """Host names distinguish a site from a region."""
    for name in network.sites:
        if name in network.regions or name in aws.REGIONS:
            yield Finding(
                path=f"sites.{name}",
                value=show(name),
                rule="must not be the name of a cloud region",
                reason="hosts of both would have the same names",
                fix="name the site after its city, such as ash1",
            )


def site_slots_are_distinct(network: Network) -> Iterator[Finding]:
    """Two sites do not share addresses."""
    slots = [(f"sites.{name}.slot", site.slot) for name, site in network.sites.items()]
    for path, slot, first in repeated(slots):
        yield Finding(
            path=path,
            value=show(slot),
            rule="each site must have a slot of its own",
            reason=(
                f"{first.split('.')[1]} has it too, and both would have "
                f"{addressing.site_block(network, path.split('.')[1])}"
            ),
            fix=f"choose another slot: {free((each for _, each in slots), 11, 14)}",
            involves=(first, "slot"),
        )


def _apart(network: Network, field: str, what: str, reason: str) -> Iterator[Finding]:
    for path, value, first in repeated(
        (f"sites.{name}.{field}", getattr(site, field)) for name, site in network.sites.items()
    ):
        yield Finding(
            path=path,
            value=show(value),
            rule=f"each site must have a {what} of its own",
            reason=f"{first.split('.')[1]} has it too, and {reason}",
            fix=f"place this site elsewhere, or correct its {what}",
            involves=(first,),
        )


def vendors_are_distinct(network: Network) -> Iterator[Finding]:
    """Two sites do not fail with one company."""
    yield from _apart(network, "vendor", "vendor", "one company's mistake must not affect both")


def continents_are_distinct(network: Network) -> Iterator[Finding]:
    """Two sites do not fail with one power grid."""
    yield from _apart(
        network, "continent", "continent", "a failure of one grid or an act of one country must not affect both"
    )


def uplinks_are_public(network: Network) -> Iterator[Finding]:
    """The edges have public addresses, since tunnels are opened over the internet."""
    for name, site in network.sites.items():
        if any(site.uplink.overlaps(block) for block in NEVER_UPLINK):
            yield Finding(
                path=f"sites.{name}.uplink",
                value=show(site.uplink),
                rule="must be public addresses",
                reason="the cloud's ends of the tunnels answer over the internet",
                fix="write the block that the datacentre's carrier assigned",
            )


def uplinks_are_large_enough(network: Network) -> Iterator[Finding]:
    """The uplink holds the carrier's gateway and both edges."""
    for name, site in network.sites.items():
        if site.uplink.prefixlen > 29:
            yield Finding(
                path=f"sites.{name}.uplink",
                value=show(site.uplink),
                rule="must be a /29 or larger",
                reason=f"a /{site.uplink.prefixlen} does not hold the carrier's gateway, two edges and a spare",
                fix="ask the carrier for a /29",
            )


def uplinks_are_disjoint(network: Network) -> Iterator[Finding]:
    """A public address belongs to one site."""
    sites = list(network.sites.items())
    for position, (name, site) in enumerate(sites):
        for other, earlier in sites[:position]:
            if site.uplink.overlaps(earlier.uplink):
                yield Finding(
                    path=f"sites.{name}.uplink",
                    value=show(site.uplink),
                    rule="must not overlap with the uplink of another site",
                    reason=f"{other} has {earlier.uplink}",
                    fix="write the block that this datacentre's carrier assigned",
                    involves=(f"sites.{other}.uplink",),
                )
                break


def zone_slots_are_distinct(network: Network) -> Iterator[Finding]:
    """Two firewall zones of a site do not share addresses."""
    for name, site in network.sites.items():
        slots = [(f"sites.{name}.zones.{zone}.slot", each.slot) for zone, each in site.zones.items()]
        for path, slot, first in repeated(slots):
            yield Finding(
                path=path,
                value=show(slot),
                rule="each zone of a site must have a slot of its own",
                reason=f"{first.split('.')[3]} has it too, and both would have the same /24",
                fix=f"choose another slot: {free((each for _, each in slots), 0, 15)}",
                involves=(first,),
            )


def vlans_are_distinct(network: Network) -> Iterator[Finding]:
    """Two firewall zones of a site are not one broadcast domain."""
    for name, site in network.sites.items():
        vlans = [(f"sites.{name}.zones.{zone}.vlan", each.vlan) for zone, each in site.zones.items()]
        for path, vlan, first in repeated(vlans):
            yield Finding(
                path=path,
                value=show(vlan),
                rule="each zone of a site must have a VLAN of its own",
                reason=f"{first.split('.')[3]} has it too, and hosts in one VLAN bypass the firewall",
                fix=f"choose another VLAN: {free((each for _, each in vlans), 110, 4094)}",
                involves=(first,),
            )


def zones_of_each_kind(network: Network) -> Iterator[Finding]:
    """A pair of validators and a pair of signers have two zones each; management and edge are one."""
    for name, site in network.sites.items():
        counts = Counter(zone.kind for zone in site.zones.values())
        involves = (f"sites.{name}.zones.[keys]", f"sites.{name}.zones.*.kind")
        for kind, wanted in WANTED_ZONES.items():
            if counts[kind] < wanted:
                yield Finding(
                    path=f"sites.{name}.zones",
                    value=f"{counts[kind]} of kind {kind}",
                    rule=f"must have at least two zones of kind {kind}",
                    reason=(
                        f"the two {kind}s of a site must be in different zones, so that a fault of one zone "
                        "leaves the other"
                    ),
                    fix=f"add a zone of kind {kind}, with a slot and a VLAN",
                    involves=involves,
                )
        for kind, reason in SINGLE_ZONES.items():
            if counts[kind] != 1:
                yield Finding(
                    path=f"sites.{name}.zones",
                    value=f"{counts[kind]} of kind {kind}",
                    rule=f"must have exactly one zone of kind {kind}",
                    reason=reason,
                    fix=f"add a zone of kind {kind}, with a slot and a VLAN"
                    if not counts[kind]
                    else f"keep one zone of kind {kind}",
                    involves=involves,
                )


def cabinets_have_two_feeds(network: Network) -> Iterator[Finding]:
    """A cabinet has two PDUs and two switches."""
    for name, site in network.sites.items():
        for field, what in (("pdus", "PDUs"), ("switches", "switches")):
            items = getattr(site.cabinet, field)
            if len(set(items)) < 2:
                yield Finding(
                    path=f"sites.{name}.cabinet.{field}",
                    value=show(items),
                    rule=f"must be at least two different {what}",
                    reason="a server with one feed fails with it",
                    fix=f"name both {what} of the cabinet",
                    involves=(f"sites.{name}.cabinet.{field}.*",),
                )
