"""Datacentres as stages: segments, legs, gateways (any may be used), an uplink to the internet, tunnels.

On a segment a packet goes to the leg that has its destination. Packets to other destinations go to one of its
gateways; those of a gateway itself go to the uplink, if the segment has one. The carrier behind an uplink accepts only
packets from its own block and delivers only packets to it. A server sends by its declared routes.
"""

from __future__ import annotations

from collections.abc import Iterable

from reachability.addresses import ALL_V4, ALL_V6, Interval
from reachability.frontends.sites import Segment, Server, Site
from reachability.network import (
    INTERNET,
    Action,
    Arrive,
    Chain,
    Check,
    Fragment,
    Interface,
    LinkEnd,
    Lookup,
    Machine,
    Match,
    Route,
    Rule,
    exit_stage,
)


def segment_stage(site: str, segment: str) -> str:
    """The stage for packets that a server sends onto a segment."""
    return f"site {site} segment {segment}"


def gateways_stage(site: str, segment: str) -> str:
    """The stage for what a gateway sends onto a segment: it goes only to a leg or the uplink."""
    return f"site {site} segment {segment} from gateways"


def uplink_stage(site: str, segment: str) -> str:
    """The stage for what leaves a segment by its uplink."""
    return f"site {site} segment {segment} to uplink"


def carrier_stage(site: str, segment: str) -> str:
    """The stage for packets from the carrier to a segment."""
    return f"site {site} segment {segment} from uplink"


def arrival_stage(server: str, device: str) -> str:
    """Where a packet enters a server's leg or tunnel."""
    return f"site server {server} {device}"


def _family(interval: Interval) -> Interval:
    return ALL_V6 if interval[0] >= ALL_V6[0] else ALL_V4


def _legs(site: Site) -> dict[str, list[tuple[Server, str, tuple[int, ...]]]]:
    """By segment: the servers on it, with device and addresses."""
    found: dict[str, list[tuple[Server, str, tuple[int, ...]]]] = {segment.name: [] for segment in site.segments}
    for server in site.servers:
        for leg in server.legs:
            if leg.segment in found:
                found[leg.segment].append((server, leg.device, leg.addresses))
    return found


def _on_link(site: Site, segment: Segment, legs: list[tuple[Server, str, tuple[int, ...]]]) -> list[Route]:
    """Routes to each leg by its addresses; the rest of the segment's blocks is unreachable."""
    owners: dict[int, list[str]] = {}
    for server, device, addresses in legs:
        for address in addresses:
            owners.setdefault(address, []).append(arrival_stage(server.name, device))
    label = segment_stage(site.name, segment.name)
    routes = [Route((address, address), tuple(via), f"{label}: on the segment") for address, via in owners.items()]
    blocks = [segment.block] + ([segment.public] if segment.public else [])
    taken = {route.destinations for route in routes}
    return routes + [Route(each, (), f"{label}: no server has the address") for each in blocks if each not in taken]


def _beyond(segment: Segment, via: Iterable[str], name: str) -> list[Route]:
    """The routes to destinations outside the segment, in each family that the segment has."""
    ways = tuple(via)
    families = {_family(each) for each in (segment.block, segment.public) if each}
    return [Route(family, ways, name) for family in sorted(families)] if ways else []


