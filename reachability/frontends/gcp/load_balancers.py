"""Forwarding rules: passthrough and proxy load balancers, protocol forwarding, Private Service Connect for Google's
APIs.

Semantics: cloud.google.com/load-balancing/docs/forwarding-rule-concepts, .../network/networklb-target-pools,
.../internal and .../https#firewall-rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reachability import services
from reachability.addresses import (
    EVERYWHERE,
    V6,
    AddressError,
    Interval,
    Intervals,
    block,
    difference,
    intersection,
    union,
)
from reachability.frontends.gcp import backends
from reachability.frontends.gcp.allocation import EXTERNAL_V4, EXTERNAL_V6, Allocation
from reachability.frontends.gcp.backends import BackendReader, Backends
from reachability.frontends.gcp.interfaces import ADDRESSES, Nic
from reachability.frontends.gcp.inventory import Inventory
from reachability.frontends.gcp.peering import Peerings
from reachability.frontends.gcp.properties import ANYWHERE, Extent, blocks, flag, is_given, ports, setting, word
from reachability.frontends.gcp.vpc import NETWORK, PROXY_ONLY, SUBNETWORK, Network, region_of
from reachability.network import (
    INTERNET,
    Action,
    Chain,
    Check,
    Deliver,
    Lookup,
    Match,
    Route,
    Rule,
    Stage,
    Translate,
    Translation,
    Unmodelled,
)
from reachability.resources import UNKNOWN, Resource

FORWARDING_RULE = "gcp:compute/forwardingRule:ForwardingRule"
GLOBAL_RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
FORWARDING_RULES = (FORWARDING_RULE, GLOBAL_RULE)
HTTP_PROXIES = (
    "gcp:compute/targetHttpProxy:TargetHttpProxy",
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
    "gcp:compute/targetGrpcProxy:TargetGrpcProxy",
    "gcp:compute/regionTargetHttpProxy:RegionTargetHttpProxy",
    "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy",
)
TCP_PROXIES = (
    "gcp:compute/targetTCPProxy:TargetTCPProxy",
    "gcp:compute/targetSSLProxy:TargetSSLProxy",
    "gcp:compute/regionTargetTcpProxy:RegionTargetTcpProxy",
)
CLASSIC_VPN = "gcp:compute/vPNGateway:VPNGateway"
TYPES = (
    *FORWARDING_RULES,
    *HTTP_PROXIES,
    *TCP_PROXIES,
    *backends.BACKEND_SERVICES,
    *backends.URL_MAPS,
    *backends.BUCKETS,
    backends.GROUP,
    backends.MEMBERSHIP,
    backends.NAMED_PORT,
    backends.POOL,
    backends.TARGET_INSTANCE,
)
FRONT_ENDS = (block("35.191.0.0/16"), block("130.211.0.0/22"))
"""The sources of Google's proxies and health checks
(cloud.google.com/load-balancing/docs/health-check-concepts)."""

PROBERS = union(map(block, ("209.85.152.0/22", "209.85.204.0/22", "2600:1901:8001::/48", "2600:2d00:1:b029::/64",
    "2600:2d00:1:1::/64")))  # fmt: skip
"""Further sources of health checks and proxies: for external passthrough balancers, and by IPv6."""

IAP = union(map(block, ("35.235.240.0/20", "2600:2d00:1:7::/64")))
"""The sources of Identity-Aware Proxy's TCP forwarding (cloud.google.com/iap/docs/using-tcp-forwarding)."""

SERVICES = (block("35.199.192.0/18"),)
"""The sources of Cloud DNS, Service Directory and Serverless VPC Access."""

GOOGLE_SOURCES = union(FRONT_ENDS, PROBERS, IAP, SERVICES)
"""The sources of Google's own connections into a network. No host on the internet has one of these addresses, and
answers take a path of their own, whatever the routes (cloud.google.com/vpc/docs/routes, "Special return paths")."""

