"""Sets of packets as integers, against sets of packets one by one."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from reachability import services
from reachability.addresses import ALL_V4, V6, Interval, Intervals, union
from reachability.space import Space

DESTINATIONS = st.tuples(st.integers(0, 12), st.integers(0, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))
SERVICES = st.tuples(st.sampled_from([6, 17]), st.integers(0, 4), st.integers(0, 2)).map(
    lambda each: services.of(each[0], each[1], each[1] + each[2])
)
PORTS = st.tuples(st.integers(0, 4), st.integers(0, 2)).map(lambda pair: (pair[0], pair[0] + pair[1]))
RULES = st.lists(st.tuples(DESTINATIONS, SERVICES, PORTS), min_size=1, max_size=5)

PACKETS = tuple(product(range(18), [number << 16 | port for number in (6, 17) for port in range(7)], range(7)))


def _space(rules: list[tuple[Interval, Interval, Interval]]) -> Space:
    return Space(
        sources=[(ALL_V4,)],
        destinations=[rule[0] for rule in rules],
        services_used=[rule[1] for rule in rules],
        source_ports=[rule[2] for rule in rules],
    )


def _members(space: Space, mask: int) -> set[tuple[int, int, int]]:
    return {packet for packet in PACKETS if mask & space.single(*packet)}


def _matching(rule: tuple[Interval, Interval, Interval]) -> set[tuple[int, int, int]]:
    return {
        packet
        for packet in PACKETS
        if all(low <= value <= high for value, (low, high) in zip(packet, rule, strict=True))
    }


@given(RULES)
def test_a_mask_holds_exactly_the_packets_that_a_rule_describes(
    rules: list[tuple[Interval, Interval, Interval]],
) -> None:
    space = _space(rules)
    for destination, service, port in rules:
        mask = space.mask((destination,), (service,), (port,))
        assert _members(space, mask) == _matching((destination, service, port))


@given(RULES)
def test_union_and_complement_are_those_of_packets(rules: list[tuple[Interval, Interval, Interval]]) -> None:
    space = _space(rules)
    union_mask, members = 0, set()
    for rule in rules:
        union_mask |= space.mask((rule[0],), (rule[1],), (rule[2],))
        members |= _matching(rule)
    assert _members(space, union_mask) == members
    assert _members(space, space.every & ~union_mask) == set(PACKETS) - members


@given(RULES, st.integers(0, 16), st.integers(0, 6))
def test_what_was_moved_is_found_again_as_it_was(
    rules: list[tuple[Interval, Interval, Interval]], target: int, port: int
) -> None:
    service = 6 << 16 | port
    space = Space(
        sources=[(ALL_V4,)],
        destinations=[*(rule[0] for rule in rules), (target, target)],
        services_used=[*(rule[1] for rule in rules), (service, service)],
        source_ports=[rule[2] for rule in rules],
    )
    before = space.mask((rules[0][0],), (rules[0][1],), (rules[0][2],))
    after = space.moved(before, target, service)
    assert _members(space, after) == {(target, service, packet[2]) for packet in _members(space, before)}
    assert space.unmoved(before, after, target, service, ports_kept=True) == before
    kept = after & space.mask(source_ports=((0, 2),)) if any(rule[2] == (0, 2) for rule in rules) else after
    expected = {packet for packet in _members(space, before) if kept & space.single(target, service, packet[2])}
    assert _members(space, space.unmoved(before, kept, target, service, ports_kept=True)) == expected


@given(RULES)
def test_any_source_port_keeps_destination_and_service(rules: list[tuple[Interval, Interval, Interval]]) -> None:
    space = _space(rules)
    mask = space.mask((rules[0][0],), (rules[0][1],), (rules[0][2],))
    ends = {packet[:2] for packet in _members(space, mask)}
    assert _members(space, space.any_source_port(mask)) == {packet for packet in PACKETS if packet[:2] in ends}


@given(st.lists(st.lists(DESTINATIONS, min_size=1, max_size=3).map(union), min_size=1, max_size=6))
def test_sources_of_one_class_are_in_the_same_sets(used: list[Intervals]) -> None:
    space = Space(sources=used, destinations=[], services_used=[], source_ports=[])
    for point in range(20):
        for intervals in used:
            inside = any(low <= point <= high for low, high in intervals)
            assert bool(space.class_mask(intervals) >> space.class_of(point) & 1) is inside


def test_a_question_between_boundaries_touches_the_whole_atom() -> None:
    space = Space(sources=[], destinations=[(0, 99)], services_used=[services.of(6)], source_ports=[])
    assert space.mask(services=(services.of(6, 22, 22),)) & space.single(5, services.of(6, 22)[0], 0)


def test_the_two_families_share_no_class_and_no_destination() -> None:
    space = Space(sources=[((0, V6 + 5),)], destinations=[], services_used=[], source_ports=[])
    assert space.class_of(3) != space.class_of(V6 + 3)
    assert not space.v4 & space.v6
    assert space.v4 | space.v6 == space.every


def test_addresses_in_many_sets_are_told_apart() -> None:
    """Each of forty sets contains the one before: more than are listed, and each adds one class."""
    nested = [((0, 1000 + number),) for number in range(40)]
    made = Space(sources=nested, destinations=[], services_used=[], source_ports=[])
    for number, intervals in enumerate(nested):
        for point in (0, 1000, 1000 + number, 1001 + number):
            assert (made.class_of(point) in made.classes_in(intervals)) is (point <= 1000 + number)
    assert len({made.class_of(point) for point in range(1000, 1041)}) == 41
