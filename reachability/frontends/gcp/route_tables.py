"""The routes for packets of interfaces and for packets from tunnels.

Order: cloud.google.com/vpc/docs/routes, "Routing order": subnet routes, own and of peers, win over everything; then
the longest prefix, then the lowest priority number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reachability.addresses import Interval, Intervals, covers, difference, intersection, union
from reachability.frontends.gcp.cloud_router import PRIVATE, CloudRouters
from reachability.frontends.gcp.evaluation import METADATA_SERVER
from reachability.frontends.gcp.interfaces import Nic
from reachability.frontends.gcp.load_balancers import GOOGLE_SOURCES, return_to_google
from reachability.frontends.gcp.peering import Peerings
from reachability.frontends.gcp.static_routes import INTERNET_GATEWAY, CustomRoute, StaticRoutes
from reachability.frontends.gcp.vpc import Network, addresses_stage
from reachability.network import Deliver, Lookup, Route, Stage

METADATA_STAGE = "gcp metadata server"


class RouteTables:
    """One lookup for all interfaces with the same routes."""

    def __init__(
        self, networks: Mapping[str, Network], static: StaticRoutes, routers: CloudRouters, peerings: Peerings
    ) -> None:
        self._static = static
        self._routers = routers
        self._peerings = peerings
        self._own = {urn: [*static.of(network), *self._learned(network)] for urn, network in networks.items()}
        self._foreign = {urn: list(self._imported(network)) for urn, network in networks.items()}
        self._tags = {
            urn: frozenset(tag for route in routes if route.tags for tag in route.tags)
            for urn, routes in self._own.items()
        }
        self.stages: dict[str, Stage] = {METADATA_STAGE: Deliver("metadata server")}

    def table(self, nic: Nic, gateway: str) -> str:
        """The stage of the routes of an interface; ``gateway``: the stage of its internet gateway."""
        network = nic.network
        tags = None if nic.tags is None else nic.tags & self._tags[network.urn]
        spoken = "?" if tags is None else ",".join(sorted(tags))
        name = f"routes {network.urn} {nic.region} [{spoken}] {gateway}"
        if name not in self.stages:
            routes = [
                chosen
                for route in (*self._own[network.urn], *self._foreign[network.urn])
                if (chosen := _for_instance(route, tags, nic.region)) is not None
            ]
            self.stages[name] = self._lookup(network, routes, gateway)
        return name

    def tunnel_table(self, network: Network, region: str, gateway: str) -> str:
        """The stage of the routes for packets from a tunnel: not to other tunnels, and of the internet only to Google's
        own addresses (cloud.google.com/vpc/docs/routes, "Applicable routes")."""
        name = f"routes {network.urn} {region} from tunnels"
        if name not in self.stages:
            routes = [
                _blackhole(route) if route.link else route
                for route in (*self._own[network.urn], *self._foreign[network.urn])
                if route.tags is None and route.region in (None, region)
            ]
            self.stages[name] = self._lookup(network, routes, gateway)
        return name

    def plain_table(self, name: str, network: Network, region: str, gateway: str) -> None:
        """The routes without tags of a network, as the stage ``name``."""
        routes = [
            route
            for route in (*self._own[network.urn], *self._foreign[network.urn])
            if route.tags is None and route.region in (None, region)
        ]
        self.stages[name] = self._lookup(network, routes, gateway)

    def _learned(self, network: Network) -> Iterable[CustomRoute]:
        for link in self._routers.links:
            if link.network is not network:
                continue
            region = None if network.global_routing else link.region
            uncertainty = (
                "" if network.global_routing is not None else "the routing mode of the network is not known yet"
            )
            name = f"learned from {link.name}"
            for interval in union(link.static, link.learned or ()):
                yield CustomRoute(
                    interval,
                    0,
                    (link.exit,),
                    name,
                    link.resource.urn,
                    True,
                    uncertainty,
                    None,
                    None if uncertainty else region,
                    True,
                )
            if link.learned is None:
                for interval in PRIVATE:
                    yield CustomRoute(
                        interval,
                        0,
                        (link.exit,),
                        name,
                        link.resource.urn,
                        True,
                        "the announcements of the other side are unknown",
                        None,
                        None if uncertainty else region,
                        True,
                    )

    def _imported(self, network: Network) -> Iterable[CustomRoute]:
        for peer in self._peerings.of(network):
            if peer.custom is False:
                continue
            uncertainty = "" if peer.custom else "whether custom routes are exchanged is known only after deployment"
            for route in self._own[peer.network.urn]:
                if route.exported:
                    yield replace(
                        route,
                        name=f"{route.name} of peer {peer.network.name}",
                        uncertain=route.uncertain or uncertainty,
                        tags=None,
                    )

        for external in self._peerings.external:
            if external.network is network:
                for interval in PRIVATE:
                    yield CustomRoute(
                        interval,
                        0,
                        (external.exit,),
                        f"peering {external.name}",
                        external.resource.urn,
                        True,
                        "the subnets of the network that it peers with are not in the input",
                    )

    def _subnet_routes(self, network: Network) -> list[Route]:
        routes = [
            Route(interval, (addresses_stage(network),), f"subnet {subnet.name}", subnet.urn)
            for subnet in network.subnets
            for interval in subnet.blocks()
        ]
        for peer in self._peerings.of(network):
            uncertainty = (
                "" if peer.public is not None else "whether subnets with public addresses are imported is not known yet"
            )
            for subnet in peer.network.subnets:
                for interval in subnet.blocks():
                    if peer.sees(interval):
                        routes.append(
                            Route(
                                interval,
                                (addresses_stage(peer.network),),
                                f"subnet {subnet.name} of peer {peer.network.name}",
                                peer.resource.urn,
                                uncertainty if intersection((interval,), PRIVATE) == () else "",
                            )
                        )
        return routes

    def _lookup(self, network: Network, customs: list[CustomRoute], gateway: str) -> Lookup:
        routes = self._subnet_routes(network)
        covered = union([each.destinations for each in routes if not each.uncertain])
        routes += [Route(each, (METADATA_STAGE,), "metadata server", network.urn) for each in METADATA_SERVER]
        routes += [
            Route(each, (return_to_google(network),), "special return path to Google") for each in GOOGLE_SOURCES
        ]
        by_destination: dict[Interval, list[CustomRoute]] = {}
        for each in customs:
            for interval in _beside(each, covered):
                by_destination.setdefault(interval, []).append(each)
        hidden = [each for each in customs if each.anywhere or (each.dynamic and each.uncertain)]
        for interval, found in by_destination.items():
            shared = [each for each in hidden if each not in found and covers((each.destinations,), (interval,))]
            routes += [
                Route(
                    interval,
                    tuple(gateway if via == INTERNET_GATEWAY else via for via in each.via),
                    each.name,
                    each.origin,
                    each.uncertain or uncertainty,
                )
                for each, uncertainty in [*_preferred(found), *((each, each.uncertain) for each in shared)]
            ]
        return Lookup(f"routes of {network.name}", tuple(routes), network.urn)


def _beside(route: CustomRoute, covered: Intervals) -> Intervals:
    """The parts of a route's destination outside the subnets. A wider route is unchanged: the subnet's prefix is
    longer."""
    left = difference((route.destinations,), covered)
    if not left:
        return ()
    low, high = route.destinations
    wider = all(low <= start and end <= high for start, end in intersection((route.destinations,), covered))
    return (route.destinations,) if wider else left


def _preferred(routes: list[CustomRoute]) -> list[tuple[CustomRoute, str]]:
    """Of routes to the same destination those that may be used: static ones of the best priority, and every learned
    one, whose priority the BGP peer sets. An uncertain one does not exclude the next best."""
    chosen: list[tuple[CustomRoute, str]] = [(each, "") for each in routes if each.dynamic]
    best: int | None = None
    for each in sorted((each for each in routes if not each.dynamic), key=lambda route: route.priority):
        if best is not None and each.priority > best:
            break
        chosen.append((each, ""))
        if not each.uncertain:
            best = each.priority
    return chosen


def _for_instance(route: CustomRoute, tags: frozenset[str] | None, region: str) -> CustomRoute | None:
    if route.region is not None and route.region != region:
        return None
    if route.tags is None:
        return route
    if tags is None:
        doubt = "the network tags of the instance are known only after deployment"
        return replace(route, uncertain=route.uncertain or doubt, tags=None, region=None)
    return route if route.tags & tags else None


def _blackhole(route: CustomRoute) -> CustomRoute:
    return replace(route, via=(), name=f"{route.name}: no transit between tunnels", tags=None)
