"""What a host can send to, and that the rest is logged."""

from __future__ import annotations

from collections.abc import Iterator

from estate.plan.hosts import Host
from reachability.claims.case import Case
from reachability.claims.checks import goes_out_only, undeployed
from reachability.claims.claim import Claim, Finding, Violation
from reachability.claims.filters import accepted_by_services, by_services, plainly_within
from reachability.claims.plan import Permitted, essentials_out
from reachability.claims.sets import Allowance, cells
from reachability.claims.vocabulary import NO_ERRORS
from reachability.network import Action, Firewall

LOG = "log"
PLAIN = frozenset({Action.ACCEPT, Action.DROP, Action.CONTINUE})
"""What rules do that neither jump nor translate."""


def _egress_allow_list(case: Case) -> Iterator[Finding]:
    for host in case.everyone:
        yield from undeployed(case, host)
        if case.machine(host.name) is None:
            continue
        permitted = case.permitted.get(host.name, Permitted())
        declared = (*permitted.outbound.values(), *essentials_out(case.network, host))
        yield from _sends_only(case, host, declared)
        yield from _logs_the_rest(case, host)
    for machine in case.undeclared:
        sender = case.sender(machine.name)
        if sender is not None:
            yield from goes_out_only(case, sender, cells(()), f"{machine.name} is declared by nobody and sends to")


def _sends_only(case: Case, host: Host, declared: tuple[Allowance, ...]) -> Iterator[Finding]:
    """If the host's own firewall already lets nothing else out, no network behind it can make it more."""
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is not None and _lets_out_only(firewall, declared):
        return
    outside = cells(declared)
    honest = case.estate.senders[host.name]
    found = list(goes_out_only(case, honest, outside, f"{host.name} sends to"))
    yield from found or goes_out_only(
        case, case.prover.machine(host.name, spoof=True), outside, f"{host.name}, by a forged source address, sends to"
    )


def _lets_out_only(firewall: Firewall, declared: tuple[Allowance, ...]) -> bool:
    """Whether some filter of the output hook accepts, rule by rule, new packets of what is declared only. ``False`` if
    that cannot be told by the rules alone: translations, jumps, an accepting policy.
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
    """The last base chain of the output hook drops what nothing accepts, and logs it before."""
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is None:
        yield Violation(f"{host.name} has no firewall of its own: nothing that it sends is dropped or logged there")
        return
    for chain in firewall.hooks.get("output", ()):
        if firewall.kinds.get(chain.name) == "nat" or chain.policy is not Action.DROP:
            continue
        for rule in reversed(chain.rules):
            if rule.action not in (Action.CONTINUE, Action.DROP):
                break
            if LOG in rule.name.split():
                return
    yield Violation(f"{host.name}: no chain at the end of its output logs what it drops")


EGRESS_ALLOW_LIST = Claim(
    "egress-allow-list",
    "what a host can send to is a subset of what is declared for its role; the host firewall logs the rest",
    "Everything that a host's new packets can reach, from its own addresses and from forged ones, is in "
    "the topology's flows out of the host, or is what a host cannot do without: DHCP and the instance's "
    "metadata in the cloud, neighbour discovery, and on edge firewalls VRRP within the site and ESP. The "
    "output hook ends in a rule that logs, and drops. A machine that nobody declares may send nothing. "
    "What a router forwards for others counts as theirs. " + NO_ERRORS,
    _egress_allow_list,
)
CLAIMS = (EGRESS_ALLOW_LIST,)
