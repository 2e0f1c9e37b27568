"""Google Cloud resources as Pulumi's state has them, and questions to what they compile to."""

from __future__ import annotations

from typing import Any

from reachability import services
from reachability.addresses import address, block
from reachability.assembly import Assembly, assemble
from reachability.frontends.sites import Site
from reachability.packet import Packet
from reachability.prover import Prover, Sender
from reachability.resources import UNKNOWN, Resource
from reachability.subject import Subject

PROJECT = "estate"
_PLACES = {
    "network": "global/networks",
    "firewall": "global/firewalls",
    "subnetwork": "regions/{region}/subnetworks",
    "instance": "zones/{zone}/instances",
    "address": "regions/{region}/addresses",
    "instanceGroup": "zones/{zone}/instanceGroups",
    "regionBackendService": "regions/{region}/backendServices",
    "backendService": "global/backendServices",
    "targetPool": "regions/{region}/targetPools",
    "forwardingRule": "regions/{region}/forwardingRules",
    "router": "regions/{region}/routers",
    "vPNTunnel": "regions/{region}/vpnTunnels",
    "networkFirewallPolicy": "global/firewallPolicies",
    "regionNetworkFirewallPolicy": "regions/{region}/firewallPolicies",
    "uRLMap": "global/urlMaps",
    "targetHttpProxy": "global/targetHttpProxies",
}


def resource(noun: str, name: str, area: str = "compute", references: Any = None, **properties: Any) -> Resource:
    """``gcp:<area>/<noun>`` with the id and self link that Google gives it."""
    type_ = f"gcp:{area}/{noun}:{noun[0].upper()}{noun[1:]}"
    given: dict[str, Any] = {"name": name, "project": PROJECT} | properties
    place = _PLACES.get(noun, f"global/{noun}s").format(region=given.get("region", "r"), zone=given.get("zone", "z"))
    id_ = f"projects/{PROJECT}/{place}/{name}"
    given.setdefault("selfLink", f"https://www.googleapis.com/compute/v1/{id_}")
    urn = f"urn:pulumi:test::estate::{type_}::{name}"
    return Resource(urn, type_, name, id_, given, references or {})


def link(found: Resource) -> str:
    """The self link of a resource."""
    return found.properties["selfLink"]


def network(name: str = "vpc", **more: Any) -> Resource:
    """A custom mode network."""
    return resource("network", name, **({"autoCreateSubnetworks": False} | more))


def subnet(
    of: Resource, name: str = "a", cidr: str = "10.0.0.0/24", region: str = "europe-west1", **more: Any
) -> Resource:
    return resource("subnetwork", name, network=link(of), ipCidrRange=cidr, region=region, **more)


def instance(
    on: Resource,
    name: str,
    ip: Any,
    external: str | None = None,
    tags: Any = (),
    account: str | None = None,
    **more: Any,
) -> Resource:
    """An instance with one interface on a subnet."""
    nic: dict[str, Any] = {"subnetwork": link(on), "network": on.properties["network"], "networkIp": ip}
    if external is not None:
        nic["accessConfigs"] = [{"natIp": external}]
    given = {
        "zone": f"{on.properties['region']}-b",
        "networkInterfaces": [nic],
        "tags": tags if tags is UNKNOWN else list(tags),
        "canIpForward": False,
    }
    if account:
        given["serviceAccount"] = {"email": account}
    return resource("instance", name, **(given | more))


def firewall(of: Resource, name: str, **more: Any) -> Resource:
    """A VPC firewall rule; ``allow="tcp:22"`` and ``deny="all"`` are short for lists."""
    given: dict[str, Any] = {"network": link(of)}
    for short, field in (("allow", "allows"), ("deny", "denies")):
        if short in more:
            protocol, _, port = more.pop(short).partition(":")
            given[field] = [{"protocol": protocol} | ({"ports": port.split(",")} if port else {})]
    return resource("firewall", name, **(given | more))


class Estate:
    """Resources compiled, joined and asked by name."""

    def __init__(self, *resources: Resource, sites: tuple[Site, ...] = ()) -> None:
        self.assembly: Assembly = assemble(Subject(resources=tuple(resources), sites=sites))
        self.prover = Prover(self.assembly)

    def sender(self, name: str) -> Sender:
        if name == "internet":
            return self.prover.internet()
        if name in self.assembly.outsides or f"outside {name}" in self.assembly.outsides:
            return self.prover.outside(name)
        return self.prover.machine(name)

    def reaches(
        self, sender: str, to: str, what: str, at: str | None = None, source: str | None = None, *, must: bool = False
    ) -> bool:
        """Whether a packet like ``tcp 22`` gets from one to another, sent to the address ``at`` if given."""
        wanted = ((service(what), service(what)),)
        to = self.assembly.aliases.get(to, to)
        return any(
            each.any(wanted, (block(at),) if at else None, (block(source),) if source else None)
            for each in self.prover.arrivals(self.sender(sender), may=not must)
            if each.to == to
        )

    def passes_through(self, sender: str, machine: str, to: str) -> bool:
        """Whether a packet to an address comes to a machine on its way."""
        name = self.assembly.aliases[machine]
        mask = self.assembly.space.range_mask(block(to))
        visits = self.prover.walked(self.sender(sender)).visits
        return any(key[:2] == ("arrive", name) and packets & mask for (key, _), packets in visits.items())

    def decided(self, sender: str, source: str, to: str, what: str) -> list[str]:
        """What decides at each hop of one packet."""
        found = self.prover.trace(self.sender(sender), Packet(address(source), address(to), service(what)))
        return [hop.decided_by for hop in found.hops]

    def reply(self, sender: str, source: str, to: str, what: str) -> str:
        """Whether the answer to one packet comes back."""
        found = self.prover.trace(self.sender(sender), Packet(address(source), address(to), service(what)))
        return self.prover.reply(found)

    def unmodelled(self, sender: str) -> tuple[str, ...]:
        return self.prover.unmodelled(self.sender(sender))


def service(text: str) -> int:
    """``tcp 22``, ``icmp 8``."""
    name, _, detail = text.partition(" ")
    number = services.protocol(name)
    if number in (services.ICMP, services.ICMPV6):
        return services.of(number, int(detail or 8) << 8)[0]
    return services.of(number, int(detail or 0))[0]
