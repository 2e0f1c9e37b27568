"""The backends of load balancers: instance groups, target pools and instances, backend services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reachability.frontends.gcp.interfaces import INSTANCES, Nic
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import flag, is_given, number, records, setting
from reachability.resources import UNKNOWN, Resource

BACKEND_SERVICES = (
    "gcp:compute/backendService:BackendService",
    "gcp:compute/regionBackendService:RegionBackendService",
)
GROUP = "gcp:compute/instanceGroup:InstanceGroup"
MEMBERSHIP = "gcp:compute/instanceGroupMembership:InstanceGroupMembership"
NAMED_PORT = "gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort"
POOL = "gcp:compute/targetPool:TargetPool"
TARGET_INSTANCE = "gcp:compute/targetInstance:TargetInstance"
URL_MAPS = ("gcp:compute/uRLMap:URLMap", "gcp:compute/regionUrlMap:RegionUrlMap")
BUCKETS = ("gcp:compute/backendBucket:BackendBucket", "gcp:compute/regionBackendBucket:RegionBackendBucket")
HTTP_PORT = 80


@dataclass(slots=True)
class Backends:
    """The interfaces that a balancer may choose, with the port to which a proxy connects (``None``: unknown), and why
    there may be more."""

    nics: list[tuple[Nic, int | None]] = field(default_factory=list)
    uncertainties: list[str] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)
    """Why some clients may be refused."""

    def add(self, other: Backends) -> None:
        """Merges another's backends."""
        self.nics += [each for each in other.nics if each not in self.nics]
        self.uncertainties += [each for each in other.uncertainties if each not in self.uncertainties]
        self.guards += [each for each in other.guards if each not in self.guards]


