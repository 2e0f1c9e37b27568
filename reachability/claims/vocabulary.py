"""The vocabulary for custom claims: ``forbid`` and ``require``, parties and services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from estate.model import Network
from estate.plan.hosts import Host
from reachability import services as axis
from reachability.addresses import Intervals, difference, intersection, union
from reachability.claims.case import Case
from reachability.claims.checks import found, opens
from reachability.claims.claim import Claim, Finding, Gap, Violation
from reachability.claims.party import Party, anyone
from reachability.claims.sets import CONNECTIONS, port, ports
from reachability.prover import Arrival, Sender

Services = Intervals | Callable[[Network], Intervals]
"""Services as intervals, or as a function of the network's declaration."""

NO_ERRORS = "ICMP errors (RFC 4890) open no connection and are not counted."


def tcp(low: int, high: int | None = None) -> Intervals:
    """A TCP port, or all from ``low`` to ``high``."""
    return ports(axis.TCP, low, low if high is None else high)


def udp(low: int, high: int | None = None) -> Intervals:
    """A UDP port, or all from ``low`` to ``high``."""
    return ports(axis.UDP, low, low if high is None else high)


def chain_port(name: str) -> Callable[[Network], Intervals]:
    """A TCP port of the network's chain, by its name in the declaration: p2p, rpc, lcd, privval or metrics. Nothing
    where the chain has no LCD.
    """
    return lambda network: union(
        *(port(axis.TCP, number) for key, number in network.chain.ports.by_name().items() if key == name)
    )


def _services(case: Case, wanted: Services | None) -> Intervals:
    if wanted is None:
        return CONNECTIONS
    return intersection(wanted(case.network) if callable(wanted) else wanted, CONNECTIONS)


@dataclass(frozen=True, slots=True)
class Exception_:
    """An exception of ``forbid``: these services (all, if none are given) from ``sources`` to ``destinations``."""

    sources: Party
    destinations: Party
    services: Services | None


def allow(
    sources: Party | None = None, services: Services | None = None, destinations: Party | None = None
) -> Exception_:
    """An exception of ``forbid``. The defaults are all sources, all services and all destinations."""
    return Exception_(sources or anyone(), destinations or anyone(), services)


def _pairs(case: Case, sources: Party, destinations: Party) -> Iterator[tuple[Sender, Arrival]]:
    senders, targets = sources.members(case), destinations.members(case)
    if targets is not None:
        for target in sorted(targets):
            for sender, arrival in case.inbound(target):
                if senders is None or sender.name in senders:
                    yield sender, arrival
        return
    for name in sorted(case.estate.senders if senders is None else senders):
        known = case.sender(name)
        if known is not None:
            for arrival in case.arrivals(known):
                yield known, arrival


def forbid(
    *,
    id: str,
    statement: str,
    sources: Party,
    destinations: Party,
    services: Services | None = None,
    except_: Iterable[Exception_] = (),
    explanation: str = "",
) -> Claim:
    """No packet of ``sources`` with one of ``services`` arrives at ``destinations``, except for the exceptions.

    Services are those with which packets arrive: a port that is translated on the way is the one behind the
    translation. A host reaching itself is not counted.
    """
    exceptions = tuple(except_)

    def check(case: Case) -> Iterator[Finding]:
        wanted = _services(case, services)
        left = [
            (each.sources.members(case), each.destinations.members(case), _services(case, each.services))
            for each in exceptions
        ]
        for sender, arrival in _pairs(case, sources, destinations):
            if sender.name == arrival.to:
                continue
            allowed = [
                used for by, to, used in left if (by is None or sender.name in by) and (to is None or arrival.to in to)
            ]
            rest = difference(wanted, union(*allowed)) if allowed else wanted
            violation = found(case, sender, arrival, f"{sender.name} reaches {arrival.to}", received=rest)
            if violation is not None:
                yield violation

    return Claim(id, statement, explanation or NO_ERRORS, check)


def require(
    *,
    id: str,
    statement: str,
    sources: Party,
    destinations: Party,
    services: Callable[[Network], Intervals] | Intervals,
    explanation: str = "",
) -> Claim:
    """Every host of ``sources`` can open connections to every host of ``destinations``, and the answers come back.

    Both are hosts of the network, and each uses its own address (not its management address). A port range is tested
    with its first port.
    """

    def check(case: Case) -> Iterator[Finding]:
        ends: list[list[Host]] = []
        for party in (sources, destinations):
            names = party.members(case) or frozenset()
            members = [case.named[name] for name in sorted(names) if name in case.named]
            ends.append(members)
            if not members or len(members) < len(names):
                yield Gap(f"{party.description}: must be hosts of the network only; a requirement applies to hosts")
                return
        for source in ends[0]:
            for target in ends[1]:
                for low, _ in _services(case, services) if source is not target else ():
                    violation: Violation | None = opens(case, source, target, low)
                    if violation is not None:
                        yield violation

    return Claim(id, statement, explanation or "Checked for each pair of hosts; answers must come back.", check)
