"""Cloud NAT gateways (``gcp:compute/routerNat:RouterNat``).

Semantics: cloud.google.com/nat/docs/overview and .../ports-and-addresses: outgoing connections of TCP, UDP and ICMP
only, from the listed ranges, for interfaces without an external address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reachability import services
from reachability.addresses import Intervals, union
from reachability.frontends.gcp.allocation import EXTERNAL_V4, Allocation
from reachability.frontends.gcp.cloud_router import ROUTER
from reachability.frontends.gcp.interfaces import ADDRESSES, given_address, reserved_address
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import NOTHING, Extent, is_given, items, records, setting, word
from reachability.frontends.gcp.vpc import NETWORK, SUBNETWORK, Network, Subnet, region_of
from reachability.resources import UNKNOWN, Resource

NAT = "gcp:compute/routerNat:RouterNat"
NAT_ADDRESS = "gcp:compute/routerNatAddress:RouterNatAddress"
_SERVICES: Intervals = union(services.of(each) for each in (services.TCP, services.UDP, services.ICMP))


@dataclass(frozen=True, slots=True, eq=False)
class Nat:
    """One gateway: the addresses that it translates (``sources``), and its external addresses."""

    urn: str
    name: str
    network: Network
    region: str
    sources: Extent
    addresses: tuple[int, ...]
    services: Intervals = _SERVICES


class CloudNats:
    """The gateways of the input by network and region."""

    def __init__(self, inventory: Inventory, allocation: Allocation, networks: Mapping[str, Network]) -> None:
        self._inventory = inventory
        self._allocation = allocation
        self._found: dict[tuple[str, str], list[Nat]] = {}
        further = inventory.of(NAT_ADDRESS)
        for each in inventory.of(NAT):
            router = inventory.resolve(each, "router", (ROUTER,))
            owner = inventory.resolve(router, "network", (NETWORK,)) if router is not None else None
            if router is None or owner is None:
                inventory.problems(f"{each.urn}: the network of its router is not in the input or not known yet")
                continue
            kind = setting(each.properties.get("type"), "PUBLIC")
            if kind != "PUBLIC":
                what = "whether it is a public NAT is not known" if kind is None else "private NAT is not modelled"
                inventory.problems(f"{each.urn}: {what}")
                continue
            if any(
                is_given(each.properties.get(key)) for key in ("sourceSubnetworkIpRangesToNat64", "nat64Subnetworks")
            ):
                inventory.problems(f"{each.urn}: NAT64 is not modelled")
            kinds, _ = items(each.properties.get("endpointTypes"))
            if kinds and "ENDPOINT_TYPE_VM" not in kinds:
                continue
            network = networks[owner.urn]
            region = region_of(router, inventory)
            name = word(each.properties.get("name"), each.name)
            own = [one for one in further if inventory.resolve(one, "routerNat", (NAT,)) is each]
            nat = Nat(each.urn, name, network, region, self._sources(each, network, region), self._addresses(each, own))
            self._found.setdefault((network.urn, region), []).append(nat)

    def of(self, network: Network, region: str) -> list[Nat]:
        """The gateways of a network in a region."""
        return self._found.get((network.urn, region), [])

    def all(self) -> list[Nat]:
        """Every gateway."""
        return [each for found in self._found.values() for each in found]

    def _addresses(self, resource: Resource, further: list[Resource]) -> tuple[int, ...]:
        given = resource.properties
        points: list[int] = []
        sources = [(resource, "natIps", given.get("natIps"))]
        rules, _ = records(given.get("rules"), f"{resource.urn}: rules", self._inventory.problems)
        for rule in rules:
            actions, _ = records(rule.get("action"), f"{resource.urn}: rules", self._inventory.problems)
            sources += [(resource, "rules", action.get("sourceNatActiveIps")) for action in actions]
        sources += [(each, "natIps", each.properties.get("natIps")) for each in further]
        for owner, field, value in sources:
            points += self._listed(owner, field, value)
        if not points:
            points.append(self._allocation.one(EXTERNAL_V4, resource.urn))
        return tuple(dict.fromkeys(points))

    def _listed(self, owner: Resource, field: str, value: Any) -> list[int]:
        points = []
        known, more = items(value)
        for each in known:
            point = given_address(owner, field, each, owner.urn, self._inventory, self._allocation)
            points += [] if point is None else [point]
        if more:
            for each in self._inventory.candidates(owner, field, ADDRESSES):
                point = reserved_address(each, self._inventory, self._allocation)
                points += [] if point is None else [point]
        return points

    def _sources(self, resource: Resource, network: Network, region: str) -> Extent:
        given = resource.properties
        here = [each for each in network.subnets if each.region == region]
        everything = union(*(each.v4_blocks() for each in here))
        which = given.get("sourceSubnetworkIpRangesToNat")
        match which:
            case "ALL_SUBNETWORKS_ALL_IP_RANGES":
                return Extent.of(everything)
            case "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES":
                return Extent.of(union(each.primary for each in here if each.primary))
            case "LIST_OF_SUBNETWORKS":
                return self._list(resource, here, everything)
        if which is not UNKNOWN:
            self._inventory.problems(f"{resource.urn}: sourceSubnetworkIpRangesToNat: {which!r} is not modelled")
        return Extent.maybe(everything, "the subnets of the NAT are unknown")

    def _list(self, resource: Resource, here: list[Subnet], everything: Intervals) -> Extent:
        extent = NOTHING
        value = resource.properties.get("subnetworks")
        found, more = records(value, f"{resource.urn}: subnetworks", self._inventory.problems)
        uncertainty = "the subnets of the NAT are known only after deployment"
        if more:
            extent |= Extent.maybe(everything, uncertainty)
        unnamed = [each for each in found if each.get("name") is UNKNOWN]
        candidates = self._inventory.candidates(resource, "subnetworks", (SUBNETWORK,))
        for each in found:
            name = each.get("name")
            if name is not UNKNOWN:
                targets = [one for one in (self._inventory.find(name, (SUBNETWORK,), resource),) if one is not None]
                certain = True
            else:
                targets = candidates
                certain = len(candidates) == len(unnamed) == 1 or (len(candidates) == len(unnamed) and _alike(unnamed))
            for target in targets:
                subnet = next((one for one in here if one.urn == target.urn), None)
                if subnet is not None:
                    part = self._part(each, subnet)
                    extent |= part if certain else Extent.maybe(part.possible, uncertainty)
        return extent

    @staticmethod
    def _part(given: Mapping[str, Any], subnet: Subnet) -> Extent:
        kinds, more = items(given.get("sourceIpRangesToNats"))
        if more or not kinds:
            return Extent.maybe(
                subnet.v4_blocks(), "the ranges of the subnet for the NAT are known only after deployment"
            )
        if "ALL_IP_RANGES" in kinds:
            return Extent.of(subnet.v4_blocks())
        extent = NOTHING
        if "PRIMARY_IP_RANGE" in kinds and subnet.primary:
            extent |= Extent.of((subnet.primary,))
        if "LIST_OF_SECONDARY_IP_RANGES" in kinds:
            names, unknown = items(given.get("secondaryIpRangeNames"))
            extent |= Extent.of(union(subnet.secondary[str(each)] for each in names if str(each) in subnet.secondary))
            if unknown:
                extent |= Extent.maybe(
                    union(subnet.secondary.values()), "the secondary ranges for the NAT are known only after deployment"
                )
        return extent


def _alike(entries: list[Mapping[str, Any]]) -> bool:
    """Whether entries of a list of subnets differ only in the subnet."""
    rest = [{key: value for key, value in each.items() if key != "name"} for each in entries]
    return all(each == rest[0] for each in rest)
