"""The symbolic walk: from all packets that a sender could send to everything that any of them reaches.

A walk carries sets of packets of one class of sources from place to place until nothing new arrives anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from reachability.addresses import ALL_V4, ALL_V6, Intervals, union
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
    State,
    Translate,
    Unmodelled,
)
from reachability.steps import HOOKS, Key, Place, Step, Steps, Strand

LONGEST_TAIL = 40
"""The maximum number of places on a tail."""

MANY = 512
"""The number of classes of one start from which they are told apart at once."""

MOST_TAILS = 64
"""The maximum number of tails to one address."""


@dataclass(frozen=True, slots=True)
class Start:
    """A start of a sender's packets; every class of ``sources`` is walked."""

    key: Key
    sources: Intervals


_Asked = tuple[Key, Chain, Context, Mapping[str, Chain]]

Question = tuple[Chain, Mapping[str, Chain], dict[int, int]]
"""A filter, the chains that it may jump to, and the packets that it decided, by class of sources."""

Questions = dict[tuple[int, Context], Question]
"""By identity of the filter's chain, and context."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The rest of a path to one destination, if it consists only of filters and an end.

    ``checks``: (place, chain, context, chains that it may jump to). ``accepted``: the row that all of them accept, by
    class.
    """

    position: int
    checks: tuple[_Asked, ...]
    end: tuple[str, str] | None
    accepted: dict[int, int] = field(default_factory=dict)


class Lost(NamedTuple):
    """Packets at something that is not modelled. ``passes_on``: it does not change their destination."""

    reason: str
    strand: Strand
    packets: int
    passes_on: bool


_Way = tuple[tuple[_Asked, ...], tuple[str, str] | None, int]

_Event = tuple[tuple[str, str] | None, int, Strand, int, Tail | None]
"""(end, class of sources, strand, packets, nothing) where packets arrive, or (end, class of sources, strand, row, tail)
where they enter a tail."""

_Ahead = tuple[list[tuple[int, tuple[Tail, ...]]], dict[str, int]]


@dataclass(slots=True)
class Walked:
    """The result of one walk: packets by their end, those that came to something that is not modelled (``lost``, with
    the reason), and every set that was filtered (by place and class, and on tails)."""

    ends: dict[tuple[str, str], list[tuple[int, Strand, int]]] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    visits: dict[tuple[Key, int], int] = field(default_factory=dict)
    tails: dict[tuple[int, int], tuple[Tail, int, int]] = field(default_factory=dict)

    def add(self, other: Walked, *, ends: bool = True) -> None:
        """Merges the result of another walk."""
        for end, parts in other.ends.items() if ends else ():
            self.ends.setdefault(end, []).extend(parts)
        self.lost += other.lost
        for visit, packets in other.visits.items():
            before = self.visits.get(visit)
            self.visits[visit] = packets if before is None else before | packets
        for mark, (tail, source_class, row) in other.tails.items():
            known = self.tails.get(mark)
            self.tails[mark] = tail, source_class, row if known is None else row | known[2]


@dataclass(slots=True)
class _Spread:
    """The walk of one class from one place. ``near``: the classes that only its tails distinguish from it.

    ``marks``: the sets of classes that the tails distinguish; ``partition``: by class, those that nothing on the walk
    distinguishes from it (only one of both is known).
    """

    source_class: int
    strand: Strand
    events: list[_Event] = field(default_factory=list)
    visits: set[tuple[Key, int]] = field(default_factory=set)
    near: list[int] = field(default_factory=list)
    marks: set[int] = field(default_factory=set)
    partition: list[list[int]] | None = None

    def together(self, source_class: int, classes: Mapping[int, Intervals]) -> list[int]:
        """Those of some classes that nothing on the walk distinguishes from one of ``near``."""
        if self.partition is not None:
            return [each for each in self.partition[source_class] if each in classes]
        if len(classes) == 1:
            return [source_class]
        alike = _alike(self.marks, source_class)
        return [each for each in self.near if each in classes and (each == source_class or alike >> each & 1)]

    def again(self, source_class: int, strand: Strand) -> list[_Event]:
        """What the walk of another class of ``near`` comes to, on strands of its own."""
        known = {id(self.strand): strand}

        def own(old: Strand) -> Strand:
            found = known.get(id(old))
            if found is None and old.parent is not None:
                found = known[id(old)] = replace(old, parent=own(old.parent))
            return found or old

        return [
            (end, source_class if _keeps_source(old) else of_class, own(old), packets, tail)
            for end, of_class, old, packets, tail in self.events
        ]


