"""The path of one packet, of its answers, and the settings that block it: the walk with a single packet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

from reachability import addresses, services
from reachability.addresses import contains
from reachability.chains import Context
from reachability.network import Action, Arrive, Blocked, Check, Deliver, Firewall, Lookup, Route, State, Translate
from reachability.packet import Packet
from reachability.steps import HOOKS, Key, Step, Strand
from reachability.walk import Start, Walker

UNFILTERED = Firewall({}, {}, {})
"""The firewall of a machine without one."""

LONGEST_WAY = 400


@dataclass(frozen=True, slots=True)
class Hop:
    """One place on a packet's path. ``decided_by``: the rule, route or translation; ``action``: its action.

    ``origin``: the URN or file of that setting. ``packet``: the packet as it leaves. ``place``: the stage, by which two
    places with filters of one name differ.
    """

    at: str
    decided_by: str
    action: str
    origin: str
    packet: Packet
    place: Key = ""
    uncertain: str = ""
    """Why it is unknown whether that setting applies."""

    def document(self) -> dict[str, Any]:
        return {"at": self.at, "decided_by": self.decided_by, "action": self.action}


class Way:
    """The hops of a packet's path, each named when somebody asks for them."""

    __slots__ = ("_before", "_hops", "_name", "length")

    def __init__(self, before: Way | None = None, name: Callable[[], Iterable[Hop]] = tuple) -> None:
        self._before = before
        self._name = name
        self._hops: tuple[Hop, ...] | None = None
        self.length: int = 0 if before is None else before.length + 1

    def hops(self) -> tuple[Hop, ...]:
        if self._hops is None:
            ways: list[Way] = []
            way: Way | None = self
            while way is not None and way._hops is None:
                ways.append(way)
                way = way._before
            found = () if way is None or way._hops is None else way._hops
            for each in reversed(ways):
                found = each._hops = (*found, *each._name())
        return self._hops or ()


@dataclass(frozen=True, slots=True)
class Trace:
    """``outcome``: ``delivered`` (to ``to``), ``dropped`` (by the last hop) or ``not-modelled``."""

    way: Way = field(repr=False, compare=False)
    outcome: str
    to: str = ""
    device: str = ""
    reason: str = ""
    start: Start | None = None
    sent: Packet | None = None
    _connection: Connection | None = field(default=None, repr=False, compare=False)

    @property
    def hops(self) -> tuple[Hop, ...]:
        return self.way.hops()

    @property
    def delivered(self) -> bool:
        return self.outcome == "delivered"


@dataclass(frozen=True, slots=True)
class Connection:
    """The state of a delivered packet in the connection tables on its path."""

    places: frozenset[str]
    strand: Strand
    final: Packet
    sources_before: Mapping[int, int]
    """By strand: the source address before that translation."""


def _label(walker: Walker, key: Key) -> str:
    """The name of a place for reports."""
    if isinstance(key, tuple):
        hook = HOOKS.get(key[0])
        device = next((each for each in key[2:] if each), "")
        return f"{key[1]} {hook or 'routing'}" + (f" ({device})" if device else "")
    stage = walker.assembly.stages.get(key)
    match stage:
        case Check():
            return stage.chain.name
        case Lookup() | Translate() | Blocked():
            return stage.name
    return key


def _decision(walker: Walker, step: Step, *, context: Context | None = None) -> list[tuple[str, str, str, str]]:
    """(rule, action, origin, why it is uncertain) of each filter at a place, up to the one that drops."""
    decisions = []
    for chain, usual, others in walker.filters(step.key, step.strand):
        rule, action = walker.chains.deciding(chain, step.packets, step.source_class, context or usual, others)
        name = rule.name if rule is not None else f"{chain.name}: nothing matches, its policy is {action}"
        origin = (rule.origin if rule is not None else "") or chain.origin
        decisions.append((name, str(action), origin, rule.match.uncertain if rule is not None else ""))
        if action is Action.DROP:
            break
    return decisions


