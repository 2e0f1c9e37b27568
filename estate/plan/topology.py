"""Who may talk to whom: derived once from the declaration. Every firewall, in the cloud and on a host, comes from here.

A ``Flow`` is one permission to open connections. ``inbound``, ``outbound`` and ``forwarded`` project all flows on one
host or one site; security groups, nftables rulesets and the map come from these projections and from nothing else.
Whoever asks about more than one host holds a ``Topology``, which derives the flows once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from estate.model import CHAIN_ROLES, ROLES, SENTRY_ROLES, Network, NodeSpec, Offer, Role
from estate.plan import addressing
from estate.plan.hosts import Host, hosts

SSH_PORT = 22
BGP_PORT = 179
IKE_PORTS = (500, 4500)
UNPRIVILEGED = (1024, 65535)
"""Peers of a p2p network may listen on any of these ports."""

TUNNEL_INSIDES = IPv4Network("169.254.8.0/21")
EVERYWHERE = IPv4Network("0.0.0.0/0")
NOT_INTERNET = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"))
"""Blocks that never are a public peer: private (RFC 1918), multicast and reserved.

Only these, because a security group takes 60 rules a direction and each further hole costs about ten.
"""


def _complement(blocks: Iterable[IPv4Network]) -> tuple[IPv4Network, ...]:
    rest = [EVERYWHERE]
    for block in blocks:
        rest = [part for each in rest for part in (each.address_exclude(block) if block.subnet_of(each) else (each,))]
    return tuple(collapse_addresses(rest))


INTERNET = _complement(NOT_INTERNET)
"""The public IPv4 addresses, as disjoint prefixes in order."""


@dataclass(frozen=True, kw_only=True)
class End:
    """One end of a flow: a name for people, its addresses, and which of our hosts they are."""

    name: str
    addresses: tuple[IPv4Network, ...]
    hosts: frozenset[str] = frozenset()
    place: str | None = None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """``source`` may open connections to ``destination`` on ``ports`` (inclusive).

    ``id`` is stable; ``why`` is for people.
    """

    id: str
    source: End
    destination: End
    protocol: str
    ports: tuple[int, int]
    why: str
    management: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A flow as one host sees it: the other end's addresses, protocol, inclusive ports.

    ``management``: on that interface.
    """

    flow: str
    protocol: str
    ports: tuple[int, int]
    addresses: tuple[IPv4Network, ...]
    management: bool = False


@dataclass(frozen=True, kw_only=True)
class ForwardRule:
    """A flow as a site's edge firewalls forward it."""

    flow: str
    protocol: str
    ports: tuple[int, int]
    sources: tuple[IPv4Network, ...]
    destinations: tuple[IPv4Network, ...]


def _single(address: IPv4Address) -> IPv4Network:
    return IPv4Network((address, 32))


def _end(name: str, members: Iterable[Host], *, management: bool = False, place: str | None = None) -> End:
    chosen = sorted(members, key=lambda host: host.name)
    addresses = tuple(_single(host.management_address if management else host.address) for host in chosen)
    return End(name=name, addresses=addresses, hosts=frozenset(host.name for host in chosen), place=place)


def _anyone(name: str = "internet") -> End:
    return End(name=name, addresses=(EVERYWHERE,))


def _offering(everyone: tuple[Host, ...], offer: Offer) -> list[Host]:
    return [host for host in everyone if offer in ROLES[host.role].offers]


def _roles(chosen: Callable[[NodeSpec], bool]) -> tuple[Role, ...]:
    """The roles whose client of the chain is configured so."""
    return tuple(role for role, spec in ROLES.items() if spec.node and chosen(spec.node))


