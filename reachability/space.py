"""Sets of packets as integers.

All rules together cut each axis (sources, destinations, services, source ports) into *atoms* that no rule splits.
Sources that match the same rules are one *class*, and a walk carries one class at a time. A set of packets has one bit
for each (destination atom, service atom, source port atom); it is an integer, so union,
intersection and complement are single operations, whatever its size (the atoms of Delta-net, NSDI 2017, and
of Yang and Lam's atomic predicates).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from estate.errors import CheckFailed
from reachability import services
from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, V6, Interval, Intervals, union
from reachability.network import Match

MOST_BITS = 1 << 28
"""The maximum size of a set of packets: 32 MiB. An estate of a hundred networks needs a tenth of it."""

MOST_HELD = 1 << 35
"""The maximum size of all sets of rules together: 4 GiB. An estate of a hundred networks needs at most half of it."""


FEW_SETS = 16
"""The number of sets of sources up to which those that contain an atom are listed; more are bits."""


class TooManyAtoms(CheckFailed):
    """The rules split the packets into more atoms than a set can hold, or are too many sets of that size."""

    def __init__(self, destinations: int, used: int, ports: int, rule: str) -> None:
        super().__init__(
            f"the rules distinguish {destinations:,} destinations, {used:,} services and {ports:,} source ports; "
            f"{rule}: these are more rules than the prover follows; prove fewer networks together, or merge rules"
        )


class Axis:
    """One axis cut at every boundary of the intervals given. ``lows[i]`` is the start of atom ``i``."""

    __slots__ = ("highs", "lows")

    def __init__(self, intervals: Iterable[Interval], whole: Intervals) -> None:
        cuts = {low for low, _ in whole}
        ends = {high + 1 for _, high in whole}
        for low, high in intervals:
            cuts.add(low)
            ends.add(high + 1)
        cuts |= ends
        bounds = sorted(cuts)
        self.lows: list[int] = []
        self.highs: list[int] = []
        for low, high in whole:
            inside = bounds[bisect_left(bounds, low) : bisect_right(bounds, high)]
            self.lows += inside
            self.highs += [cut - 1 for cut in inside[1:]] + [high]

    def __len__(self) -> int:
        return len(self.lows)

    def atoms(self, interval: Interval) -> tuple[int, int]:
        """The half-open range of atoms that an interval overlaps."""
        return bisect_right(self.lows, interval[0]) - 1, bisect_right(self.lows, interval[1])

    def atom(self, point: int) -> int:
        """The atom that contains a point."""
        return bisect_right(self.lows, point) - 1

    def interval(self, atom: int) -> Interval:
        return self.lows[atom], self.highs[atom]


class Space:
    """The atoms of one network, and masks over them.

    Bit ``(position of the destination * len(services) + service) * len(source_ports) + source_port``.
    """

    def __init__(
        self,
        *,
        sources: Iterable[Intervals],
        destinations: Iterable[Interval],
        services_used: Iterable[Interval],
        source_ports: Iterable[Interval],
        owned: Iterable[int] = (),
    ) -> None:
        client = [services.of(number, *services.CLIENT_PORTS) for number in (services.TCP, services.UDP)]
        protocols = [services.of(number) for number in (*services.WITH_PORTS, services.ICMP, services.ICMPV6)]
        self.destinations = Axis(destinations, EVERYWHERE)
        self.services = Axis([*services_used, *client, *protocols, *services.ICMP_ERRORS], services.ANY)
        self.source_ports = Axis(source_ports, (services.PORTS,))
        self._ports = len(self.source_ports)
        self.width = len(self.services) * self._ports
        count = len(self.destinations)
        if count * self.width > MOST_BITS:
            raise self._too_many(f"their product must be at most {MOST_BITS:,}")
        self._held = 0
        self._place(set(owned), count)
        self.every = (1 << (count * self.width)) - 1
        self.full_row = self._block = (1 << self.width) - 1
        self._repeat = self.every // self._block
        self._first_ports = self._block // ((1 << self._ports) - 1)
        self._every_first = self._first_ports * self._repeat
        self._inner: dict[tuple[Intervals | None, Intervals | None], int] = {}
        self._masks: dict[tuple[Intervals | None, Intervals | None, Intervals | None], int] = {}
        self._spread: dict[Intervals, int] = {}
        self.v4, self.v6 = self.mask(destinations=(ALL_V4,)), self.mask(destinations=(ALL_V6,))
        self._classify(set(sources))

    def _too_many(self, rule: str) -> TooManyAtoms:
        return TooManyAtoms(len(self.destinations), len(self.services), self._ports, rule)

    def _place(self, owned: set[int], count: int) -> None:
        """Orders owned addresses first, so that sets of packets to them are small integers."""
        axis = self.destinations
        first = [axis.lows[atom] == axis.highs[atom] and axis.lows[atom] in owned for atom in range(count)]
        self._before = [0, *accumulate(first)]
        self.owned_count = self._before[-1]
        self._atom_at = [atom for atom in range(count) if first[atom]]
        self._atom_at += [atom for atom in range(count) if not first[atom]]
        self._position = [0] * count
        for position, atom in enumerate(self._atom_at):
            self._position[atom] = position

    def _runs(self, interval: Interval) -> tuple[tuple[int, int], tuple[int, int]]:
        """The two half-open runs of positions of an interval of destinations."""
        first, last = self.destinations.atoms(interval)
        low, high = self._before[first], self._before[last]
        return (low, high), (self.owned_count + first - low, self.owned_count + last - high)

    def position(self, destination: int) -> int:
        """The position of a destination's row."""
        return self._position[self.destinations.atom(destination)]

    def _classify(self, used: set[Intervals]) -> None:
        self.sources = Axis((interval for each in used for interval in each), EVERYWHERE)
        ordered = sorted(used)
        toggled: list[list[int]] = [[] for _ in range(len(self.sources) + 1)]
        for number, intervals in enumerate(ordered):
            for interval in intervals:
                first, last = self.sources.atoms(interval)
                toggled[first].append(number)
                toggled[last].append(number)
        first_v6, size = self.sources.atom(V6), len(ordered) // 8 + 1
        numbers: dict[tuple[bool, tuple[int, ...] | bytes], int] = {}
        self._class_of_atom = []
        inside, signature = set[int](), 0
        for atom in range(len(self.sources)):
            for number in toggled[atom]:
                inside ^= {number}
                signature ^= 1 << number
            sets = tuple(sorted(inside)) if len(inside) <= FEW_SETS else signature.to_bytes(size, "little")
            self._class_of_atom.append(numbers.setdefault((atom >= first_v6, sets), len(numbers)))
        self.class_count = len(numbers)
        self._is_v6 = [v6 for v6, _ in numbers]
        self._classes: dict[Intervals, tuple[int, ...]] = {}
        self._class_masks: dict[Intervals, int] = {}

    def class_of(self, point: int) -> int:
        """The class of a source address."""
        return self._class_of_atom[self.sources.atom(point)]

    def is_v6(self, source_class: int) -> bool:
        return self._is_v6[source_class]

    def classes(self, intervals: Intervals) -> dict[int, Intervals]:
        """The classes in a set of sources, each with its part of the set."""
        found: dict[int, list[Interval]] = {}
        for low, high in intervals:
            atom = self.sources.atom(low)
            while atom < len(self.sources) and self.sources.lows[atom] <= high:
                part = max(low, self.sources.lows[atom]), min(high, self.sources.highs[atom])
                if part[0] <= part[1]:
                    found.setdefault(self._class_of_atom[atom], []).append(part)
                atom += 1
        return {source_class: tuple(parts) for source_class, parts in found.items()}

    def classes_in(self, intervals: Intervals) -> tuple[int, ...]:
        """The classes whose sources are in a set, which must be used by a rule."""
        found = self._classes.get(intervals)
        if found is None:
            numbers: set[int] = set()
            for interval in intervals:
                first, last = self.sources.atoms(interval)
                numbers.update(self._class_of_atom[first:last])
            found = self._classes[intervals] = tuple(sorted(numbers))
        return found

    def class_mask(self, intervals: Intervals | None) -> int:
        """``classes_in`` with a bit for each class; ``None`` is all classes."""
        if intervals is None:
            return -1
        mask = self._class_masks.get(intervals)
        if mask is None:
            mask = self._class_masks[intervals] = sum(1 << number for number in self.classes_in(intervals))
        return mask

    def _service_block(self, used: Intervals | None, ports: Intervals | None) -> int:
        key = used, ports
        block = self._inner.get(key)
        if block is None:
            if ports is None:
                low = (1 << self._ports) - 1
            else:
                low = 0
                for interval in ports:
                    first, last = self.source_ports.atoms(interval)
                    low |= (1 << last) - (1 << first)
            if used is None:
                block = self._first_ports * low
            else:
                rows = 0
                for interval in used:
                    first, last = self.services.atoms(interval)
                    rows |= (1 << last * self._ports) - (1 << first * self._ports)
                block = (rows & self._first_ports) * low
            self._inner[key] = block
        return block

    def _repeated(self, intervals: Intervals) -> int:
        spread = self._spread.get(intervals)
        if spread is None:
            spread = 0
            for interval in intervals:
                for first, last in self._runs(interval):
                    if last > first:
                        spread |= (self._repeat & ((1 << (last - first) * self.width) - 1)) << first * self.width
            self._spread[intervals] = spread
            self._hold(spread)
        return spread

    def mask(
        self,
        destinations: Intervals | None = None,
        services: Intervals | None = None,
        source_ports: Intervals | None = None,
    ) -> int:
        """The packets to ``destinations`` with ``services`` from ``source_ports``; ``None`` is all.

        Raises:
            TooManyAtoms: the sets of all rules need too much memory.
        """
        key = destinations, services, source_ports
        mask = self._masks.get(key)
        if mask is None:
            repeat = self._repeat if destinations is None else self._repeated(destinations)
            mask = self._masks[key] = repeat * self._service_block(services, source_ports)
            self._hold(mask)
        return mask

    def reserve(self, matches: Iterable[Match]) -> None:
        """Notices that the sets of many matches will need too much memory before the first is made.

        Raises:
            TooManyAtoms: they do.
        """
        expected, seen = self._held, set(self._masks)
        for match in matches:
            key = match.destinations, match.services, match.source_ports
            if match.destinations and key not in seen:
                seen.add(key)
                last = max(end for interval in match.destinations for _, end in self._used_runs(interval))
                expected += last * self.width * (1 if match.destinations in self._spread else 2)
                self._demand(expected)

    def _used_runs(self, interval: Interval) -> Iterator[tuple[int, int]]:
        return (run for run in self._runs(interval) if run[1] > run[0])

    def _hold(self, mask: int) -> None:
        self._held += mask.bit_length()
        self._demand(self._held)

    def _demand(self, bits: int) -> None:
        if bits > MOST_HELD:
            raise self._too_many(f"all their sets together must have at most {MOST_HELD:,} bits")

    def range_mask(self, interval: Interval) -> int:
        """Every packet to an interval of destinations."""
        mask = 0
        for first, last in self._runs(interval):
            mask |= (1 << last * self.width) - (1 << first * self.width)
        return mask

    def row(self, services: Intervals | None, source_ports: Intervals | None) -> int:
        """``mask`` for one destination: its block."""
        return self._service_block(services, source_ports)

    def rows(self, mask: int) -> Iterator[tuple[int, int]]:
        """(destination atom, block of its services and source ports) for each destination in the set."""
        for position, row in self.rows_at(mask):
            yield self._atom_at[position], row

    def rows_at(self, mask: int) -> Iterator[tuple[int, int]]:
        """(position, block) for each destination in the set."""
        width, block = self.width, self._block
        while mask:
            position = ((mask & -mask).bit_length() - 1) // width
            row = mask >> position * width
            if row <= block:
                yield position, row
                return
            row &= block
            yield position, row
            mask ^= row << position * width

    def destination_at(self, position: int) -> int:
        """The first address of the destination at a position."""
        return self.destinations.lows[self._atom_at[position]]

    def cells(self, row: int) -> Iterator[tuple[int, int]]:
        """(service atom, source port bits) in one destination's block."""
        ports = (1 << self._ports) - 1
        while row:
            atom = ((row & -row).bit_length() - 1) // self._ports
            yield atom, row >> atom * self._ports & ports
            row &= ~(ports << atom * self._ports)

    def any_source_port(self, mask: int) -> int:
        """The same packets from any source port."""
        if self._ports == 1:
            return mask
        firsts, ports = self._every_first, (1 << self._ports) - 1
        if (mask & firsts) * ports == mask:
            return mask
        smeared = mask
        for shift in range(1, self._ports):
            smeared |= mask >> shift
        return (smeared & firsts) * ports

    def destinations_of(self, mask: int) -> Intervals:
        return union([self.destinations.interval(atom) for atom, _ in self.rows(mask)])

    def services_of(self, mask: int) -> Intervals:
        merged = 0
        for _, row in self.rows(mask):
            merged |= row
        if self._ports == 1:
            return tuple(self._runs_of_services(merged))
        return union([self.services.interval(atom) for atom, _ in self.cells(merged)])

    def _runs_of_services(self, row: int) -> Iterator[Interval]:
        """The intervals of a row without source ports: neighbouring atoms are one."""
        lows, highs, first = self.services.lows, self.services.highs, 0
        while row:
            gap = (row & -row).bit_length() - 1
            row >>= gap
            length = (row + 1 & ~row).bit_length() - 1
            first += gap
            yield lows[first], highs[first + length - 1]
            row >>= length
            first += length

    def position_of(self, mask: int) -> int | None:
        """The position of the destination of a set, if it has one destination only."""
        position = ((mask & -mask).bit_length() - 1) // self.width
        return position if mask.bit_length() <= (position + 1) * self.width else None

    def moved(self, mask: int, destination: int | None, service: int | None) -> int:
        """The packets of a set with another destination or service."""
        if destination is None and service is None:
            return mask
        moved = 0
        for atom, row in self.rows(mask):
            if service is not None:
                ports = 0
                for _, bits in self.cells(row):
                    ports |= bits
                row = ports << self.services.atom(service) * self._ports
            moved |= row << (self._position[atom] if destination is None else self.position(destination)) * self.width
        return moved

    def unmoved(
        self, before: int, after: int, destination: int | None, service: int | None, *, ports_kept: bool
    ) -> int:
        """The packets of ``before`` that ``moved`` brings into ``after``."""
        if not ports_kept:
            after = self.any_source_port(after)
        if destination is None and service is None:
            return before & after
        kept = 0
        for atom, row in self.rows(before):
            own = self._position[atom]
            there = after >> (own if destination is None else self.position(destination)) * self.width
            there &= self._block
            if service is None:
                kept |= (row & there) << own * self.width
                continue
            ports = there >> self.services.atom(service) * self._ports & ((1 << self._ports) - 1)
            kept |= (row & self._first_ports * ports) << own * self.width
        return kept

    def point(self, mask: int, *, prefer_client_port: bool = True) -> tuple[int, int, int]:
        """The first (destination, service, source port) of a set that is not empty."""
        bit = (mask & -mask).bit_length() - 1
        position, inner = divmod(bit, self.width)
        service, port = divmod(inner, self._ports)
        ports = next(bits for each, bits in self.cells(mask >> position * self.width & self._block) if each == service)
        low, high = self.source_ports.interval(port)
        if prefer_client_port:
            client = self.source_ports.atom(services.CLIENT_PORTS[0])
            if ports >> client & 1:
                low, high = self.source_ports.interval(client)
                low = max(low, min(high, 40000))
        return self.destinations.lows[self._atom_at[position]], self.services.lows[service], low

    def single(self, destination: int, service: int, source_port: int) -> int:
        """The bit of one packet."""
        row = self.services.atom(service) * self._ports + self.source_ports.atom(source_port)
        return 1 << self.position(destination) * self.width + row
