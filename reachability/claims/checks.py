"""The checks of which claims consist: allowed inbound, allowed outbound, required connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from estate.plan.hosts import Host
from reachability import services as axis
from reachability.addresses import GLOBAL, Intervals, difference, intersection, text
from reachability.claims.case import Case
from reachability.claims.claim import Finding, Gap, Violation
from reachability.claims.sets import CONNECTIONS, Allowance
from reachability.packet import Packet
from reachability.prover import Arrival, Prover, Sender


def found(
    case: Case,
    sender: Sender,
    arrival: Arrival,
    sentence: str,
    *,
    services: Intervals | None = None,
    destinations: Intervals | None = None,
    received: Intervals | None = None,
) -> Violation | None:
    """A violation if some such packet arrives. ``sentence`` is followed by the packet."""
    packet = arrival.packet(services=services, destinations=destinations, received=received)
    if packet is None:
        return None
    packet = arrival.packet(_of_tcp(services), destinations, received=received) or packet
    sure = case.certain(sender, arrival, services=services, destinations=destinations, received=received)
    return Violation(
        f"{sentence}: {packet}",
        sender=sender,
        packet=packet,
        to=arrival.to,
        uncertain="" if sure else f"whether {packet} arrives at {arrival.to} is unknown until the deployment",
    )


def _of_tcp(used: Intervals | None) -> Intervals:
    """The TCP services among those given, which are preferred as examples."""
    tcp = (axis.of(axis.TCP),)
    return tcp if used is None else intersection(used, tcp)


def comes_in_only(case: Case, host: Host, allowed: Mapping[str, Intervals]) -> Iterator[Finding]:
    """Only ``allowed`` reaches ``host``: services as they arrive, by sender's name."""
    for sender, arrival in case.inbound(host.name):
        rest = difference(CONNECTIONS, allowed.get(sender.name, ()))
        violation = found(case, sender, arrival, f"{sender.name} reaches {host.name}", received=rest)
        if violation is not None:
            yield violation


def has_no_public_address(case: Case, host: Host) -> Iterator[Finding]:
    """The host has no public address, neither on an interface nor by a translation."""
    machine = case.machine(host.name)
    for leg in machine.interfaces if machine else ():
        own = [each for each in leg.addresses if intersection(((each, each),), GLOBAL)]
        for address in (*leg.public, *own):
            yield Violation(f"{host.name} has the public address {text(address)} on {leg.device}")


def goes_out_only(case: Case, sender: Sender, forbidden: Sequence[Allowance], sentence: str) -> Iterator[Finding]:
    """No packet of ``sender`` arrives that is in ``forbidden`` (from ``cells``)."""
    space = case.prover.assembly.space
    wanted = 0
    for destinations, used in forbidden:
        wanted |= space.mask(destinations=destinations, services=used)
    for arrival in case.arrivals(sender):
        for destinations, used in forbidden if arrival.touches(wanted) else ():
            violation = found(
                case, sender, arrival, f"{sentence} {arrival.to}", services=used, destinations=destinations
            )
            if violation is not None:
                yield violation
                break


def opens(case: Case, source: Host, target: Host, service: int, prover: Prover | None = None) -> Violation | None:
    """Why ``source`` cannot open connections to a service of ``target``, between their own addresses and for every
    possible value of the unknowns; ``None`` if it can and the answers come back.
    """
    asked = prover or case.prover
    missing = next((host for host in (source, target) if case.machine(host.name) is None), None)
    if missing is not None:
        return Violation(f"{missing.name} is declared but not deployed")
    sender = asked.machine(source.name)
    case.depends_on(case.estate.senders[source.name])
    words = f"{source.name} must reach {target.name} on {axis.text(service)}"
    for port_number in client_ports(asked):
        packet = Packet(int(source.address), int(target.address), service, port_number)
        way = asked.trace(sender, packet, target.name, may=False)
        if not (way.delivered and way.to == target.name):
            hops = asked.obstacles(sender, target.name, service, packet.destination)
            return Violation(f"{words}, but cannot: {_settings(hops)}", sender=sender, obstacles=hops)
        if asked.reply(way) != "passes":
            return Violation(f"{words}; it does, but the answers do not come back", sender=sender, obstacles=way.hops)
    return None


def client_ports(prover: Prover) -> Iterator[int]:
    """One client port from each range that some rule treats differently."""
    low, high = axis.CLIENT_PORTS
    yield low
    yield from (each for each in prover.assembly.space.source_ports.lows if low < each <= high)


def _settings(hops: Sequence[object]) -> str:
    named = [f"{hop.decided_by} ({hop.at})" for hop in hops]  # type: ignore[attr-defined]
    return "; ".join(named) or "there is no route"


def undeployed(case: Case, *hosts: Host) -> Iterator[Gap]:
    """A gap for each declared host that is not deployed."""
    for host in hosts:
        if case.machine(host.name) is None:
            yield Gap(f"{host.name} is declared but not deployed")