def _p2p(network: Network, everyone: tuple[Host, ...]) -> Iterator[Flow]:
    port = (network.chain.ports.p2p,) * 2
    sentries = [host for host in everyone if host.role in SENTRY_ROLES]
    internet = End(name="internet", addresses=INTERNET)
    for role in _roles(lambda node: node.public_p2p):
        members = [host for host in everyone if host.role is role]
        if members:
            yield Flow(
                id=f"p2p-internet-{role}",
                source=_anyone(),
                destination=_end(role, members),
                protocol="tcp",
                ports=port,
                why="any node of the chain may gossip with it",
            )
    for role in _roles(lambda node: node.dials_public):
        members = [host for host in everyone if host.role is role]
        if members:
            yield Flow(
                id=f"p2p-{role}-internet",
                source=_end(role, members),
                destination=internet,
                protocol="tcp",
                ports=UNPRIVILEGED,
                why="it dials nodes of the chain, which may listen on any unprivileged port",
            )
    if len(sentries) > 1:
        yield Flow(
            id="p2p-sentry-sentry",
            source=_end("sentries", sentries),
            destination=_end("sentries", sentries),
            protocol="tcp",
            ports=port,
            why="sentries gossip with each other over the backbone, between regions too",
        )
    for role in _roles(lambda node: node.behind_sentries):
        members = [host for host in everyone if host.role is role]
        if not sentries or not members:
            continue
        plural = ROLES[role].plural
        yield Flow(
            id=f"p2p-sentry-{role}",
            source=_end("sentries", sentries),
            destination=_end(plural, members),
            protocol="tcp",
            ports=port,
            why=f"sentries keep the {plural} in step with the network",
        )
        yield Flow(
            id=f"p2p-{role}-sentry",
            source=_end(plural, members),
            destination=_end("sentries", sentries),
            protocol="tcp",
            ports=port,
            why=f"{plural} dial their own sentries and nobody else",
        )
    meeting = _roles(lambda node: node.takes_partners)
    kinds = " and ".join(ROLES[role].plural for role in meeting)
    for name, partner in network.partners.items():
        private = [host for host in everyone if host.role in meeting and host.place == partner.region]
        theirs = End(name=f"partner {name}", addresses=partner.cidrs)
        if private:
            ours = _end(f"{kinds} in {partner.region}", private)
            yield Flow(
                id=f"p2p-partner-{name}-in",
                source=theirs,
                destination=ours,
                protocol="tcp",
                ports=port,
                why=f"{name}'s private sentries peer with ours, until {partner.expires}",
            )
            for partner_port in sorted({int(peer.rsplit(":", 1)[1]) for peer in partner.peers}):
                yield Flow(
                    id=f"p2p-partner-{name}-out-{partner_port}",
                    source=ours,
                    destination=theirs,
                    protocol="tcp",
                    ports=(partner_port, partner_port),
                    why=f"our private sentries peer with {name}'s, until {partner.expires}",
                )


def _signing(network: Network, everyone: tuple[Host, ...]) -> Iterator[Flow]:
    port = (network.chain.ports.privval,) * 2
    for site in network.sites:
        signers = [host for host in everyone if host.role is Role.SIGNER and host.place == site]
        validators = [host for host in everyone if host.role is Role.VALIDATOR and host.place == site]
        if signers and validators:
            yield Flow(
                id=f"privval-{site}",
                source=_end(f"signers in {site}", signers),
                destination=_end(f"validators in {site}", validators),
                protocol="tcp",
                ports=port,
                why="the signer dials its validators; nothing dials a signer",
            )


def _public_endpoints(network: Network, everyone: tuple[Host, ...]) -> Iterator[Flow]:
    for region in network.regions:
        balancer = End(
            name=f"load balancer in {region}", addresses=addressing.ingress_subnets(network, region), place=region
        )
        for label, port in network.chain.ports.public().items():
            seeds = [host for host in _offering(everyone, Offer(label)) if host.place == region]
            if not seeds:
                continue
            yield Flow(
                id=f"{label}-internet-{region}",
                source=_anyone(),
                destination=balancer,
                protocol="tcp",
                ports=(port, port),
                why=f"public {label.upper()}, with TLS, by name",
            )
            yield Flow(
                id=f"{label}-balancer-{region}",
                source=balancer,
                destination=_end(f"seeds in {region}", seeds),
                protocol="tcp",
                ports=(port, port),
                why=f"the load balancer hands public {label.upper()} on to the seeds",
            )


def _operations(network: Network, everyone: tuple[Host, ...]) -> Iterator[Flow]:
    gateways = _offering(everyone, Offer.VPN)
    monitors = [host for host in everyone if host.role is Role.MONITOR]
    if gateways:
        yield Flow(
            id="vpn-internet",
            source=_anyone(),
            destination=_end("VPN gateways", gateways),
            protocol="udp",
            ports=(network.vpn.port,) * 2,
            why="operators come through the instance's VPN",
        )
        yield Flow(
            id="ssh-vpn",
            source=_end("VPN gateways", gateways),
            destination=_end("every host", everyone, management=True),
            protocol="tcp",
            ports=(SSH_PORT,) * 2,
            why="SSH, from the VPN only",
            management=True,
        )
    for name, job in network.monitoring.items():
        targets = [host for host in everyone if host.role in job.roles]
        if monitors and targets:
            yield Flow(
                id=f"scrape-{name}",
                source=_end("monitors", monitors),
                destination=_end(f"scraped by {name}", targets, management=True),
                protocol="tcp",
                ports=(job.port,) * 2,
                why=f"the monitors read {name}",
                management=True,
            )


def _services(network: Network, everyone: tuple[Host, ...]) -> Iterator[Flow]:
    for name, service in network.services.items():
        consumers = [host for host in everyone if host.role in service.consumers]
        if consumers:
            yield Flow(
                id=f"service-{name}",
                source=_end(f"users of {name}", consumers),
                destination=End(name=f"service {name}", addresses=(_single(service.address),)),
                protocol=service.protocol,
                ports=(service.port,) * 2,
                why=f"central service {name}",
            )


