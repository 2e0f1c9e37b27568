"""The claim that no ServiceInstance reaches another."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Role
from estate.plan import topology
from reachability import services
from reachability.addresses import ALL_V4, ALL_V6, V6, covers, intersection, union
from reachability.claims.case import Case, stack
from reachability.claims.checks import found
from reachability.claims.claim import Claim, Finding
from reachability.claims.party import partner_links
from reachability.claims.plan import intervals
from reachability.claims.sets import Allowance, cells, point, port
from reachability.claims.vocabulary import NO_ERRORS
from reachability.declared import VPN_DEVICE
from reachability.network import INTERNET
from reachability.prover import Arrival, Sender


def _no_instance_traversal(case: Case) -> Iterator[Finding]:
    """A chain of connections to another instance starts with one that leaves this instance: there must be none."""
    own = set(case.named) | {f"{host.name} {VPN_DEVICE}" for host in case.hosts(Role.VPN)}
    central = [
        ((point(each.address),), port(services.protocol(each.protocol), each.port))
        for each in case.network.services.values()
    ]
    link_ends = partner_links(case)
    foreign: dict[str, tuple[Allowance, ...]] = {}
    for name in sorted(own & case.estate.senders.keys()):
        sender = case.estate.senders[name]
        for arrival in case.arrivals(sender):
            to = arrival.to
            if to in own or to == INTERNET or _of_this_network(case, to):
                continue
            outside = foreign.get(to)
            if outside is None:
                outside = foreign[to] = cells(
                    [*central, *_declared_beyond(case, to, link_ends), *_open_to_all(case, to)]
                )
            yield from _leaves(case, sender, arrival, outside)


def _leaves(case: Case, sender: Sender, arrival: Arrival, outside: tuple[Allowance, ...]) -> Iterator[Finding]:
    owner = case.estate.owners.get(arrival.to)
    whose = f" of {owner}" if owner else ""
    for destinations, used in outside:
        violation = found(
            case,
            sender,
            arrival,
            f"{sender.name} reaches {arrival.to}{whose}",
            services=used,
            destinations=destinations,
        )
        if violation is not None:
            yield violation
            return


def _of_this_network(case: Case, to: str) -> bool:
    """Whether a target other than a machine (a resource, a service of the hypervisor) belongs to the network."""
    return (
        to not in case.prover.assembly.machines
        and not to.startswith("outside ")
        and stack(to) in ("", case.network.name)
    )


def _declared_beyond(case: Case, to: str, link_ends: dict[str, frozenset[str]]) -> Iterator[Allowance]:
    """A partner's blocks at its declared ports, and the tunnel endpoints of the cloud."""
    for name, partner in case.network.partners.items():
        if to in link_ends[name]:
            ports = [port(services.TCP, int(peer.rsplit(":", 1)[1])) for peer in partner.peers]
            yield intervals(partner.cidrs), union(*ports)
    yield intervals([topology.TUNNEL_INSIDES]), port(services.TCP, topology.BGP_PORT)


def _open_to_all(case: Case, to: str) -> Iterator[Allowance]:
    """Services that are open to the whole internet, from every public address."""
    flows = [flow for arrival in case.arrivals_at(case.internet, to) for flow in arrival.flows()]
    internet = {family: intersection(case.internet.sources, (family,)) for family in (ALL_V4, ALL_V6)}
    for _, destinations, used in flows:
        senders = union(*(sources for sources, to, more in flows if covers(to, destinations) and covers(more, used)))
        family = ALL_V6 if destinations and destinations[0][0] >= V6 else ALL_V4
        if covers(senders, internet[family]):
            yield destinations, used


NO_INSTANCE_TRAVERSAL = Claim(
    "no-instance-traversal",
    "from any host of one ServiceInstance there is no chain of permitted connections to a host of another, save "
    "declared flows to central services",
    "A chain of connections, host to host, from this network to another starts with a connection from one of this "
    "network's hosts or VPN clients to another network. So there is no chain if there is no such connection: none of "
    "their packets may arrive at a machine outside the network, or in an external network behind a link. Packets are "
    "followed through routers and VPN gateways. Not counted: services open to the whole internet, the declared central "
    "services, a declared partner's peers at their ports, and BGP with the tunnel endpoints of the cloud. A chain "
    "through an external computer (a partner's, a service's) is that computer's connection, not the network's. If only "
    "one network is proved, everything outside it counts as another. " + NO_ERRORS,
    _no_instance_traversal,
)
CLAIMS = (NO_INSTANCE_TRAVERSAL,)