def _keeps_source(strand: Strand | None) -> bool:
    """Whether the packets still have the source address with which they were sent."""
    while strand is not None:
        if strand.source is not None:
            return False
        strand = strand.parent
    return True


def _alike(distinguished: Iterable[int], source_class: int) -> int:
    """The classes that none of some sets of classes distinguishes from one."""
    alike = -1
    for mask in distinguished:
        alike &= mask if mask >> source_class & 1 else ~mask
    return alike


class Walker(Steps):
    """Walks over one assembly, for one reading."""

    def __init__(
        self, assembly: Assembly, *, may: bool, dead: frozenset[str] = frozenset(), chains: Chains | None = None
    ) -> None:
        super().__init__(assembly, may=may, dead=dead, chains=chains)
        self._begun: dict[tuple[str, int, int], list[tuple[Key, int]]] = {}
        self._distinctions: dict[Key, frozenset[Intervals]] = {}
        self._marks_known: dict[Key, frozenset[int]] = {}
        self._partitions: dict[frozenset[Key], list[list[int]]] = {}
        self._aheads: dict[tuple[str, int], _Ahead] = {}
        self._tails_known: dict[tuple[str, int], tuple[Tail, ...] | None] = {}
        self._ways_known: dict[tuple[str, int], list[_Way] | None] = {}
        self._owned = (1 << self.space.owned_count * self.space.width) - 1

    def walk(self, start: Start) -> Walked:
        """Everything that packets from ``start`` reach.

        Classes that no rule distinguishes are walked together; the walk of a class from which only tails distinguish
        another follows from the other's.
        """
        found = Walked()
        self._strands = {}
        space = self.space
        beginnings: dict[tuple[Key, int], tuple[int, dict[int, Intervals]]] = {}
        for source_class, part in space.classes(start.sources).items():
            for key, packets in self._begin(start.key, source_class):
                beginnings.setdefault((key, id(packets)), (packets, {}))[1][source_class] = part
        for (key, _), (packets, rest) in beginnings.items():
            many = len(rest) > MANY
            spreads: dict[int, _Spread] = {}
            for source_class in tuple(rest):
                if source_class not in rest:
                    continue
                strand = Strand(rest[source_class])
                spread = spreads.get(source_class)
                if spread is None:
                    spread = self._spread(Step(key, source_class, strand, packets), found)
                    self._compare(spread, rest, many)
                    spreads.update(dict.fromkeys(spread.near, spread))
                    events = spread.events
                else:
                    events = spread.again(source_class, strand)
                self._arrive_at_ends(events, found)
                together = spread.together(source_class, rest)
                strand.sources = union(*(rest.pop(each) for each in together))
        return found

    def _compare(self, spread: _Spread, classes: Iterable[int], many: bool) -> None:
        """Finds which classes are not distinguished at the places of a spread, and how its tails distinguish them."""
        own = spread.source_class
        places = {key for key, of_class in spread.visits if of_class == own}
        ahead = {check[0] for _, of_class, _, _, tail in spread.events if tail and of_class == own
                 for check in tail.checks}  # fmt: skip
        if many:
            spread.near = self._told_apart(frozenset(places))[own]
            spread.partition = self._told_apart(frozenset(places | ahead))
            return
        distinguished = {self.space.class_mask((ALL_V6,)), self.space.class_mask((ALL_V4,))}
        alike = _alike(distinguished.union(*map(self._marks, places)), own)
        spread.near = [each for each in classes if each == own or alike >> each & 1]
        spread.marks = set().union(*map(self._marks, ahead))

    def _arrive_at_ends(self, events: Iterable[_Event], found: Walked) -> None:
        for end, source_class, strand, packets, tail in events:
            if tail is not None:
                mark = id(tail), source_class
                known = found.tails.get(mark)
                found.tails[mark] = tail, source_class, packets if known is None else packets | known[2]
                if end is None:
                    continue
                packets &= self._along(tail, source_class)
                if not packets:
                    continue
                packets <<= tail.position * self.space.width
            if end is not None:
                found.ends.setdefault(end, []).append((source_class, strand, packets))

    def _begin(self, key: Key, source_class: int) -> list[tuple[Key, int]]:
        """The first places of a class: a machine's own packets at each device through which they leave."""
        family = self.space.v6 if self.space.is_v6(source_class) else self.space.v4
        machine = self.assembly.machines.get(key[1]) if key[0] == "send" else None
        if machine is None:
            return [(key, family)]
        if machine.name in self.dead:
            return []
        ways = self.devices(machine, source_class)
        known = self._begun.get((machine.name, id(ways), family))
        if known is None:
            own = self.own(machine)
            known = [
                (("output", machine.name, "", out), packets) for mask, out in ways if (packets := mask & family & ~own)
            ]
            self._begun[machine.name, id(ways), family] = known
        return known

    def _told_apart(self, places: frozenset[Key]) -> list[list[int]]:
        """By class: it and the classes that no filter at some places distinguishes from it."""
        known = self._partitions.get(places)
        if known is None:
            distinguished: set[Intervals] = {(ALL_V6,)}.union(*map(self._distinguished, places))
            marks: list[list[int]] = [[] for _ in range(self.space.class_count)]
            for number, sources in enumerate(distinguished):
                for each in self.space.classes_in(sources):
                    marks[each].append(number)
            groups: dict[tuple[int, ...], list[int]] = {}
            for each, mark in enumerate(marks):
                groups.setdefault(tuple(mark), []).append(each)
            known = self._partitions[places] = [[] for _ in marks]
            for members in groups.values():
                for each in members:
                    known[each] = members
        return known

    def _marks(self, key: Key) -> frozenset[int]:
        """``_distinguished`` as sets of classes."""
        known = self._marks_known.get(key)
        if known is None:
            known = self._marks_known[key] = frozenset(map(self.space.class_mask, self._distinguished(key)))
        return known

    def _distinguished(self, key: Key) -> frozenset[Intervals]:
        """The sets of sources that the filters at a place distinguish."""
        known = self._distinctions.get(key)
        if known is not None:
            return known
        distinguished: set[Intervals] = set()
        if isinstance(key, tuple):
            firewall = self.assembly.firewalls.get(key[1])
            hook = HOOKS.get(key[0])
            if firewall is not None and hook is not None:
                incoming, outgoing = key[2], key[3] if len(key) > 3 else ""
                for translated in (False, True):
                    context = Context(incoming, outgoing, State.NEW, translated)
                    for chain in (*firewall.hooks.get(hook, ()), *firewall.chains.values()):
                        distinguished |= self.chains.distinguished(chain, context)
            machine = self.assembly.machines.get(key[1])
            for point, _, _ in machine.source_routes if machine is not None else ():
                distinguished.add(((point, point),))
        else:
            stage = self.assembly.stages.get(key)
            if isinstance(stage, Check):
                for chain in (stage.chain, *stage.chains.values()):
                    distinguished |= self.chains.distinguished(chain, STATELESS)
            elif isinstance(stage, Translate):
                distinguished |= {each.match.sources for each in stage.translations if each.match.sources is not None}
        known = self._distinctions[key] = frozenset(distinguished)
        return known

    def _spread(self, first: Step, found: Walked) -> _Spread:
        spread = _Spread(first.source_class, first.strand)
        events = spread.events
        seen: dict[tuple[Key, int, int], int] = {}
        todo = [first]
        while todo:
            step = todo.pop()
            key = step.key
            at = key, step.source_class, id(step.strand)
            before = seen.get(at)
            new = step.packets if before is None else step.packets & ~before
            if not new:
                continue
            seen[at] = new if before is None else before | new
            if key[0] == "end":
                events.append(((key[1], key[2]), step.source_class, step.strand, new, None))
                continue
            visit = key, step.source_class
            visited = found.visits.get(visit)
            found.visits[visit] = new if visited is None else visited | new
            spread.visits.add(visit)
            going = Step(key, step.source_class, step.strand, new)
            stage = None
            if isinstance(key, str) and key not in self.dead:
                stage = self.assembly.stages.get(key)
                if isinstance(stage, Lookup):
                    near, far = self._ahead(key, stage, new)
                    for row, tails in near:
                        events += [(tail.end, step.source_class, step.strand, row, tail) for tail in tails]
                    todo += [Step(via, step.source_class, step.strand, packets) for via, packets in far.items()]
                    continue
            reasons: list[str] = []
            todo += self.steps(going, reasons)
            passes_on = isinstance(stage, Unmodelled) and stage.passes_on
            found.lost += [Lost(reason, step.strand, new, passes_on) for reason in reasons]
        return spread

    def _ahead(self, key: str, stage: Lookup, packets: int) -> _Ahead:
        """The rows of a set from which only tails lead on, and the other packets by their next stage."""
        known = self._aheads.get((key, packets))
        if known is not None:
            return known
        near: list[tuple[int, tuple[Tail, ...]]] = []
        general = packets
        for position, row in self.space.rows_at(packets & self._owned):
            tails = self._tails(key, position)
            if tails is not None:
                general ^= row << position * self.space.width
                near.append((row, tails))
        far: dict[str, int] = {}
        for mask, _, vias in self._table(key, stage) if general else ():
            if hit := general & mask:
                for via in vias:
                    before = far.get(via)
                    far[via] = hit if before is None else before | hit
        found = self._aheads[key, packets] = near, far
        return found

    def _tails(self, key: str, position: int) -> tuple[Tail, ...] | None:
        """Every path from a place to one address, if all consist only of filters, routes and an end."""
        known = self._tails_known.get((key, position))
        if known is None and (key, position) not in self._tails_known:
            ways = self._ways(key, position, ())
            known = None if ways is None else tuple(Tail(position, checks, end) for checks, end, _ in ways)
            self._tails_known[key, position] = known
        return known

    def _ways(self, place: str, position: int, before: tuple[str, ...]) -> list[_Way] | None:
        """(filters, end, length) of every path from a place to one address; ``None`` if some path has more than
        filters, routes and an end, or is too long. ``before``: the places on the way to it."""
        if (place, position) in self._ways_known:
            return self._ways_known[place, position]
        if place in before or len(before) > LONGEST_TAIL:
            return None
        ways = self._ways_from(place, position, (*before, place))
        if ways is not None and (len(ways) > MOST_TAILS or any(length > LONGEST_TAIL for _, _, length in ways)):
            ways = None
        self._ways_known[place, position] = ways
        return ways

    def _ways_from(self, place: str, position: int, before: tuple[str, ...]) -> list[_Way] | None:
        stage = self.assembly.stages.get(place)
        if place in self.dead or isinstance(stage, Blocked):
            return [((), None, 0)]
        if isinstance(stage, Deliver):
            return [((), (stage.to, ""), 0)]
        if isinstance(stage, Check):
            asked: tuple[_Asked, ...] = ((place, stage.chain, STATELESS, stage.chains),)
            return self._further([(asked, stage.then)], position, before)
        row_mask = self.space.full_row << position * self.space.width
        if isinstance(stage, Lookup):
            routed = [each for each in self._table(place, stage) if each[0] & row_mask]
            if any(route.uncertain or mask & row_mask != row_mask for mask, route, _ in routed):
                return None
            vias = [via for _, _, each in routed for via in each]
            return self._further([((), via) for via in vias], position, before) if vias else [((), None, 0)]
        if not isinstance(stage, Arrive):
            return None
        through = self._through(stage, self.space.destination_at(position), row_mask, position)
        if through is None:
            return None
        ended: list[_Way] = [(checks, end, 0) for checks, end, then in through if then is None]
        onward = self._further([(checks, then) for checks, _, then in through if then is not None], position, before)
        return None if onward is None else [*ended, *onward]

    def _further(
        self, steps: Iterable[tuple[tuple[_Asked, ...], str]], position: int, before: tuple[str, ...]
    ) -> list[_Way] | None:
        """The paths that begin with these filters and go on at the places that follow them."""
        found: list[_Way] = []
        for checks, then in steps:
            ways = self._ways(then, position, before)
            if ways is None:
                return None
            found += [((*checks, *more), end, length + 1) for more, end, length in ways]
        return found

    def _through(
        self, stage: Arrive, destination: int, row_mask: int, position: int
    ) -> list[tuple[tuple[_Asked, ...], tuple[str, str] | None, str | None]] | None:
        """A machine's treatment of packets to one address: (filters, end, next stage); ``None`` if it may do more."""
        name = stage.machine
        machine = self.assembly.machines.get(name)
        if machine is None:
            return None
        if name in self.dead:
            return [((), None, None)]
        firewall = self.assembly.firewalls.get(name)
        if name in self.assembly.opaque or (firewall is not None and firewall.unmodelled):
            return None
        entering = self._asked("prerouting", ("arrive", name, stage.device), firewall, position)
        if entering is None:
            return None
        if any(destination in leg.addresses for leg in machine.interfaces):
            local = self._asked("input", ("local", name, stage.device), firewall, position)
            return None if local is None else [((*entering, *local), (name, stage.device), None)]
        if not machine.forwards:
            return [(entering, None, None)]
        if machine.source_routes:
            return None
        ways: list[tuple[tuple[_Asked, ...], tuple[str, str] | None, str | None]] = []
        for mask, out in self.devices(machine, 0):
            if not mask & row_mask:
                continue
            leg = next((leg for leg in machine.interfaces if leg.device == out), None)
            over = self._asked("forward", ("forward", name, stage.device, out), firewall, position)
            leaving = self._asked("postrouting", ("post", name, stage.device, out), firewall, position)
            if leg is None or over is None or leaving is None:
                return None
            ways.append(((*entering, *over, *leaving), None, leg.out))
        return ways or [(entering, None, None)]

    def _asked(self, hook: str, key: Place, firewall: Firewall | None, position: int) -> tuple[_Asked, ...] | None:
        """The filters of a hook; ``None`` if one may translate, or depends on a translation."""
        if firewall is None:
            return ()
        context = Context(key[2], key[3] if len(key) > 3 else "")
        asked: list[_Asked] = []
        for chain in firewall.hooks.get(hook, ()):
            if any(rule.match.translated is not None for rule in chain.rules):
                return None
            if firewall.kinds.get(chain.name) != "nat":
                asked.append((key, chain, context, firewall.chains))
            elif chain.policy is not Action.ACCEPT or self.chains.may_act(chain, position, context):
                return None
        return tuple(asked)

    def _along(self, tail: Tail, source_class: int) -> int:
        accepted = tail.accepted.get(source_class)
        if accepted is None:
            accepted = self.space.full_row
            for _, chain, context, others in tail.checks:
                accepted &= self.chains.accepts_at(tail.position, chain, source_class, context, others)
                if not accepted:
                    break
            tail.accepted[source_class] = accepted
        return accepted

    def questions(self, found: Walked) -> Questions:
        """Every set that was filtered on a walk, by filter."""
        questions: Questions = {}
        for chain, packets, source_class, context, others in self._filtered(found):
            by_class = questions.setdefault((id(chain), context), (chain, others, {}))[2]
            by_class[source_class] = by_class.get(source_class, 0) | packets
        return questions

    def _filtered(self, found: Walked) -> Iterator[tuple[Chain, int, int, Context, Mapping[str, Chain]]]:
        """(chain, packets, class of sources, context, other chains) for every filter on a walk."""
        for (key, source_class), packets in found.visits.items():
            for chain, context, others in self.filters(key):
                yield chain, packets, source_class, context, others
        for tail, source_class, row in found.tails.values():
            shift = tail.position * self.space.width
            for _, chain, context, others in tail.checks:
                yield chain, row << shift, source_class, context, others
                row &= self.chains.accepts_at(tail.position, chain, source_class, context, others)
                if not row:
                    break
