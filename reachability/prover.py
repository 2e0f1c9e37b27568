"""Queries on one assembled network: who reaches what, by which packet, and what blocks a packet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from reachability import services, trace
from reachability.addresses import EVERYWHERE, V6, Intervals, contains, difference, intersection, union
from reachability.assembly import Assembly, answerable, sources_on_the_internet
from reachability.chains import Chains
from reachability.network import INTERNET, Check, Rule
from reachability.packet import Packet
from reachability.steps import Strand
from reachability.trace import Hop, Trace
from reachability.walk import Start, Walked, Walker


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender: a machine, the internet, an external network, or the clients behind a machine's device.

    ``starts``: the places where its packets start, each with the possible source addresses. ``unknown``: why something
    that is not among the resources may send as it does.
    """

    name: str
    starts: tuple[Start, ...]
    unknown: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def sources(self) -> Intervals:
        return union(*(start.sources for start in self.starts))


class Arrival:
    """The packets of one sender at one destination. ``to``: a machine, ``internet``, ``outside <name>``, a URN."""

    __slots__ = ("_as_sent", "_parts", "_walker", "device", "to")

    def __init__(self, walker: Walker, to: str, device: str, parts: list[tuple[int, Strand, int]]) -> None:
        self._walker = walker
        self.to = to
        self.device = device
        self._parts = parts
        self._as_sent: list[int] | None = None

    def __repr__(self) -> str:
        return f"Arrival(to={self.to!r}, device={self.device!r})"

    def _sent(self) -> Iterator[tuple[Strand, int]]:
        if self._as_sent is None:
            self._as_sent = [self._walker.as_sent(strand, packets) for _, strand, packets in self._parts]
        return zip((strand for _, strand, _ in self._parts), self._as_sent, strict=True)

    def destinations(self) -> Intervals:
        """The destination addresses as sent."""
        return union(*(self._walker.space.destinations_of(packets) for _, packets in self._sent()))

    def services(self) -> Intervals:
        """The services as sent."""
        return union(*(self._walker.space.services_of(packets) for _, packets in self._sent()))

    def received_destinations(self) -> Intervals:
        """The destination addresses as received."""
        return union(*(self._walker.space.destinations_of(packets) for _, _, packets in self._parts))

    def received_services(self) -> Intervals:
        """The services as received."""
        return union(*(self._walker.space.services_of(packets) for _, _, packets in self._parts))

    def sources(self) -> Intervals:
        """The source addresses as sent."""
        return union(*(_root(strand).sources for _, strand, _ in self._parts))

    def flows(
        self, services: Intervals | None = None, destinations: Intervals | None = None
    ) -> tuple[tuple[Intervals, Intervals, Intervals], ...]:
        """(sources, destinations, services) as sent; disjoint boxes whose union is the arrival, without
        source ports. Packets with other services than these, or to other destinations, may be left out."""
        space = self._walker.space
        asked = -1
        if services is not None or destinations is not None:
            asked = space.mask(destinations=destinations, services=services)
        boxes: dict[tuple[Intervals, int], list[int]] = {}
        for strand, sent in self._sent():
            packets = sent & asked
            for atom, row in space.rows(space.any_source_port(packets)):
                boxes.setdefault((_root(strand).sources, row), []).append(atom)
        return tuple(
            (sources, union([space.destinations.interval(atom) for atom in atoms]), space.services_of(row))
            for (sources, row), atoms in boxes.items()
        )

    def packet(
        self,
        services: Intervals | None = None,
        destinations: Intervals | None = None,
        sources: Intervals | None = None,
        received: Intervals | None = None,
    ) -> Packet | None:
        """One packet as sent, with a service, a destination and a source among those given, that arrives with a service
        among ``received``; ``None`` if there is none."""
        space = self._walker.space
        wanted = -1
        if services is not None or destinations is not None:
            wanted = space.mask(destinations=destinations, services=services)
        for (strand, sent), (_, _, packets) in zip(self._sent(), self._parts, strict=True):
            if not sent & wanted:
                continue
            if received is not None:
                packets &= space.mask(services=received)
                if not packets:
                    continue
                sent = self._walker.as_sent(strand, packets)
            sent &= wanted
            if not sent:
                continue
            sent = self._walker.as_sent(strand, packets, ports_kept=True) & sent or sent
            part = _root(strand).sources if sources is None else intersection(_root(strand).sources, sources)
            if part:
                destination, service, port = space.point(sent)
                return Packet(
                    source=part[0][0],
                    destination=_within(destination, destinations),
                    service=_within(service, services),
                    source_port=port,
                )
        return None

    def touches(self, packets: int) -> bool:
        """Whether some packet of a set (a mask of the network's space) is sent and arrives."""
        return any(sent & packets for _, sent in self._sent())

    def any(
        self, services: Intervals | None = None, destinations: Intervals | None = None, sources: Intervals | None = None
    ) -> bool:
        """Whether some packet of that kind arrives."""
        return self.packet(services, destinations, sources) is not None


