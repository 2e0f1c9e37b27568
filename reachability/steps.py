"""One step of the walk: the decision of a filter, a routing table, a translation or a machine.

The input is a set of packets (``space``) of one class of sources, the output the next steps. Unknowns are read in two
ways: what *may* pass, and what *must* pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reachability import services
from reachability.addresses import EVERYWHERE, V6, Interval, Intervals
from reachability.assembly import Assembly
from reachability.chains import STATELESS, Chains, Context
from reachability.network import (
    Action,
    Arrive,
    Blocked,
    Chain,
    Check,
    Deliver,
    Firewall,
    Lookup,
    Machine,
    Route,
    Rule,
    State,
    Translate,
    Translation,
    Unmodelled,
)

Place = tuple[str, ...]
Key = str | Place
"""A stage, or a place inside a machine: ``("arrive", machine, device)``, ``("local", …)``, ``("send", machine)``,
``("route", machine, device)``, ``("forward", machine, in, out)``, ``("output", machine, "", out)``, ``("post", machine,
in, out)``; or where a walk ends: ``("end", name, device)``."""

HOOKS = {"arrive": "prerouting", "local": "input", "forward": "forward", "output": "output", "post": "postrouting"}
"""The hook of a host's firewall that applies at each place inside a machine."""

DEEPEST_TRANSLATION = 6
"""The maximum number of translations of one packet; beyond it, the packet is not modelled."""

WIDEST_TRANSLATION = 64
"""The maximum number of addresses or ports of one translation; beyond it, it is not modelled."""


@dataclass(eq=False, slots=True)
class Strand:
    """The history of packets: their original sources, and each translation with the packets before it."""

    sources: Intervals
    parent: Strand | None = None
    device: str = ""
    """The device with the connection table: a gateway, a balancer or a machine."""
    source: int | None = None
    destination: int | None = None
    service: int | None = None
    then: Key = ""
    before: int = 0
    depth: int = 0


class Step(NamedTuple):
    """One step to a place. ``by``: the route, translation or rule that caused it."""

    key: Key
    source_class: int
    strand: Strand
    packets: int
    by: Route | Translation | Rule | None = None


