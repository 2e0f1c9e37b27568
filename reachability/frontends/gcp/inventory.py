"""The resources of the input, found by URN, id, self link, partial URL or name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from reachability.frontends.gcp.computed import without_computed
from reachability.frontends.gcp.properties import Problems, items, word
from reachability.resources import UNKNOWN, Resource

_HOST = re.compile(r"^(?:https?:)?//[^/]+/(?:compute/)?(?:v1|beta|alpha)/(?:projects/(?=projects/))?")
_PARTS = re.compile(
    r"^(?:projects/(?P<project>[^/]+)/)?(?:(?P<scope>global|(?:regions|zones|locations)/[^/]+)/)?(?P<rest>.*)$"
)


def path(value: str) -> str:
    """A self link without its host: ``projects/p/global/networks/n``."""
    return _HOST.sub("", value.strip())


def project_of(resource: Resource) -> str:
    """The project of a resource, from its properties, id or self link; empty if unknown."""
    named = word(resource.properties.get("project"))
    if named:
        return named.rpartition("/")[2]
    for each in (resource.properties.get("selfLink"), resource.id):
        found = re.search(r"projects/([^/]+)/", each) if isinstance(each, str) else None
        if found:
            return found.group(1)
    return ""


class Inventory:
    """Every ``gcp:`` resource by type, and by every name by which another resource may refer to it."""

    def __init__(self, resources: Iterable[Resource], problems: Problems) -> None:
        self.problems = problems
        self.by_type: dict[str, list[Resource]] = defaultdict(list)
        self.by_urn: dict[str, Resource] = {}
        self.regions: dict[str, str] = {}
        """Every region in use, with a resource there; an empty region is the provider's default."""
        self._called: dict[str, list[Resource]] = defaultdict(list)
        self._named: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for each in map(without_computed, resources):
            if each.urn in self.by_urn:
                continue
            self.by_type[each.type].append(each)
            self.by_urn[each.urn] = each
            names = {each.urn}
            for value in (each.id, each.properties.get("selfLink"), each.properties.get("selfLinkWithId")):
                if isinstance(value, str) and "/" in value:
                    names.add(path(value))
            for name in names:
                self._called[name].append(each)
            for name in {word(each.properties.get("name")), word(each.id), word(each.properties.get("shortName"))} - {
                ""
            }:
                if "/" not in name:
                    self._named[each.type, name].append(each)

    def of(self, *types: str) -> list[Resource]:
        """The resources of some types, in the order of the input."""
        return [each for kind in types for each in self.by_type.get(kind, ())]

    def find(self, value: Any, types: Iterable[str], referrer: Resource | None = None) -> Resource | None:
        """The resource to which a known ``value`` refers; ``None`` if it is not in the input or ambiguous."""
        if not isinstance(value, str) or not value:
            return None
        types = tuple(types)
        called = path(value)
        exact = [each for each in self._called.get(called, ()) if each.type in types]
        if exact:
            return exact[0]
        parts = _PARTS.match(called)
        rest = parts.group("rest") if parts else called
        name = rest.rpartition("/")[2]
        found = [each for kind in types for each in self._named.get((kind, name), ())]
        if parts and parts.group("project"):
            found = [each for each in found if project_of(each) in ("", parts.group("project"))]
        scope = (parts.group("scope") or "") if parts else ""
        if "/" in scope:
            place = scope.rpartition("/")[2]
            found = [each for each in found if _place(each) in ("", place)]
        if len(found) > 1 and referrer is not None:
            near = [each for each in found if project_of(each) == project_of(referrer)]
            found = near or found
        if len(found) > 1 and referrer is not None:
            near = [each for each in found if _region(each) == _region(referrer)]
            found = near or found
        return found[0] if len(found) == 1 else None

    def resolve(self, resource: Resource, field: str, types: Iterable[str], value: Any = None) -> Resource | None:
        """The resource to which an input refers: by its value, or if unknown by its dependencies.

        ``value``: set if the input is a part of the property ``field``.
        """
        if value is None:
            value = resource.properties.get(field)
        if value is not UNKNOWN:
            return self.find(value, types, resource)
        found = self.candidates(resource, field, types)
        return found[0] if len(found) == 1 else None

    def candidates(self, resource: Resource, field: str, types: Iterable[str]) -> list[Resource]:
        """The resources of some types on which an input depends."""
        kinds = tuple(types)
        urns = resource.references.get(field, ())
        return [self.by_urn[urn] for urn in urns if urn in self.by_urn and self.by_urn[urn].type in kinds]

    def resolve_all(
        self, resource: Resource, field: str, types: Iterable[str], value: Any = None
    ) -> tuple[list[Resource], list[str], bool]:
        """The references in a list: the resources, the known values without a resource, and whether there may be
        unknown ones."""
        kinds = tuple(types)
        if value is None:
            value = resource.properties.get(field)
        known, more = items(value)
        found: list[Resource] = []
        unresolved = []
        for each in known:
            target = self.find(each, kinds, resource)
            if target is None:
                unresolved.append(str(each))
            elif target not in found:
                found.append(target)
        if more:
            hidden = [each for each in self.candidates(resource, field, kinds) if each not in found]
            unknowns = sum(each is UNKNOWN for each in value) if isinstance(value, (list, tuple)) else 0
            more = len(hidden) != unknowns or not hidden
            found += hidden
        return found, unresolved, more


def _region(resource: Resource) -> str:
    place = _place(resource)
    return re.sub(r"-[a-z]$", "", place)


def _place(resource: Resource) -> str:
    for field in ("region", "zone", "location"):
        named = word(resource.properties.get(field))
        if named:
            return named.rstrip("/").rpartition("/")[2]
    return ""
