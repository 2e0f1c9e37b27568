"""Networks that instances name, but that are not among the resources.

Their rules, routes and peers are unknown, so what an instance there sends and takes is unknown, apart from what its own
settings decide. Where a tunnel might lead to such a network, everything stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reachability.addresses import AddressError, block
from reachability.frontends.gcp.cloud_router import ATTACHMENT, TUNNEL
from reachability.frontends.gcp.default_network import NAME as DEFAULT_NAME
from reachability.frontends.gcp.firewall_rules import FIREWALL, UNCERTAIN
from reachability.frontends.gcp.interfaces import INSTANCES
from reachability.frontends.gcp.inventory import Inventory, path
from reachability.frontends.gcp.peering import PEERING
from reachability.frontends.gcp.properties import Problems, items, last_segment
from reachability.frontends.gcp.static_routes import ROUTE
from reachability.frontends.gcp.vpc import NETWORK, SUBNETWORK
from reachability.resources import UNKNOWN, Resource


def unseen_networks(resources: list[Resource]) -> tuple[Resource, ...]:
    """Stand-ins of the networks and subnets that interfaces with known addresses name by a whole link."""
    inventory = Inventory(resources, Problems())
    if inventory.of(TUNNEL, ATTACHMENT):
        return ()
    subnets: dict[str, list[str]] = {}
    home: dict[str, str] = {}
    for nic in _interfaces(inventory.of(*INSTANCES)):
        subnet, address = nic.get("subnetwork"), nic.get("networkIp")
        if not (isinstance(subnet, str) and "/subnetworks/" in subnet and isinstance(address, str)):
            continue
        network = nic.get("network")
        named = isinstance(network, str) and last_segment(network) != ""
        if inventory.find(subnet, (SUBNETWORK,)) or (named and inventory.find(network, (NETWORK,))):
            continue
        if named and last_segment(network) == DEFAULT_NAME:
            continue
        try:
            block(address)
        except AddressError:
            continue
        subnets.setdefault(path(subnet), []).append(address)
        if isinstance(network, str) and named:
            home[path(subnet)] = path(network)
    made = [_subnet(link, home.get(link) or _network_of(link), points) for link, points in subnets.items()]
    networks = dict.fromkeys(home.get(link) or _network_of(link) for link in subnets)
    return (*(part for link in networks for part in _network(link, inventory)), *made)


def _interfaces(instances: Iterable[Resource]) -> Iterator[Mapping[str, Any]]:
    for each in instances:
        yield from (nic for nic in items(each.properties.get("networkInterfaces"))[0] if isinstance(nic, Mapping))


def _network_of(subnet: str) -> str:
    """The name of the network of a subnet, if only the subnet is named."""
    project = subnet.partition("/regions/")[0]
    return f"{project}/global/networks/network of {last_segment(subnet)}"


def _made(type_: str, link: str, name: str, **properties: Any) -> Resource:
    given = {"name": name, "project": link.removeprefix("projects/").partition("/")[0], **properties}
    concealed = frozenset(key for key, value in given.items() if value is UNKNOWN)
    return Resource(f"urn:pulumi:unseen::{type_}::{link}", type_, name, link, given, {}, concealed)


def _subnet(link: str, network: str, points: list[str]) -> Resource:
    first, *others = dict.fromkeys(points)
    region = link.partition("/regions/")[2].partition("/")[0]
    further = [{"rangeName": each, "ipCidrRange": f"{each}/32"} for each in others]
    return _made(
        SUBNETWORK,
        link,
        last_segment(link),
        network=network,
        region=region,
        ipCidrRange=f"{first}/32",
        secondaryIpRanges=further,
        selfLink=link,
    )


def _network(link: str, inventory: Inventory) -> Iterator[Resource]:
    """A network of which only the name is known: any rule, route and peer."""
    name = last_segment(link)
    why = f"{name} is not among the resources: its firewall rules are unknown"
    yield _made(
        NETWORK, link, name, selfLink=link, autoCreateSubnetworks=False, deleteDefaultRoutesOnCreate=UNKNOWN,
        routingMode="GLOBAL",
    )  # fmt: skip
    for direction, ranges, verb in (("INGRESS", "sourceRanges", "allows"), ("EGRESS", "destinationRanges", "denies")):
        yield _made(
            FIREWALL, f"{link} {direction}", f"unknown {direction.lower()} rules of {name}", network=link, priority=0,
            direction=direction, **{ranges: ["0.0.0.0/0", "::/0"], verb: [{"protocol": "all"}], UNCERTAIN: why},
        )  # fmt: skip
    yield _made(ROUTE, f"{link} routes", f"unknown routes of {name}", network=link, destRange=UNKNOWN, priority=0)
    yield _made(PEERING, f"{link} peers", f"unknown peers of {name}", network=link, peerNetwork=f"peers of {link}")
    for each in inventory.of(PEERING):
        if path(str(each.properties.get("peerNetwork"))) == link:
            back = {
                "peerNetwork": each.properties.get("network"),
                "exportCustomRoutes": UNKNOWN,
                "importCustomRoutes": UNKNOWN,
            }
            yield _made(PEERING, f"{link} to {each.urn}", f"{name} to {each.name}", network=link, **back)
