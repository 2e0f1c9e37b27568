"""Static routes (``gcp:compute/route:Route``) and their next hops.

Semantics: cloud.google.com/vpc/docs/static-routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reachability.addresses import EVERYWHERE, AddressError, Interval, block, covers
from reachability.frontends.gcp.cloud_router import TUNNEL, CloudRouters
from reachability.frontends.gcp.interfaces import INSTANCES, Nic
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.load_balancers import FORWARDING_RULES, LoadBalancers
from reachability.frontends.gcp.properties import items, number, word
from reachability.frontends.gcp.vpc import NETWORK, Network
from reachability.network import Blocked, Stage, Unmodelled
from reachability.resources import UNKNOWN, Resource

ROUTE = "gcp:compute/route:Route"
INTERNET_GATEWAY = "default-internet-gateway"
DEFAULT_PRIORITY = 1000


@dataclass(frozen=True, slots=True, eq=False)
class CustomRoute:
    """A static or learned route. ``via``: stages; ``INTERNET_GATEWAY`` means that of the sender. ``tags``: only for
    instances with one of them; ``region``: only there (``None``: everywhere). ``link``: its next hop is a tunnel or
    attachment. ``anywhere``: its destination is unknown, and may be any part of ``destinations``."""

    destinations: Interval
    priority: int
    via: tuple[str, ...]
    name: str
    origin: str
    dynamic: bool = False
    uncertain: str = ""
    tags: frozenset[str] | None = None
    region: str | None = None
    link: bool = False
    anywhere: bool = False

    @property
    def exported(self) -> bool:
        """Whether peers can import it (cloud.google.com/vpc/docs/vpc-peering, "Options for exchanging static
        routes")."""
        return self.tags is None and INTERNET_GATEWAY not in self.via


class StaticRoutes:
    """The static routes of every network; ``stages`` are those of their next hops."""

    def __init__(
        self,
        inventory: Inventory,
        networks: Mapping[str, Network],
        nics: tuple[Nic, ...],
        routers: CloudRouters,
        balancers: LoadBalancers,
    ) -> None:
        self._inventory = inventory
        self._nics = nics
        self._routers = routers
        self._balancers = balancers
        self.stages: dict[str, Stage] = {}
        self._routes: dict[str, list[CustomRoute]] = {urn: [] for urn in networks}
        for network in networks.values():
            self._routes[network.urn] += _default(network)
        for each in inventory.of(ROUTE):
            self._read(each, networks)

    def of(self, network: Network) -> list[CustomRoute]:
        """The static routes of a network, the system's default route among them."""
        return self._routes[network.urn]

    def _read(self, resource: Resource, networks: Mapping[str, Network]) -> None:
        given, problems = resource.properties, self._inventory.problems
        owner = self._inventory.resolve(resource, "network", (NETWORK,))
        uncertainty = ""
        if owner is not None:
            targets = [networks[owner.urn]]
        elif given.get("network") is UNKNOWN:
            targets, uncertainty = list(networks.values()), "its network is known only after deployment"
        else:
            problems(f"{resource.urn}: its network {given.get('network')!r} is not in the input")
            return
        value = given.get("destRange")
        intervals: list[Interval] = []
        anywhere = False
        try:
            intervals.append(block(value if isinstance(value, str) else ""))
        except AddressError:
            if value is not UNKNOWN:
                problems(f"{resource.urn}: destRange: {value!r} is not an address or block")
            intervals, uncertainty, anywhere = list(EVERYWHERE), "its destination is not known", True
        priority = number(given.get("priority"), DEFAULT_PRIORITY, 0, 65535)
        if priority is None:
            priority, uncertainty = 0, uncertainty or "its priority is not known"
        tags, more = items(given.get("tags"))
        if more:
            uncertainty = uncertainty or "its tags are known only after deployment"
        name = f"route {word(given.get('name'), resource.name)} (priority {priority})"
        for network in targets:
            via, link = self._next_hop(resource, network)
            for interval in intervals:
                if not uncertainty and covers(network.blocks(), (interval,)):
                    problems(f"{resource.urn}: {value} lies inside a subnet of its network, which Google refuses")
                    continue
                self._routes[network.urn].append(
                    CustomRoute(
                        interval,
                        priority,
                        via,
                        name,
                        resource.urn,
                        uncertain=uncertainty,
                        tags=frozenset(map(str, tags)) if tags and not more else None,
                        link=link,
                        anywhere=anywhere,
                    )
                )

    def _next_hop(self, resource: Resource, network: Network) -> tuple[tuple[str, ...], bool]:
        given = resource.properties
        fields = ("nextHopGateway", "nextHopInstance", "nextHopVpnTunnel", "nextHopIlb", "nextHopHub", "nextHopIp")
        field = next((each for each in fields if word(given.get(each))), None)
        if field is None:
            field = next((each for each in fields if given.get(each) is UNKNOWN and not resource.left_out(each)), None)
        match field:
            case "nextHopGateway" if given.get(field) is not UNKNOWN:
                if word(given.get(field)).endswith(INTERNET_GATEWAY):
                    return (INTERNET_GATEWAY,), False
            case "nextHopInstance":
                machine = self._inventory.resolve(resource, field, INSTANCES)
                if machine is not None:
                    legs = [nic for nic in self._nics if nic.machine == machine.urn and nic.network is network]
                    return self._through(resource, legs), False
            case "nextHopVpnTunnel":
                tunnel = self._inventory.resolve(resource, field, (TUNNEL,))
                link = self._routers.by_resource.get(tunnel.urn) if tunnel is not None else None
                if link is not None:
                    return (link.exit,), True
            case "nextHopIlb":
                rule = self._inventory.resolve(resource, field, FORWARDING_RULES)
                found = self._balancers.backends(rule) if rule is not None else None
                if found is None and isinstance(given.get(field), str):
                    found = self._behind(given.get(field), network)
                if found is not None:
                    return self._through(resource, found), False
            case "nextHopIp":
                found = self._behind(given.get(field), network)
                if found is not None:
                    return self._through(resource, found), False
        stage = f"next hop {resource.urn}"
        self.stages[stage] = Unmodelled(
            f"{resource.urn}: its next hop is not in the input or not known yet", resource.urn
        )
        return (stage,), False

    def _behind(self, value: object, network: Network) -> list[Nic] | None:
        """The interface with an address, or those behind an internal load balancer with it."""
        try:
            low, high = block(value if isinstance(value, str) else "")
        except AddressError:
            return None
        if low != high:
            return None
        found = [nic for nic in self._nics if nic.network is network and low in nic.primary and not nic.uncertainty]
        return found or self._balancers.behind(network, low) or None

    def _through(self, resource: Resource, nics: list[Nic]) -> tuple[str, ...]:
        """The stages of forwarding interfaces; an instance without ``canIpForward`` drops the packets."""
        stages = []
        for nic in nics:
            if nic.forwards is False:
                stage = f"next hop {resource.urn} {nic.id}"
                self.stages[stage] = Blocked(f"canIpForward of {nic.name} is off", nic.machine)
                stages.append(stage)
            else:
                stages.append(f"{nic.id} ingress")
        if not stages:
            stage = f"next hop {resource.urn}"
            self.stages[stage] = Blocked("the next hop has no interface in this network", resource.urn)
            stages.append(stage)
        return tuple(stages)


def _default(network: Network) -> list[CustomRoute]:
    """The default routes of a network: to the internet, for IPv6 if a subnet has external addresses
    (cloud.google.com/vpc/docs/routes, "System-generated default routes")."""
    if network.default_route is False:
        return []
    uncertainty = (
        "" if network.default_route else "whether the default route was deleted is known only after deployment"
    )
    families = [EVERYWHERE[0]]
    if any(each.v6 for each in network.subnets):
        families.append(EVERYWHERE[1])
    return [
        CustomRoute(
            each, 1000, (INTERNET_GATEWAY,), "system-generated default route", network.urn, uncertain=uncertainty
        )
        for each in families
    ]
