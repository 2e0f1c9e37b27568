"""Instances and their network interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reachability.addresses import AddressError, Interval, Intervals, address, block, union
from reachability.frontends.gcp.accounts import Accounts
from reachability.frontends.gcp.allocation import EXTERNAL_V4, Allocation
from reachability.frontends.gcp.inventory import Inventory, project_of
from reachability.frontends.gcp.properties import flag, is_given, items, records, setting, word
from reachability.frontends.gcp.vpc import NETWORK, SUBNETWORK, Network, Subnet, region_of
from reachability.resources import UNKNOWN, Resource

INSTANCE = "gcp:compute/instance:Instance"
FROM_TEMPLATE = "gcp:compute/instanceFromTemplate:InstanceFromTemplate"
FROM_IMAGE = "gcp:compute/instanceFromMachineImage:InstanceFromMachineImage"
INSTANCES = (INSTANCE, FROM_TEMPLATE, FROM_IMAGE)
ADDRESS = "gcp:compute/address:Address"
GLOBAL_ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
ADDRESSES = (ADDRESS, GLOBAL_ADDRESS)
DEFAULT = "default"
"""The name of the network, and of its subnets, on which an interface is that names none."""
LARGEST_ALIAS_RANGE = 4096
POD_RANGES = "podIpRanges"
"""A property of the interface that stands for a cluster's nodes: the blocks of their pods' addresses."""


@dataclass(frozen=True, slots=True, eq=False)
class Nic:
    """One interface of an instance. ``primary``: its internal IPv4 address; several, if it may be any of them
    (``uncertainty``).

    ``v6``: its /96, if any. ``tags`` and ``account`` are ``None`` if unknown. ``forwards``:
    ``canIpForward``, or ``None``.
    """

    id: str
    machine: str
    name: str
    device: str
    network: Network
    subnet: Subnet
    primary: tuple[int, ...]
    uncertainty: str
    aliases: Intervals
    v6: Interval | None
    external: tuple[int, ...]
    tags: frozenset[str] | None
    account: str | None
    forwards: bool | None
    project: str

    @property
    def region(self) -> str:
        return self.subnet.region

    def own(self) -> Intervals:
        """Every source address that it may use."""
        return union(((each, each) for each in self.primary), self.aliases, [self.v6] if self.v6 else [])


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A virtual machine of the input."""

    resource: Resource
    nics: tuple[Nic, ...]
    forwards: bool | None
    labels: Mapping[str, str]
    aliases: tuple[str, ...]


def given_address(
    owner: Resource, field: str, value: Any, key: str, inventory: Inventory, allocation: Allocation
) -> int | None:
    """The external address in a value, as text or as an address resource; a placeholder if Google assigns it.
    ``None`` if it cannot be read, which is reported."""
    if isinstance(value, str) and value:
        try:
            return block(value)[0]
        except AddressError:
            pass
    found = inventory.resolve(owner, field, ADDRESSES, value) if value is not None else None
    if found is not None:
        return reserved_address(found, inventory, allocation)
    if value is None or value is UNKNOWN or value == "":
        return allocation.one(EXTERNAL_V4, key)
    inventory.problems(f"{owner.urn}: {value!r} is neither an address nor an address resource of the input")
    return None


def reserved_address(resource: Resource, inventory: Inventory, allocation: Allocation) -> int | None:
    """The address of an address resource; a placeholder if it is unknown."""
    value = resource.properties.get("address")
    if value is None or value is UNKNOWN:
        return allocation.one(EXTERNAL_V4, resource.urn)
    try:
        return block(value if isinstance(value, str) else "")[0]
    except AddressError:
        inventory.problems(f"{resource.urn}: address: {value!r} is not an address")
        return None


