"""What a host can send to, and that the rest is logged."""

from __future__ import annotations

from collections.abc import Iterator

from estate.hosts import Host
from reachability.addresses import EVERYWHERE, intersection
from reachability.claims.case import Case
from reachability.claims.checks import goes_out_only, undeployed
from reachability.claims.claim import Claim, Finding, Violation
from reachability.claims.filters import is_loopback
from reachability.claims.plan import Permitted, essentials_out
from reachability.claims.sets import Allowance, cells
from reachability.claims.vocabulary import NO_ERRORS
from reachability.network import Action, Chain, Firewall, State

LOG = "log"


def _egress_allow_list(case: Case) -> Iterator[Finding]:
    forbidden: dict[tuple[Allowance, ...], tuple[Allowance, ...]] = {}
    for host in case.everyone:
        yield from undeployed(case, host)
        if case.machine(host.name) is None:
            continue
        permitted = case.permitted.get(host.name, Permitted())
        declared = (*permitted.outbound.values(), *essentials_out(case.network, host))
        outside = forbidden.get(declared)
        if outside is None:
            outside = forbidden[declared] = cells(declared)
        yield from _sends_only(case, host, outside)
        yield from _logs_the_rest(case, host)
    for machine in case.undeclared:
        sender = case.sender(machine.name)
        if sender is not None:
            yield from goes_out_only(case, sender, cells(()), f"{machine.name} is declared by nobody and sends to")


def _sends_only(case: Case, host: Host, outside: tuple[Allowance, ...]) -> Iterator[Finding]:
    """If the host's own firewall already lets nothing else out, no network behind it can make it more."""
    firewall = case.prover.assembly.firewalls.get(host.name)
    if firewall is not None and _lets_out_nothing_of(firewall, outside):
        return
    honest = case.estate.senders[host.name]
    found = list(goes_out_only(case, honest, outside, f"{host.name} sends to"))
    yield from found or goes_out_only(
        case, case.prover.machine(host.name, spoof=True), outside, f"{host.name}, by a forged source address, sends to"
    )


def _lets_out_nothing_of(firewall: Firewall, outside: tuple[Allowance, ...]) -> bool:
    """Whether some filter of the output hook accepts, rule by rule, no new packet of ``outside``. ``False`` if that
    cannot be told by the rules alone: translations, jumps, returns, an accepting policy.
    """
    chains = firewall.hooks.get("output", ())
    if firewall.unmodelled or any(firewall.kinds.get(chain.name) == "nat" for chain in chains):
        return False
    return any(_accepts_nothing_of(chain, outside) for chain in chains)


def _accepts_nothing_of(chain: Chain, outside: tuple[Allowance, ...]) -> bool:
    if chain.policy is not Action.DROP:
        return False
    for rule in chain.rules:
        match = rule.match
        if rule.action in (Action.DROP, Action.CONTINUE):
            continue
        if rule.action is not Action.ACCEPT:
            return False
        if match.states is not None and State.NEW not in match.states or is_loopback(match.outgoing):
            continue
        to, used = match.destinations or EVERYWHERE, match.services
        for destinations, wanted in outside:
            if (used is None or intersection(used, wanted)) and intersection(to, destinations):
                return False
    return True


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