class BackendReader:
    """Follows references from balancers to interfaces."""

    def __init__(self, inventory: Inventory, nics: tuple[Nic, ...]) -> None:
        self._inventory = inventory
        self._nics: dict[str, list[Nic]] = {}
        for nic in nics:
            self._nics.setdefault(nic.machine, []).append(nic)
        self._members: dict[str, list[Resource]] = {}
        for each in inventory.of(MEMBERSHIP):
            group = inventory.resolve(each, "instanceGroup", (GROUP,))
            if group is not None:
                self._members.setdefault(group.urn, []).append(each)

    def of_instances(self, resource: Resource, field_: str, value: Any, network: str = "") -> Backends:
        """The interfaces of the instances in a list; the first of each, or the one in ``network``."""
        found, unresolved, more = self._inventory.resolve_all(resource, field_, INSTANCES, value)
        result = Backends()
        for machine in found:
            own = self._nics.get(machine.urn, [])
            inside = [nic for nic in own if nic.network.urn == network]
            result.nics += [(nic, None) for nic in (inside or own)[:1]]
        if unresolved:
            result.uncertainties.append(f"{resource.urn}: instance {unresolved[0]} is not in the input")
        if more:
            result.uncertainties.append(f"{resource.urn}: its instances are known only after deployment")
        return result

    def of_service(self, service: Resource, network: str = "") -> Backends:
        """The interfaces behind a backend service."""
        result = Backends()
        found, more = records(service.properties.get("backends"), f"{service.urn}: backends", self._inventory.problems)
        if more:
            result.uncertainties.append(f"{service.urn}: its backends are known only after deployment")
        port_name = setting(service.properties.get("portName"), "http")
        for name in ("securityPolicy", "edgeSecurityPolicy"):
            if is_given(service.properties.get(name)):
                result.guards.append(f"the clients that the {name} of {service.urn} rejects are not modelled")
        for each in records(service.properties.get("iap"), f"{service.urn}: iap", self._inventory.problems)[0]:
            if flag(each.get("enabled"), True) is not False:
                result.guards.append(
                    f"the clients that the identity-aware proxy of {service.urn} rejects are not modelled"
                )
        groups: list[Resource] = []
        hidden = 0
        for each in found:
            value = each.get("group")
            if value is UNKNOWN:
                hidden += 1
                continue
            group = self._inventory.find(value, (GROUP,), service)
            if group is None:
                result.uncertainties.append(f"{service.urn}: its backend {value} is not an instance group of the input")
            else:
                groups.append(group)
        candidates = [each for each in self._inventory.candidates(service, "backends", (GROUP,)) if each not in groups]
        if hidden and hidden != len(candidates):
            result.uncertainties.append(f"{service.urn}: its backends are known only after deployment")
        for group in [*groups, *(candidates if hidden else [])]:
            result.add(self._of_group(group, port_name, network))
        return result

    def of_pool(self, pool: Resource) -> Backends:
        """The interfaces of a target pool and its backup pool."""
        result = Backends()
        seen: set[str] = set()
        while pool is not None and pool.urn not in seen:
            seen.add(pool.urn)
            result.add(self.of_instances(pool, "instances", pool.properties.get("instances")))
            backup = pool.properties.get("backupPool")
            following = self._inventory.resolve(pool, "backupPool", (POOL,)) if backup else None
            if backup is not None and backup is not UNKNOWN and following is None:
                result.uncertainties.append(f"{pool.urn}: its backup pool is not in the input")
            if following is None:
                break
            pool = following
        return result

    def of_url_map(self, url_map: Resource) -> Backends:
        """The interfaces behind every service in a URL map."""
        result = Backends()
        services: dict[str, Resource] = {}
        for name, value in url_map.properties.items():
            for text in _texts(value):
                if text is UNKNOWN:
                    for each in self._inventory.candidates(url_map, name, BACKEND_SERVICES):
                        services[each.urn] = each
                    continue
                if "backendServices/" not in text and "backendBuckets/" not in text and name != "defaultService":
                    continue
                service = self._inventory.find(text, BACKEND_SERVICES, url_map)
                if service is not None:
                    services[service.urn] = service
                elif "backendServices/" in text:
                    result.uncertainties.append(f"{url_map.urn}: its backend service {text} is not in the input")
        if not services and not result.uncertainties and self._wants_service(url_map):
            result.uncertainties.append(f"{url_map.urn}: no backend service of it is in the input")
        for each in services.values():
            result.add(self.of_service(each))
        return result

    def _wants_service(self, url_map: Resource) -> bool:
        value = url_map.properties.get("defaultService")
        return value is UNKNOWN and not self._inventory.candidates(url_map, "defaultService", BUCKETS)

    def _of_group(self, group: Resource, port_name: str | None, network: str) -> Backends:
        result = self.of_instances(group, "instances", group.properties.get("instances"), network)
        for each in self._members.get(group.urn, ()):
            result.add(self.of_instances(each, "instance", each.properties.get("instance"), network))
        port = self._port(group, port_name)
        result.nics = [(nic, port) for nic, _ in result.nics]
        return result

    def _port(self, group: Resource, name: str | None) -> int | None:
        """The named port of a group (cloud.google.com/load-balancing/docs/backend-service#named_ports); ``None`` if it
        is not known."""
        if name is None:
            return None
        where = f"{group.urn}: namedPorts"
        found, more = records(group.properties.get("namedPorts"), where, self._inventory.problems)
        entries: list[Mapping[str, Any]] = list(found)
        for each in self._inventory.of(NAMED_PORT):
            if self._inventory.resolve(each, "group", (GROUP,)) is group:
                entries.append(each.properties)
        for entry in entries:
            if entry.get("name") is UNKNOWN:
                return None
            if entry.get("name") == name:
                return number(entry.get("port"), HTTP_PORT, 1, 65535)
        return None if more or entries else HTTP_PORT if name == "http" else None


def _texts(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str) or each is UNKNOWN:
            yield each
        elif isinstance(each, Mapping):
            pending.extend(each.values())
        elif isinstance(each, (list, tuple)):
            pending.extend(each)
