"""Ad-hoc queries: whether one thing can reach another, by which path, and what blocks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from reachability import addresses, services
from reachability.addresses import Intervals, difference, intersection, union
from reachability.network import INTERNET, Blocked, Check, Lookup, Translate
from reachability.packet import Packet
from reachability.places import Places, QuestionError, Target
from reachability.prover import Arrival, Prover, Sender
from reachability.trace import Hop, Trace

REACHABLE, UNREACHABLE, NOT_MODELLED = "reachable", "unreachable", "not-modelled"
NAT64 = addresses.address("64:ff9b::")
"""The start of the IPv6 addresses that stand for IPv4 addresses (RFC 6052)."""
WAYS_TRIED = 6
"""The maximum number of paths of a service for which the answers' path is searched."""
OTHER = "other"
"""The protocol that represents those that no rule names."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Services that are treated alike on the path. ``reply``: ``passes`` or ``dropped``, empty if nothing arrives.

    ``packet`` is one of them, ``path`` its hops. ``blocked_by``: every blocking setting. ``reasons``: why it is not
    modelled, or if it is reachable, what was not read and might stop it.
    """

    services: Intervals
    verdict: str
    reply: str = ""
    packet: Packet | None = None
    path: tuple[Hop, ...] = ()
    blocked_by: tuple[Hop, ...] = ()
    reasons: tuple[str, ...] = ()

    def documents(self) -> list[dict[str, Any]]:
        """As ``reach --json`` prints it: one object per protocol."""
        return [
            {
                "protocol": protocol,
                "ports": [list(each) for each in ports],
                **({"types": types} if types else {}),
                "verdict": self.verdict,
                "reply": self.reply or None,
                "packet": self.packet.document() if self.packet else None,
                "path": [hop.document() for hop in self.path],
                "blocked_by": [{"at": hop.at, "decided_by": hop.decided_by} for hop in self.blocked_by],
                **({"reasons": list(self.reasons)} if self.reasons else {}),
            }
            for protocol, ports, types in by_protocol(self.services)
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one sender and target."""

    sender: str
    target: str
    flows: tuple[Flow, ...]

    def unexpected(self, expected: str) -> tuple[Flow, ...]:
        """The flows that are not surely as ``expected``: ``unreachable``, or ``reachable`` with answers that pass and
        without anything unread that might stop them."""
        return tuple(
            flow
            for flow in self.flows
            if flow.verdict != expected or (expected == REACHABLE and (flow.reply == "dropped" or flow.reasons))
        )

    def document(self) -> dict[str, Any]:
        """As ``reach --json`` prints it."""
        flows = [each for flow in self.flows for each in flow.documents()]
        return {"from": self.sender, "to": self.target, "flows": flows}


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _icmp_kinds(details: Iterable[tuple[int, int]]) -> Iterator[str]:
    """ICMP types, with codes if not all of a type are included: ``0-2``, ``3 code 4``."""
    for low, high in details:
        first, last = low >> 8, high >> 8
        if first == last and (low & 255 or high & 255 != 255):
            yield f"{first} code {_range(low & 255, high & 255)}"
            continue
        if low & 255:
            yield f"{first} code {_range(low & 255, 255)}"
            first += 1
        whole = last if high & 255 == 255 else last - 1
        if first <= whole:
            yield _range(first, whole)
        if whole < last:
            yield f"{last} code {_range(0, high & 255)}"


def by_protocol(asked: Intervals) -> Iterator[tuple[str, list[tuple[int, int]], list[str]]]:
    """(protocol, ranges of ports, kinds of ICMP where not all) of a set of services.

    Protocols without a common name are ``other``.
    """
    other = False
    for number in (services.TCP, services.UDP, *(n for n in range(256) if n not in (services.TCP, services.UDP))):
        part = intersection(asked, (services.of(number),))
        if not part:
            continue
        details = [(low & 0xFFFF, high & 0xFFFF) for low, high in part]
        if number in services.WITH_PORTS:
            yield services.NAMES[number], details, []
        elif number in (services.ICMP, services.ICMPV6):
            types = [] if details == [(0, 65535)] else list(_icmp_kinds(details))
            yield services.NAMES[number], [], types
        elif number in services.NAMES:
            yield services.NAMES[number], [], []
        else:
            other = True
    if other:
        numbers = [n for n in range(256) if n not in services.NAMES and intersection(asked, (services.of(n),))]
        yield OTHER if len(numbers) > 1 else str(numbers[0]), [], []


def asked_services(protocol: str | None, port: int | None) -> Intervals:
    """The services of a question. Raises ``QuestionError``."""
    if protocol is None:
        if port is None:
            return services.ANY
        raise QuestionError(f"port {port} has no protocol: add --protocol tcp or --protocol udp")
    try:
        number = services.protocol(protocol)
    except ValueError as error:
        raise QuestionError(str(error)) from None
    if port is None:
        return (services.of(number),)
    if number not in services.WITH_PORTS:
        raise QuestionError(f"{protocol} has no ports; leave --port out")
    if not 0 <= port <= 65535:
        raise QuestionError(f"{port} is not a port; ports are 0 to 65535")
    return (services.of(number, port, port),)


Box = tuple[Arrival, Intervals, Intervals, Intervals]


def _boxes(prover: Prover, sender: Sender, target: Target, asked: Intervals, *, may: bool) -> list[Box]:
    """The sender's packets that arrive: (arrival, sources, destinations, services) as sent."""
    found = []
    for arrival in prover.arrivals(sender, may=may):
        if not target.takes(arrival):
            continue
        for sources, destinations, sent in arrival.flows(asked, target.destinations):
            if target.destinations is not None:
                destinations = intersection(destinations, target.destinations)
            sent = intersection(sent, asked)
            if destinations and sent:
                found.append((arrival, sources, destinations, sent))
    return found


def _atoms(prover: Prover, asked: Intervals) -> Iterator[Intervals]:
    """The set cut where some rule may treat its services differently."""
    axis = prover.assembly.space.services
    for interval in asked:
        first, last = axis.atoms(interval)
        for atom in range(first, last):
            low, high = axis.interval(atom)
            yield ((max(low, interval[0]), min(high, interval[1])),)


def _passes(target: Target, found: Trace) -> bool:
    if target.stages is None:
        return True
    return any(hop.place in target.stages for hop in found.hops) or found.to in target.stages


def _apart(prover: Prover, target: Target, destinations: Intervals) -> Iterator[Intervals]:
    """The destinations of packets that may pass a target that is a place on their way: each address by itself."""
    if target.stages is None:
        yield destinations
        return
    axis, rest = prover.assembly.space.destinations, []
    for interval in destinations:
        for atom in range(*axis.atoms(interval)):
            low, high = axis.interval(atom)
            if low == high:
                yield ((low, high),)
            else:
                rest.append((max(low, interval[0]), min(high, interval[1])))
    if rest:
        yield union(rest)


def _way(prover: Prover, sender: Sender, target: Target, boxes: list[Box], atom: Intervals) -> tuple[Trace, str] | None:
    """A path for packets of one service, preferably one whose answers come back."""
    best: tuple[Trace, str] | None = None
    tried = 0
    for arrival, sources, destinations, sent in boxes:
        part = intersection(sent, atom)
        for apart in _apart(prover, target, destinations) if part else ():
            packet = arrival.packet(part, apart, sources)
            found = prover.trace(sender, packet, arrival.to) if packet is not None else None
            if found is None or not found.delivered or not _passes(target, found):
                continue
            reply = prover.reply(found)
            if best is None or reply == "passes":
                best = found, reply
            tried += 1
            if reply == "passes" or tried >= WAYS_TRIED:
                return best
    return best


def _key(hops: Iterable[Hop]) -> tuple[tuple[str, str, str], ...]:
    return tuple((hop.at, hop.decided_by, hop.action) for hop in hops)


def _point(target: Target) -> int | None:
    return target.destinations[0][0] if target.destinations is not None else None


def _in_the_way(prover: Prover, sender: Sender, target: Target, service: int) -> tuple[Hop, ...]:
    """Every setting that blocks a service to a machine; for another target, the first that blocks it."""
    if not sender.starts:
        return (Hop(sender.name, "no sender has these addresses", "drop", "", Packet(0, 0, service)),)
    point = _point(target)
    points = [point] if point is not None else _points(prover, sender, target)
    unheard = tuple(_unheard(prover, target, service))
    if target.machine is not None:
        found = prover.obstacles(sender, target.machine.name, service, point)
        if found:
            return found
        own = [p for leg in target.machine.interfaces for p in leg.addresses]
        points = [] if point in own else points
    for start in sender.starts:
        for goal in points:
            source = next((low for low, _ in start.sources if (low >= addresses.V6) == (goal >= addresses.V6)), None)
            if source is None:
                continue
            lost = prover.trace(Sender(sender.name, (start,)), Packet(source, goal, service))
            if not lost.delivered and lost.hops:
                last = lost.hops[-1]
                return (last, *(hop for hop in unheard if hop.decided_by != last.decided_by))
            if lost.delivered:
                where = "on the internet" if lost.to == INTERNET else f"of {lost.to}"
                why = f"{addresses.text(goal)} is {where}, so the packet ends there"
                return (Hop(lost.hops[-1].at, why, "deliver", "", lost.hops[-1].packet),)
    if unheard:
        return unheard
    why = "there is no route" if _share_a_family(sender, target) else "has no address of the sender's family"
    return (Hop(target.name, why, "drop", "", Packet(0, 0, service)),)


def _share_a_family(sender: Sender, target: Target) -> bool:
    """Whether sender and target share an address family; true if the target has no addresses of its own."""
    if target.machine is None:
        return True
    own = {point >= addresses.V6 for leg in target.machine.interfaces for point in (*leg.addresses, *leg.public)}
    return any((low >= addresses.V6) in own for low, _ in sender.sources)


def _unheard(prover: Prover, target: Target, service: int) -> Iterator[Hop]:
    """That a load balancer listens to other services only."""
    stages = prover.assembly.stages
    for name in target.stages or ():
        stage = stages.get(name)
        while isinstance(stage, Check):
            name = stage.then
            stage = stages.get(name)
        if isinstance(stage, Translate) and not any(
            each.match.services is None or addresses.contains(each.match.services, service)
            for each in stage.translations
        ):
            refuses = stages.get(stage.otherwise or "")
            if isinstance(refuses, Blocked):
                yield Hop(stage.device, refuses.name, "drop", refuses.origin, Packet(0, 0, service), name)
                return


def _led_to(prover: Prover, stages: frozenset[str]) -> tuple[list[int], list[int]]:
    """The addresses that routes lead to some stages, and those that a gateway translates to these."""
    own = [
        each.destinations[0]
        for stage in prover.assembly.stages.values()
        if isinstance(stage, Lookup)
        for each in stage.routes
        if each.destinations[0] == each.destinations[1] and not stages.isdisjoint(each.via)
    ]
    public = [
        low
        for stage in prover.assembly.stages.values()
        if isinstance(stage, Translate)
        for each in stage.translations
        if each.destination in own and each.match.destinations is not None
        for low, high in each.match.destinations
        if low == high and each.match.services is None
    ]
    return list(dict.fromkeys(own)), list(dict.fromkeys(public))


def _points(prover: Prover, sender: Sender, target: Target) -> list[int]:
    """Destination addresses for packets to a target without addresses of its own."""
    if target.known_addresses:
        return list(target.known_addresses)
    if target.stages is not None:
        own, public = _led_to(prover, target.stages)
        return [*public, *own] if sender.name == INTERNET else [*own, *public]
    for name, _ in target.ends or ():
        if name == INTERNET:
            return [addresses.address("192.0.2.1"), addresses.address("8.8.8.8"), addresses.address("2001:db8::1")]
        if name in prover.assembly.outsides:
            return [low for low, _ in prover.assembly.outsides[name].sources[:2]]
    return []


def _also_by_nat64(destinations: Intervals | None) -> Intervals | None:
    """Destinations with the IPv6 addresses that a NAT gateway translates to the IPv4 ones among them."""
    if destinations is None:
        return None
    v4 = intersection(destinations, (addresses.ALL_V4,))
    return union(destinations, [(NAT64 + low, NAT64 + high) for low, high in v4])


def ask(
    prover: Prover,
    sender: Sender,
    target: Target,
    asked: Intervals = services.ANY,
    *,
    obstacles: bool = True,
) -> Answer:
    """Which of the queried services get from a sender to a target, and what blocks the rest.

    ``obstacles``: whether to search for every blocking setting.
    """
    boxes = _boxes(prover, sender, target, asked, may=True)
    certain = _boxes(prover, sender, target, asked, may=False) if prover.assembly.uncertain else boxes
    surely = union(*(sent for _, _, _, sent in certain))
    own = target.machine.interfaces if target.machine is not None else ()
    reaching = union([(point, point) for leg in own for point in (*leg.addresses, *leg.public)]) if own else None
    doubts = prover.unmodelled(sender, asked, _also_by_nat64(target.destinations), reaching)
    reasons = tuple(dict.fromkeys((*doubts, *sender.unknown, *target.unknown_to(sender))))
    unread = prover.assembly.unmodelled
    grouped: dict[object, Flow] = {}
    reached: list[Intervals] = []

    def add(key: object, services_: Intervals, make: Callable[[], Flow]) -> None:
        known = grouped.get(key)
        if known is None:
            grouped[key] = make()
        else:
            grouped[key] = Flow(
                union(known.services, services_),
                known.verdict,
                known.reply,
                known.packet,
                known.path,
                known.blocked_by,
                known.reasons,
            )

    possible = union(*(sent for _, _, _, sent in boxes))
    for atom in _atoms(prover, possible):
        way = _way(prover, sender, target, boxes, atom)
        if way is None:
            continue
        found, reply = way
        reached.append(atom)
        if intersection(atom, surely):
            key = REACHABLE, reply, _key(found.hops)
            add(key, atom, partial(Flow, atom, REACHABLE, reply, found.sent, found.hops, reasons=unread))
        else:
            on_the_way = tuple(dict.fromkeys(hop.uncertain for hop in found.hops if hop.uncertain))
            why = reasons or on_the_way or ("it depends on values that are unknown until the deployment",)
            key = NOT_MODELLED, reply, _key(found.hops)
            add(key, atom, partial(Flow, atom, NOT_MODELLED, reply, found.sent, found.hops, reasons=why))
    for atom in _atoms(prover, difference(asked, union(*reached))):
        if reasons:
            add(NOT_MODELLED, atom, partial(Flow, atom, NOT_MODELLED, reasons=reasons))
            continue
        stopped = _in_the_way(prover, sender, target, atom[0][0]) if obstacles else ()
        add((UNREACHABLE, _key(stopped)), atom, partial(Flow, atom, UNREACHABLE, blocked_by=stopped))
    return Answer(sender.name, target.name, tuple(grouped.values()))


def check(places: Places, sender: Sender, target: Target) -> None:
    """Checks that the estate is on the way between a sender and a target. Raises ``QuestionError``."""
    if sender.name != INTERNET or target.machine is not None or target.unknown:
        return
    beyond = target.ends == frozenset({(INTERNET, None)})
    if target.destinations is not None and target.ends is None and target.stages is None:
        beyond = not difference(target.destinations, addresses.GLOBAL) and not places.hold(target.destinations)
    if beyond:
        raise QuestionError(
            f"from {sender.name!r} to {target.name!r}: one end must be of this estate, because what the internet sends "
            "to itself does not come here; ask about a host, or a public address of the estate"
        )


def all_pairs(prover: Prover, places: Places, asked: Intervals = services.ANY) -> Iterator[Answer]:
    """Every sender with every interface other than its own, without blocking settings."""
    for sender in places.everyone():
        for target in places.everything():
            own = target.machine is not None and target.machine.name == sender.name
            if not own and not (target.unknown and target.name == sender.name):
                yield ask(prover, sender, target, asked, obstacles=False)
