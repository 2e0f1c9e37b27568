"""Claims about hidden hosts: validators, signers and private sentries."""

from __future__ import annotations

from collections.abc import Iterator

from estate.model import SENTRY_ROLES, Role
from estate.plan.hosts import Host
from estate.plan.topology import SSH_PORT
from estate.rules.promises import signer_services
from reachability import services
from reachability.addresses import Intervals, union
from reachability.claims.case import Case
from reachability.claims.checks import comes_in_only, goes_out_only, has_no_public_address, undeployed
from reachability.claims.claim import Claim, Finding, Violation
from reachability.claims.party import partner_links
from reachability.claims.sets import Allowance, cells, point, port
from reachability.claims.vocabulary import NO_ERRORS
from reachability.declared import VPN_DEVICE
from reachability.network import INTERNET

SSH = port(services.TCP, SSH_PORT)


def p2p(case: Case) -> Intervals:
    """The chain's p2p port."""
    return port(services.TCP, case.network.chain.ports.p2p)


def managed(case: Case, host: Host) -> dict[str, Intervals]:
    """By sender: SSH for the network's VPN, the scraped ports of the host's role for its monitors."""
    allowed: dict[str, Intervals] = {}
    for gateway in case.hosts(Role.VPN):
        allowed[gateway.name] = allowed[f"{gateway.name} {VPN_DEVICE}"] = SSH
    scraped = union(
        *(port(services.TCP, job.port) for job in case.network.monitoring.values() if host.role in job.roles)
    )
    for monitor in case.hosts(Role.MONITOR):
        allowed[monitor.name] = scraped
    return allowed


def _validator_hidden(case: Case) -> Iterator[Finding]:
    privval = port(services.TCP, case.network.chain.ports.privval)
    for validator in case.hosts(Role.VALIDATOR):
        yield from undeployed(case, validator)
        yield from has_no_public_address(case, validator)
        allowed = managed(case, validator)
        allowed |= {sentry.name: p2p(case) for sentry in case.hosts(*SENTRY_ROLES)}
        allowed |= {signer.name: privval for signer in case.hosts(Role.SIGNER) if signer.place == validator.place}
        yield from comes_in_only(case, validator, allowed)


def _signer_dials_out(case: Case) -> Iterator[Finding]:
    network = case.network
    privval = port(services.TCP, network.chain.ports.privval)
    for signer in case.hosts(Role.SIGNER):
        yield from undeployed(case, signer)
        gateways = case.hosts(Role.VPN)
        allowed = {gateway.name: SSH for gateway in gateways}
        allowed |= {f"{gateway.name} {VPN_DEVICE}": SSH for gateway in gateways}
        yield from comes_in_only(case, signer, allowed)
        sender = case.sender(signer.name)
        if sender is None:
            continue
        out: list[Allowance] = [
            ((point(validator.address),), privval)
            for validator in case.hosts(Role.VALIDATOR)
            if validator.place == signer.place
        ]
        for name, service in network.services.items():
            if name in signer_services(network) and Role.SIGNER in service.consumers:
                out.append(((point(service.address),), port(services.protocol(service.protocol), service.port)))
        yield from goes_out_only(case, sender, cells(out), f"{signer.name} opens connections to")


def _private_sentry_hidden(case: Case) -> Iterator[Finding]:
    link_ends = partner_links(case)
    for sentry in case.hosts(Role.PRIVATE_SENTRY):
        yield from undeployed(case, sentry)
        yield from has_no_public_address(case, sentry)
        allowed = managed(case, sentry)
        allowed |= {host.name: p2p(case) for host in case.hosts(*SENTRY_ROLES, Role.VALIDATOR)}
        for name, partner in case.network.partners.items():
            if partner.region == sentry.place:
                allowed |= dict.fromkeys(link_ends[name], p2p(case))
        yield from comes_in_only(case, sentry, allowed)
        yield from _leaves_by_translation(case, sentry)


def _leaves_by_translation(case: Case, sentry: Host) -> Iterator[Finding]:
    """Packets of a private sentry to the internet must not carry its own address."""
    sender, machine = case.sender(sentry.name), case.machine(sentry.name)
    if sender is None or machine is None:
        return
    own = {each for leg in machine.interfaces for each in leg.addresses}
    for arrival in case.arrivals(sender):
        packet = arrival.packet() if arrival.to == INTERNET else None
        if packet is None:
            continue
        way = case.prover.trace(sender, packet, INTERNET)
        if way.delivered and way.hops[-1].packet.source in own:
            yield Violation(
                f"{sentry.name} reaches the internet from its own address: {packet}", sender, packet, arrival.to
            )


VALIDATOR_HIDDEN = Claim(
    "validator-hidden",
    "a validator has no public address; new inbound only from its own sentries (p2p), its signer (privval), its VPN "
    "(SSH), its monitoring",
    "Checked for every validator, the spare included, and for every sender: all hosts of the estate, VPN clients, "
    "partners, the internet. Its sentries are those of its network, its signers those of its site; monitoring hosts "
    "reach the ports that they scrape according to the declaration. Senders use their own addresses. " + NO_ERRORS,
    _validator_hidden,
)
SIGNER_DIALS_OUT = Claim(
    "signer-dials-out",
    "nothing opens a connection to a signer host but SSH from the VPN; it opens connections only to its validators' "
    "privval port and the declared coordination, time, log and package endpoints",
    "Monitoring hosts open none either: a signer pushes its logs. Its validators are those of its site. The endpoints "
    "are the declared services that a signer may use (packages, time, logs, vault, and those that lead to the "
    "replicas of the coordination table) and that name it as a consumer. " + NO_ERRORS,
    _signer_dials_out,
)
PRIVATE_SENTRY_HIDDEN = Claim(
    "private-sentry-hidden",
    "no public address, no inbound from the internet; out only by NAT; p2p in only from own sentries, own validators "
    "and the declared partners",
    "Besides p2p, only SSH from the VPN and the declared monitoring are allowed inbound. A partner reaches the private "
    "sentries of the region in which its peering ends. Outbound by NAT: packets that arrive on the internet carry a "
    "source address other than the host's. " + NO_ERRORS,
    _private_sentry_hidden,
)
CLAIMS = (VALIDATOR_HIDDEN, SIGNER_DIALS_OUT, PRIVATE_SENTRY_HIDDEN)
