"""Evaluates a chain of rules on sets of packets: first match decides, jumps return, translations split the set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from reachability.addresses import Intervals, contains
from reachability.network import Action, Chain, Devices, Rule, State, among
from reachability.space import Space

SHORT = 64
"""The number of rules up to which a chain is read rule by rule for each class of sources."""
LONG = 512
"""The number of rules from which a chain is read for one destination where that is enough."""
TRANSLATING = frozenset({Action.SNAT, Action.DNAT, Action.MASQUERADE, Action.REDIRECT})


class Context(NamedTuple):
    """Properties of all packets of a set: interfaces of the host, and connection tracking state."""

    incoming: str = ""
    outgoing: str = ""
    state: State = State.NEW
    translated: bool = False


STATELESS = Context()


@dataclass(slots=True)
class Outcome:
    """Disjoint sets (except for uncertain rules): accepted packets, translated packets by rule, and the rest."""

    accepted: int = 0
    translated: list[tuple[int, Rule]] = field(default_factory=list)
    rest: int = 0


_Compiled = tuple[int, int, Rule]


class Chains:
    """Chains compiled for one space, each verdict computed once for a class of sources and a context.

    ``may``: uncertain rules accept; otherwise they drop.
    """

    def __init__(self, space: Space, *, may: bool) -> None:
        self._space = space
        self._may = may
        self._compiled: dict[tuple[int, Context, int | None], tuple[Chain, list[_Compiled]]] = {}
        self._read: dict[int, tuple[Chain, list[_Compiled]]] = {}
        self._fits: dict[tuple[int, Context], list[_Compiled]] = {}
        self._by_class: dict[tuple[int, Context, int | None], tuple[list[int], dict[int, list[int]]]] = {}
        self._accepts: dict[tuple[int, int, Context], int] = {}
        self._alike: dict[tuple[int, int, Context], int] = {}
        self._rows: dict[tuple[int, int, Context, int], int] = {}
        self._any_destination: dict[int, bool] = {}

    def _rules(self, chain: Chain, context: Context, position: int | None = None) -> list[_Compiled]:
        """The rules that may apply in a context, with the packets and classes that they match; limited to one
        destination if ``position`` is given."""
        key = id(chain), context, position
        known = self._compiled.get(key)
        if known is None:
            space = self._space
            rules = []
            fitting = self._fitting(chain, context)
            if position is None:
                if len(chain.rules) > LONG:
                    space.reserve(rule.match for rule in chain.rules)
                for _, classes, rule in fitting:
                    match = rule.match
                    if mask := space.mask(match.destinations, match.services, match.source_ports):
                        rules.append((mask, classes, rule))
            else:
                point = space.destination_at(position)
                for each in fitting:
                    destinations = each[2].match.destinations
                    if each[0] and (destinations is None or contains(destinations, point)):
                        rules.append(each)
            known = self._compiled[key] = chain, rules
        return known[1]

    def _fitting(self, chain: Chain, context: Context) -> list[_Compiled]:
        """The rules that may apply in a context, with the row of packets to one of their destinations and the classes
        that they match."""
        key = id(chain), context
        known = self._fits.get(key)
        if known is None:
            read = self._read.get(id(chain))
            if read is None:
                space = self._space
                read = self._read[id(chain)] = (
                    chain,
                    [
                        (
                            space.row(rule.match.services, rule.match.source_ports),
                            space.class_mask(rule.match.sources),
                            rule,
                        )
                        for rule in chain.rules
                        if rule.action is not Action.CONTINUE
                    ],
                )
            known = self._fits[key] = [each for each in read[1] if _fits(each[2], context)]
        return known

    def _rules_for(
        self, chain: Chain, source_class: int, context: Context, position: int | None = None
    ) -> tuple[list[_Compiled], int]:
        """Those of ``_rules`` that match a class, in order, and a bit that is set in their classes. Of a short chain
        they may be all: check the bit."""
        rules = self._rules(chain, context, position)
        if len(rules) <= SHORT:
            return rules, 1 << source_class
        key = id(chain), context, position
        known = self._by_class.get(key)
        if known is None:
            every: list[int] = []
            some: dict[int, list[int]] = {}
            for number, (_, _, rule) in enumerate(rules):
                sources = rule.match.sources
                if sources is None:
                    every.append(number)
                    continue
                for each in self._space.classes_in(sources):
                    some.setdefault(each, []).append(number)
            known = self._by_class[key] = every, some
        every, some = known
        own = some.get(source_class, [])
        return [(rules[number][0], 1, rules[number][2]) for number in (sorted(every + own) if every else own)], 1

    def distinguished(self, chain: Chain, context: Context) -> set[Intervals]:
        """The sets of sources that the rules of a chain distinguish."""
        fitting = self._fitting(chain, context)
        return {rule.match.sources for _, _, rule in fitting if rule.match.sources is not None}

    def _signature(self, chain: Chain, source_class: int, context: Context) -> int:
        """The rules that match a class of sources; two classes with the same signature have the same verdicts."""
        signature = bit = 1
        for _, classes, rule in self._rules(chain, context):
            bit <<= 1
            if classes >> source_class & 1:
                signature |= bit
            if rule.chain:
                return -1 - source_class
        return signature

    def accepts(self, chain: Chain, source_class: int, context: Context, others: Mapping[str, Chain]) -> int:
        """All packets from a class of sources that ``chain`` accepts, its policy included."""
        key = id(chain), source_class, context
        accepted = self._accepts.get(key)
        if accepted is None:
            alike = id(chain), self._signature(chain, source_class, context), context
            accepted = self._alike.get(alike)
            if accepted is None:
                accepted = self._everything(self.run(chain, self._space.every, source_class, context, others))
                self._alike[alike] = accepted
            self._accepts[key] = accepted
        return accepted

    def accepts_at(
        self, position: int, chain: Chain, source_class: int, context: Context, others: Mapping[str, Chain]
    ) -> int:
        """``accepts`` for one destination: its row."""
        position = self._told(chain, position, others)
        key = id(chain), source_class, context, position
        accepted = self._rows.get(key)
        if accepted is not None:
            return accepted
        outcome = self._walk(chain, self._space.full_row, source_class, context, others, position)
        if chain.policy is Action.ACCEPT:
            outcome.accepted |= outcome.rest
        accepted = self._rows[key] = self._everything(outcome)
        return accepted

    def _told(self, chain: Chain, position: int, others: Mapping[str, Chain]) -> int:
        """The position, or 0 if the chain treats all destinations alike."""
        alike = self._any_destination.get(id(chain))
        if alike is None:
            alike = not any(rule.chain or rule.match.destinations is not None for rule in chain.rules)
            self._any_destination[id(chain)] = alike
        return 0 if alike else position

    def passing(
        self, chain: Chain, packets: int, source_class: int, context: Context, others: Mapping[str, Chain]
    ) -> int:
        """The packets of a set that ``chain`` accepts. Of a long chain only what concerns one destination is read."""
        position = self._space.position_of(packets) if len(chain.rules) > LONG else None
        if position is None:
            return packets & self.accepts(chain, source_class, context, others)
        return packets & self.accepts_at(position, chain, source_class, context, others) << position * self._space.width

    def may_act(self, chain: Chain, position: int, context: Context) -> bool:
        """Whether a rule other than an accept may decide a packet to one destination."""
        return any(rule.action is not Action.ACCEPT for _, _, rule in self._rules(chain, context, position))

    @staticmethod
    def _everything(outcome: Outcome) -> int:
        accepted = outcome.accepted
        for mask, _ in outcome.translated:
            accepted |= mask
        return accepted

    def run(
        self, chain: Chain, packets: int, source_class: int, context: Context, others: Mapping[str, Chain]
    ) -> Outcome:
        """The outcome of a base chain for a set; its policy decides the rest."""
        outcome = self._walk(chain, packets, source_class, context, others)
        if chain.policy is Action.ACCEPT:
            outcome.accepted |= outcome.rest
        outcome.rest = 0
        return outcome

    def _walk(
        self,
        chain: Chain,
        packets: int,
        source_class: int,
        context: Context,
        others: Mapping[str, Chain],
        position: int | None = None,
    ) -> Outcome:
        outcome = Outcome()
        returned = 0
        may = self._may
        rules, bit = self._rules_for(chain, source_class, context, position)
        for mask, classes, rule in rules:
            if not classes & bit:
                continue
            hit = packets & mask
            if not hit:
                continue
            uncertain = bool(rule.match.uncertain)
            action = rule.action
            if action is Action.ACCEPT:
                if uncertain and not may:
                    continue
                outcome.accepted |= hit
            elif action is Action.DROP:
                if uncertain and may:
                    continue
                packets &= ~hit
                continue
            elif action in TRANSLATING:
                if may or not uncertain:
                    outcome.translated.append((hit, rule))
                elif not may:
                    packets &= ~hit
                    continue
            elif action is Action.RETURN:
                if uncertain and not may:
                    packets &= ~hit
                    continue
                returned |= hit
            else:
                inner = self._walk(others[rule.chain], hit, source_class, context, others, position)
                if uncertain and not may:
                    packets &= ~hit | inner.accepted | (inner.rest if action is Action.JUMP else 0)
                    continue
                outcome.accepted |= inner.accepted
                outcome.translated += inner.translated
                if action is Action.GOTO:
                    returned |= inner.rest
                elif not uncertain:
                    packets = packets & ~hit | inner.rest
                    continue
            if not uncertain:
                packets ^= hit
                if not packets:
                    break
        outcome.rest = packets | returned if returned else packets
        return outcome

    def deciding(
        self, chain: Chain, packet: int, source_class: int, context: Context, others: Mapping[str, Chain]
    ) -> tuple[Rule | None, Action]:
        """The rule that decides one packet, and its action; ``None`` stands for the chain's policy."""
        found = self._decide(chain, packet, source_class, context, others)
        return found if found is not None else (None, chain.policy)

    def _decide(
        self, chain: Chain, packet: int, source_class: int, context: Context, others: Mapping[str, Chain]
    ) -> tuple[Rule, Action] | None:
        position = self._space.position_of(packet) if len(chain.rules) > SHORT else None
        if position is not None:
            packet >>= position * self._space.width
        return self._decide_at(position, chain, packet, source_class, context, others)

    def _decide_at(
        self,
        position: int | None,
        chain: Chain,
        packet: int,
        source_class: int,
        context: Context,
        others: Mapping[str, Chain],
    ) -> tuple[Rule, Action] | None:
        rules, bit = self._rules_for(chain, source_class, context, position)
        for mask, classes, rule in rules:
            if not classes & bit or not packet & mask:
                continue
            action = rule.action
            if rule.match.uncertain and (action is Action.ACCEPT or action in TRANSLATING) is not self._may:
                continue
            if action in (Action.JUMP, Action.GOTO):
                inner = self._decide_at(position, others[rule.chain], packet, source_class, context, others)
                if inner is not None:
                    return inner
                if action is Action.GOTO:
                    return None
                continue
            if action is Action.RETURN:
                return None
            return rule, action
        return None

    def hits(
        self, chain: Chain, packets: int, source_class: int, context: Context, others: Mapping[str, Chain]
    ) -> set[int]:
        """The ids of the rules that decide some packet of a set."""
        decided: set[int] = set()
        for mask, classes, rule in self._rules(chain, context):
            if not classes >> source_class & 1 or not packets & mask:
                continue
            decided.add(id(rule))
            if rule.action in (Action.JUMP, Action.GOTO):
                decided |= self.hits(others[rule.chain], packets & mask, source_class, context, others)
            elif not rule.match.uncertain:
                packets &= ~mask
        return decided


def _fits(rule: Rule, context: Context) -> bool:
    match = rule.match
    if match.states is not None and context.state not in match.states:
        return False
    if match.incoming is not None and not _named(context.incoming, match.incoming):
        return False
    if match.outgoing is not None and not _named(context.outgoing, match.outgoing):
        return False
    return match.translated is None or match.translated is context.translated


def _named(device: str, names: frozenset[str] | Devices) -> bool:
    return device in names if isinstance(names, Devices) else among(device, names)
