"""Rules about cloud regions and their availability zones."""

from __future__ import annotations

from collections.abc import Iterator

from estate.clouds import aws
from estate.model import Network
from estate.plan import addressing
from estate.rules import promises
from estate.rules.finding import Finding, choose, free, repeated, show, words


def two_regions(network: Network) -> Iterator[Finding]:
    """The instance survives the loss of a region."""
    if len(network.regions) < 2:
        yield Finding(
            path="regions",
            value=words(network.regions),
            rule="must be at least two regions",
            reason="with one region, its outage cuts every validator off from the network",
            fix="declare a second region, with sentries in it",
            involves=("regions.[keys]",),
        )


def regions_exist(network: Network) -> Iterator[Finding]:
    """AWS has the region."""
    for name in network.regions:
        if name not in aws.REGIONS:
            yield Finding(
                path=f"regions.{name}",
                value=show(name),
                rule="must be a region of AWS",
                reason="no region has this name",
                fix=choose(name, aws.REGIONS),
            )


def zones_exist(network: Network) -> Iterator[Finding]:
    """The region has the availability zone."""
    for name, region in network.regions.items():
        known = aws.REGIONS.get(name)
        for letter in region.zones:
            if known and letter not in known.zones:
                yield Finding(
                    path=f"regions.{name}.zones.{letter}",
                    value=show(letter),
                    rule=f"must be one of the zones of {name}: {words(known.zones)}",
                    reason=f"AWS offers no zone {name}{letter}",
                    fix=f"use {words(sorted(set(known.zones) - set(region.zones)) or known.zones, 'or')}",
                )


def two_zones_a_region(network: Network) -> Iterator[Finding]:
    """A region survives the loss of a zone."""
    for name, region in network.regions.items():
        if len(region.zones) < promises.MINIMUM_ZONES:
            offered = aws.REGIONS[name].zones if name in aws.REGIONS else "abc"
            more = next((letter for letter in offered if letter not in region.zones), None)
            yield Finding(
                path=f"regions.{name}.zones",
                value=words(region.zones) if region.zones else "none",
                rule="must be at least two zones",
                reason="with one zone, its outage takes the region's NAT gateway and every node with it",
                fix=f"add a zone, for example {more}" if more else "add a zone",
                involves=(f"regions.{name}.zones.[keys]",),
            )


def region_slots_are_distinct(network: Network) -> Iterator[Finding]:
    """Two regions do not share addresses."""
    slots = [(f"regions.{name}.slot", region.slot) for name, region in network.regions.items()]
    for path, slot, first in repeated(slots):
        yield Finding(
            path=path,
            value=show(slot),
            rule="each region must have a slot of its own",
            reason=f"{first.split('.')[1]} has it too, and both would have {_block(network, path.split('.')[1])}",
            fix=f"choose another slot: {free((each for _, each in slots), 0, 10)}",
            involves=(first, "slot"),
        )


def _block(network: Network, region: str) -> str:
    return str(addressing.region_block(network, region))


def zone_slots_are_distinct(network: Network) -> Iterator[Finding]:
    """Two zones of a region do not share addresses."""
    for name, region in network.regions.items():
        slots = [(f"regions.{name}.zones.{letter}.slot", zone.slot) for letter, zone in region.zones.items()]
        for path, slot, first in repeated(slots):
            yield Finding(
                path=path,
                value=show(slot),
                rule="each zone of a region must have a slot of its own",
                reason=f"zone {first.split('.')[3]} has it too, and their subnets would overlap",
                fix=f"choose another slot: {free((each for _, each in slots), 0, 4)}",
                involves=(first,),
            )


def asns_are_private(network: Network) -> Iterator[Finding]:
    """BGP speakers inside our tunnels use numbers that nobody on the internet owns."""
    for path, asn in _asns(network):
        if not promises.is_private_asn(asn):
            yield Finding(
                path=path,
                value=show(asn),
                rule="must be a private ASN: 64512 to 65534 or 4200000000 to 4294967294",
                reason="another company may own any other number, and AWS refuses most of them (RFC 6996)",
                fix=free([each for _, each in _asns(network)], 64801, 65534),
            )


def asns_are_distinct(network: Network) -> Iterator[Finding]:
    """Each BGP speaker's number is its own."""
    for path, asn, first in repeated(_asns(network)):
        yield Finding(
            path=path,
            value=show(asn),
            rule="each region and site must have an ASN of its own",
            reason=f"{first.split('.')[1]} has it too, and BGP drops routes that carry its own number",
            fix=free([each for _, each in _asns(network)], 64801, 65534),
            involves=(first,),
        )


def _asns(network: Network) -> list[tuple[str, int]]:
    return [
        *((f"regions.{name}.asn", region.asn) for name, region in network.regions.items()),
        *((f"sites.{name}.asn", site.asn) for name, site in network.sites.items()),
    ]


def images_are_distinct(network: Network) -> Iterator[Finding]:
    """An image id is of one region."""
    for path, image, first in repeated(
        (f"regions.{name}.image", region.image) for name, region in network.regions.items()
    ):
        yield Finding(
            path=path,
            value=show(image),
            rule="each region must have an image of its own",
            reason=f"{first.split('.')[1]} has the same id, and an image id exists in one region only",
            fix="copy the image to this region and write the id that it has there",
            involves=(first,),
        )