def _after(packet: Packet, before: Strand, after: Strand) -> Packet:
    """The packet with the translations of a new strand."""
    if after is before:
        return packet
    return Packet(
        source=packet.source if after.source is None else after.source,
        destination=packet.destination if after.destination is None else after.destination,
        service=packet.service if after.service is None else after.service,
        source_port=packet.source_port,
    )


def _hops(walker: Walker, step: Step, following: Step | None, packet: Packet, after: Packet) -> list[Hop]:
    at = _label(walker, step.key)
    if following is not None and following.strand is step.strand:
        one = following.packets & -following.packets
        step = Step(step.key, step.source_class, step.strand, one)
    hops = [
        Hop(at, name, action, origin, packet, step.key, uncertain)
        for name, action, origin, uncertain in _decision(walker, step)
    ]
    if following is not None and following.by is not None and not hops:
        action = "translate" if after is not packet else "route"
        by = following.by
        uncertain = by.uncertain if isinstance(by, Route) else by.match.uncertain
        hops.append(Hop(at, by.name, action, by.origin, after, step.key, uncertain))
    return hops


def _begin(walker: Walker, start: Start, packet: Packet) -> Step | None:
    if not contains(start.sources, packet.source):
        return None
    space = walker.space
    return Step(
        start.key,
        space.class_of(packet.source),
        Strand(((packet.source, packet.source),)),
        space.single(packet.destination, packet.service, packet.source_port),
    )


def trace(walker: Walker, starts: tuple[Start, ...], packet: Packet, to: str | None) -> Trace:
    """Follows every path that the packet may take; returns the first that ends at ``to`` (anywhere, if not given)."""
    lost: Trace | None = None
    for start in starts:
        first = _begin(walker, start, packet)
        if first is None:
            continue
        for found in _ways(walker, start, first, packet):
            if found.delivered and to in (None, found.to):
                return found
            if lost is None or (found.outcome == "not-modelled" and not lost.delivered):
                lost = found
    return lost or Trace(Way(), "dropped", reason="the sender cannot send from that address", sent=packet)


def _ways(walker: Walker, start: Start, first: Step, packet: Packet) -> Iterator[Trace]:
    seen: set[tuple[Key, int, int, int]] = set()
    todo: list[tuple[Step, Packet, Way, frozenset[str], dict[int, int]]] = [(first, packet, Way(), frozenset(), {})]
    while todo:
        step, now, way, places, before = todo.pop()
        key = step.key
        mark = key, step.source_class, now.destination, now.service
        if mark in seen or way.length > LONGEST_WAY:
            continue
        seen.add(mark)
        if key[0] == "end":
            connection = Connection(places, step.strand, now, before)
            last = Way(way, partial(_arrival, key[1], now))
            yield Trace(last, "delivered", key[1], key[2], "", start, packet, connection)
            continue
        unmodelled: list[str] = []
        following = walker.steps(step, unmodelled)
        if unmodelled:
            yield Trace(way, "not-modelled", reason=unmodelled[0], start=start, sent=packet)
        if not following:
            if not unmodelled:
                last = Way(way, partial(_dead_end, walker, step, now))
                yield Trace(last, "dropped", start=start, sent=packet)
            continue
        here = places | _places(walker, key)
        for each in reversed(following):
            after = _after(now, step.strand, each.strand)
            known = before if each.strand is step.strand else {**before, id(each.strand): now.source}
            todo.append((each, after, Way(way, partial(_hops, walker, step, each, now, after)), here, known))


def _arrival(name: str, packet: Packet) -> tuple[Hop, ...]:
    return (Hop(name, "arrives", "deliver", "", packet),)


def _places(walker: Walker, key: Key) -> frozenset[str]:
    """The connection tables at a place."""
    if isinstance(key, tuple):
        return frozenset((key[1],))
    stage = walker.assembly.stages.get(key)
    return frozenset((stage.device,)) if isinstance(stage, Check | Translate) and stage.device else frozenset()


