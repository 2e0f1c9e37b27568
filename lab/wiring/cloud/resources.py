"""The resources of the cloud's state, by type and by id, while they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from lab.clouds.store import Resource


@dataclass
class Resources:
    """Resources by type and id, while the view is made of them."""

    resources: Iterable[Resource]
    by_type: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    by_id: dict[str, Resource] = field(default_factory=dict)
    not_modelled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for resource in sorted(self.resources, key=lambda each: (each.type, each.region, each.id)):
            self.by_type[resource.type].append(resource)
            self.by_id.setdefault(resource.id, resource)

    def of(self, *nouns: str) -> list[Resource]:
        """Resources by ``<module>/<noun>`` such as ``ec2/vpc``."""
        return [resource for noun in nouns for resource in self.by_type[token(noun)]]


def token(noun: str) -> str:
    module, name = noun.split("/")
    return f"aws:{module}/{name}:{name[0].upper()}{name[1:]}"


def blocks_of(values: Iterable[str | None]) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(value, strict=False) for value in values if value and ":" not in value)


def blocks_of_prefix_list(resources: Resources, id: str) -> tuple[IPv4Network, ...]:
    entries = resources.by_id[id].properties.get("entries", ()) if id in resources.by_id else ()
    return blocks_of(entry.get("cidr") for entry in entries)
