"""Datacentres: zones, servers, cabinet, tunnels."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from estate.model.roles import SiteRole, ZoneKind
from estate.model.types import Arn, Asn, HostNumber, Model, Name, RegionName


class SiteZone(Model):
    """A firewall zone of a datacentre: one VLAN, one /24 of the site's block."""

    kind: ZoneKind
    slot: Annotated[int, Field(ge=0, le=15)]
    vlan: Annotated[int, Field(ge=2, le=4094)]


class Nic(Model):
    """One cable of a bond."""

    mac: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    switch: Name


class Server(Model):
    """A bare-metal host of a datacentre. ``active`` marks the one of each pair that does the work now."""

    role: SiteRole
    zone: Name
    number: HostNumber
    hardware: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    serial: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{4,32}$")]
    rack_units: Annotated[tuple[Annotated[int, Field(ge=1, le=48)], ...], Field(min_length=1)]
    power: Annotated[tuple[Name, ...], Field(min_length=1)]
    nics: Annotated[tuple[Nic, ...], Field(min_length=1)]
    active: bool = False
    public_address: IPv4Address | None = None


class Cabinet(Model):
    """The cabinet of the servers: its PDUs and switches."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    pdus: Annotated[tuple[Name, ...], Field(min_length=1)]
    switches: Annotated[tuple[Name, ...], Field(min_length=1)]


class Link(Model):
    """Site-to-site tunnels between this site and one cloud region: two per edge firewall."""

    certificates: Annotated[tuple[Arn, ...], Field(min_length=1)]


class Site(Model):
    """A datacentre. ``slot`` places its /20 in the network's /16; it must never change."""

    slot: Annotated[int, Field(ge=11, le=14)]
    vendor: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    facility: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    continent: Literal["north-america", "europe", "asia", "south-america", "africa", "oceania"]
    asn: Asn
    uplink: IPv4Network
    cabinet: Cabinet
    zones: dict[Name, SiteZone]
    servers: tuple[Server, ...]
    links: dict[RegionName, Link]
