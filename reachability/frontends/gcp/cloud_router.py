"""Cloud Routers with their tunnels and attachments: link ends, and learned routes.

Semantics: cloud.google.com/network-connectivity/docs/router/concepts/overview and .../learned-routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reachability.addresses import EVERYWHERE, AddressError, Intervals, block, text, union
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.properties import blocks, flag, is_given, records, word
from reachability.frontends.gcp.vpc import NETWORK, SIDE, Network, region_of
from reachability.network import exit_stage
from reachability.resources import UNKNOWN, Resource

ROUTER = "gcp:compute/router:Router"
ROUTER_INTERFACE = "gcp:compute/routerInterface:RouterInterface"
ROUTER_PEER = "gcp:compute/routerPeer:RouterPeer"
TUNNEL = "gcp:compute/vPNTunnel:VPNTunnel"
ATTACHMENT = "gcp:compute/interconnectAttachment:InterconnectAttachment"
GATEWAYS = ("gcp:compute/haVpnGateway:HaVpnGateway", "gcp:compute/vPNGateway:VPNGateway")

PRIVATE: Intervals = union(map(block, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
"""The possible announcements of an unknown BGP peer."""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One tunnel or attachment of a network. ``learned``: the blocks that the BGP peer announces, ``None`` if unknown;
    ``accepts``: the source addresses that it admits."""

    resource: Resource
    network: Network
    region: str
    key: str
    side: str
    name: str
    learned: Intervals | None
    static: Intervals
    accepts: Intervals

    @property
    def exit(self) -> str:
        """The stage that leads to the other end."""
        return exit_stage(self.key, self.side)


class CloudRouters:
    """Every tunnel and attachment of the networks of the input."""

    def __init__(
        self, inventory: Inventory, networks: Mapping[str, Network], announcements: Mapping[str, Intervals]
    ) -> None:
        self._inventory = inventory
        self._networks = networks
        self._announcements = announcements
        self._sides: dict[str, int] = {}
        self._peers: dict[tuple[str, str], list[Resource]] = {}
        for each in inventory.of(ROUTER_PEER):
            router = inventory.resolve(each, "router", (ROUTER,))
            if router is None:
                inventory.problems(f"{each.urn}: its router is not in the input or not known yet")
                continue
            name = each.properties.get("interface")
            if is_given(each.properties.get("routerApplianceInstance")):
                inventory.problems(f"{each.urn}: routes learned from router appliances are not modelled")
            if name is UNKNOWN:
                found = inventory.candidates(each, "interface", (ROUTER_INTERFACE,))
                name = _interface_name(found[0]) if len(found) == 1 else UNKNOWN
            if not isinstance(name, str):
                inventory.problems(f"{each.urn}: its interface is not known")
                continue
            self._peers.setdefault((router.urn, name), []).append(each)
        self.links: list[Link] = []
        joined: set[str] = set()
        for each in inventory.of(ROUTER_INTERFACE):
            joined |= self._interface(each)
        for each in inventory.of(TUNNEL, ATTACHMENT):
            if each.urn not in joined:
                self._without_interface(each)
        self.by_resource = {each.resource.urn: each for each in self.links}

    def _side(self, key: str) -> str:
        count = self._sides[key] = self._sides.get(key, 0) + 1
        return SIDE if count == 1 else f"{SIDE} {count}"

    def _network_of(self, resource: Resource) -> tuple[Network, Resource | None] | None:
        """The network of a tunnel or attachment: its router's, or that of its gateway."""
        router = self._inventory.resolve(resource, "router", (ROUTER,))
        for field, kinds in (("router", (ROUTER,)), ("vpnGateway", GATEWAYS), ("targetVpnGateway", GATEWAYS)):
            found = self._inventory.resolve(resource, field, kinds)
            owner = self._inventory.resolve(found, "network", (NETWORK,)) if found is not None else None
            if owner is not None:
                return self._networks[owner.urn], router
        return None

    def _interface(self, resource: Resource) -> set[str]:
        problems = self._inventory.problems
        router = self._inventory.resolve(resource, "router", (ROUTER,))
        owner = self._inventory.resolve(router, "network", (NETWORK,)) if router is not None else None
        if router is None or owner is None:
            problems(f"{resource.urn}: the network of its router is not in the input or not known yet")
            return set()
        carrier = self._inventory.resolve(resource, "vpnTunnel", (TUNNEL,)) or self._inventory.resolve(
            resource, "interconnectAttachment", (ATTACHMENT,)
        )
        if carrier is None:
            if not is_given(resource.properties.get("subnetwork")):
                problems(f"{resource.urn}: its tunnel or attachment is not in the input or not known yet")
            return set()
        inside = word(resource.properties.get("ipRange")) or word(carrier.properties.get("cloudRouterIpAddress"))
        key = f"tunnel {carrier.urn}"
        if inside:
            try:
                low, high = block(inside)
                length = inside.partition("/")[2] or "32"
                key = f"tunnel {text(low)}/{length}" if high > low else key
            except AddressError:
                problems(f"{resource.urn}: ipRange: {inside!r} is not a CIDR block")
        peers = self._peers.get((router.urn, _interface_name(resource)), [])
        learned, static = self._learned(peers, key)
        self.links.append(
            Link(
                carrier,
                self._networks[owner.urn],
                region_of(router, self._inventory),
                key,
                self._side(key),
                word(carrier.properties.get("name"), carrier.name),
                learned,
                static,
                EVERYWHERE,
            )
        )
        return {carrier.urn}

    def _learned(self, peers: list[Resource], key: str) -> tuple[Intervals | None, Intervals]:
        static: Intervals = ()
        up = False
        for each in peers:
            enabled = flag(each.properties.get("enable"), True)
            if enabled is False:
                continue
            up = True
            for policies in ("importPolicies",):
                if is_given(each.properties.get(policies)):
                    self._inventory.problems(f"{each.urn}: {policies} are not modelled")
            where = f"{each.urn}: customLearnedIpRanges"
            found, more = records(each.properties.get("customLearnedIpRanges"), where, self._inventory.problems)
            if more:
                self._inventory.problems(f"{where} is known only after deployment")
            static = union(static, blocks([one.get("range") for one in found], where, self._inventory.problems).certain)
        if not up:
            return (), static
        return self._announcements.get(key), static

    def _without_interface(self, resource: Resource) -> None:
        """A tunnel of a classic gateway: it has static routes and no BGP."""
        place = self._network_of(resource)
        if place is None:
            self._inventory.problems(f"{resource.urn}: its network is not in the input or not known yet")
            return
        network, _ = place
        accepts = blocks(
            resource.properties.get("remoteTrafficSelectors"),
            f"{resource.urn}: remoteTrafficSelectors",
            self._inventory.problems,
        )
        key = f"tunnel {resource.urn}"
        self.links.append(
            Link(
                resource,
                network,
                region_of(resource, self._inventory),
                key,
                self._side(key),
                word(resource.properties.get("name"), resource.name),
                (),
                (),
                accepts.possible or EVERYWHERE,
            )
        )


def _interface_name(resource: Resource) -> str:
    return word(resource.properties.get("name"), resource.name)
