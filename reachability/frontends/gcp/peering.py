"""VPC Network Peering.

Semantics: cloud.google.com/vpc/docs/vpc-peering. Both sides must configure it. Subnet routes are always
exchanged, custom routes only where one side exports and the other imports them. Peering is not transitive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reachability.addresses import GLOBAL, V6, Interval, intersection
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import flag, word
from reachability.frontends.gcp.vpc import NETWORK, SIDE, Network
from reachability.network import exit_stage
from reachability.resources import UNKNOWN, Resource

PEERING = "gcp:compute/networkPeering:NetworkPeering"
OF_A_SERVICE = "ofAService"
"""A property of the peering that stands for a service of Google with private addresses: without its network among the
resources, it touches nothing."""
ROUTES_CONFIG = "gcp:compute/networkPeeringRoutesConfig:NetworkPeeringRoutesConfig"


@dataclass(frozen=True, slots=True, eq=False)
class Peer:
    """The routes that one network gets from another through a peering. ``custom``: whether it imports custom routes;
    ``None``: unknown. ``public``: whether it imports subnets with public IPv4 addresses."""

    resource: Resource
    network: Network
    custom: bool | None
    public: bool | None
    v6: bool

    def sees(self, interval: Interval) -> bool:
        """Whether a subnet range of the other network is routed here."""
        if interval[0] >= V6:
            return self.v6
        return self.public is not False or not intersection((interval,), GLOBAL)


@dataclass(frozen=True, slots=True, eq=False)
class ExternalPeering:
    """A peering with a network outside the input. ``key``: of its link end."""

    resource: Resource
    network: Network
    key: str
    name: str

    @property
    def exit(self) -> str:
        """The stage that leads to the other network."""
        return exit_stage(self.key, SIDE)


class Peerings:
    """The peerings of the input by network; ``external`` lead to networks outside it."""

    def __init__(self, inventory: Inventory, networks: Mapping[str, Network]) -> None:
        self._inventory = inventory
        self._settings = self._configured()
        self._peers: dict[str, list[Peer]] = {urn: [] for urn in networks}
        self.external: list[ExternalPeering] = []
        self.inactive: list[Resource] = []
        sides: dict[tuple[str, str], Resource] = {}
        for each in inventory.of(PEERING):
            owner = inventory.resolve(each, "network", (NETWORK,))
            unknown = [
                side
                for side in ("network", "peerNetwork")
                if each.properties.get(side) is UNKNOWN and inventory.resolve(each, side, (NETWORK,)) is None
            ]
            if unknown:
                inventory.problems(f"{each.urn}: {' and '.join(unknown)} is unknown: it may be any network")
                continue
            if owner is None:
                if not each.properties.get(OF_A_SERVICE) and inventory.resolve(each, "peerNetwork", (NETWORK,)) is None:
                    inventory.problems(f"{each.urn}: neither of its networks is in the input or known yet")
                continue
            other = inventory.resolve(each, "peerNetwork", (NETWORK,))
            if other is not None:
                sides[owner.urn, other.urn] = each
            else:
                key = f"peering {each.id if isinstance(each.id, str) else each.urn}"
                name = word(each.properties.get("name"), each.name)
                self.external.append(ExternalPeering(each, networks[owner.urn], key, name))
        for (near, far), here in sides.items():
            there = sides.get((far, near))
            if there is None:
                self.inactive.append(here)
                continue
            self._peers[near].append(self._peer(here, there, networks[far]))

    def of(self, network: Network) -> list[Peer]:
        """The peer networks of a network, configured on either side."""
        return self._peers[network.urn]

    def _configured(self) -> dict[tuple[str, str], Resource]:
        found = {}
        for each in self._inventory.of(ROUTES_CONFIG):
            owner = self._inventory.resolve(each, "network", (NETWORK,))
            if owner is not None:
                found[owner.urn, word(each.properties.get("peering")).rpartition("/")[2]] = each
        return found

    def _setting(self, peering: Resource, field: str, default: bool) -> bool | None:
        owner = self._inventory.resolve(peering, "network", (NETWORK,))
        name = word(peering.properties.get("name"), peering.name)
        config = self._settings.get((owner.urn, name)) if owner else None
        if config is not None and config.properties.get(field) is not None:
            return flag(config.properties.get(field), default)
        return flag(peering.properties.get(field), default)

    def _peer(self, here: Resource, there: Resource, network: Network) -> Peer:
        def both(imports: str, exports: str, exported: bool) -> bool | None:
            values = self._setting(here, imports, False), self._setting(there, exports, exported)
            return False if False in values else None if None in values else True

        stacks = [each.properties.get("stackType") for each in (here, there)]
        v6 = all(each is UNKNOWN or word(each, "IPV4_ONLY") == "IPV4_IPV6" for each in stacks)
        return Peer(
            here,
            network,
            both("importCustomRoutes", "exportCustomRoutes", False),
            both("importSubnetRoutesWithPublicIp", "exportSubnetRoutesWithPublicIp", True),
            v6,
        )
