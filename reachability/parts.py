"""Groups the parts of an estate that are connected: only those must be proved together.

Parts without a connection reach each other over the internet only. To each, the other's public addresses are part of
the internet. So a claim about the internet covers the other part too, and a rule that admits only the other part's
address violates it like any other public address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reachability.resources import UNKNOWN
from reachability.subject import Subject


def together(parts: Mapping[str, Subject]) -> tuple[tuple[str, ...], ...]:
    """The parts in groups, in order: parts that refer to each other's resources or share a tunnel are in one group."""
    owners: dict[str, str] = {}
    leader = {name: name for name in parts}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def join(one: str, other: str) -> None:
        leader[find(other)] = find(one)

    for name, subject in parts.items():
        for mark in _marks(subject):
            join(owners.setdefault(mark, name), name)
    for name, subject in parts.items():
        for mentioned in _mentioned(subject):
            owner = owners.get(mentioned)
            if owner is not None:
                join(owner, name)
    groups: dict[str, list[str]] = {}
    for name in parts:
        groups.setdefault(find(name), []).append(name)
    return tuple(tuple(group) for group in groups.values())


def union(subjects: list[Subject]) -> Subject:
    """Several subjects as one."""
    return Subject(
        resources=tuple(each for subject in subjects for each in subject.resources),
        sites=tuple(each for subject in subjects for each in subject.sites),
        guests={urn: guest for subject in subjects for urn, guest in subject.guests.items()},
        rulesets={name: text for subject in subjects for name, text in subject.rulesets.items()},
    )


def _marks(subject: Subject) -> Iterator[str]:
    """Identifiers that are unique to one part: ids, ARNs and URNs of resources, servers, keys of tunnels."""
    for resource in subject.resources:
        yield resource.urn
        for mark in (resource.id, resource.properties.get("arn"), resource.properties.get("selfLink")):
            if mark is not UNKNOWN and isinstance(mark, str) and mark:
                yield f"{resource.type} {mark}" if len(mark) < 8 else mark
    for site in subject.sites:
        for server in site.servers:
            yield f"server {server.name}"
            yield from (tunnel.key for tunnel in server.tunnels)


def _mentioned(subject: Subject) -> Iterator[str]:
    for resource in subject.resources:
        yield from _strings(resource.properties)
        for urns in resource.references.values():
            yield from urns


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)