FRONT_ENDS_RETURN = "gcp front ends"
FRONT_ENDS_DEVICE = "google front ends"


def from_google(network: Network) -> str:
    """The key of the link through which Google's own connections enter a network."""
    return f"google {network.urn}"


def return_to_google(network: Network) -> str:
    """The stage of packets to Google's own sources: the answers of its proxies, and those of other connections."""
    return f"special return paths {network.urn}"


_PORT_PROTOCOLS = (services.TCP, services.UDP, services.SCTP)
_UNKNOWN_PORT = "the port to which the balancer connects is unknown"


def table_for_balancers(network: Network, region: str) -> str:
    """The stage of the routes for answers of an internal proxy to its clients."""
    return f"routes {network.urn} {region} for balancers"


@dataclass(frozen=True, slots=True, eq=False)
class _Balancer:
    """A forwarding rule. ``network``: of an internal one."""

    resource: Resource
    name: str
    addresses: tuple[Interval, ...]
    uncertainty: str
    services: Extent
    network: Network | None
    region: str
    internal: bool
    everyone: bool | None
    sources: Extent
    target: Resource | str | None


@dataclass(slots=True)
class _Address:
    """The translations of a virtual address, one per direction."""

    name: str
    translations: list[Translation] = field(default_factory=list)
    taken: Intervals = ()


