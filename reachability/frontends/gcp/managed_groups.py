"""Managed instance groups: as an instance group, and an instance of each of their templates.

A group's manager creates and deletes instances of its templates, at addresses that Google chooses in the template's
subnet, with the template's network tags and service account (cloud.google.com/compute/docs/instance-groups). So one
instance with all these addresses stands for all of a template, and what its rules refuse is refused. With autoscaling,
repairs and resizing there may be any number of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reachability.frontends.gcp.backends import GROUP, POOL
from reachability.frontends.gcp.interfaces import INSTANCE
from reachability.frontends.gcp.inventory import path, project_of
from reachability.frontends.gcp.properties import items, last_segment, word
from reachability.resources import UNKNOWN, Resource

MANAGERS = (
    "gcp:compute/instanceGroupManager:InstanceGroupManager",
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
)
TEMPLATES = (
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
)
OF_A_TEMPLATE = ("networkInterfaces", "tags", "serviceAccount", "canIpForward", "labels")
"""What an instance has of its template."""


def expanded(resources: list[Resource]) -> list[Resource]:
    """The resources with each managed group whose templates are among them replaced by its parts."""
    managers = [each for each in resources if each.type in MANAGERS]
    if not managers:
        return resources
    templates = [each for each in resources if each.type in TEMPLATES]
    replaced: dict[str, tuple[Resource, ...]] = {}
    pools: dict[str, list[str]] = {}
    for manager in managers:
        found = _templates(manager, templates)
        pooled = _pools(manager, resources)
        if not found or pooled is None:
            continue
        instances = [_instance(manager, each, number) for number, each in enumerate(found)]
        replaced[manager.urn] = (_group(manager, instances), *instances)
        for pool in pooled:
            pools.setdefault(pool.urn, []).extend(each.urn for each in instances)
    return [
        _with_members(part, pools[part.urn]) if part.urn in pools else part
        for each in resources
        for part in replaced.get(each.urn, (each,))
    ]


def _called(resource: Resource) -> set[str]:
    """Every link by which others may refer to a resource, and its name."""
    given = (resource.id, *(resource.properties.get(name) for name in ("selfLink", "selfLinkUnique", "name")))
    return {path(each).partition("?")[0] for each in given if isinstance(each, str) and each}


def _referred(manager: Resource, field: str, value: Any, among: Iterable[Resource]) -> list[Resource] | None:
    """The resources that a value names; ``None`` if one of them is not among these."""
    if value is UNKNOWN:
        return [each for each in among if each.urn in manager.references.get(field, ())] or None
    wanted = path(word(value)).partition("?")[0]
    found = [each for each in among if wanted in _called(each)]
    if not found and "/" not in wanted:
        return None
    if not found:
        found = [each for each in among if _same_name(each, wanted)]
    return found or None


def _same_name(resource: Resource, link: str) -> bool:
    """Whether a link may be to the resource, whose own link is not known yet."""
    own = resource.properties.get("selfLink")
    return own in (None, UNKNOWN) and word(resource.properties.get("name")) == last_segment(link)


def _templates(manager: Resource, templates: list[Resource]) -> list[Resource] | None:
    """The templates of all versions; ``None`` if one is not among the resources."""
    value = manager.properties.get("versions")
    if value is UNKNOWN:
        return _referred(manager, "versions", UNKNOWN, templates)
    field, named = "versions", [each.get("instanceTemplate") for each in items(value)[0] if isinstance(each, Mapping)]
    if items(value)[1]:
        named.append(UNKNOWN)
    if not named:
        field, named = "instanceTemplate", [manager.properties.get("instanceTemplate")]
    found: dict[str, Resource] = {}
    for each in named:
        referred = _referred(manager, field, each, templates)
        if referred is None:
            return None
        found |= {template.urn: template for template in referred}
    return list(found.values())


def _pools(manager: Resource, resources: list[Resource]) -> list[Resource] | None:
    """The target pools to which the group adds its instances, as far as they are among the resources; ``None`` if it is
    unknown which of them."""
    known, more = items(manager.properties.get("targetPools"))
    among = [each for each in resources if each.type == POOL]
    found = [pool for each in known for pool in _referred(manager, "targetPools", each, among) or ()]
    if more and not manager.left_out("targetPools"):
        others = _referred(manager, "targetPools", UNKNOWN, among)
        if others is None:
            return None
        found += others
    return found


def _instance(manager: Resource, template: Resource, number: int) -> Resource:
    """The instance that stands for all of one template. A question may call it by the manager's name, id or URN."""
    name = word(manager.properties.get("name"), manager.name)
    given = {key: template.properties[key] for key in OF_A_TEMPLATE if key in template.properties}
    place = {key: manager.properties[key] for key in ("zone", "region") if key in manager.properties}
    references = {
        key: template.references[key] for key in ("networkInterfaces", "serviceAccount") if key in template.references
    }
    urn = f"{manager.urn} instances" + (f" of {template.name}" if number else "")
    called = name if not number else f"{name} ({template.name})"
    more = {"name": called, "project": project_of(manager) or project_of(template), **place}
    if not number:
        more["instanceId"] = manager.urn
    concealed = template.concealed & given.keys()
    return Resource(urn, INSTANCE, called, "" if number else manager.id, {**given, **more}, references, concealed)


def _group(manager: Resource, instances: list[Resource]) -> Resource:
    """The instance group to which load balancers refer."""
    given = {
        key: manager.properties[key] for key in ("name", "zone", "region", "namedPorts") if key in manager.properties
    }
    given |= {"selfLink": manager.properties.get("instanceGroup"), "project": project_of(manager)}
    members = [each.urn for each in instances]
    concealed = manager.concealed & given.keys()
    return Resource(
        manager.urn, GROUP, manager.name, "", {**given, "instances": members}, manager.references, concealed
    )


def _with_members(pool: Resource, members: list[str]) -> Resource:
    """A target pool with further instances."""
    value = pool.properties.get("instances")
    known, more = items(value)
    return replace(pool, properties={**pool.properties, "instances": [*known, *members, *([UNKNOWN] if more else [])]})
