"""Reachability as z3 sees it: every way through the network as a condition on the packet that was sent.

Written from the providers' documents and apart from the prover: a packet is four bit-vectors, a way is the conjunction
of what each device on it asks, and a question is the disjunction of the ways that end at the right place. One solver
serves all questions of an estate; terms are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import z3

from reachability import addresses, services
from reachability.addresses import GLOBAL, Interval, Intervals
from verification.oracles.facts import Balancer, Facts, GcpRule, Nic, TableRoute
from verification.oracles.netfilter import NEITHER_ICMP, OPENING_ICMP, OPENING_ICMP6, UNTRACKED, Chain, Ruleset, Test
from verification.oracles.simulator import Packet, Start

ADDRESS_BITS, SERVICE_BITS, PORT_BITS = 129, 24, 16
NAT_SERVICES = tuple(services.of(number) for number in (services.ICMP, services.TCP, services.UDP))
MOST_STEPS = 60
EVERYWHERE: Intervals = ((0, (1 << ADDRESS_BITS) - 1),)
"""The values of any field."""
Condition = Any
"""A Python bool, or a z3 one."""


@dataclass(frozen=True)
class Terms:
    """A packet: each field a number or a bit-vector."""

    source: Any
    destination: Any
    service: Any
    port: Any

    def key(self) -> tuple[Any, ...]:
        return tuple(
            each if isinstance(each, int) else ("term", each.get_id())
            for each in (self.source, self.destination, self.service, self.port)
        )


@dataclass(frozen=True)
class Way:
    """One way as far as it goes: what it asks, what was sent, and which places it saw.

    ``bounds``: term → where it can still lie, by those asks that are about one term.
    """

    sent: Terms
    packet: Terms
    asks: tuple[Condition, ...] = ()
    seen: frozenset[Any] = frozenset()
    bounds: Mapping[int, Intervals] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaf:
    """``to``: where the packets end; ``condition``: which do; ``got``: as what they arrive."""

    to: str
    condition: Condition
    sent: Terms
    got: Terms


def joined(make: Any, terms: list[z3.BoolRef]) -> z3.BoolRef:
    """And or Or of many terms, without the Python interface's coercions, which take most of the time."""
    context = terms[0].ctx
    array = (z3.Ast * len(terms))(*(each.ast for each in terms))
    return z3.BoolRef(make(context.ref(), len(terms), array), context)


def both(*conditions: Condition) -> Condition:
    """And, folded."""
    open_ = []
    for each in conditions:
        if each is False:
            return False
        if each is not True:
            open_.append(each)
    if not open_:
        return True
    return open_[0] if len(open_) == 1 else joined(z3.Z3_mk_and, open_)


def either(*conditions: Condition) -> Condition:
    """Or, folded."""
    open_ = []
    for each in conditions:
        if each is True:
            return True
        if each is not False:
            open_.append(each)
    if not open_:
        return False
    return open_[0] if len(open_) == 1 else joined(z3.Z3_mk_or, open_)


def opposite(condition: Condition) -> Condition:
    """Not, folded."""
    if isinstance(condition, bool):
        return not condition
    return z3.BoolRef(z3.Z3_mk_not(condition.ctx.ref(), condition.ast), condition.ctx)


