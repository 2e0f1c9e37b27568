"""The axis of addresses and sets on it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reachability import addresses
from reachability.addresses import ALL_V4, V6, AddressError

POINTS = st.integers(0, 300)
SETS = st.lists(st.tuples(POINTS, st.integers(0, 40)), max_size=6).map(
    lambda pairs: addresses.union([(low, low + length) for low, length in pairs])
)


def _points(intervals: addresses.Intervals) -> set[int]:
    return {point for low, high in intervals for point in range(low, high + 1)}


@given(SETS, SETS)
def test_set_operations_are_those_of_sets_of_points(one: addresses.Intervals, other: addresses.Intervals) -> None:
    assert _points(addresses.union(one, other)) == _points(one) | _points(other)
    assert _points(addresses.intersection(one, other)) == _points(one) & _points(other)
    assert _points(addresses.difference(one, other)) == _points(one) - _points(other)
    assert addresses.covers(one, other) == (_points(other) <= _points(one))


@given(SETS, SETS)
def test_a_union_is_sorted_disjoint_and_nowhere_adjacent(one: addresses.Intervals, other: addresses.Intervals) -> None:
    merged = addresses.union(one, other)
    assert all(before[1] + 1 < after[0] for before, after in zip(merged, merged[1:], strict=False))


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_a_block_is_what_the_standard_library_says(number: int, length: int) -> None:
    network = ipaddress.ip_network((number, length), strict=False)
    assert addresses.block(str(network)) == (int(network[0]), int(network[-1]))
    assert addresses.block(f"{ipaddress.ip_address(number)}/{length}") == (int(network[0]), int(network[-1]))


@given(st.integers(0, 2**128 - 1), st.integers(0, 128))
def test_an_ipv6_block_lies_beyond_every_ipv4_address(number: int, length: int) -> None:
    network = ipaddress.IPv6Network((number, length), strict=False)
    low, high = addresses.block(str(network))
    assert (low - V6, high - V6) == (int(network[0]), int(network[-1]))
    assert low > ALL_V4[1]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_intervals_are_written_as_the_fewest_blocks(one: int, other: int) -> None:
    low, high = sorted((one, other))
    expected = ipaddress.summarize_address_range(ipaddress.IPv4Address(low), ipaddress.IPv4Address(high))
    assert addresses.texts(((low, high),)) == [str(each).removesuffix("/32") for each in expected]


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.1/-1", "fe80::1%eth0", "10.0.0.0/8/8", "10.0.0.0/", "a", None],
)
def test_what_is_no_address_is_refused_with_the_value_and_the_form(text: object) -> None:
    with pytest.raises(AddressError, match="is not an IPv4 or IPv6 address or block; expected e.g."):
        addresses.block(text)


def test_private_shared_and_link_local_addresses_never_cross_the_internet() -> None:
    for text in ("10.1.2.3", "100.64.0.1", "169.254.169.254", "192.168.1.1", "fd00::1", "fe80::1", "255.255.255.255"):
        assert not addresses.contains(addresses.GLOBAL, addresses.address(text)), text
    for text in ("8.8.8.8", "203.0.113.9", "2001:db8::1", "2a00::1"):
        assert addresses.contains(addresses.GLOBAL, addresses.address(text)), text
