"""Claims about outbound packets of hosts and their logging."""

from __future__ import annotations

from collections.abc import Iterator

from estate.plan.hosts import Host
from reachability.claims.case import Case
from reachability.claims.checks import goes_out_only, undeployed
from reachability.claims.claim import Claim, Finding, Violation
from reachability.claims.filters import accepted_by_services, by_services, plainly_within
from reachability.claims.plan import Permitted
from reachability.claims.sets import Allowance, cells
from reachability.claims.vocabulary import NO_ERRORS
from reachability.network import Action, Firewall

LOG = "log"
PLAIN = frozenset({Action.ACCEPT, Action.DROP, Action.CONTINUE})
"""The actions of rules that neither jump nor translate."""


def _egress_allow_list(case: Case) -> Iterator[Finding]:
    for host in case.everyone:
        yield from undeployed(case, host)
        if case.machine(host.name) is None:
            continue
        permitted = case.permitted.get(host.name, Permitted())
        declared = (*permitted.outbound.values(), *case.essentials(host)[1])
        yield from _sends_only(case, host, declared)
        yield from _logs_the_rest(case, host)
    for machine in case.undeclared:
        sender = case.sender(machine.name)
        if sender is not None:
            yield from goes_out_only(case, sender, cells(()), f"{machine.name} is not declared and sends to")


def _sends_only(case: Case, host: Host, declared: tuple[Allowance, ...]) -> Iterator[Finding]:
    """If the host's own firewall accepts only declared packets, the network behind it need not be checked."""
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is not None and _lets_out_only(firewall, declared):
        return
    outside = cells(declared)
    honest = case.estate.senders[host.name]
    found = list(goes_out_only(case, honest, outside, f"{host.name} sends to"))
    yield from found or goes_out_only(
        case,
        case.prover.machine(host.name, spoof=True),
        outside,
        f"{host.name}, from a forged source address, sends to",
    )


def _lets_out_only(firewall: Firewall, declared: tuple[Allowance, ...]) -> bool:
    """Whether some filter of the output hook accepts, rule by rule, only declared new packets. ``False`` if the rules
    alone do not show it: translations, jumps, an accepting policy.
    """
    chains = firewall.hooks.get("output", ())
    if firewall.unmodelled or any(rule.action not in PLAIN for chain in chains for rule in chain.rules):
        return False
    allowed = by_services(declared)
    for chain in chains:
        if firewall.kinds.get(chain.name) != "nat":
            plain = accepted_by_services(chain, firewall.chains, inbound=False)
            if plain is not None and plainly_within(plain, allowed):
                return True
    return False


def _logs_the_rest(case: Case, host: Host) -> Iterator[Finding]:
    """The last base chain of the output hook logs and drops every packet that no rule accepts."""
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is None:
        yield Violation(f"{host.name} has no host firewall: none of its packets are dropped or logged there")
        return
    for chain in firewall.hooks.get("output", ()):
        if firewall.kinds.get(chain.name) == "nat" or chain.policy is not Action.DROP:
            continue
        for rule in reversed(chain.rules):
            if rule.action not in (Action.CONTINUE, Action.DROP):
                break
            if LOG in rule.name.split():
                return
    yield Violation(f"{host.name}: the last chain of its output hook does not log what it drops")


EGRESS_ALLOW_LIST = Claim(
    "egress-allow-list",
    "what a host can send to is a subset of what is declared for its role; the host firewall logs the rest",
    "Every destination of a host's new packets, from its own addresses and from forged ones, must be in the "
    "topology's flows out of the host, or be an essential service: DHCP and instance metadata in the cloud, "
    "neighbour discovery, and on edge firewalls VRRP within the site and ESP. The output hook must end in a rule that "
    "logs, and drop. An undeclared machine may send nothing. Packets that a router forwards count as those of their "
    "sender. " + NO_ERRORS,
    _egress_allow_list,
)
CLAIMS = (EGRESS_ALLOW_LIST,)