class LoadBalancers:
    """Reads every forwarding rule; ``stages``, ``public`` and ``names`` are for the fragment, ``virtual`` has the
    addresses that backends of passthrough balancers accept as their own."""

    def __init__(
        self,
        inventory: Inventory,
        allocation: Allocation,
        networks: Mapping[str, Network],
        nics: tuple[Nic, ...],
        peerings: Peerings,
        google_apis: str,
    ) -> None:
        self._inventory = inventory
        self._allocation = allocation
        self._networks = networks
        self._peerings = peerings
        self._reader = BackendReader(inventory, nics)
        self._google_apis = google_apis
        self.stages: dict[str, Stage] = {
            FRONT_ENDS_RETURN: Translate(
                "Google's front ends", FRONT_ENDS_DEVICE, (), "gcp front ends take no new connections"
            ),
            "gcp front ends take no new connections": Deliver("google front ends"),
        }
        self.public: list[Route] = []
        self.inside: dict[str, list[Route]] = {urn: [] for urn in networks}
        self.names: dict[str, tuple[str, ...]] = {}
        self.virtual: dict[str, set[int]] = {}
        self.lent: list[tuple[Nic, int]] = []
        self.tables: dict[str, tuple[Network, str]] = {}
        self._balancers: dict[str, _Balancer] = {}
        self._proxy_sources: dict[tuple[str, str], tuple[int, ...]] = {}
        for each in inventory.of(*FORWARDING_RULES):
            found = self._read(each)
            if found is not None:
                self._balancers[each.urn] = found
        self._emit()

    def backends(self, rule: Resource) -> list[Nic] | None:
        """The interfaces behind a forwarding rule that is the next hop of a route."""
        balancer = self._balancers.get(rule.urn)
        if balancer is None or not isinstance(balancer.target, Resource):
            return None
        found = self._passthrough(balancer)
        return None if found is None or found.uncertainties else [nic for nic, _ in found.nics]

    def behind(self, network: Network, point: int) -> list[Nic]:
        """The interfaces behind the internal balancer with an address."""
        for each in self._balancers.values():
            if each.internal and each.network is network and not each.uncertainty and (point, point) in each.addresses:
                found = self._passthrough(each)
                return [] if found is None or found.uncertainties else [nic for nic, _ in found.nics]
        return []

    def _read(self, resource: Resource) -> _Balancer | None:
        given, problems = resource.properties, self._inventory.problems
        scheme = given.get("loadBalancingScheme")
        if scheme is UNKNOWN:
            problems(f"{resource.urn}: its load balancing scheme is known only after deployment")
            return None
        scheme = "EXTERNAL" if scheme is None else str(scheme)
        if scheme == "INTERNAL_SELF_MANAGED":
            problems(f"{resource.urn}: client-side balancers (INTERNAL_SELF_MANAGED) are not modelled")
            return None
        target = self._target(resource)
        apis = isinstance(target, str) and target in ("all-apis", "vpc-sc")
        internal = scheme.startswith("INTERNAL") or scheme == "" or apis
        network = self._network(resource)
        if internal and network is None:
            problems(f"{resource.urn}: its network is not in the input or not known yet")
            return None
        region = "" if resource.type == GLOBAL_RULE else region_of(resource, self._inventory)
        addresses, uncertainty = self._addresses(resource, network, internal)
        if flag(given.get("isMirroringCollector")) is not False:
            problems(f"{resource.urn}: packet mirroring is not modelled")
        sources = given.get("sourceIpRanges")
        everyone = flag(given.get("allowGlobalAccess"))
        if apis or resource.type == GLOBAL_RULE:
            everyone = True
        return _Balancer(
            resource,
            word(given.get("name"), resource.name),
            addresses,
            uncertainty,
            self._services(resource),
            network,
            region,
            internal,
            everyone,
            blocks(sources, f"{resource.urn}: sourceIpRanges", problems) if is_given(sources) else ANYWHERE,
            target,
        )

    def _target(self, resource: Resource) -> Resource | str | None:
        given = resource.properties
        kinds = (*HTTP_PROXIES, *TCP_PROXIES, backends.POOL, backends.TARGET_INSTANCE, CLASSIC_VPN)
        for name, types in (("target", kinds), ("backendService", backends.BACKEND_SERVICES)):
            value = given.get(name)
            if value == "" or resource.left_out(name):
                continue
            found = self._inventory.resolve(resource, name, types)
            if found is not None:
                return found
            return value if isinstance(value, str) else None
        return None

    def _network(self, resource: Resource) -> Network | None:
        given = resource.properties
        if is_given(given.get("subnetwork")):
            subnet = self._inventory.resolve(resource, "subnetwork", (SUBNETWORK,))
            owner = self._inventory.resolve(subnet, "network", (NETWORK,)) if subnet is not None else None
            if owner is not None:
                return self._networks[owner.urn]
        owner = self._inventory.resolve(resource, "network", (NETWORK,)) if given.get("network") is not None else None
        return self._networks[owner.urn] if owner is not None else None

    def _addresses(
        self, resource: Resource, network: Network | None, internal: bool
    ) -> tuple[tuple[Interval, ...], str]:
        value = resource.properties.get("ipAddress")
        if isinstance(value, str) and value:
            try:
                return (block(value),), ""
            except AddressError:
                pass
        reserved = None
        if value is not None and value != "":
            reserved = self._inventory.resolve(resource, "ipAddress", ADDRESSES)
        if reserved is not None:
            text = reserved.properties.get("address")
            try:
                if isinstance(text, str):
                    return (block(text),), ""
            except AddressError:
                self._inventory.problems(f"{reserved.urn}: address: {text!r} is not an address")
        elif isinstance(value, str) and value:
            self._inventory.problems(
                f"{resource.urn}: ipAddress: {value!r} is neither an address nor an address resource of the input"
            )
        key = (reserved or resource).urn
        uncertainty = f"the address of {resource.urn} is known only after deployment"
        if not internal:
            version = setting(resource.properties.get("ipVersion"), "IPV4")
            families = {"IPV4": (EXTERNAL_V4,), "IPV6": (EXTERNAL_V6,)}.get(version or "", (EXTERNAL_V4, EXTERNAL_V6))
            points = [self._allocation.one(family, key) for family in families]
            uncertainty = "" if len(points) == 1 else f"the IP version of {resource.urn} is not known"
            return tuple((point, point) for point in points), uncertainty
        subnet = self._inventory.resolve(resource, "subnetwork", (SUBNETWORK,))
        known = network.subnet(subnet.urn) if subnet is not None and network is not None else None
        if known is None or known.primary is None:
            self._inventory.problems(f"{resource.urn}: its internal address is not known")
            return (), uncertainty
        return tuple((each, each) for each in self._allocation.inside(known.primary)), uncertainty

    def _services(self, resource: Resource) -> Extent:
        given, problems = resource.properties, self._inventory.problems
        protocol = given.get("ipProtocol")
        if protocol is UNKNOWN:
            return Extent.maybe(services.ANY, "its protocol is known only after deployment")
        name = str(protocol or "TCP").upper()
        if name == "L3_DEFAULT":
            return Extent.of(services.ANY)
        try:
            number = services.protocol(name)
        except ValueError:
            problems(f"{resource.urn}: ipProtocol: {protocol!r} is not a protocol")
            return Extent.maybe(services.ANY, "its protocol cannot be read")
        whole: Intervals = (services.of(number),)
        if number == services.ICMP:
            whole = union(whole, [services.of(services.ICMPV6)])
        if number not in _PORT_PROTOCOLS:
            return Extent.of(whole)
        found = []
        uncertainties: list[str] = []
        for key in ("ports", "portRange"):
            value = given.get(key)
            if value is UNKNOWN and resource.left_out(key):
                continue
            intervals, uncertainty = ports(None if value == "" else value, f"{resource.urn}: {key}", problems)
            found += intervals
            uncertainties += [uncertainty] if uncertainty else []
        if not found and not uncertainties:
            return Extent.of(whole)
        certain = union(services.of(number, low, high) for low, high in found)
        return Extent(certain, whole if uncertainties else certain, "; ".join(uncertainties))

    def _passthrough(self, balancer: _Balancer) -> Backends | None:
        """The backends of a passthrough balancer; ``None`` if it is not one."""
        target = balancer.target
        if not isinstance(target, Resource):
            return None
        network = balancer.network.urn if balancer.network is not None else ""
        if target.type in backends.BACKEND_SERVICES:
            return self._reader.of_service(target, network)
        if target.type == backends.POOL:
            return self._reader.of_pool(target)
        if target.type == backends.TARGET_INSTANCE:
            return self._reader.of_instances(target, "instance", [target.properties.get("instance")], network)
        return None

    def _proxied(self, target: Resource) -> Backends:
        field_, kinds = (
            ("urlMap", backends.URL_MAPS)
            if target.type in HTTP_PROXIES
            else ("backendService", backends.BACKEND_SERVICES)
        )
        found = self._inventory.resolve(target, field_, kinds)
        if found is None:
            result = Backends()
            result.uncertainties.append(f"{target.urn}: its {field_} is not in the input or not known yet")
            return result
        return self._reader.of_url_map(found) if found.type in backends.URL_MAPS else self._reader.of_service(found)

    def _emit(self) -> None:
        """Handles the most specific protocol of an address first: ``L3_DEFAULT`` gets the rest."""
        addresses: dict[tuple[str, Interval], _Address] = {}
        ordered = sorted(
            self._balancers.values(), key=lambda each: sum(high - low for low, high in each.services.possible)
        )
        for each in ordered:
            place = each.network.urn if each.internal and each.network is not None else ""
            for interval in each.addresses:
                stage = f"load balancer {place or 'internet'} {interval[0]}"
                address = addresses.get((place, interval))
                if address is None:
                    address = addresses[place, interval] = _Address(f"load balancer {each.name}")
                    self._enter(each, interval, stage, place)
                self._ways(each, interval, address)
                names = (each.resource.urn, each.name, word(each.resource.properties.get("selfLink")), each.resource.id)
                for name in names:
                    if isinstance(name, str) and name:
                        self.names[name] = tuple(dict.fromkeys((*self.names.get(name, ()), stage)))
        for (place, interval), address in addresses.items():
            stage = f"load balancer {place or 'internet'} {interval[0]}"
            proxied = any(each.source is not None for each in address.translations)
            table = FRONT_ENDS_DEVICE if proxied else stage
            self.stages[stage] = Translate(address.name, table, tuple(address.translations), None)

    def _enter(self, balancer: _Balancer, interval: Interval, stage: str, place: str) -> None:
        """Adds the routes to a virtual address; without global access, to an internal one only from its region."""
        urn = balancer.resource.urn
        route = Route(interval, (stage,), f"load balancer {balancer.name}", urn, balancer.uncertainty)
        if not place:
            self.public.append(route)
            return
        if balancer.everyone is True or balancer.network is None:
            self.inside[place].append(route)
            return
        networks = [balancer.network, *(peer.network for peer in self._peerings.of(balancer.network))]
        elsewhere = union(
            *(subnet.blocks() for network in networks for subnet in network.subnets if subnet.region != balancer.region)
        )
        uncertainty = (
            "" if balancer.everyone is False else "whether it has global access is known only after deployment"
        )
        self.stages[f"{stage} region"] = Check(
            Chain(
                f"load balancer {balancer.name} without global access",
                (Rule(Match(sources=elsewhere, uncertain=uncertainty), Action.DROP, "clients of other regions", urn),),
                Action.ACCEPT,
                urn,
            ),
            stage,
        )
        self.inside[place].append(Route(interval, (f"{stage} region",), route.name, urn, balancer.uncertainty))

    def _ways(self, balancer: _Balancer, interval: Interval, address: _Address) -> None:
        """Adds first the packets that the balancer certainly receives, exclusively, then those that it may receive."""
        for taken, uncertainty in (
            (balancer.services.certain, ""),
            (balancer.services.possible, balancer.services.uncertainty),
        ):
            wanted = difference(taken, address.taken)
            if not wanted:
                continue
            if not uncertainty:
                address.taken = union(address.taken, wanted)
            sources = balancer.sources.possible
            reason = uncertainty or balancer.sources.uncertainty
            match = Match(sources=None if sources == EVERYWHERE else sources, services=wanted, uncertain=reason)
            address.translations += self._translations(balancer, match, interval)

    def _translations(self, balancer: _Balancer, match: Match, interval: Interval) -> list[Translation]:
        target, urn, name = balancer.target, balancer.resource.urn, f"load balancer {balancer.name}"
        if isinstance(target, str) and target in ("all-apis", "vpc-sc"):
            return [Translation(match, self._google_apis, f"{name}: Google APIs", origin=urn)]
        if isinstance(target, Resource) and target.type == CLASSIC_VPN:
            self.stages[f"gateway {target.urn}"] = Deliver(target.urn)
            return [Translation(match, f"gateway {target.urn}", name, origin=urn)]
        if isinstance(target, Resource) and target.type in (*HTTP_PROXIES, *TCP_PROXIES):
            if interval[0] >= V6:
                return [self._not_known(balancer, match, f"{urn}: a proxy from IPv6 to IPv4 is not modelled")]
            return self._through_proxy(balancer, target, match)
        if isinstance(target, Resource) and balancer.resource.type == GLOBAL_RULE:
            target = None
        found = self._passthrough(balancer) if target is not None else None
        if found is None:
            text = target if isinstance(target, str) else "its target"
            return [self._not_known(balancer, match, f"{urn}: {text} is not in the input or not modelled")]
        ways = []
        for nic, _ in found.nics:
            self.virtual.setdefault(nic.id, set()).add(interval[0])
            if not balancer.internal:
                self.lent.append((nic, interval[0]))
            guarded = replace(match, uncertain=match.uncertain or "; ".join(found.guards))
            ways.append(Translation(guarded, f"{nic.id} ingress", f"{name} to {nic.name}", origin=urn))
        return ways + [self._not_known(balancer, match, each) for each in found.uncertainties]

    def _through_proxy(self, balancer: _Balancer, target: Resource, match: Match) -> list[Translation]:
        urn, name = balancer.resource.urn, f"load balancer {balancer.name}"
        tcp = intersection(match.services or services.ANY, (services.of(services.TCP),))
        if target.type.endswith("HttpsProxy") and balancer.resource.type == GLOBAL_RULE:
            quic = union(services.of(services.UDP, low & 0xFFFF, high & 0xFFFF) for low, high in tcp)
            tcp = union(tcp, quic)
        if not tcp:
            return []
        found = self._proxied(target)
        ways = []
        sources = self._sources_of_proxy(balancer, found)
        if found.nics and not sources:
            return [self._not_known(balancer, match, f"{urn}: its proxy-only subnet is not in the input")]
        behind = self._behind_proxy(balancer, found)
        guard = "; ".join(found.guards)
        for nic, port in found.nics:
            for source in sources:
                for point in nic.primary:
                    uncertainty = (
                        match.uncertain or nic.uncertainty or guard or ("" if port is not None else _UNKNOWN_PORT)
                    )
                    ways.append(
                        Translation(
                            Match(match.sources, services=tcp, uncertain=uncertainty),
                            behind,
                            f"{name} to {nic.name}",
                            source=source,
                            destination=point,
                            service=None if port is None else services.of(services.TCP, port, port)[0],
                            origin=urn,
                        )
                    )
        unknown = [nic.name for nic, port in found.nics if port is None]
        uncertainties = [*found.uncertainties, *(f"{urn}: {_UNKNOWN_PORT} ({each})" for each in unknown)]
        return ways + [self._not_known(balancer, match, each) for each in uncertainties]

    def _behind_proxy(self, balancer: _Balancer, found: Backends) -> str:
        """The stage of a proxy's packets to its backends, and of its answers to clients."""
        stage = f"proxy {balancer.resource.urn}"
        routes = [
            Route((point, point), (f"{nic.id} ingress",), f"backend {nic.name}", nic.machine)
            for nic, _ in found.nics
            for point in nic.primary
        ]
        if balancer.internal and balancer.network is not None:
            clients = table_for_balancers(balancer.network, balancer.region)
            self.tables[clients] = balancer.network, balancer.region
        else:
            clients = INTERNET
        routes += [Route(each, (clients,), "clients", balancer.resource.urn) for each in EVERYWHERE]
        self.stages[stage] = Lookup(f"load balancer {balancer.name}", tuple(routes), balancer.resource.urn)
        return stage

    def _sources_of_proxy(self, balancer: _Balancer, found: Backends) -> tuple[int, ...]:
        """The sources of a proxy's connections: Google's front ends, or the proxy-only subnet of the region."""
        scheme = setting(balancer.resource.properties.get("loadBalancingScheme"), "EXTERNAL")
        if balancer.resource.type == GLOBAL_RULE and scheme != "INTERNAL_MANAGED":
            return tuple(low + 1 for low, _ in FRONT_ENDS)
        if scheme == "EXTERNAL":
            return tuple(low + 1 for low, _ in FRONT_ENDS)
        network = balancer.network or (found.nics[0][0].network if found.nics else None)
        if network is None:
            return ()
        region = balancer.region
        key = network.urn, region
        if key not in self._proxy_sources:
            subnets = [
                (each, each.primary)
                for each in network.subnets
                if each.purpose in PROXY_ONLY and each.primary and (not region or each.region == region)
            ]
            self._proxy_sources[key] = tuple(point for _, block in subnets for point in self._allocation.inside(block))
            for subnet, block in subnets:
                self.inside[network.urn].append(
                    Route(block, (FRONT_ENDS_RETURN,), f"proxy-only subnet {subnet.name}", subnet.urn)
                )
        return self._proxy_sources[key]

    def _not_known(self, balancer: _Balancer, match: Match, reason: str) -> Translation:
        stage = f"not modelled: {reason}"
        self.stages[stage] = Unmodelled(reason, balancer.resource.urn)
        return Translation(match, stage, f"load balancer {balancer.name}", origin=balancer.resource.urn)