def _tunnels(network: Network, everyone: tuple[Host, ...]) -> Iterator[Flow]:
    edges = _offering(everyone, Offer.BGP)
    inside = End(name="tunnel insides", addresses=(TUNNEL_INSIDES,))
    if not edges:
        return
    for port in IKE_PORTS:
        yield Flow(
            id=f"ike-{port}",
            source=_end("edges", edges),
            destination=End(name="cloud VPN endpoints", addresses=INTERNET),
            protocol="udp",
            ports=(port, port),
            why="edges open the tunnels to the cloud regions",
        )
    yield Flow(
        id="bgp-out",
        source=_end("edges", edges),
        destination=inside,
        protocol="tcp",
        ports=(BGP_PORT,) * 2,
        why="edges exchange routes with the cloud regions inside the tunnels",
    )
    yield Flow(
        id="bgp-in",
        source=inside,
        destination=_end("edges", edges),
        protocol="tcp",
        ports=(BGP_PORT,) * 2,
        why="edges exchange routes with the cloud regions inside the tunnels",
    )


def _projected(flow: Flow, other: End, host: Host, *, management: bool) -> Rule:
    own = {_single(host.address), _single(host.management_address)}
    return Rule(
        flow=flow.id,
        protocol=flow.protocol,
        ports=flow.ports,
        management=management,
        addresses=tuple(address for address in other.addresses if address not in own),
    )


def _within(addresses: tuple[IPv4Network, ...], block: IPv4Network) -> tuple[IPv4Network, ...]:
    return tuple(address for address in addresses if address.subnet_of(block))


@dataclass(frozen=True, eq=False)
class Topology:
    """A network's hosts and flows, derived once, with their projections on hosts and sites."""

    network: Network

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts, in order of name."""
        return hosts(self.network)

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """Every permission of the ServiceInstance, in a stable order."""
        parts = (_p2p, _signing, _public_endpoints, _operations, _services, _tunnels)
        return tuple(flow for part in parts for flow in part(self.network, self.hosts))

    def inbound(self, host: Host) -> tuple[Rule, ...]:
        """What may open connections to this host."""
        rules = (
            _projected(flow, flow.source, host, management=flow.management)
            for flow in self.flows
            if host.name in flow.destination.hosts
        )
        return tuple(rule for rule in rules if rule.addresses)

    def outbound(self, host: Host) -> tuple[Rule, ...]:
        """What this host may open connections to."""
        rules = (
            _projected(flow, flow.destination, host, management=False)
            for flow in self.flows
            if host.name in flow.source.hosts
        )
        return tuple(rule for rule in rules if rule.addresses)

    def forwarded(self, site: str) -> tuple[ForwardRule, ...]:
        """What the edge firewalls of ``site`` forward: flows with one end in one of its zones and the other elsewhere.

        Traffic of an edge itself is not forwarded. Two hosts of one zone do not talk through the firewall.
        """
        block = addressing.site_block(self.network, site)
        edges = {
            _single(address)
            for host in self.hosts
            if host.role is Role.EDGE
            for address in (host.address, host.management_address)
        }
        rules = []
        for flow in self.flows:
            sources = tuple(each for each in flow.source.addresses if each not in edges)
            destinations = tuple(each for each in flow.destination.addresses if each not in edges)
            here_in, here_out = _within(destinations, block), _within(sources, block)
            if here_in and sources:
                rules.append(
                    ForwardRule(
                        flow=flow.id, protocol=flow.protocol, ports=flow.ports, sources=sources, destinations=here_in
                    )
                )
            elsewhere = tuple(each for each in destinations if not each.subnet_of(block))
            if here_out and elsewhere:
                rules.append(
                    ForwardRule(
                        flow=flow.id, protocol=flow.protocol, ports=flow.ports, sources=here_out, destinations=elsewhere
                    )
                )
        return tuple(rules)


def flows(network: Network) -> tuple[Flow, ...]:
    """Every permission of the ServiceInstance, in a stable order; each call derives them again."""
    return Topology(network).flows


def inbound(network: Network, host: Host) -> tuple[Rule, ...]:
    """What may open connections to this one host."""
    return Topology(network).inbound(host)


def outbound(network: Network, host: Host) -> tuple[Rule, ...]:
    """What this one host may open connections to."""
    return Topology(network).outbound(host)


def forwarded(network: Network, site: str) -> tuple[ForwardRule, ...]:
    """What the edge firewalls of this one site forward."""
    return Topology(network).forwarded(site)


def needs_chain(host: Host) -> bool:
    """Whether the chain's client runs on this host."""
    return host.role in CHAIN_ROLES