class Encoding:
    """The ways of one estate. Ask with ``ask``."""

    def __init__(self, facts: Facts, solver: z3.Solver | None = None) -> None:
        self.facts = facts
        self.solver = solver or z3.SolverFor("QF_BV")
        self.source = z3.BitVec("source", ADDRESS_BITS)
        self.destination = z3.BitVec("destination", ADDRESS_BITS)
        self.service = z3.BitVec("service", SERVICE_BITS)
        self.port = z3.BitVec("port", PORT_BITS)
        self._terms: dict[Any, Condition] = {}
        self._opposites: dict[int, Condition] = {}
        self._ranges: dict[int, tuple[int, Intervals]] = {}
        self._ways: dict[tuple[Start, int | None, int | None], list[Leaf]] = {}
        self._fresh = 0
        self._kept: list[Any] = []
        self._filters: dict[Any, Any] = {}

    # -- terms

    def within(self, value: Any, intervals: Iterable[Interval]) -> Condition:
        """Whether a field lies in one of the intervals."""
        intervals = tuple(intervals)
        if isinstance(value, int):
            return any(low <= value <= high for low, high in intervals)
        key = (value.get_id(), intervals)
        if key not in self._terms:
            found = either(*(self._between(value, low, high) for low, high in intervals))
            self._terms[key] = found
            if not isinstance(found, bool):
                self._ranges[found.get_id()] = value.get_id(), addresses.union(intervals)
        return self._terms[key]

    def opposite(self, condition: Condition) -> Condition:
        """Not, folded."""
        if isinstance(condition, bool):
            return not condition
        key = condition.get_id()
        if key not in self._opposites:
            found = self._opposites[key] = opposite(condition)
            if key in self._ranges:
                term, intervals = self._ranges[key]
                self._ranges[found.get_id()] = term, addresses.difference(EVERYWHERE, intervals)
        return self._opposites[key]

    @staticmethod
    def _between(value: Any, low: int, high: int) -> Condition:
        size = high - low + 1
        width = value.size()
        if size == 1 << width:
            return True
        if size == 1:
            return value == low
        if size & (size - 1) == 0 and low % size == 0:
            bits = size.bit_length() - 1
            return z3.Extract(width - 1, bits, value) == low >> bits
        return z3.And(z3.UGE(value, low), z3.ULE(value, high))

    @staticmethod
    def name_of(value: Any) -> Any:
        return value if isinstance(value, int) else ("term", value.get_id())

    def has_family(self, value: Any, v6: bool) -> Condition:
        return self.within(value, (addresses.ALL_V6 if v6 else addresses.ALL_V4,))

    def fresh(self) -> Any:
        self._fresh += 1
        self._kept.append(z3.BitVec(f"node {self._fresh}", ADDRESS_BITS))
        return self._kept[-1]

    def gateway_port(self) -> tuple[Any, Condition]:
        """A source port that a NAT gateway chose: 1024 to 65535."""
        self._fresh += 1
        port = z3.BitVec(f"port {self._fresh}", PORT_BITS)
        self._kept.append(port)
        return port, self.within(port, ((1024, 65535),))

    # -- questions

    def ways(self, start: Start, destination: int | None = None, service: int | None = None) -> list[Leaf]:
        """Every way from a sender, to one address or to all, of one service or of all. Built once."""
        key = start, destination, service
        if key not in self._ways:
            begun = list(self._starts(start))
            if destination is not None:
                begun = [self.to_address(way, destination) for way in begun if way]
            if service is not None:
                begun = [
                    replace(way, sent=replace(way.sent, service=service), packet=replace(way.packet, service=service))
                    for way in begun
                    if way
                ]
            self._ways[key] = [
                leaf for way in begun if way for leaf in self._from(start, way) if leaf.condition is not False
            ]
        return self._ways[key]

    def _from(self, start: Start, way: Way) -> Iterator[Leaf]:
        if start.kind == "internet":
            return self.internet(way)
        if start.kind == "pool":
            return self.arrive(start.name, start.device, way)
        if start.kind == "peer":
            return self.vpc_in(self.facts.peerings[start.name][0], way)
        return self.send(start.name, way)

    def _starts(self, start: Start) -> Iterator[Way | None]:
        if start.kind == "internet":
            sources = addresses.difference(GLOBAL, self.facts.own_public())
            for family in (addresses.ALL_V4, addresses.ALL_V6):
                sent = Terms(self.source, self.destination, self.service, self.port)
                asks = (
                    self.within(self.source, addresses.intersection(sources, (family,))),
                    self.within(self.destination, (family,)),
                )
                yield self.ask_of(Way(sent, sent), *asks)
        elif start.kind == "peer":
            routed = [r.block for table in self.facts.tables.values() for r in table if r.target == start.name]
            for block in addresses.union(routed):
                sent = Terms(self.source, self.destination, self.service, self.port)
                v6 = block[0] >= addresses.V6
                family = self.has_family(self.destination, v6)
                yield self.ask_of(Way(sent, sent), self.within(self.source, (block,)), family)
        elif start.kind == "pool":
            for block in self.facts.hosts[start.name].pools[start.device]:
                sent = Terms(self.source, self.destination, self.service, self.port)
                v6 = block[0] >= addresses.V6
                family = self.has_family(self.destination, v6)
                yield self.ask_of(Way(sent, sent), self.within(self.source, (block,)), family)
        elif start.kind == "spoof":
            for family in (addresses.ALL_V4, addresses.ALL_V6):
                sent = Terms(self.source, self.destination, self.service, self.port)
                asks = self.within(self.source, (family,)), self.within(self.destination, (family,))
                yield self.ask_of(Way(sent, sent), *asks)
        else:
            for own in self.facts.own_addresses(start.name):
                sent = Terms(own, self.destination, self.service, self.port)
                yield self.ask_of(Way(sent, sent), self.has_family(self.destination, own >= addresses.V6))

    def ask(
        self, start: Start, to: str, asked: Intervals | None = None, *, destinations: Intervals | None = None,
        sources: Intervals | None = None,
    ) -> Packet | None:  # fmt: skip
        """A packet of one of the services that gets from the sender to the place, or None if there is none."""
        leaves = [leaf for leaf in self.ways(start) if leaf.to == to]
        if not leaves:
            return None
        return self._solve(leaves, asked, destinations, sources)

    def _solve(
        self, leaves: list[Leaf], asked: Intervals | None, destinations: Intervals | None, sources: Intervals | None
    ) -> Packet | None:
        solver = self.solver
        conditions = []
        for leaf in leaves:
            own = self.within(leaf.sent.source, sources) if sources is not None else True
            conditions.append(both(leaf.condition, own))
        whole = either(*conditions)
        if whole is False:
            return None
        solver.push()
        try:
            if whole is not True:
                solver.add(whole)
            if asked is not None:
                solver.add(self.within(self.service, asked))
            if destinations is not None:
                solver.add(self.within(self.destination, destinations))
            found = solver.check()
            if found == z3.unsat:
                return None
            if found != z3.sat:
                raise RuntimeError(f"z3 answers {found}: {solver.reason_unknown()}")
            model = solver.model()
            for leaf, condition in zip(leaves, conditions, strict=True):
                if condition is True or (
                    condition is not False and z3.is_true(model.eval(condition, model_completion=True))
                ):
                    return self.packet(model, leaf.sent)
            raise RuntimeError("z3 gives a model that takes none of the ways")
        finally:
            solver.pop()

    def packet(self, model: z3.ModelRef, sent: Terms) -> Packet:
        def value(term: Any) -> int:
            return term if isinstance(term, int) else model.eval(term, model_completion=True).as_long()

        return Packet(value(sent.source), value(sent.destination), value(sent.service), value(sent.port))

    # -- steps

    def ask_of(self, way: Way, *conditions: Condition) -> Way | None:
        """The way, if it can continue under the conditions.

        It cannot where they leave a term no value: among many routers, most ways by far are such.
        """
        asks, bounds = list(way.asks), way.bounds
        for each in conditions:
            if each is False:
                return None
            if each is True:
                continue
            if each.get_id() in self._ranges:
                term, intervals = self._ranges[each.get_id()]
                before = bounds.get(term, EVERYWHERE)
                left = addresses.intersection(before, intervals)
                if not left:
                    return None
                if left == before:
                    continue
                bounds = {**bounds, term: left}
            asks.append(each)
        return Way(way.sent, way.packet, tuple(asks), way.seen, bounds)

    def once(self, place: str, way: Way) -> Way | None:
        key = (place, way.packet.key())
        if key in way.seen or len(way.seen) > MOST_STEPS:
            return None
        return replace(way, seen=way.seen | {key})

    def to_address(self, way: Way, point: int) -> Way | None:
        """The way of the packets to one address: from here on the field is a number."""
        onward = self.ask_of(way, self.within(way.packet.destination, ((point, point),)))
        return onward and replace(onward, packet=replace(way.packet, destination=point))

    def end(self, to: str, way: Way) -> Leaf:
        return Leaf(to, both(*way.asks), way.sent, way.packet)

    # -- machines

    def exits(self, name: str, way: Way) -> list[tuple[str, Way]]:
        """(device, way) for each device that the machine's routing may choose."""
        facts, packet = self.facts, way.packet
        host = facts.hosts[name]
        found: list[tuple[str, Way]] = []
        beyond: list[Condition] = []
        for device, pool in host.pools.items():
            inside = self.within(packet.destination, pool)
            onward = self.ask_of(way, inside)
            if onward:
                found.append((device, onward))
            beyond.append(self.opposite(inside))
        rest = self.ask_of(way, *beyond)
        if rest is None:
            return found
        if name not in facts.servers and len(host.nics) < 2:
            if host.nics:
                found.append((facts.nics[host.nics[0]].device, rest))
            return found
        routes, own = facts.own_routes(name)
        policy = [(b, d, s) for s, b, d in own]
        passed: list[Condition] = []
        for source in {s for _, _, s in policy}:
            mine = self.within(packet.source, ((source, source),))
            special = [(b, d) for b, d, s in policy if s == source]
            onward = self.ask_of(rest, mine)
            if onward:
                found += self._longest(special, onward)
            passed.append(
                self.opposite(both(mine, self.within(packet.destination, addresses.union([b for b, _ in special]))))
            )
        plain = self.ask_of(rest, *passed)
        return found + (self._longest(routes, plain) if plain else [])

    def _longest(self, routes: list[tuple[Interval, str]], way: Way) -> list[tuple[str, Way]]:
        found = []
        for block, device in dict.fromkeys(routes):
            size = block[1] - block[0]
            longer = [b for b, _ in routes if b[1] - b[0] < size]
            onward = self.ask_of(
                way,
                self.within(way.packet.destination, (block,)),
                self.opposite(self.within(way.packet.destination, addresses.union(longer))) if longer else True,
            )
            if onward:
                found.append((device, onward))
        return found

    def send(self, name: str, way: Way) -> Iterator[Leaf]:
        rules = self.facts.hosts[name].rules
        for device, onward in self.exits(name, way):
            for changed in self.output(rules, name, device, onward):
                moved = changed.packet.key() != onward.packet.key()
                for other, last in self.exits(name, changed) if moved else [(device, changed)]:
                    yield from self.post(name, other, last)

    def output(self, rules: Ruleset | None, name: str, device: str, way: Way) -> list[Way]:
        ways = [way]
        for chain in rules.base("output", "filter") if rules else ():
            ways = self.filtered(rules, chain, ways, "", device, translated=False)
        for chain in rules.base("output", "nat") if rules else ():
            ways = self.natted(rules, chain, ways, "", device, None)
        return ways

    def arrive(self, name: str, device: str, way: Way | None) -> Iterator[Leaf]:
        way = way and self.once(f"{name}/{device}", way)
        if way is None:
            return
        host = self.facts.hosts[name]
        rules = host.rules
        before = way.packet
        ways = [way]
        bases = rules.base("prerouting", "filter") + rules.base("prerouting", "nat") if rules else []
        for chain in sorted(bases, key=lambda each: each.priority):
            if chain.kind == "nat":
                own = self.first_address(name, device)
                ways = self.natted(rules, chain, ways, device, "", own)
            else:
                ways = [
                    done
                    for each in ways
                    for done in self.filtered(rules, chain, [each], device, "", self.was_translated(before, each))
                ]
        mine = self.facts.own_addresses(name)
        for each in ways:
            translated = self.was_translated(before, each)
            local = self.within(each.packet.destination, addresses.union([(a, a) for a in mine]))
            taken = [w for w in [self.ask_of(each, local)] if w]
            for chain in rules.base("input", "filter") if rules else ():
                taken = self.filtered(rules, chain, taken, device, "", translated)
            for done in taken:
                yield self.end(name, done)
            onward = self.ask_of(each, self.opposite(local)) if host.forwards else None
            for out, leaving in self.exits(name, onward) if onward else ():
                kept = [leaving]
                for chain in rules.base("forward", "filter") if rules else ():
                    kept = self.filtered(rules, chain, kept, device, out, translated)
                for done in kept:
                    yield from self.post(name, out, done)

    @staticmethod
    def was_translated(before: Terms, way: Way) -> bool:
        after = way.packet
        return (before.destination is not after.destination and before.key()[1] != after.key()[1]) or (
            before.key()[2] != after.key()[2]
        )

    def post(self, name: str, device: str, way: Way) -> Iterator[Leaf]:
        rules = self.facts.hosts[name].rules
        ways = [way]
        bases = rules.base("postrouting", "filter") + rules.base("postrouting", "nat") if rules else []
        for chain in sorted(bases, key=lambda each: each.priority):
            if chain.kind == "nat":
                ways = self.natted(rules, chain, ways, "", device, self.first_address(name, device))
            else:
                ways = self.filtered(rules, chain, ways, "", device, translated=False)
        for each in ways:
            yield from self.out(name, device, each)

    def first_address(self, name: str, device: str) -> dict[bool, int]:
        if name in self.facts.servers:
            server = self.facts.servers[name]
            held = [a for leg in server.legs if leg.device == device for a in leg.addresses]
            held += [end.address for end in server.tunnels if end.device == device]
        else:
            nics = [self.facts.nics[n] for n in self.facts.hosts[name].nics]
            held = [a for nic in nics if nic.device == device for a in nic.addresses]
        return {each >= addresses.V6: each for each in reversed(held)}

    def out(self, name: str, device: str, way: Way) -> Iterator[Leaf]:
        host = self.facts.hosts[name]
        if device in host.pools:
            yield self.end(f"pool {name} {device}", way)
        elif name in self.facts.servers:
            yield from self.site_out(name, device, way)
        else:
            nic = next(self.facts.nics[n] for n in host.nics if self.facts.nics[n].device == device)
            yield from (self.gcp_out if nic.cloud == "gcp" else self.nic_out)(nic, way)

    # -- nftables

    def matches(self, test: Test, packet: Terms, came: str, leaves: str, translated: bool) -> Condition:
        match test.field:
            case "in":
                found: Condition = came in test.values
            case "out":
                found = leaves in test.values
            case "source":
                found = self.within(packet.source, test.values)
            case "destination":
                found = self.within(packet.destination, test.values)
            case "service":
                found = self.within(packet.service, test.values)
            case "source_port":
                found = self.within(packet.port, test.values)
            case "state":
                found = either(*(self.has_state(packet, each) for each in test.values))
            case "translated":
                found = translated
            case _:
                return True
        return self.opposite(found) if test.negated else found

    def has_state(self, packet: Terms, state: str) -> Condition:
        """Whether the first packet of nothing known has a state."""
        six = self.has_family(packet.destination, True)
        opens = either(
            self.within(packet.service, NEITHER_ICMP),
            both(six, self.within(packet.service, OPENING_ICMP6)),
            both(self.opposite(six), self.within(packet.service, OPENING_ICMP)),
        )
        outside = both(six, self.within(packet.service, UNTRACKED))
        match state:
            case "new":
                return opens
            case "untracked":
                return outside
            case "invalid":
                return both(self.opposite(opens), self.opposite(outside))
            case _:
                return False

    def verdicts(
        self, rules: Ruleset, chain: Chain, packet: Terms, came: str, leaves: str, translated: bool
    ) -> tuple[Condition, Condition, list[tuple[Condition, Any]], Condition]:
        """(accepted, dropped, [(condition, translating statement)], ran out)."""
        key = id(chain), packet.key(), came, leaves, translated
        if key in self._filters:
            return self._filters[key]
        left: Condition = True
        accepted: list[Condition] = []
        dropped: list[Condition] = []
        changes: list[tuple[Condition, Any]] = []
        over: list[Condition] = []
        for statement in chain.statements:
            if left is False:
                break
            if not statement.verdict:
                continue
            fits = both(*(self.matches(test, packet, came, leaves, translated) for test in statement.tests))
            doubtful = any(test.field == "may" for test in statement.tests)
            if fits is False or (doubtful and statement.verdict != "accept"):
                continue
            now = both(left, fits)
            match statement.verdict:
                case "accept":
                    accepted.append(now)
                case "drop":
                    dropped.append(now)
                case "return":
                    over.append(now)
                case "jump" | "goto":
                    inner = self.verdicts(rules, rules.chains[statement.chain], packet, came, leaves, translated)
                    accepted.append(both(now, inner[0]))
                    dropped.append(both(now, inner[1]))
                    changes += [(both(now, condition), change) for condition, change in inner[2]]
                    if statement.verdict == "jump":
                        left = both(left, either(self.opposite(fits), inner[3]))
                        continue
                    over.append(both(now, inner[3]))
                case _:
                    changes.append((now, statement))
            if not doubtful:
                left = both(left, self.opposite(fits))
        self._filters[key] = either(*accepted), either(*dropped), changes, either(left, *over)
        return self._filters[key]

    def applies(self, chain: Chain, packet: Terms) -> Condition:
        if chain.family == "inet":
            return True
        return self.has_family(packet.destination, chain.family == "ip6")

    def filtered(
        self, rules: Ruleset, chain: Chain, ways: list[Way], came: str, leaves: str, translated: bool
    ) -> list[Way]:
        found = []
        for way in ways:
            accepted, _, _, rest = self.verdicts(rules, chain, way.packet, came, leaves, translated)
            passes = either(accepted, rest if chain.policy == "accept" else False)
            onward = self.ask_of(way, either(self.opposite(self.applies(chain, way.packet)), passes))
            if onward:
                found.append(onward)
        return found

    def natted(
        self, rules: Ruleset, chain: Chain, ways: list[Way], came: str, leaves: str, own: dict[bool, int] | None
    ) -> list[Way]:
        found = []
        for way in ways:
            packet = way.packet
            applies = both(self.applies(chain, packet), self.has_state(packet, "new"))
            accepted, _, changes, rest = self.verdicts(rules, chain, packet, came, leaves, False)
            plain = either(self.opposite(applies), accepted, rest if chain.policy == "accept" else False)
            onward = self.ask_of(way, plain)
            if onward:
                found.append(onward)
            for condition, statement in changes:
                for v6 in (False, True):
                    onward = self.ask_of(way, applies, condition, self.has_family(packet.destination, v6))
                    if onward is None:
                        continue
                    if statement.verdict in ("dnat", "redirect"):
                        to = statement.address if statement.verdict == "dnat" else (own or {}).get(v6)
                        found += self._ported(onward, statement.port, packet.destination if to is None else to)
                    else:
                        source = statement.address if statement.verdict == "snat" else (own or {}).get(v6)
                        if source is not None:
                            port = packet.port if statement.port is None else statement.port
                            found.append(replace(onward, packet=replace(packet, source=source, port=port)))
        return found

    def _ported(self, way: Way, port: int | None, to: Any) -> list[Way]:
        """The ways after a change of destination and, for protocols with ports, of the port."""
        if port is None:
            return [replace(way, packet=replace(way.packet, destination=to))]
        found = []
        for number in services.WITH_PORTS:
            onward = self.ask_of(way, self.within(way.packet.service, (services.of(number),)))
            if onward:
                found.append(replace(onward, packet=replace(way.packet, destination=to, service=number << 16 | port)))
        others = tuple(services.of(number) for number in services.WITH_PORTS)
        rest = self.ask_of(way, self.opposite(self.within(way.packet.service, addresses.union(others))))
        if rest:
            found.append(replace(rest, packet=replace(way.packet, destination=to)))
        return found

    # -- datacentres

    def site_out(self, name: str, device: str, way: Way) -> Iterator[Leaf]:
        facts = self.facts
        server = facts.servers[name]
        for end in server.tunnels:
            if end.device == device:
                for vpn in facts.vpns:
                    if end.key in vpn.tunnels:
                        yield from self.vpc_in(facts.vpn_gateways.get(vpn.gateway, ""), way)
                return
        leg = next((leg for leg in server.legs if leg.device == device), None)
        if leg is None:
            return
        site = facts.site_of[name]
        segment = facts.segments[site, leg.segment]
        neighbours = [
            (other.name, each)
            for other in facts.servers.values()
            if facts.site_of[other.name] == site
            for each in other.legs
            if each.segment == leg.segment
        ]
        near = [segment.block] + ([segment.public] if segment.public else [])
        for other, each in neighbours:
            for point in each.addresses:
                near.append((point, point))
                yield from self.arrive(other, each.device, self.to_address(way, point))
        beyond = self.ask_of(way, self.opposite(self.within(way.packet.destination, addresses.union(near))))
        if beyond is None:
            return
        gateways = [(other, each) for other, each in neighbours if other in segment.gateways]
        if name not in segment.gateways and gateways:
            for other, each in gateways:
                yield from self.arrive(other, each.device, beyond)
        elif segment.uplink and segment.public:
            carried = self.ask_of(beyond, self.within(way.packet.source, (segment.public,)))
            if carried:
                yield from self.internet(carried)

    # -- the internet

    def internet(self, way: Way) -> Iterator[Leaf]:
        facts = self.facts
        onward = self.ask_of(way, self.within(way.packet.destination, GLOBAL))
        if onward is None:
            return
        way = onward
        for public, (nic_id, private) in facts.public.items():
            nic = facts.nics[nic_id]
            here = self.to_address(way, public)
            if here is None or public < 0:
                continue
            if nic.cloud == "gcp":
                yield from self.gcp_in(nic, replace(here, packet=replace(here.packet, destination=private)))
            elif nic.vpc in facts.internet_gateways.values():
                if private < 0:
                    yield from self.node_in(nic, here)
                else:
                    yield from self.vpc_in(nic.vpc, replace(here, packet=replace(here.packet, destination=private)))
        owned = [(each, each) for each in facts.public if each >= 0]
        owned += [(each, each) for nat in facts.gcp_nats for each in nat.addresses]
        closed = [(each, each) for nic in facts.nics.values() if nic.internal for each in nic.addresses]
        internal = self.within(way.packet.destination, addresses.union(closed)) if closed else False
        for vpc in facts.vpcs.values():
            for block in vpc.blocks:
                if block[0] >= addresses.V6:
                    owned.append(block)
                    inside = self.ask_of(way, self.within(way.packet.destination, (block,)), self.opposite(internal))
                    if inside and vpc.id in facts.internet_gateways.values():
                        yield from self.vpc_in(vpc.id, inside)
        for (site, name), segment in facts.segments.items():
            if segment.uplink and segment.public:
                owned.append(segment.public)
                for server in facts.servers.values():
                    for leg in server.legs:
                        if facts.site_of[server.name] == site and leg.segment == name:
                            for point in leg.addresses:
                                if segment.public[0] <= point <= segment.public[1]:
                                    yield from self.arrive(server.name, leg.device, self.to_address(way, point))
        away = self.ask_of(way, self.opposite(self.within(way.packet.destination, addresses.union(owned))))
        if away:
            yield self.end("internet", away)
            for nic in facts.nics.values():
                if nic.public.get(-1) == -1 and nic.vpc in facts.internet_gateways.values():
                    yield from self.node_in(nic, away)

    # -- AWS

    def group_allows(
        self, groups: tuple[str, ...], egress: bool, packet: Terms, balancer: tuple[str, ...] = ()
    ) -> Condition:
        peer = packet.destination if egress else packet.source
        key = "group", groups, egress, balancer, self.name_of(peer), self.name_of(packet.service)
        if key in self._filters:
            return self._filters[key]
        found = []
        for id_ in groups:
            group = self.facts.groups.get(id_)
            for rule in (group.egress if egress else group.ingress) if group else ():
                who = [self.within(peer, rule.blocks)]
                who += [g in balancer or self.within(peer, self.facts.members.get(g, ())) for g in rule.groups]
                found.append(both(either(*who), self.within(packet.service, rule.services)))
        self._filters[key] = either(*found)
        return self._filters[key]

    def acl_allows(self, subnet: str, egress: bool, packet: Terms) -> Condition:
        peer = packet.destination if egress else packet.source
        key = "acl", self.facts.subnets[subnet].acl, egress, self.name_of(peer), self.name_of(packet.service)
        if key in self._filters:
            return self._filters[key]
        left: Condition = True
        allowed = []
        for entry in self.facts.acls[self.facts.subnets[subnet].acl][1 if egress else 0]:
            fits = both(self.within(peer, (entry.block,)), self.within(packet.service, entry.services))
            if entry.allow:
                allowed.append(both(left, fits))
            left = both(left, self.opposite(fits))
            if left is False:
                break
        self._filters[key] = either(*allowed)
        return self._filters[key]

    def nic_out(self, nic: Nic, way: Way) -> Iterator[Leaf]:
        own = tuple((each, each) for each in nic.addresses)
        checked = self.ask_of(way, self.within(way.packet.source, addresses.union(own)) if nic.check else True)
        near = self.within(way.packet.destination, self.facts.vpc_services(nic.vpc))
        served = checked and self.ask_of(checked, near)
        if served:
            yield self.end(f"services of {nic.vpc}", served)
        onward = checked and self.ask_of(checked, self.opposite(near), self.group_allows(nic.groups, True, way.packet))
        if onward:
            yield from self.subnet_out(nic.subnet, onward)

    def subnet_out(self, subnet_id: str, way: Way, balancer: tuple[str, ...] = ()) -> Iterator[Leaf]:
        subnet = self.facts.subnets[subnet_id]
        onward = self.once(f"out {subnet_id}", way)
        if onward is None:
            return
        near = self.within(way.packet.destination, addresses.union(subnet.blocks))
        inside = self.ask_of(onward, near)
        if inside:
            yield from self.to_holders(subnet_id, inside, balancer)
        leaving = self.ask_of(onward, self.opposite(near), self.acl_allows(subnet_id, True, way.packet))
        if leaving is None:
            return
        order = sorted(
            self.facts.tables[subnet.table],
            key=lambda r: (r.block[1] - r.block[0], r.kind != "local", not r.static),
        )
        taken: list[Interval] = []
        for route in order:
            if route.block in taken:
                continue
            by = self.ask_of(
                leaving,
                self.within(way.packet.destination, (route.block,)),
                self.opposite(self.within(way.packet.destination, addresses.union(taken))) if taken else True,
            )
            taken.append(route.block)
            if by:
                yield from self.by_route(subnet, route, by, balancer)

    def by_route(self, subnet: Any, route: TableRoute, way: Way, balancer: tuple[str, ...]) -> Iterator[Leaf]:
        facts = self.facts
        packet = way.packet
        match route.kind:
            case "local":
                yield from self.vpc_in(subnet.vpc, way, balancer)
            case "igw" if facts.internet_gateways.get(route.target) == subnet.vpc:
                six = [b for b in facts.vpcs[subnet.vpc].blocks if b[0] >= addresses.V6]
                native = self.ask_of(way, self.within(packet.source, six)) if six else None
                if native:
                    yield from self.internet(native)
                for nic in facts.nics.values():
                    if nic.vpc == subnet.vpc:
                        for private, public in nic.public.items():
                            mapped = self.ask_of(way, self.within(packet.source, ((private, private),)))
                            if mapped and public >= 0 and private >= 0:
                                yield from self.internet(replace(mapped, packet=replace(packet, source=public)))
            case "eigw" if facts.egress_only.get(route.target) == subnet.vpc:
                six_way = self.ask_of(way, self.has_family(packet.source, True))
                if six_way:
                    yield from self.internet(six_way)
            case "nat":
                nic = facts.nics.get(f"eni of {route.target}")
                if nic is None or nic.vpc != subnet.vpc:
                    return
                port, chosen = self.gateway_port()
                onward = self.ask_of(
                    way,
                    True if nic.subnet == subnet.id else self.acl_allows(nic.subnet, False, packet),
                    self.has_family(packet.source, False),
                    self.within(packet.service, NAT_SERVICES),
                    chosen,
                )
                if onward:
                    after = replace(packet, source=nic.addresses[0], port=port)
                    yield from self.subnet_out(nic.subnet, replace(onward, packet=after))
            case "peering":
                peering = facts.peerings.get(route.target)
                if peering is not None and peering[2] and subnet.vpc in peering[:2]:
                    yield from self.vpc_in(peering[1] if peering[0] == subnet.vpc else peering[0], way)
            case "vgw" if facts.vpn_gateways.get(route.target) == subnet.vpc:
                yield from self.gateway_out(route.target, way)
            case "nic":
                nic = facts.nics.get(route.target)
                if nic is not None and nic.vpc == subnet.vpc:
                    onward = self.ask_of(
                        way, True if nic.subnet == subnet.id else self.acl_allows(nic.subnet, False, packet)
                    )
                    if onward:
                        yield from self.nic_in(nic, onward, balancer)

    def gateway_out(self, gateway: str, way: Way) -> Iterator[Leaf]:
        offered = [
            (addresses.block(block), tunnel)
            for vpn in self.facts.vpns
            if vpn.gateway == gateway
            for tunnel in vpn.tunnels
            for block in addresses.texts(self.facts.beyond(vpn, tunnel))
        ]
        for tunnel, onward in self._longest(offered, way):
            for server, device in self.facts.tunnel_ends.get(tunnel, ()):
                yield from self.arrive(server, device, onward)

    def vpc_in(self, vpc: str, way: Way, balancer: tuple[str, ...] = ()) -> Iterator[Leaf]:
        for subnet in self.facts.subnets.values():
            if subnet.vpc == vpc:
                inside = self.ask_of(way, self.within(way.packet.destination, addresses.union(subnet.blocks)))
                if inside:
                    yield from self.to_holders(subnet.id, inside, balancer, gate=True)

    def to_holders(self, subnet: str, way: Way, balancer: tuple[str, ...], gate: bool = False) -> Iterator[Leaf]:
        """To the interface that has the address in the subnet. ``gate``: through the subnet's network ACL."""
        vpc = self.facts.subnets[subnet].vpc
        held: list[Interval] = []
        for nic in self.facts.nics.values():
            for point in nic.addresses if nic.vpc == vpc else ():
                if not self.within(point, self.facts.subnets[subnet].blocks):
                    continue
                held.append((point, point))
                here = self.to_address(way, point)
                here = here and self.ask_of(here, self.acl_allows(subnet, False, here.packet) if gate else True)
                if here:
                    yield from self.nic_in(nic, here, balancer)
        for nic in self.facts.nics.values():
            if nic.floating and nic.subnet == subnet:
                rest = self.ask_of(
                    way,
                    self.has_family(way.packet.destination, False),
                    self.opposite(self.within(way.packet.destination, addresses.union(held))) if held else True,
                    self.acl_allows(subnet, False, way.packet) if gate else True,
                )
                if rest:
                    yield from self.nic_in(nic, rest, balancer)

    def nic_in(self, nic: Nic, way: Way, balancer: tuple[str, ...]) -> Iterator[Leaf]:
        if nic.holder == "nat":
            return
        if nic.holder == "balancer":
            yield from self.balancer_in(nic, way)
            return
        own = addresses.union([(each, each) for each in nic.addresses])
        onward = self.ask_of(
            way,
            self.group_allows(nic.groups, False, way.packet, balancer),
            self.within(way.packet.destination, own) if nic.check else True,
        )
        yield from self.arrive(nic.name, nic.device, onward)

    # -- network load balancers

    def node_in(self, nic: Nic, way: Way) -> Iterator[Leaf]:
        node, asks = self.node_address(nic)
        after = replace(way.packet, destination=node)
        onward = self.ask_of(way, *asks, self.acl_allows(nic.subnet, False, after))
        if onward:
            yield from self.balancer_in(nic, replace(onward, packet=after))

    def node_address(self, nic: Nic) -> tuple[Any, list[Condition]]:
        """The IPv4 address of a node: its own, or any free one of its subnet."""
        if not nic.floating:
            return nic.addresses[0], []
        node = self.fresh()
        low, high = self.facts.subnets[nic.subnet].blocks[0]
        taken = {a for n in self.facts.nics.values() if n.subnet == nic.subnet for a in n.addresses}
        asks = [self.within(node, ((low + 4, high - 1),))]
        if taken:
            asks.append(self.opposite(self.within(node, addresses.union([(a, a) for a in taken]))))
        return node, asks

    def sources_to(self, nic: Nic, packet: Terms, keeps: bool, v6: bool) -> Iterator[tuple[Any, list[Condition]]]:
        """The source addresses, each with its conditions, of what a node sends to a target of a family: a client of
        that family keeps its own if ``keeps``, all else comes from the node."""
        yield packet.source if keeps else packet.destination, [self.has_family(packet.destination, v6)]
        other = self.has_family(packet.destination, not v6)
        own = [each for each in nic.addresses if (each >= addresses.V6) == v6]
        if own:
            yield own[0], [other]
        elif not v6:
            node, asks = self.node_address(nic)
            yield node, [other, *asks]

    def balancer_in(self, nic: Nic, way: Way) -> Iterator[Leaf]:
        balancer: Balancer = self.facts.balancers[nic.name]
        onward = self.ask_of(way, self.group_allows(balancer.groups, False, way.packet) if balancer.groups else True)
        if onward is None:
            return
        zone = self.facts.subnets[nic.subnet].zone
        for listener in balancer.listeners:
            for name in {"TLS": ("TCP",), "TCP_UDP": ("TCP", "UDP")}.get(listener.protocol, (listener.protocol,)):
                number = services.NUMBERS[name.lower()]
                asked = services.of(number, listener.port, listener.port)
                heard = self.ask_of(onward, self.within(way.packet.service, (asked,)))
                if heard:
                    yield self.end(f"{listener.protocol} listener {listener.port} of {balancer.id}", heard)
                for target in listener.targets:
                    held = self.facts.nics[target.nic]
                    if not balancer.cross_zone and self.facts.subnets[held.subnet].zone != zone:
                        continue
                    service = number << 16 | (target.port or listener.port)
                    v6 = target.address >= addresses.V6
                    for source, asks in self.sources_to(nic, way.packet, listener.keeps_client, v6):
                        after = Terms(source, target.address, service, way.packet.port)
                        passed = heard and self.ask_of(
                            heard, *asks, self.group_allows(balancer.groups, True, after) if balancer.groups else True
                        )
                        if passed:
                            yield from self.subnet_out(nic.subnet, replace(passed, packet=after), balancer.groups)

    # -- Google Cloud

    def gcp_fits(self, rule: GcpRule, nic: Nic, packet: Terms) -> Condition:
        if rule.network != nic.vpc:
            return False
        if (rule.tags or rule.accounts) and not (rule.tags & nic.tags or nic.account in rule.accounts):
            return False
        peer, own = (packet.destination, packet.source) if rule.egress else (packet.source, packet.destination)
        tagged = [
            (a, a)
            for other in self.facts.nics.values()
            if other.vpc == nic.vpc and (other.tags & rule.peer_tags or other.account in rule.peer_accounts)
            for a in other.addresses
        ]
        return both(
            self.within(packet.service, rule.services),
            either(self.within(peer, rule.peers), self.within(peer, addresses.union(tagged))),
            True if rule.own is None else self.within(own, rule.own),
        )

    def gcp_allows(self, nic: Nic, egress: bool, packet: Terms) -> Condition:
        left: Condition = True
        allowed = []
        for rule in self.facts.gcp_rules:
            if rule.egress != egress:
                continue
            fits = self.gcp_fits(rule, nic, packet)
            if rule.allow:
                allowed.append(both(left, fits))
            left = both(left, self.opposite(fits))
        if egress:
            allowed.append(left)
        return either(*allowed)

    def gcp_out(self, nic: Nic, way: Way) -> Iterator[Leaf]:
        facts = self.facts
        own = addresses.union([(each, each) for each in nic.addresses])
        onward = self.once(f"out {nic.id}", way)
        onward = onward and self.ask_of(
            onward,
            self.within(way.packet.source, own) if nic.check else True,
            self.gcp_allows(nic, True, way.packet),
        )
        if onward is None:
            return
        routes = [r for r in facts.gcp_routes.get(nic.vpc, ()) if not r.tags or r.tags & nic.tags]
        taken: list[Interval] = []
        ranks: dict[tuple[Any, ...], list[Any]] = {}
        for route in routes:
            rank = (route.kind != "subnet", route.block[1] - route.block[0], route.priority, route.block[0])
            ranks.setdefault(rank, []).append(route)
        for rank in sorted(ranks):
            block = ranks[rank][0].block
            by = self.ask_of(
                onward,
                self.within(way.packet.destination, (block,)),
                self.opposite(self.within(way.packet.destination, addresses.union(taken))) if taken else True,
            )
            taken.append(block)
            if by is None:
                continue
            for route in ranks[rank]:
                if route.kind == "subnet":
                    for other in facts.nics.values():
                        for point in other.addresses if other.vpc == route.target else ():
                            here = self.to_address(by, point)
                            if here:
                                yield from self.gcp_in(other, here)
                elif route.kind == "internet":
                    yield from self.gcp_internet(nic, by)
                elif route.kind == "nic" and route.target in facts.nics:
                    yield from self.gcp_in(facts.nics[route.target], by)

    def gcp_internet(self, nic: Nic, way: Way) -> Iterator[Leaf]:
        packet = way.packet
        for private, public in nic.public.items():
            mapped = self.ask_of(way, self.within(packet.source, ((private, private),)))
            if mapped:
                yield from self.internet(replace(mapped, packet=replace(packet, source=public)))
        if nic.public:
            return
        _, region, _ = self.facts.gcp_subnets[nic.subnet]
        for nat in self.facts.gcp_nats:
            if (
                nat.network != nic.vpc
                or nat.region != region
                or (nat.subnets is not None and nic.subnet not in nat.subnets)
            ):
                continue
            own = addresses.union([(each, each) for each in nic.addresses])
            port, chosen = self.gateway_port()
            onward = self.ask_of(
                way, self.within(packet.source, own), self.within(packet.service, NAT_SERVICES), chosen
            )
            for point in nat.addresses if onward else ():
                yield from self.internet(replace(onward, packet=replace(packet, source=point, port=port)))
            return

    def gcp_in(self, nic: Nic, way: Way) -> Iterator[Leaf]:
        own = addresses.union([(each, each) for each in nic.addresses])
        onward = self.ask_of(
            way,
            self.within(way.packet.destination, own) if nic.check else True,
            self.gcp_allows(nic, False, way.packet),
        )
        yield from self.arrive(nic.name, nic.device, onward)