def _dead_end(walker: Walker, step: Step, packet: Packet) -> tuple[Hop, ...]:
    """Why the packet is dropped here."""
    at, key = _label(walker, step.key), step.key
    decisions = _decision(walker, step)
    if decisions:
        return tuple(Hop(at, name, action, origin, packet) for name, action, origin, _ in decisions)
    destination = addresses.text(packet.destination)
    if isinstance(key, tuple):
        if key[1] in walker.dead:
            return (Hop(at, "has failed", "drop", "", packet),)
        machine = walker.assembly.machines.get(key[1])
        text = (
            f"{destination} is not its address and it does not forward"
            if key[0] == "arrive"
            else f"it has no route to {destination}"
        )
        return (Hop(at, text, "drop", machine.origin if machine else "", packet),)
    stage = walker.assembly.stages.get(key)
    origin = getattr(stage, "origin", "")
    match stage:
        case Lookup():
            for mask, route, _ in walker._lookups.get(key, ()):
                if mask & step.packets:
                    return (Hop(at, route.name, "drop", route.origin or origin, packet),)
            return (Hop(at, f"no route to {destination}", "drop", origin, packet),)
        case Translate():
            return (
                Hop(at, f"no translation or listener accepts new packets to {destination}", "drop", origin, packet),
            )
        case Blocked():
            return (Hop(at, stage.name, "drop", origin, packet),)
    return (Hop(at, "has failed", "drop", origin, packet),)


def _answer_service(service: int) -> addresses.Intervals:
    """The service of answers: the client's port, or the ICMP type of the answer."""
    number = services.number(service)
    if number in services.WITH_PORTS:
        return (services.of(number, *services.CLIENT_PORTS),)
    kind = service >> 8 & 255
    if number == services.ICMP and kind == 8:
        return (services.icmp(number, 0, 0),)
    if number == services.ICMPV6 and kind == 128:
        return (services.icmp(number, 129, 0),)
    return (services.of(number),)


def reply(walker: Walker, found: Trace) -> str:
    """``passes`` if answers come back, for every client port in 32768-60999; else ``dropped``."""
    connection = found._connection
    if not found.delivered or connection is None or found.start is None or found.sent is None:
        return "dropped"
    answer = _Answer(walker, connection, found.start, found.sent, found.to)
    return "passes" if answer.comes_back() else "dropped"


