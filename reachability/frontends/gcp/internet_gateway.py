"""Internet access of a network's interfaces: external addresses, Cloud NAT, Private Google Access.

Semantics: cloud.google.com/nat/docs/nat-product-interactions, cloud.google.com/vpc/docs/private-google-access,
cloud.google.com/firewall/docs/firewalls ("Blocked traffic").
"""

from __future__ import annotations

from collections.abc import Mapping

from reachability import services
from reachability.addresses import EVERYWHERE, GLOBAL, Intervals, block, difference, intersection, union
from reachability.frontends.gcp.cloud_nat import CloudNats
from reachability.frontends.gcp.interfaces import Nic
from reachability.frontends.gcp.vpc import Network, addresses_stage
from reachability.network import (
    INTERNET,
    Action,
    Blocked,
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
)

GOOGLE_APIS = "google apis"
GOOGLE_ACCESS = union(
    map(block, ("199.36.153.4/30", "199.36.153.8/30", "2600:2d00:2:1000::/64", "2600:2d00:2:2000::/64"))
)
"""``restricted.googleapis.com`` and ``private.googleapis.com``: only the default internet gateway leads there."""

_ELSEWHERE = difference(EVERYWHERE, GOOGLE_ACCESS)
_ORDINARY: Intervals = union(
    services.of(each)
    for each in (
        services.TCP,
        services.UDP,
        services.ICMP,
        services.ICMPV6,
        services.AH,
        services.ESP,
        services.SCTP,
        4,
        47,
        94,
    )
)
_SMTP: Intervals = ((services.of(services.TCP, 25, 25)),)
_LIMITED = union(difference(services.ANY, _ORDINARY), _SMTP)
_NO_WAY = "gcp no way to the internet"
_FROM_TUNNELS = "gcp internet from tunnels"