def _compile_segment(
    site: Site, segment: Segment, legs: list[tuple[Server, str, tuple[int, ...]]], fragment: Fragment
) -> None:
    label = segment_stage(site.name, segment.name)
    on_link = _on_link(site, segment, legs)
    gateways = [arrival_stage(server.name, device) for server, device, _ in legs if server.name in segment.gateways]
    missing = set(segment.gateways) - {server.name for server, _, _ in legs}
    if missing:
        fragment.unmodelled.append(f"{label}: its gateway {', '.join(sorted(missing))} has no leg on it")
    uplinks = [uplink_stage(site.name, segment.name)] if segment.uplink else []
    stages = fragment.stages
    stages[label] = Lookup(
        label, (*on_link, *_beyond(segment, gateways or uplinks, f"{label}: by a gateway")), origin=site.name
    )
    own = gateways_stage(site.name, segment.name)
    stages[own] = Lookup(own, (*on_link, *_beyond(segment, uplinks, f"{label}: by the uplink")), origin=site.name)
    if not segment.uplink:
        return
    if segment.public is None:
        fragment.unmodelled.append(f"{label}: it has an uplink and no block of public addresses")
        return
    block = segment.public
    passes = Rule(Match(sources=(block,)), Action.ACCEPT, f"{label}: the carrier takes its own block", site.name)
    stages[uplinks[0]] = Check(Chain(f"{label}: carrier", (passes,), Action.DROP, site.name), INTERNET)
    brought = carrier_stage(site.name, segment.name)
    stages[brought] = Lookup(brought, tuple(on_link), origin=site.name)
    fragment.public.append(Route(block, (brought,), f"{label}: the carrier's block", site.name))
    held = sorted({each for _, _, addresses in legs for each in addresses if block[0] <= each <= block[1]})
    fragment.public += [Route((each, each), (brought,), f"{label}: a server's address", site.name) for each in held]


def _compile_server(site: Site, server: Server, fragment: Fragment) -> None:
    segments = {segment.name: segment for segment in site.segments}
    interfaces = []
    for leg in server.legs:
        segment = segments.get(leg.segment)
        if segment is None:
            fragment.unmodelled.append(
                f"{server.name}: {leg.device} is on {leg.segment}, which {site.name} does not have"
            )
            continue
        name_of_stage = gateways_stage if server.name in segment.gateways else segment_stage
        interfaces.append(
            Interface(
                id=f"{server.name}/{leg.device}",
                machine=server.name,
                device=leg.device,
                addresses=leg.addresses,
                out=name_of_stage(site.name, segment.name),
                origin=site.name,
            )
        )
        fragment.stages[arrival_stage(server.name, leg.device)] = Arrive(server.name, leg.device)
    for tunnel in server.tunnels:
        interfaces.append(
            Interface(
                id=f"{server.name}/{tunnel.device}",
                machine=server.name,
                device=tunnel.device,
                addresses=(tunnel.address,),
                out=exit_stage(tunnel.key, "site"),
                origin=site.name,
            )
        )
        entry = arrival_stage(server.name, tunnel.device)
        fragment.stages[entry] = Arrive(server.name, tunnel.device)
        fragment.link_ends.append(
            LinkEnd(tunnel.key, "site", entry, f"beyond {tunnel.device} of {server.name}", tunnel.reaches)
        )
    devices = {interface.device for interface in interfaces}
    asked = {device for _, device in server.routes} | {device for _, _, device in server.source_routes}
    for device in sorted(asked - devices):
        fragment.unmodelled.append(f"{server.name}: a route leads through {device}, which it does not have")
    fragment.machines.append(
        Machine(
            name=server.name,
            declared=True,
            interfaces=tuple(interfaces),
            routes=server.routes,
            forwards=server.forwards,
            source_routes=server.source_routes,
            labels=server.labels,
            origin=site.name,
        )
    )


def compile(sites: Iterable[Site]) -> Fragment:
    """The stages, machines and link ends of datacentres. Inconsistencies are in ``unmodelled``."""
    fragment = Fragment()
    names: dict[str, str] = {}
    for site in sites:
        legs = _legs(site)
        for segment in site.segments:
            _compile_segment(site, segment, legs[segment.name], fragment)
        for server in site.servers:
            if server.name in names:
                fragment.unmodelled.append(
                    f"{server.name}: two servers have this name, in {names[server.name]}, {site.name}"
                )
                continue
            names[server.name] = site.name
            _compile_server(site, server, fragment)
    return fragment
