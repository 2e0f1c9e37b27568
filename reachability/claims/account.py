"""What the check of a claim looked at, host by host: what arrives there from whom, which rules let it in, and which
stop the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reachability import services
from reachability.addresses import Intervals, contains, union
from reachability.claims.case import Case, Estate
from reachability.claims.claim import Claim
from reachability.network import INTERNET
from reachability.prover import Arrival, Prover, Sender
from reachability.trace import Hop

SSH = services.of(services.TCP, 22, 22)[0]
STOPPED = 3
"""The maximum number of settings that are named as blocking a packet."""


@dataclass(frozen=True, slots=True)
class Way:
    """Services that arrive at a host from one sender, and the (place, rule) that accept one of their packets."""

    sender: str
    services: Intervals
    rules: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was checked at one host. ``ways``: what arrives. ``silent``: the senders from which nothing does.

    ``stopped``: the (place, rule) that stop a packet of ``service`` from the internet; empty if none was asked about or
    one arrives.
    """

    host: str
    ways: tuple[Way, ...]
    silent: tuple[str, ...]
    service: int | None = None
    stopped: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """As ``prove --explain --json`` prints it."""
        return {
            "host": self.host,
            "arrives": [
                {
                    "from": way.sender,
                    "services": [list(each) for each in way.services],
                    "accepted_by": [{"at": place, "rule": rule} for place, rule in way.rules],
                }
                for way in self.ways
            ],
            "nothing_from": list(self.silent),
            "stopped_by": [{"at": place, "rule": rule} for place, rule in self.stopped],
        }


class _Recording(Case):
    """A case that records which hosts and senders a check asks about."""

    def __init__(self, estate: Estate, case: Case) -> None:
        super().__init__(estate, case.network)
        self.targets: dict[str, None] = {}
        self.senders: dict[Sender, None] = {}

    def arrivals(self, sender: Sender) -> tuple[Arrival, ...]:
        self.senders[sender] = None
        return super().arrivals(sender)

    def depends_on(self, sender: Sender) -> None:
        self.senders[sender] = None
        super().depends_on(sender)

    def inbound(self, name: str) -> tuple[tuple[Sender, Arrival], ...]:
        self.targets[name] = None
        return super().inbound(name)


def account(case: Case, claim: Claim) -> tuple[Checked, ...]:
    """What the check of a claim looked at. A claim that asks about no packet (it compares settings) has none."""
    recording = _Recording(case.estate, case)
    for _ in claim.check(recording):
        pass
    everyone = tuple(case.estate.senders.values())
    hosts = recording.targets or dict.fromkeys(host.name for host in case.everyone if recording.senders)
    asked = everyone if recording.targets else tuple(recording.senders)
    return tuple(_checked(case.prover, host, asked) for host in sorted(hosts))


def _checked(prover: Prover, host: str, senders: tuple[Sender, ...]) -> Checked:
    ways, silent = [], []
    for sender in senders:
        arriving = [each for each in prover.arrivals(sender) if each.to == host]
        received = union(*(each.received_services() for each in arriving))
        if sender.name == host:
            continue
        if not received:
            silent.append(sender.name)
            continue
        ways.append(Way(sender.name, received, tuple(dict.fromkeys(_accepting(prover, sender, arriving)))))
    internet = next((each for each in senders if each.name == INTERNET), None)
    if internet is None or host not in prover.assembly.machines:
        return Checked(host, tuple(ways), tuple(silent))
    if any(way.sender == INTERNET and contains(way.services, SSH) for way in ways):
        return Checked(host, tuple(ways), tuple(silent))
    hops = prover.obstacles(internet, host, SSH)[:STOPPED]
    return Checked(host, tuple(ways), tuple(silent), SSH, tuple((hop.at, hop.decided_by) for hop in hops))


def _accepting(prover: Prover, sender: Sender, arriving: list[Arrival]) -> Iterator[tuple[str, str]]:
    """The rules that accept a packet of each arrival."""
    for arrival in arriving:
        packet = arrival.packet()
        found = prover.trace(sender, packet, arrival.to).hops if packet is not None else ()
        yield from ((hop.at, hop.decided_by) for hop in found if _decides(hop))


def _decides(hop: Hop) -> bool:
    return hop.action == "accept" and "nothing matches" not in hop.decided_by