class Steps:
    """The steps in one assembly, for one reading. ``dead``: machines and stages that have failed."""

    def __init__(
        self, assembly: Assembly, *, may: bool, dead: frozenset[str] = frozenset(), chains: Chains | None = None
    ) -> None:
        self.assembly = assembly
        self.space = assembly.space
        self.may = may
        self.dead = dead
        self.chains = chains or Chains(assembly.space, may=may)
        self._lookups: dict[str, list[tuple[int, Route, tuple[str, ...]]]] = {}
        self._sends: dict[tuple[str, tuple[tuple[Interval, str], ...]], list[tuple[int, str]]] = {}
        self._own: dict[str, int] = {}
        self._routed: dict[str, int] = {}
        self._strands: dict[tuple[int, int, int, int], Strand] = {}

    def read_as(self, other: Steps) -> None:
        """Reuses the routing tables of another with the same reading: they do not depend on ``dead``."""
        self._lookups, self._sends, self._own = other._lookups, other._sends, other._own

    def filters(self, key: Key, strand: Strand | None = None) -> Iterator[tuple[Chain, Context, Mapping[str, Chain]]]:
        """The chains that apply at a place."""
        if isinstance(key, str):
            stage = self.assembly.stages.get(key)
            if isinstance(stage, Check):
                yield stage.chain, STATELESS, stage.chains
            return
        hook = HOOKS.get(key[0])
        firewall = self.assembly.firewalls.get(key[1])
        if hook is None or firewall is None:
            return
        context = self.context(hook, key, strand or Strand(()), self.assembly.machines[key[1]])
        for chain in firewall.hooks.get(hook, ()):
            yield chain, context, firewall.chains

    def steps(self, step: Step, unmodelled: list[str]) -> list[Step]:
        """The next steps from a place, for the packets that are not dropped."""
        key = step.key
        if isinstance(key, tuple):
            return self._inside(step, unmodelled)
        if key in self.dead:
            return []
        stage = self.assembly.stages.get(key)
        if isinstance(stage, Check):
            packets = self.chains.passing(stage.chain, step.packets, step.source_class, STATELESS, stage.chains)
            return [Step(stage.then, step.source_class, step.strand, packets)] if packets else []
        if isinstance(stage, Lookup):
            return self._look_up(key, stage, step)
        if isinstance(stage, Arrive):
            return [Step(("arrive", stage.machine, stage.device), step.source_class, step.strand, step.packets)]
        if isinstance(stage, Translate):
            return list(self._translate(stage, step, unmodelled))
        if isinstance(stage, Deliver):
            return [Step(("end", stage.to, ""), step.source_class, step.strand, step.packets)]
        if isinstance(stage, Blocked):
            return []
        unmodelled.append(stage.reason if isinstance(stage, Unmodelled) else f"there is no stage {key}")
        return []

    def _look_up(self, key: str, stage: Lookup, step: Step) -> list[Step]:
        return [
            Step(via, step.source_class, step.strand, packets, route)
            for mask, route, vias in self._table(key, stage)
            if (packets := step.packets & mask)
            for via in vias
        ]

    def _table(self, key: str, stage: Lookup) -> list[tuple[int, Route, tuple[str, ...]]]:
        table = self._lookups.get(key)
        if table is None:
            table = self._lookups[key] = self._paint(stage.routes)
        return table

    def _paint(self, routes: Iterable[Route]) -> list[tuple[int, Route, tuple[str, ...]]]:
        """The routes as disjoint sets of packets: the narrowest first; equal ones share their packets. Packets that an
        uncertain one may take surely take none of the same width."""
        table = []
        rest = self.space.every
        ordered = sorted(routes, key=lambda route: route.destinations[1] - route.destinations[0])
        position = 0
        while position < len(ordered):
            interval = ordered[position].destinations
            width = interval[1] - interval[0]
            end = position
            while end < len(ordered) and ordered[end].destinations[1] - ordered[end].destinations[0] == width:
                end += 1
            taken = doubtful = 0
            if not self.may:
                for route in ordered[position:end]:
                    if route.uncertain:
                        doubtful |= self.space.range_mask(route.destinations) & rest
            for route in ordered[position:end]:
                mask = self.space.range_mask(route.destinations) & rest
                if route.uncertain:
                    if mask and self.may:
                        table.append((mask, route, route.via))
                    continue
                taken |= mask
                if mask & ~doubtful:
                    table.append((mask & ~doubtful, route, route.via))
            taken |= doubtful
            rest &= ~taken
            position = end
        return table

    def _translate(self, stage: Translate, step: Step, unmodelled: list[str]) -> Iterator[Step]:
        rest = step.packets
        bit = 1 << step.source_class
        for each in stage.translations:
            match = each.match
            if not self.space.class_mask(match.sources) & bit or (match.uncertain and not self.may):
                continue
            hit = step.packets & self.space.mask(match.destinations, match.services, match.source_ports)
            if not hit:
                continue
            if not match.uncertain:
                rest &= ~hit
            yield from self._translated(
                step, hit, stage.device, each.then, each, unmodelled, each.source, each.destination, each.service
            )
        if rest and stage.otherwise is not None:
            yield Step(stage.otherwise, step.source_class, step.strand, rest)

    def _translated(
        self,
        step: Step,
        hit: int,
        device: str,
        then: Key,
        by: Translation | Rule,
        unmodelled: list[str],
        source: int | None,
        destination: int | None,
        service: int | None,
    ) -> Iterator[Step]:
        """The packets ``hit`` with new fields, on a new strand."""
        if source is None and destination is None and service is None:
            yield Step(then, step.source_class, step.strand, hit, by)
            return
        parent = step.strand
        if parent.depth >= DEEPEST_TRANSLATION:
            unmodelled.append(f"a packet is translated more than {DEEPEST_TRANSLATION} times, last by {device}")
            return
        space = self.space
        v6 = space.is_v6(step.source_class)
        from_v6 = v6 if source is None else source >= V6
        to_v6 = v6 if destination is None else destination >= V6
        if from_v6 != to_v6:
            return
        if isinstance(by, Rule) and source is None and (same := hit & self._addressed_so(destination, service)):
            hit &= ~same
            yield Step(then, step.source_class, self._strand(step, same, by, device, then), same, by)
            if not hit:
                return
        packets = space.moved(hit, destination, service)
        source_class = step.source_class
        if source is not None:
            packets = space.any_source_port(packets)
            source_class = space.class_of(source)
        strand = self._strand(step, hit, by, device, then, source, destination, service)
        yield Step(then, source_class, strand, packets, by)

    def _addressed_so(self, destination: int | None, service: int | None) -> int:
        """The packets that a translation does not change; the kernel does not count those as translated."""
        if destination is None or self.space.destinations.interval(self.space.destinations.atom(destination)) != (
            destination,
            destination,
        ):
            return 0
        services_kept = None if service is None else ((service, service),)
        return self.space.mask(destinations=((destination, destination),), services=services_kept)

    def _strand(
        self,
        step: Step,
        hit: int,
        by: Translation | Rule,
        device: str,
        then: Key,
        source: int | None = None,
        destination: int | None = None,
        service: int | None = None,
    ) -> Strand:
        """The strand of the translated packets."""
        parent = step.strand
        which = id(parent), id(by), hash((source, destination, service)), step.source_class
        strand = self._strands.get(which)
        if strand is None:
            strand = self._strands[which] = Strand(
                parent.sources, parent, device, source, destination, service, then, 0, parent.depth + 1
            )
        strand.before |= hit
        return strand

    def _inside(self, step: Step, unmodelled: list[str]) -> list[Step]:
        """Inside a machine: hooks and the routing decisions between them."""
        place, name = step.key[0], step.key[1]
        machine = self.assembly.machines.get(name)
        if machine is None:
            unmodelled.append(f"there is no machine {name}")
            return []
        if name in self.dead:
            return []
        firewall = self.assembly.firewalls.get(name)
        if firewall is not None and firewall.unmodelled:
            unmodelled += firewall.unmodelled
        match place:
            case "arrive":
                return self._arrive(machine, firewall, step, unmodelled)
            case "local":
                done = self.hook(machine, firewall, "input", step, unmodelled)
                return [
                    Step(("end", name, step.key[2]), each.source_class, each.strand, each.packets, each.by)
                    for each in done
                ]
            case "route":
                return self._route(machine, step)
            case "forward":
                done = self.hook(machine, firewall, "forward", step, unmodelled)
                return [self._moved(each, ("post", *step.key[1:])) for each in done]
            case "send":
                return self._send(machine, step)
            case "output":
                return self._output(machine, self.hook(machine, firewall, "output", step, unmodelled), step)
            case "post":
                out = step.key[3]
                if out in machine.pools:
                    return [Step(("end", f"{name} {out}", out), step.source_class, step.strand, step.packets)]
                leg = next((leg for leg in machine.interfaces if leg.device == out), None)
                if leg is None:
                    unmodelled.append(f"{name} sends through {out!r}, which is not one of its interfaces")
                    return []
                done = self.hook(machine, firewall, "postrouting", step, unmodelled)
                return [self._moved(each, leg.out) for each in done]
        raise AssertionError(place)

    @staticmethod
    def _moved(step: Step, key: Key) -> Step:
        return Step(key, step.source_class, step.strand, step.packets, step.by)

    def _arrive(self, machine: Machine, firewall: Firewall | None, step: Step, unmodelled: list[str]) -> list[Step]:
        ways = []
        own = self.own(machine)
        name, device = machine.name, step.key[2]
        opaque = name in self.assembly.opaque
        if opaque:
            unmodelled.append(
                f"{name} forwards, and how it routes and translates packets is unknown: it has no ruleset"
            )
        for each in self.hook(machine, firewall, "prerouting", step, unmodelled):
            on = each.packets & ~own
            if here := each.packets & own:
                ways.append(Step(("local", name, device), each.source_class, each.strand, here, each.by))
            if each.strand is not step.strand and not machine.declared and on & ~self._placed(machine):
                unmodelled.append(f"{name} translates packets to addresses behind it, whose routes are unknown")
            if on and machine.forwards and (self.may or not opaque):
                ways.append(Step(("route", name, device), each.source_class, each.strand, on, each.by))
        return ways

    def _placed(self, machine: Machine) -> int:
        """The packets to which a machine has a route of their own, or whose destination is a machine of the network."""
        mask = self._routed.get(machine.name)
        if mask is None:
            known = (*(each for each, _ in machine.routes if each not in EVERYWHERE), *self.assembly.own)
            mask = 0
            for each in known:
                mask |= self.space.range_mask(each)
            self._routed[machine.name] = mask
        return mask

    def own(self, machine: Machine) -> int:
        """Every packet to one of a machine's own addresses."""
        mask = self._own.get(machine.name)
        if mask is None:
            mask = 0
            for leg in machine.interfaces:
                for point in leg.addresses:
                    mask |= self.space.range_mask((point, point))
            self._own[machine.name] = mask
        return mask

    def devices(self, machine: Machine, source_class: int) -> list[tuple[int, str]]:
        """The device for each set of packets that a machine sends; policy routing by source comes first."""
        policy = tuple(
            (interval, device)
            for point, interval, device in machine.source_routes
            if self.space.class_of(point) == source_class
        )
        key = machine.name, policy
        ways = self._sends.get(key)
        if ways is None:
            ways, rest = [], self.space.every
            pools = [(interval, device) for device, pool in machine.pools.items() for interval in pool]
            for routes in (policy, [*machine.routes, *pools]):
                rest = self._paint_devices(routes, rest, ways)
            self._sends[key] = ways
        return ways

    def _paint_devices(self, routes: Iterable[tuple[Interval, str]], rest: int, ways: list[tuple[int, str]]) -> int:
        ordered = sorted(routes, key=lambda route: route[0][1] - route[0][0])
        position = 0
        while position < len(ordered):
            width = ordered[position][0][1] - ordered[position][0][0]
            taken = 0
            while position < len(ordered) and ordered[position][0][1] - ordered[position][0][0] == width:
                interval, device = ordered[position]
                if mask := self.space.range_mask(interval) & rest:
                    ways.append((mask, device))
                    taken |= mask
                position += 1
            rest &= ~taken
        return rest

    def _route(self, machine: Machine, step: Step) -> list[Step]:
        name, device = machine.name, step.key[2]
        return [
            Step(("forward", name, device, out), step.source_class, step.strand, packets)
            for mask, out in self.devices(machine, step.source_class)
            if (packets := step.packets & mask)
        ]

    def _send(self, machine: Machine, step: Step) -> list[Step]:
        packets = step.packets & ~self.own(machine)
        return [
            Step(("output", machine.name, "", out), step.source_class, step.strand, hit)
            for mask, out in self.devices(machine, step.source_class)
            if (hit := packets & mask)
        ]

    def _output(self, machine: Machine, done: Iterable[Step], step: Step) -> list[Step]:
        """Packets that were translated in the output hook are routed again."""
        ways = []
        for each in done:
            if each.strand is step.strand:
                ways.append(self._moved(each, ("post", *step.key[1:])))
                continue
            packets = each.packets & ~self.own(machine)
            ways += [
                Step(("post", machine.name, "", out), each.source_class, each.strand, hit, each.by)
                for mask, out in self.devices(machine, each.source_class)
                if (hit := packets & mask)
            ]
        return ways

    def context(self, hook: str, key: Key, strand: Strand, machine: Machine) -> Context:
        """What rules of a hook can match besides the packet."""
        incoming = key[2] if hook in ("prerouting", "input", "forward", "postrouting") else ""
        outgoing = key[3] if len(key) > 3 else ""
        translated = False
        each: Strand | None = strand
        while each is not None and not translated:
            translated = each.device == machine.name and (each.destination is not None or each.service is not None)
            each = each.parent
        return Context(incoming, outgoing, State.NEW, translated)

    def hook(
        self, machine: Machine, firewall: Firewall | None, hook: str, step: Step, unmodelled: list[str]
    ) -> list[Step]:
        """The packets that the base chains of a hook accept, in order of priority, with translations applied."""
        if firewall is None or not firewall.hooks.get(hook):
            return [step]
        passing = [step]
        translated_here: set[int] = set()
        for chain in firewall.hooks[hook]:
            following: list[Step] = []
            for each in passing:
                context = self.context(hook, step.key, each.strand, machine)
                if firewall.kinds.get(chain.name) != "nat":
                    kept = each.packets & self.chains.accepts(chain, each.source_class, context, firewall.chains)
                    if kept:
                        following.append(Step(each.key, each.source_class, each.strand, kept, each.by))
                elif id(each.strand) in translated_here:
                    following.append(each)
                else:
                    outcome = self.chains.run(chain, each.packets, each.source_class, context, firewall.chains)
                    if outcome.accepted:
                        following.append(Step(each.key, each.source_class, each.strand, outcome.accepted, each.by))
                    for hit, rule in outcome.translated:
                        for done in self._rule_translates(machine, rule, hit, each, unmodelled):
                            translated_here.add(id(done.strand))
                            following.append(done)
            passing = following
        return passing

    def _rule_translates(
        self, machine: Machine, rule: Rule, hit: int, step: Step, unmodelled: list[str]
    ) -> Iterator[Step]:
        """``dnat``, ``snat``, ``masquerade`` and ``redirect`` of a host's firewall.

        A masquerading interface with several addresses may use any of them.
        """
        v6 = self.space.is_v6(step.source_class)
        device = step.key[2] if rule.action is Action.REDIRECT else step.key[-1]
        points: Sequence[int | None]
        if rule.action in (Action.MASQUERADE, Action.REDIRECT):
            points = [
                point
                for leg in machine.interfaces
                if leg.device == device
                for point in leg.addresses
                if (point >= V6) is v6
            ]
            points = points if self.may else points[:1]
            if not points:
                return
        elif rule.address is None:
            points = [None]
        else:
            width = sum(high - low + 1 for low, high in rule.address)
            if width > WIDEST_TRANSLATION:
                unmodelled.append(f"{rule.name} translates to {width} addresses; the limit is {WIDEST_TRANSLATION}")
                return
            points = [point for low, high in rule.address for point in range(low, high + 1) if (point >= V6) is v6]
        is_source = rule.action in (Action.SNAT, Action.MASQUERADE)
        for point in points:
            if is_source:
                yield from self._translated(step, hit, machine.name, step.key, rule, unmodelled, point, None, None)
            elif rule.port is None:
                yield from self._translated(step, hit, machine.name, step.key, rule, unmodelled, None, point, None)
            else:
                yield from self._to_ports(machine, rule, rule.port, hit, step, unmodelled, point)

    def _to_ports(
        self,
        machine: Machine,
        rule: Rule,
        ports: Interval,
        hit: int,
        step: Step,
        unmodelled: list[str],
        point: int | None,
    ) -> Iterator[Step]:
        low, high = ports
        if high - low >= WIDEST_TRANSLATION:
            unmodelled.append(f"{rule.name} translates to {high - low + 1} ports; the limit is {WIDEST_TRANSLATION}")
            return
        rest = hit
        for number in sorted(services.WITH_PORTS):
            part = hit & self.space.mask(services=(services.of(number),))
            rest &= ~part
            for port in range(low, high + 1) if part else ():
                service = number << 16 | port
                yield from self._translated(step, part, machine.name, step.key, rule, unmodelled, None, point, service)
        if rest:
            yield from self._translated(step, rest, machine.name, step.key, rule, unmodelled, None, point, None)

    def as_sent(self, strand: Strand, packets: int, *, ports_kept: bool = False) -> int:
        """The packets as sent; with ``ports_kept`` only those whose source port is unchanged on arrival."""
        while strand.parent is not None:
            kept = ports_kept or strand.source is None
            packets = self.space.unmoved(strand.before, packets, strand.destination, strand.service, ports_kept=kept)
            strand = strand.parent
        return packets