class InternetGateways:
    """The gateway stages, with ``stages`` and ``public`` for the fragment."""

    def __init__(self, networks: Mapping[str, Network], nics: tuple[Nic, ...], nats: CloudNats) -> None:
        self._nats = nats
        self._by_region: dict[tuple[str, str], list[Nic]] = {}
        for nic in nics:
            self._by_region.setdefault((nic.network.urn, nic.region), []).append(nic)
        self._virtual: dict[str, set[int]] = {}
        self._networks = networks
        self.stages: dict[str, Stage] = {
            GOOGLE_APIS: Deliver(GOOGLE_APIS),
            _NO_WAY: Blocked("the interface has no external address and its subnet no Cloud NAT"),
            _FROM_TUNNELS: Translate(
                "the default internet gateway",
                "default internet gateway",
                (
                    Translation(
                        Match(destinations=GOOGLE_ACCESS), GOOGLE_APIS, "Private Google Access for on-premises hosts"
                    ),
                ),
                None,
            ),
        }
        self.public: list[Route] = []
        for nic in nics:
            self._inbound(nic)
        for nat in nats.all():
            for point in nat.addresses:
                stage = f"{nat.urn} inbound"
                self.stages[stage] = Translate(
                    f"Cloud NAT {nat.name}: no inbound connections", device(nat.network), (), None, nat.urn
                )
                self.public.append(Route((point, point), (stage,), f"address of Cloud NAT {nat.name}", nat.urn))

        for network in networks.values():
            self.stages[_beyond(network)] = Lookup(
                f"behind the internet gateway of {network.name}",
                (
                    *(Route(each, (INTERNET,), "the internet", network.urn) for each in EVERYWHERE),
                    *(
                        Route(each, (addresses_stage(network),), f"subnet {subnet.name}", subnet.urn)
                        for subnet in network.subnets
                        for each in subnet.blocks()
                    ),
                ),
                network.urn,
            )

    from_tunnels = _FROM_TUNNELS
    """The stage for packets from a tunnel that are routed to the default internet gateway."""

    def lends(self, nic: Nic, point: int) -> None:
        """Allows an interface to send from the external address of its load balancer."""
        self._virtual.setdefault(nic.id, set()).add(point)

    def of(self, nic: Nic) -> str:
        """The stage of an interface's packets to the internet. The gateway of a router translates only the router's own
        addresses: packets that it forwards have no external address."""
        alone = nic.forwards is not False
        name = f"internet gateway {nic.id}" if alone else f"internet gateway {nic.network.urn} {nic.region}"
        if name not in self.stages:
            served = (
                [nic]
                if alone
                else [each for each in self._by_region[nic.network.urn, nic.region] if each.forwards is False]
            )
            self._build(name, nic.network, nic.region, served)
        return name

    def _inbound(self, nic: Nic) -> None:
        for point in nic.external:
            stage = f"{nic.id} external address"
            self.stages[stage] = Translate(
                f"external address of {nic.name}",
                device(nic.network),
                tuple(
                    Translation(
                        Match(),
                        f"{nic.id} ingress",
                        f"external address of {nic.name}",
                        destination=each,
                        origin=nic.machine,
                    )
                    for each in nic.primary
                ),
                None,
                nic.machine,
            )
            self.public.append(Route((point, point), (stage,), f"external address of {nic.name}", nic.machine))
        if nic.v6 is not None and nic.subnet.external_v6:
            self.public.append(
                Route(nic.v6, (f"{nic.id} ingress",), f"external IPv6 addresses of {nic.name}", nic.machine)
            )

    def _build(self, name: str, network: Network, region: str, served: list[Nic]) -> None:
        """Limits first, then translations with disjoint sources, so that each packet has one."""
        translation = f"{name} translation"
        limited = Match(services=_LIMITED, uncertain="Google limits SMTP and unusual protocols to the internet")
        self.stages[name] = Check(
            Chain(
                f"{network.name}: limits towards the internet",
                (
                    Rule(limited, Action.ACCEPT, "SMTP and unusual protocols towards the internet"),
                    Rule(Match(services=_LIMITED), Action.DROP, "SMTP and unusual protocols towards the internet"),
                ),
                Action.ACCEPT,
                network.urn,
            ),
            translation,
        )
        translations: list[Translation] = []
        external: Intervals = ()
        for nic in served:
            own = union((each, each) for each in nic.primary)
            for point in nic.external[:1]:
                external = union(external, own)
                translations.append(
                    Translation(
                        Match(sources=own, destinations=_ELSEWHERE),
                        _beyond(network),
                        f"external address of {nic.name}",
                        source=point,
                        origin=nic.machine,
                    )
                )
            lent = union((each, each) for each in self._virtual.get(nic.id, ()))
            v6 = (nic.v6,) if nic.v6 is not None and nic.subnet.external_v6 else ()
            passing = union(lent, v6)
            if passing:
                external = union(external, passing)
                translations.append(
                    Translation(
                        Match(sources=passing, destinations=_ELSEWHERE),
                        _beyond(network),
                        f"own public address of {nic.name}",
                    )
                )
        inside = union(*(nic.own() for nic in served))
        translations += self._google(network, region, external, inside)
        for nat in self._nats.of(network, region):
            ways = [(nat.sources.certain, "")]
            if nat.sources.uncertainty:
                ways.append((nat.sources.possible, nat.sources.uncertainty))
            for sources, uncertainty in ways:
                covered = difference(intersection(sources, inside), external)
                if not covered:
                    continue
                translations += [
                    Translation(
                        Match(sources=covered, destinations=_ELSEWHERE, services=nat.services, uncertain=uncertainty),
                        _beyond(network),
                        f"Cloud NAT {nat.name}",
                        source=point,
                        origin=nat.urn,
                    )
                    for point in nat.addresses
                ]
        self.stages[translation] = Translate(
            f"internet gateway of {network.name} in {region or 'its region'}",
            device(network),
            tuple(translations),
            _NO_WAY,
            network.urn,
        )

    def _google(self, network: Network, region: str, external: Intervals, inside: Intervals) -> list[Translation]:
        subnets = [each for each in network.subnets if each.region == region]
        surely = union(*(each.blocks() for each in subnets if each.google_access))
        perhaps = union(*(each.blocks() for each in subnets if each.google_access is None))
        name = "Private Google Access"
        found = []
        for sources in (union(intersection(surely, inside), external),):
            if sources:
                found.append(Translation(Match(sources=sources, destinations=GOOGLE_ACCESS), GOOGLE_APIS, name))
        public = intersection(GLOBAL, _ELSEWHERE)
        hidden = difference(intersection(union(surely, perhaps), inside), external)
        if hidden:
            uncertainty = "the public addresses of Google's APIs are not modelled"
            found.append(
                Translation(Match(sources=hidden, destinations=public, uncertain=uncertainty), GOOGLE_APIS, name)
            )
        if perhaps:
            uncertainty = "whether the subnet has Private Google Access is known only after deployment"
            found.append(
                Translation(
                    Match(sources=perhaps, destinations=GOOGLE_ACCESS, uncertain=uncertainty), GOOGLE_APIS, name
                )
            )
        return found


def _beyond(network: Network) -> str:
    """The stage after the translation, and for answers after its reversal."""
    return f"beyond {device(network)}"


def device(network: Network) -> str:
    """The connection table of a network's gateway."""
    return f"internet gateway {network.urn}"