class Interfaces:
    """Reads the instances of the input; a missing network or subnet is reported."""

    def __init__(
        self, inventory: Inventory, allocation: Allocation, networks: Mapping[str, Network], accounts: Accounts
    ) -> None:
        self._inventory = inventory
        self._allocation = allocation
        self._networks = networks
        self._accounts = accounts
        self._subnets = {each.urn: (network, each) for network in networks.values() for each in network.subnets}
        self._wished = self._reserved_internal()
        self.instances = tuple(self._instance(each) for each in inventory.of(*INSTANCES))
        self.nics = tuple(nic for each in self.instances for nic in each.nics)

    def _reserved_internal(self) -> dict[str, int]:
        found = {}
        for each in self._inventory.of(*ADDRESSES):
            value = each.properties.get("address")
            if setting(each.properties.get("addressType"), "EXTERNAL") in ("INTERNAL", None) and isinstance(value, str):
                try:
                    found[each.urn] = address(value)
                except AddressError:
                    continue
        return found

    def _instance(self, resource: Resource) -> Instance:
        problems = self._inventory.problems
        given = resource.properties
        tags, unknown_tags = items(given.get("tags"))
        account, uncertain = self._accounts.of_instance(resource)
        forwards = flag(given.get("canIpForward"))
        found, more = records(given.get("networkInterfaces"), f"{resource.urn}: networkInterfaces", problems)
        if more or not found:
            problems(f"{resource.urn}: its network interfaces are not known")
        nics = []
        for index, each in enumerate(found):
            nic = self._nic(
                resource,
                index,
                each,
                None if unknown_tags else frozenset(map(str, tags)),
                None if uncertain else account,
                forwards,
            )
            if nic is not None:
                nics.append(nic)
        labels = {}
        for name in ("labels", "effectiveLabels"):
            value = given.get(name)
            if isinstance(value, Mapping):
                labels.update({str(k): v for k, v in value.items() if isinstance(v, str)})
        name = word(given.get("name"), resource.name)
        labels.setdefault("Name", name)
        aliases = [given.get("selfLink"), given.get("instanceId"), resource.id, name, resource.name]
        return Instance(
            resource,
            tuple(nics),
            forwards,
            labels,
            tuple(dict.fromkeys(each for each in aliases if isinstance(each, str) and each)),
        )

    def _place(self, resource: Resource, index: int, given: Mapping[str, Any]) -> tuple[Network, Subnet] | None:
        where = f"{resource.urn}: interface {index}"
        problems = self._inventory.problems
        subnet_value, network_value = given.get("subnetwork"), given.get("network")
        if subnet_value is not None and subnet_value != "":
            found = self._inventory.resolve(resource, "networkInterfaces", (SUBNETWORK,), subnet_value)
            if found is not None and found.urn in self._subnets:
                return self._subnets[found.urn]
        network = None
        if network_value in (None, "") and subnet_value in (None, "", DEFAULT):
            network_value = DEFAULT
        if network_value is not None and network_value != "":
            owner = self._inventory.resolve(resource, "networkInterfaces", (NETWORK,), network_value)
            network = self._networks.get(owner.urn) if owner else None
        if network is not None and network.automatic:
            subnet = network.automatic_subnet(region_of(resource, self._inventory))
            if subnet is not None:
                return network, subnet
        if network is not None and subnet_value in (None, "", UNKNOWN):
            region = region_of(resource, self._inventory)
            near = [each for each in network.subnets if each.region == region and each.purpose == "PRIVATE"]
            if len(near) == 1:
                return network, near[0]
        named = word(subnet_value) or word(network_value) or "default"
        problems(f"{where} is on {named!r}, which is not in the input or not known yet: packets to it are unknown")
        return None

    def _nic(
        self,
        resource: Resource,
        index: int,
        given: Mapping[str, Any],
        tags: frozenset[str] | None,
        account: str | None,
        forwards: bool | None,
    ) -> Nic | None:
        device = f"ens{4 + index}"
        where = f"{resource.urn}: interface {index}"
        problems = self._inventory.problems
        for feature in ("networkAttachment", "vlan", "parentNicName", "aliasIpv6Ranges"):
            if is_given(given.get(feature)):
                problems(f"{where}: {feature} is not modelled")
        place = self._place(resource, index, given)
        if place is None:
            return None
        network, subnet = place
        primary, uncertainty = self._primary(resource, where, given, subnet)
        return Nic(
            f"{resource.urn}/{device}",
            resource.urn,
            word(resource.properties.get("name"), resource.name),
            device,
            network,
            subnet,
            primary,
            uncertainty,
            self._aliases(where, given, subnet),
            self._v6(resource, where, given, subnet, device),
            self._external(resource, index, given, device),
            tags,
            account,
            forwards,
            project_of(resource),
        )

    def _primary(
        self, resource: Resource, where: str, given: Mapping[str, Any], subnet: Subnet
    ) -> tuple[tuple[int, ...], str]:
        value = given.get("networkIp")
        if word(given.get("stackType")) == "IPV6_ONLY" or subnet.primary is None:
            return (), ""
        if isinstance(value, str) and value:
            try:
                return (address(value),), ""
            except AddressError:
                found = self._inventory.resolve(resource, "networkInterfaces", ADDRESSES, value)
                if found is not None and found.urn in self._wished:
                    return (self._wished[found.urn],), ""
                self._inventory.problems(f"{where}: networkIp: {value!r} is not an address")
        if value is UNKNOWN:
            reserved = [
                self._wished[each.urn]
                for each in self._inventory.candidates(resource, "networkInterfaces", ADDRESSES)
                if each.urn in self._wished and subnet.primary[0] <= self._wished[each.urn] <= subnet.primary[1]
            ]
            if len(reserved) == 1:
                return (reserved[0],), ""
        points = [*self._allocation.inside(subnet.primary), *self._pods(where, given)]
        return tuple(points), f"the address of {where} is known only after deployment"

    def _pods(self, where: str, given: Mapping[str, Any]) -> Iterator[int]:
        """Addresses of pods: one for each part of their ranges that rules treat differently."""
        if POD_RANGES not in given:
            return
        known, more = items(given[POD_RANGES])
        if more:
            self._inventory.problems(f"{where}: the addresses of its pods are not known")
        for each in known:
            try:
                yield from self._allocation.inside(block(each))
            except AddressError:
                self._inventory.problems(f"{where}: {each!r} is not a block of pods")

    def _aliases(self, where: str, given: Mapping[str, Any], subnet: Subnet) -> Intervals:
        problems = self._inventory.problems
        found, more = records(given.get("aliasIpRanges"), f"{where}: aliasIpRanges", problems)
        if more:
            problems(f"{where}: its alias ranges are known only after deployment")
        ranges = []
        for each in found:
            value = each.get("ipCidrRange")
            if isinstance(value, str) and value.startswith("/"):
                problems(f"{where}: Google chooses the alias range {value} only at deployment")
                continue
            try:
                low, high = block(value if isinstance(value, str) else "")
            except AddressError:
                problems(f"{where}: alias range {value!r} is not a CIDR block")
                continue
            if high - low >= LARGEST_ALIAS_RANGE:
                problems(f"{where}: alias range {value} has more than {LARGEST_ALIAS_RANGE} addresses")
                continue
            ranges.append((low, high))
        return union(ranges)

    def _v6(
        self, resource: Resource, where: str, given: Mapping[str, Any], subnet: Subnet, device: str
    ) -> Interval | None:
        stack = given.get("stackType")
        if stack is UNKNOWN:
            self._inventory.problems(f"{where}: whether it has IPv6 is known only after deployment")
            return None
        if setting(stack, "IPV4_ONLY") == "IPV4_ONLY" and not is_given(given.get("ipv6Address")):
            return None
        configs, _ = records(given.get("ipv6AccessConfigs"), f"{where}: ipv6AccessConfigs", self._inventory.problems)
        for value in [each.get("externalIpv6") for each in configs] + [given.get("ipv6Address")]:
            if isinstance(value, str) and value:
                try:
                    return block(value if "/" in value else f"{value}/96")
                except AddressError:
                    self._inventory.problems(f"{where}: {value!r} is not an IPv6 address")
        if subnet.v6 is None:
            self._inventory.problems(f"{where} has IPv6 but its subnet's IPv6 range is not known")
            return None
        low = self._allocation.one(subnet.v6, f"{resource.urn}/{device}", 1 << 32)
        return low, low + (1 << 32) - 1

    def _external(self, resource: Resource, index: int, given: Mapping[str, Any], device: str) -> tuple[int, ...]:
        value = given.get("accessConfigs")
        where = f"{resource.urn}: interface {index}: accessConfigs"
        if value is UNKNOWN:
            self._inventory.problems(f"{where} is known only after deployment: it may have an external address")
            return (self._allocation.one(EXTERNAL_V4, f"{resource.urn}/{device}"),)
        found, more = records(value, where, self._inventory.problems)
        if isinstance(value, (list, tuple)) and len(found) < len(value):
            found = [*found, {}]
        addresses = []
        for each in found:
            point = given_address(
                resource,
                "networkInterfaces",
                each.get("natIp"),
                f"{resource.urn}/{device}",
                self._inventory,
                self._allocation,
            )
            if point is not None:
                addresses.append(point)
        return tuple(addresses)