class _Answer:
    """The answers to one delivered packet, walked back. Connection tables on the packet's path accept them."""

    def __init__(self, walker: Walker, connection: Connection, start: Start, sent: Packet, to: str) -> None:
        self._walker = walker
        self._connection = connection
        self._start, self._sent, self._to_whom = start, sent, to
        self._unfiltered = False
        """Whether the last place was a stateless filter: the cloud tracks the load balancer's connection behind it."""
        is_tcp = services.number(connection.final.service) == services.TCP
        self._stray = State.INVALID if is_tcp else State.NEW
        """The context of an answer at a connection table that never saw the connection."""
        self._undone: dict[str, list[tuple[Strand, int]]] = {}
        strand = connection.strand
        while strand.parent is not None:
            self._undone.setdefault(strand.device, []).append((strand, connection.sources_before[id(strand)]))
            strand = strand.parent

    def comes_back(self) -> bool:
        final = self._connection.final
        space = self._walker.space
        port = services.port(final.service)
        packets = space.mask(
            destinations=((final.source, final.source),),
            services=_answer_service(final.service),
            source_ports=None if port is None else ((port, port),),
        )
        packets &= space.range_mask((final.source, final.source))
        machine = self._walker.assembly.machines.get(self._to_whom)
        if machine is None:
            if not self._to_whom.startswith(("internet", "outside ")):
                return True
            return self._from_outside(final, packets)
        start = Step(("send", machine.name), space.class_of(final.destination), Strand(()), packets)
        return self._walk(start, final.destination, final.source)

    def _from_outside(self, final: Packet, packets: int) -> bool:
        """Answers from outside the model start where the packet left it."""
        assembly = self._walker.assembly
        outside = assembly.outsides.get(self._to_whom)
        entry = outside.entry if outside is not None else "internet"
        start = Step(entry, self._walker.space.class_of(final.destination), Strand(()), packets)
        return self._walk(start, final.destination, final.source)

    def _walk(self, first: Step, source: int, destination: int) -> bool:
        """Whether all packets of ``first`` reach the start of the connection."""
        todo = [(first, source, destination)]
        seen: set[tuple[Key, int, int]] = set()
        arrived = False
        while todo:
            step, source, destination = todo.pop()
            if (step.key, source, destination) in seen:
                continue
            seen.add((step.key, source, destination))
            if self._is_home(step.key, source, destination):
                arrived = True
                continue
            following = self._steps(step, source, destination)
            covered = 0
            for each, _, _ in following:
                covered |= each.packets
            if not following or not covered:
                return False
            todo += self._preferred(following)
        return arrived

    def _is_home(self, key: Key, source: int, destination: int) -> bool:
        """Whether the answers are back at the sender, from the address to which it sent."""
        start, sent = self._start, self._sent
        if destination != sent.source or source != sent.destination:
            return False
        if start.key[0] == "send":
            return key[0] == "end" and key[1] == start.key[1]
        if isinstance(start.key, tuple):
            return key[0] == "post" and key[1] == start.key[1] and key[3] == start.key[2]
        return key[0] == "end" and (key[1] == "internet" if start.key == "internet" else key[1].startswith("outside "))

    def _preferred(self, ways: list[tuple[Step, int, int]]) -> list[tuple[Step, int, int]]:
        """Of several equal paths, answers take the one with their connection, if there is one."""
        if len(ways) < 2:
            return ways
        known = [way for way in ways if self._tracks(way[0].key)]
        return known or ways

    def _tracks(self, key: Key) -> bool:
        places = self._connection.places
        for _ in range(12):
            if isinstance(key, tuple):
                return key[1] in places
            stage = self._walker.assembly.stages.get(key)
            if isinstance(stage, Arrive):
                return stage.machine in places
            if isinstance(stage, Check):
                if stage.device in places:
                    return True
                key = stage.then
                continue
            return isinstance(stage, Translate) and stage.device in places
        return False

    def _steps(self, step: Step, source: int, destination: int) -> list[tuple[Step, int, int]]:
        key, places = step.key, self._connection.places
        if isinstance(key, tuple):
            return self._inside(step, source, destination)
        if key in self._walker.dead:
            return []
        stage = self._walker.assembly.stages.get(key)
        if isinstance(stage, Lookup) and self._unfiltered:
            returning = self._returning(source)
            if returning is not None:
                source = self._as_addressed(returning, source)
                return [(self._addressed(step, returning.then, source, destination), source, destination)]
        self._unfiltered = isinstance(stage, Check) and not stage.device
        if isinstance(stage, Check):
            if stage.device and stage.device in places:
                return [(self._to(step, stage.then), source, destination)]
            known = Context(state=State.ESTABLISHED)
            passing = self._walker.chains.passing(stage.chain, step.packets, step.source_class, known, stage.chains)
            return [(self._to(step, stage.then), source, destination)] if passing == step.packets else []
        if isinstance(stage, Translate) and stage.device in self._undone and not self._translates(stage, step):
            for strand, before in self._undone[stage.device]:
                if strand.source == destination and strand.source is not None:
                    source_again = self._as_addressed(strand, source)
                    then = stage.answers or strand.then
                    return [(self._addressed(step, then, source_again, before), source_again, before)]
                if strand.source is None and strand.destination == source:
                    source_again = self._as_addressed(strand, source)
                    return [(self._addressed(step, strand.then, source_again, destination), source_again, destination)]
        return [
            (
                self._addressed(each, each.key, *self._now(each, step, source, destination)),
                *self._now(each, step, source, destination),
            )
            for each in self._walker.steps(step, [])
        ]

    def _returning(self, source: int) -> Strand | None:
        """The translation of a load balancer to which answers from ``source`` return directly."""
        for device, undone in self._undone.items():
            for strand, _ in undone:
                if strand.destination == source and strand.source is None and device in self._returners():
                    return strand
        return None

    def _returners(self) -> set[str]:
        stages = self._walker.assembly.stages.values()
        return {stage.device for stage in stages if isinstance(stage, Translate) and stage.returns}

    def _translates(self, stage: Translate, step: Step) -> bool:
        """Whether answers are translated statically (a public address), not by a connection table."""
        space = self._walker.space
        return any(
            space.class_mask(each.match.sources) >> step.source_class & 1
            and step.packets & space.mask(each.match.destinations, each.match.services, each.match.source_ports)
            for each in stage.translations
        )

    @staticmethod
    def _now(each: Step, step: Step, source: int, destination: int) -> tuple[int, int]:
        if each.strand is step.strand:
            return source, destination
        return (
            source if each.strand.source is None else each.strand.source,
            destination if each.strand.destination is None else each.strand.destination,
        )

    @staticmethod
    def _to(step: Step, key: Key) -> Step:
        return Step(key, step.source_class, step.strand, step.packets)

    def _as_addressed(self, strand: Strand, source: int) -> int:
        """The original destination, if this translation changed the destination too."""
        if strand.destination is None or strand.destination != source or strand.parent is None:
            return source
        space = self._walker.space
        sent = self._sent.destination
        atom = next((atom for atom, _ in space.rows(strand.before)), None)
        return sent if atom is None or space.destinations.atom(sent) == atom else space.destinations.lows[atom]

    def _addressed(self, step: Step, key: Key, source: int, destination: int) -> Step:
        """The answers with new addresses, all client ports kept."""
        space = self._walker.space
        packets = 0
        for _, row in space.rows(step.packets):
            packets |= row << space.position(destination) * space.width
        return Step(key, space.class_of(source), step.strand, packets)

    def _inside(self, step: Step, source: int, destination: int) -> list[tuple[Step, int, int]]:
        """A machine that tracks the connection treats answers as established, and reverses its translation."""
        walker, key = self._walker, step.key
        place, name = key[0], key[1]
        machine = walker.assembly.machines.get(name)
        if machine is None or name in walker.dead:
            return []
        hook = HOOKS.get(place)
        if hook is not None:
            known = State.ESTABLISHED if name in self._connection.places else self._stray
            translated = any(
                strand.destination is not None or strand.service is not None for strand, _ in self._undone.get(name, ())
            )
            context = Context(key[2] if hook != "output" else "", key[3] if len(key) > 3 else "", known, translated)
            firewall = walker.assembly.firewalls.get(name) or UNFILTERED
            undone = False
            for chain in firewall.hooks.get(hook, ()):
                if firewall.kinds.get(chain.name) == "nat":
                    if not undone:
                        step, source, destination = self._translated_back(step, source, destination)
                    undone = True
                elif step.packets & ~walker.chains.accepts(chain, step.source_class, context, firewall.chains):
                    return []
            if not undone:
                step, source, destination = self._translated_back(step, source, destination)
        return self._onward(machine, step, source, destination)

    def _translated_back(self, step: Step, source: int, destination: int) -> tuple[Step, int, int]:
        """Reverses a machine's translation for answers: source translations before routing, destination translations
        after it."""
        place, name = step.key[0], step.key[1]
        if place in ("arrive", "output"):
            for strand, before in self._undone.get(name, ()):
                if strand.source is not None and strand.source == destination:
                    step, destination = self._addressed(step, step.key, source, before), before
        elif place in ("local", "post"):
            for strand, _ in self._undone.get(name, ()):
                if strand.destination is not None and strand.destination == source:
                    source = self._as_addressed(strand, source)
                    step = self._addressed(step, step.key, source, destination)
        return step, source, destination

    def _onward(self, machine: Any, step: Step, source: int, destination: int) -> list[tuple[Step, int, int]]:
        walker, key = self._walker, step.key
        place, name = key[0], key[1]
        match place:
            case "arrive":
                here = not step.packets & ~walker.own(machine)
                if here:
                    return [(self._to(step, ("local", name, key[2])), source, destination)]
                forwards = machine.forwards and name not in walker.assembly.opaque
                return [(self._to(step, ("route", name, key[2])), source, destination)] if forwards else []
            case "local":
                return [(self._to(step, ("end", name, key[2])), source, destination)]
            case "end":
                return []
            case "route" | "send":
                first = "forward" if place == "route" else "output"
                incoming = key[2] if place == "route" else ""
                return [
                    (Step((first, name, incoming, out), step.source_class, step.strand, hit), source, destination)
                    for mask, out in walker.devices(machine, step.source_class)
                    if (hit := step.packets & mask)
                ]
            case "output":
                return [
                    (Step(("post", name, "", out), step.source_class, step.strand, hit), source, destination)
                    for mask, out in walker.devices(machine, step.source_class)
                    if (hit := step.packets & mask)
                ]
            case "forward":
                return [(self._to(step, ("post", *key[1:])), source, destination)]
        leg = next((leg for leg in machine.interfaces if leg.device == key[3]), None)
        return [] if leg is None else [(self._to(step, leg.out), source, destination)]


