"""The location of resources, and what fails with a zone, a region, a provider or a datacentre."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reachability.network import Check, Lookup, Translate
from reachability.resources import UNKNOWN, Resource

if TYPE_CHECKING:
    from reachability.assembly import Assembly

SUBNET = "subnetId"


@dataclass(frozen=True, slots=True)
class Place:
    """``provider``, ``region`` and ``zone`` of a resource; empty if it has none or it is unknown."""

    provider: str = ""
    region: str = ""
    zone: str = ""


NOWHERE = Place()


def places(resources: Iterable[Resource]) -> dict[str, Place]:
    """By URN. A resource that refers to a subnet is in the subnet's zone."""
    known = list(resources)
    by_key: dict[str, Resource] = {}
    for resource in known:
        by_key[resource.urn] = resource
        if resource.id is not UNKNOWN and isinstance(resource.id, str):
            by_key.setdefault(resource.id, resource)
    return {resource.urn: _place(resource, by_key) for resource in known}


def _place(resource: Resource, by_key: Mapping[str, Resource]) -> Place:
    properties = resource.properties
    zone = _text(properties.get("availabilityZone")) or _text(properties.get("zone"))
    if not zone:
        subnet = by_key.get(_text(properties.get(SUBNET)))
        for urn in resource.references.get(SUBNET, ()):
            subnet = subnet or by_key.get(urn)
        zone = _text(subnet.properties.get("availabilityZone")) if subnet else ""
    return Place(resource.type.partition(":")[0], _text(properties.get("region")), zone)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Failures:
    """The machines and stages of an estate by location."""

    def __init__(self, resources: Iterable[Resource], assembly: Assembly) -> None:
        where = places(resources)
        self._by_place: dict[Place, set[str]] = {}
        for name, machine in assembly.machines.items():
            self._by_place.setdefault(where.get(machine.origin, NOWHERE), set()).add(name)
        for name, stage in assembly.stages.items():
            if isinstance(stage, Lookup | Translate):
                origin = stage.origin
            elif isinstance(stage, Check):
                origin = stage.chain.origin
            else:
                continue
            place = where.get(origin)
            if place is not None:
                self._by_place.setdefault(place, set()).add(name)

    def zones(self) -> tuple[tuple[str, str], ...]:
        """(region, zone) of every zone with resources."""
        return tuple(sorted({(place.region, place.zone) for place in self._by_place if place.zone}))

    def of(self, *, provider: str = "", region: str = "", zone: str = "") -> frozenset[str]:
        """The machines and stages that fail with a provider, a region or a zone."""
        return frozenset(
            name
            for place, names in self._by_place.items()
            if (not provider or place.provider == provider)
            and (not region or place.region == region)
            and (not zone or place.zone == zone)
            and place is not NOWHERE
            for name in names
        )
