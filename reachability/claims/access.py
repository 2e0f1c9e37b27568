"""Claims about the access of operators and partners."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import Role
from estate.plan.topology import SSH_PORT
from reachability import services
from reachability.addresses import Intervals, difference, union
from reachability.claims.case import Case
from reachability.claims.checks import found
from reachability.claims.claim import Claim, Finding, Gap
from reachability.claims.party import partner_links
from reachability.claims.sets import CONNECTIONS, port
from reachability.claims.vocabulary import NO_ERRORS
from reachability.declared import VPN_DEVICE

SSH = port(services.TCP, SSH_PORT)


def _ssh_from_vpn_only(case: Case) -> Iterator[Finding]:
    own = {gateway.name for gateway in case.hosts(Role.VPN)}
    own |= {f"{name} {VPN_DEVICE}" for name in own}
    targets = [host.name for host in case.everyone] + [machine.name for machine in case.undeclared]
    for target in targets:
        for sender, arrival in case.inbound(target):
            if sender.name not in own and sender.name != target:
                violation = found(case, sender, arrival, f"{sender.name} reaches SSH of {target}", received=SSH)
                if violation is not None:
                    yield violation


def _partner_scope(case: Case) -> Iterator[Finding]:
    p2p = port(services.TCP, case.network.chain.ports.p2p)
    partners = {end: name for name, link_ends in partner_links(case).items() for end in link_ends}
    own = {machine.name for machine in case.undeclared} | set(case.named)
    for end in sorted(case.prover.assembly.outsides):
        sender = case.sender(end)
        name = partners.get(end)
        region = case.network.partners[name].region if name else None
        if sender is None:
            continue
        for arrival in case.arrivals(sender):
            host = case.named.get(arrival.to)
            if name is None and arrival.to not in own:
                continue
            allowed = p2p if host and host.role is Role.PRIVATE_SENTRY and host.place == region else ()
            if name is not None:
                allowed = union(allowed, _open_to_all(case, arrival.to))
            who = f"partner {name}" if name else f"{end}, which is not a declared partner,"
            violation = found(
                case, sender, arrival, f"{who} reaches {arrival.to}", received=difference(CONNECTIONS, allowed)
            )
            if violation is not None:
                yield violation


def _open_to_all(case: Case, to: str) -> Intervals:
    """The services of a host that are open to the whole internet, as they arrive."""
    return union(*(arrival.received_services() for arrival in case.arrivals_at(case.internet, to)))


def _vpn_scope(case: Case) -> Iterator[Finding]:
    for gateway in case.hosts(Role.VPN):
        clients = case.sender(f"{gateway.name} {VPN_DEVICE}")
        if clients is None:
            yield Gap(f"no clients are known behind {gateway.name}")
            continue
        for arrival in case.arrivals(clients):
            if arrival.to not in case.named and arrival.to != clients.name:
                violation = found(
                    case, clients, arrival, f"clients of {gateway.name} reach {arrival.to}", received=CONNECTIONS
                )
                if violation is not None:
                    yield violation


SSH_FROM_VPN_ONLY = Claim(
    "ssh-from-vpn-only",
    "SSH reaches a host only from the VPN of its own ServiceInstance; never node to node",
    "The VPN consists of its gateways and the clients behind them. Checked for every other sender, towards every host "
    "and every undeclared machine, on every interface, by the port at which a packet arrives.",
    _ssh_from_vpn_only,
)
PARTNER_SCOPE = Claim(
    "partner-scope",
    "a partner reaches the p2p port of private sentries and nothing else",
    "A partner is any sender in the peer VPC that the declaration names. It may use any source address to which a "
    "route of the network leads back through the peering; from other addresses it cannot open a connection, because "
    "the answers go elsewhere. It reaches the private sentries of the region where its peering ends. Services that are "
    "open to the whole internet (p2p of a public sentry, by its private address) are not counted. Senders behind any "
    "other link must reach nothing of the network. " + NO_ERRORS,
    _partner_scope,
)
VPN_SCOPE = Claim(
    "vpn-scope",
    "a VPN reaches its own ServiceInstance and nothing else",
    "Checked for the clients behind each VPN gateway: their packets arrive at hosts of the network or are dropped. "
    "The gateways' own packets are covered by egress-allow-list and no-instance-traversal. " + NO_ERRORS,
    _vpn_scope,
)
CLAIMS = (SSH_FROM_VPN_ONLY, PARTNER_SCOPE, VPN_SCOPE)