def obstacles(walker: Walker, start: Start, packet: Packet, to: str) -> tuple[Hop, ...]:
    """The settings that block a packet on the path to a machine with the fewest of them; empty if none does.

    A filter that drops is recorded and passed; after a missing route the search continues at the machine's own filters.
    """
    first = _begin(walker, start, packet)
    if first is None:
        return ()
    number = count()
    todo: list[tuple[int, int, Step, Packet, tuple[Hop, ...]]] = [(0, next(number), first, packet, ())]
    seen: set[tuple[Key, int, int]] = set()
    while todo:
        cost, _, step, now, met = heappop(todo)
        mark = step.key, step.source_class, now.destination
        if mark in seen:
            continue
        seen.add(mark)
        if step.key[0] == "end":
            if step.key[1] == to:
                return met
            continue
        following = walker.steps(step, [])
        if following:
            for each in following:
                heappush(todo, (cost, next(number), each, _after(now, step.strand, each.strand), met))
            continue
        met = (*met, *(hop for hop in _dead_end(walker, step, now) if hop.action == "drop"))
        for each in _beyond(walker, step, to):
            heappush(todo, (cost + 1, next(number), each, now, met))
    return ()


def _beyond(walker: Walker, step: Step, to: str) -> Iterator[Step]:
    """The next steps of a packet if the blocking setting here did not apply."""
    key = step.key

    def at(where: Key) -> Step:
        return Step(where, step.source_class, step.strand, step.packets)

    if isinstance(key, tuple):
        name = key[1]
        match key[0]:
            case "arrive":
                if step.packets & walker.own(walker.assembly.machines[name]):
                    yield at(("local", *key[1:]))
            case "local":
                yield at(("end", name, key[2]))
            case "forward" | "output":
                yield at(("post", *key[1:]))
            case "post":
                yield from (at(leg.out) for leg in walker.assembly.machines[name].interfaces if leg.device == key[3])
            case "send":
                yield from (at(entry) for entry in _entries(walker, to))
        return
    stage = walker.assembly.stages.get(key)
    if isinstance(stage, Check):
        yield at(stage.then)
    elif not isinstance(stage, Deliver):
        yield from (at(entry) for entry in _entries(walker, to))


def _entries(walker: Walker, to: str) -> list[str]:
    """The first filter on the direct path to each interface of a machine."""
    stages = walker.assembly.stages
    before: dict[str, list[str]] = {}
    for name, stage in stages.items():
        if isinstance(stage, Check):
            before.setdefault(stage.then, []).append(name)
    entries = []
    for name, stage in stages.items():
        if isinstance(stage, Arrive) and stage.machine == to:
            first = name
            while len(before.get(first, ())) == 1:
                first = before[first][0]
            entries.append(first)
    return entries
