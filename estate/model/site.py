"""Datacentres: zones, servers, cabinet, tunnels."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from estate.model.roles import SiteRole, ZoneKind
from estate.model.types import Arn, Asn, HostNumber, Model, Name, RegionName, Serial


class SiteZone(Model):
    """A firewall zone of a datacentre: one VLAN, one /24 of the site's block."""

    kind: ZoneKind
    slot: Annotated[int, Field(ge=0, le=15)]
    vlan: Annotated[int, Field(ge=2, le=4094)]


class Nic(Model):
    """One cable of a bond."""

    mac: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    switch: Name


class Machine(Model):
    """A bare-metal machine as it stands in its cabinet, whoever uses it."""

    hardware: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    rack_units: Annotated[tuple[Annotated[int, Field(ge=1, le=48)], ...], Field(min_length=1)]
    power: Annotated[tuple[Name, ...], Field(min_length=1)]
    nics: Annotated[tuple[Nic, ...], Field(min_length=1)]
    public_address: IPv4Address | None = None


class Server(Machine):
    """A machine that a network uses. ``active`` marks the one of each pair that does the work now."""

    role: SiteRole
    zone: Name
    number: HostNumber
    serial: Serial
    active: bool = False


class Cabinet(Model):
    """The cabinet of the servers: its PDUs and switches."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    pdus: Annotated[tuple[Name, ...], Field(min_length=1)]
    switches: Annotated[tuple[Name, ...], Field(min_length=1)]


class Link(Model):
    """Site-to-site tunnels between this site and one cloud region: two per edge firewall."""

    certificates: Annotated[tuple[Arn, ...], Field(min_length=1)]


class Facility(Model):
    """Where a datacentre is, and what the carrier and the cabinet give it."""

    vendor: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    facility: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    continent: Literal["north-america", "europe", "asia", "south-america", "africa", "oceania"]
    uplink: IPv4Network
    cabinet: Cabinet


class Datacentre(Facility):
    """What ``stacks/datacentres/<name>.yaml`` declares: the facility, and its machines by serial."""

    machines: dict[Serial, Machine]


class ShortSite(Model):
    """What a network's file says of a site instead of zones and servers, where the company's defaults say the rest.

    ``vlans``: the number from which the VLANs of the default zones are counted. ``servers``: the serials of each role's
    servers, in the order of their numbers. ``active``: by role, the number of the one that does the work now, by
    default the first.
    """

    vlans: Annotated[int, Field(ge=0, le=4092)]
    servers: dict[SiteRole, tuple[Serial, ...]]
    active: dict[SiteRole, HostNumber] = {}


class Site(Facility):
    """What a network has in a datacentre. ``slot`` places its /20 in the network's /16; it must never change."""

    slot: Annotated[int, Field(ge=11, le=14)]
    asn: Asn
    zones: dict[Name, SiteZone]
    servers: tuple[Server, ...]
    links: dict[RegionName, Link]