def _within(point: int, asked: Intervals | None) -> int:
    """The atom's first point, moved into the set that was asked for."""
    if asked is None or contains(asked, point):
        return point
    return min(low for low, _ in asked if low > point)


def _root(strand: Strand) -> Strand:
    while strand.parent is not None:
        strand = strand.parent
    return strand


class Prover:
    """Queries one assembly; every walk is done once. ``dead``: machines and stages that count as failed.
    ``chains``: those that another prover of the assembly has evaluated, for what may and what must pass."""

    def __init__(
        self, assembly: Assembly, *, dead: frozenset[str] = frozenset(), chains: tuple[Chains, Chains] | None = None
    ) -> None:
        self.assembly = assembly
        self._chains = chains or (Chains(assembly.space, may=True), Chains(assembly.space, may=False))
        self._may = Walker(assembly, may=True, dead=dead, chains=self._chains[0])
        self._must = self._may
        if assembly.uncertain:
            self._must = Walker(assembly, may=False, dead=dead, chains=self._chains[1])
        self._walked: dict[tuple[Sender, bool], Walked] = {}
        self._arrivals: dict[tuple[Sender, bool], tuple[Arrival, ...]] = {}
        self.dead = dead

    def machine(self, name: str, *, spoof: bool = False) -> Sender:
        """A machine as sender: from its own addresses, or with ``spoof`` from any."""
        machine = self.assembly.machines[self.assembly.aliases.get(name, name)]
        own = union([(point, point) for leg in machine.interfaces for point in leg.addresses])
        return Sender(machine.name, (Start(("send", machine.name), EVERYWHERE if spoof else own),))

    def internet(self) -> Sender:
        """The internet as sender: from every public address outside the estate."""
        return Sender(INTERNET, (Start(INTERNET, sources_on_the_internet(self.assembly)),))

    def outside(self, name: str) -> Sender:
        """The external network behind a link, by its name with or without ``outside``.

        It does not send from addresses of the estate's machines: answers to those never come back to it. Its first
        start has the addresses to which some route leads back.
        """
        name = name if name in self.assembly.outsides else f"outside {name}"
        end = self.assembly.outsides[name]
        sources = difference(end.sources, self.assembly.own)
        answered = intersection(sources, self.answered[name])
        parts = (answered, difference(sources, answered))
        return Sender(name, tuple(Start(end.entry, each) for each in parts if each))

    @cached_property
    def answered(self) -> dict[str, Intervals]:
        """By name of an external network: the addresses to which some route of the estate leads through its link."""
        return answerable(self.assembly)

    def pool(self, machine: str, device: str) -> Sender:
        """The clients behind a machine's device."""
        return Sender(
            f"{machine} {device}",
            (Start(("arrive", machine, device), self.assembly.machines[machine].pools[device]),),
        )

    def at(self, addresses: Intervals) -> Sender:
        """Every sender with one of these addresses: machines, clients of a pool, external networks, the internet."""
        starts = []
        rest = addresses
        for machine in self.assembly.machines.values():
            own = union([(point, point) for leg in machine.interfaces for point in leg.addresses])
            if part := intersection(rest, own):
                starts.append(Start(("send", machine.name), part))
            for device, pool in machine.pools.items():
                if part := intersection(rest, pool):
                    starts.append(Start(("arrive", machine.name, device), part))
        for start in starts:
            rest = difference(rest, start.sources)
        for end in self.assembly.outsides.values():
            if part := intersection(rest, end.sources):
                starts.append(Start(end.entry, part))
        if part := intersection(rest, sources_on_the_internet(self.assembly)):
            starts.append(Start(INTERNET, part))
        return Sender("the addresses given", tuple(starts))

    def senders(self) -> tuple[Sender, ...]:
        """All senders: machines, their clients, the internet and external networks."""
        machines = sorted(self.assembly.machines)
        return (
            self.internet(),
            *(self.outside(name) for name in sorted(self.assembly.outsides)),
            *(self.machine(name) for name in machines),
            *(self.pool(name, device) for name in machines for device in sorted(self.assembly.machines[name].pools)),
        )

    def walked(self, sender: Sender, *, may: bool = True) -> Walked:
        key = sender, may or self._must is self._may
        known = self._walked.get(key)
        if known is None:
            walker = self._may if key[1] else self._must
            known = Walked()
            for start in sender.starts:
                found = walker.walk(start)
                if start.key == INTERNET:
                    found.ends.pop((INTERNET, ""), None)
                known.add(found)
            self._walked[key] = known
        return known

    def arrivals(self, sender: Sender, *, may: bool = True) -> tuple[Arrival, ...]:
        """The arrivals of a sender's new packets that may (or must) arrive."""
        key = sender, may or self._must is self._may
        known = self._arrivals.get(key)
        if known is None:
            walker = self._may if key[1] else self._must
            ends = self.walked(sender, may=may).ends
            known = self._arrivals[key] = tuple(
                Arrival(walker, to, device, parts) for (to, device), parts in ends.items()
            )
        return known

    def unmodelled(
        self,
        sender: Sender,
        services: Intervals | None = None,
        destinations: Intervals | None = None,
        reaching: Intervals | None = None,
    ) -> tuple[str, ...]:
        """Why the arrivals of a sender may be incomplete: what is not modelled on its walk, for packets that are sent
        with one of these services to one of these destinations and may reach one of these addresses (``None``: any).
        """
        behind = [
            f"{start.key[1]} forwards, and whose packets it sends is unknown: it has no ruleset"
            for start in sender.starts
            if start.key[0] == "send" and start.key[1] in self.assembly.opaque
        ]
        space = self.assembly.space
        sent = -1 if services is None and destinations is None else space.mask(destinations, services)
        there = -1 if reaching is None else space.mask(reaching)
        lost = dict.fromkeys(
            each.reason
            for each in self.walked(sender).lost
            if (not each.passes_on or each.packets & there) and self._may.as_sent(each.strand, each.packets) & sent
        )
        return tuple(dict.fromkeys((*self.assembly.unmodelled, *behind, *lost)))

    def without(self, out_of_order: Iterable[str]) -> Prover:
        """The same network with some machines or stages failed."""
        other = Prover(self.assembly, dead=self.dead | frozenset(out_of_order), chains=self._chains)
        other._may.read_as(self._may)
        other._must.read_as(self._must)
        return other

    def trace(self, sender: Sender, packet: Packet, to: str | None = None, *, may: bool = True) -> Trace:
        """The path of one packet, hop by hop, with the deciding setting at each."""
        return trace.trace(self._may if may else self._must, sender.starts, packet, to)

    def reply(self, found: Trace) -> str:
        """``passes`` if the answers to a delivered packet come back to its sender for every client port."""
        return trace.reply(self._must, found)

    def obstacles(self, sender: Sender, to: str, service: int, address: int | None = None) -> tuple[Hop, ...]:
        """Every setting that blocks a packet to a machine, all of which would have to change."""
        name = self.assembly.aliases.get(to, to)
        machine = self.assembly.machines[name]
        private = [p for leg in machine.interfaces for p in leg.addresses]
        public = [p for leg in machine.interfaces for p in leg.public]
        own = public + private if sender.name == INTERNET else private + public
        points = own if address is None else [address]
        best: tuple[Hop, ...] = ()
        for point in points:
            for start in sender.starts:
                source = next((low for low, _ in start.sources if (low >= V6) is (point >= V6)), None)
                if source is None:
                    continue
                packet = Packet(source, point, service, services.CLIENT_PORTS[0])
                found = trace.obstacles(self._must, start, packet, name)
                if found and (not best or len(found) < len(best)):
                    best = found
        return best

    def exercised(self, senders: Iterable[Sender]) -> set[int]:
        """The ids of the rules that decided a packet of one of these senders."""
        walked = Walked()
        for sender in senders:
            walked.add(self.walked(sender), ends=False)
        decided: set[int] = set()
        rules: dict[int, set[int]] = {}
        for (number, context), (chain, others, by_class) in self._may.questions(walked).items():
            own = rules.get(number)
            if own is None:
                jumps = any(rule.chain for rule in chain.rules)
                read = (chain, *others.values()) if jumps else (chain,)
                own = rules[number] = {id(rule) for each in read for rule in each.rules}
            for source_class, packets in by_class.items():
                if own <= decided:
                    break
                decided |= self._may.chains.hits(chain, packets, source_class, context, others)
        return decided

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """(place, rule) of every filter of the network; a chain of several places counts at the first."""
        seen: set[int] = set()
        for name, stage in self.assembly.stages.items():
            if isinstance(stage, Check) and id(stage.chain) not in seen:
                seen.add(id(stage.chain))
                for rule in stage.chain.rules:
                    yield name, rule
        for name, firewall in self.assembly.firewalls.items():
            for chain in (*(each for base in firewall.hooks.values() for each in base), *firewall.chains.values()):
                for rule in chain.rules:
                    yield name, rule
