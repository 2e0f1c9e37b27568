"""The address axis: IPv4 and IPv6 as integers on one axis, and sets of them as sorted, disjoint, closed intervals.

An IPv4 address is its own number; an IPv6 address is its number plus ``V6``, so no interval contains both.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from estate.errors import UsageError

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]
"""Sorted, disjoint, non-adjacent closed intervals."""

V6 = 1 << 128
ALL_V4: Interval = (0, (1 << 32) - 1)
ALL_V6: Interval = (V6, V6 + (1 << 128) - 1)
EVERYWHERE: Intervals = (ALL_V4, ALL_V6)


class AddressError(UsageError, ValueError):
    """Text that is not an address or a CIDR block."""

    def __init__(self, text: object) -> None:
        super().__init__(
            f"{text!r} is not an IPv4 or IPv6 address or block; expected e.g. 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32"
        )


def _number(text: str) -> tuple[int, int]:
    """The address on the axis, and its width in bits."""
    if ":" in text:
        if "%" in text:
            raise ValueError(text)
        return V6 + int(IPv6Address(text)), 128
    return int(IPv4Address(text)), 32


@lru_cache(maxsize=1 << 16)
def block(text: str) -> Interval:
    """The interval of an address or CIDR block. Host bits are cleared, as every cloud does. Raises ``AddressError``."""
    try:
        name, slash, length = text.partition("/")
        low, width = _number(name)
        bits = int(length) if slash else width
        if not (0 <= bits <= width) or (slash and not (length.isascii() and length.isdigit())):
            raise ValueError
    except (ValueError, AttributeError, TypeError) as error:
        raise AddressError(text) from error
    size = 1 << (width - bits)
    low -= (low - V6 if width == 128 else low) % size
    return low, low + size - 1


def address(text: str) -> int:
    """The point of one address. Raises ``AddressError``."""
    low, high = block(text)
    if low != high:
        raise AddressError(text)
    return low


def text(point: int) -> str:
    """The address at a point."""
    if point >= V6:
        return str(IPv6Address(point - V6))
    return str(IPv4Address(point))


def texts(intervals: Intervals) -> list[str]:
    """The intervals as CIDR blocks, the fewest that cover them."""
    blocks = []
    for low, high in intervals:
        base, width = (V6, 128) if low >= V6 else (0, 32)
        while low <= high:
            offset = low - base
            size = offset & -offset or 1 << width
            while low + size - 1 > high:
                size >>= 1
            length = width - size.bit_length() + 1
            blocks.append(text(low) if length == width else f"{text(low)}/{length}")
            low += size
    return blocks


def union(*sets: Iterable[Interval]) -> Intervals:
    """All points of all sets."""
    merged: list[Interval] = []
    for low, high in sorted(interval for each in sets for interval in each):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = merged[-1][0], high
        else:
            merged.append((low, high))
    return tuple(merged)


def intersection(one: Intervals, other: Intervals) -> Intervals:
    """The points of both."""
    found: list[Interval] = []
    i = j = 0
    while i < len(one) and j < len(other):
        (low, high), (start, end) = one[i], other[j]
        if high < end:
            if start <= high:
                found.append((start if start > low else low, high))
            i += 1
        else:
            if low <= end:
                found.append((start if start > low else low, end))
            j += 1
    return tuple(found)


def difference(one: Intervals, other: Intervals) -> Intervals:
    """The points of ``one`` that are not in ``other``."""
    rest: list[Interval] = []
    for low, high in one:
        for start, end in other:
            if end < low:
                continue
            if start > high:
                break
            if start > low:
                rest.append((low, start - 1))
            low = end + 1
            if low > high:
                break
        if low <= high:
            rest.append((low, high))
    return tuple(rest)


def contains(intervals: Intervals, point: int) -> bool:
    """Whether ``point`` is in the set."""
    return any(low <= point <= high for low, high in intervals)


def covers(one: Intervals, other: Intervals) -> bool:
    """Whether every point of ``other`` is in ``one``."""
    return not difference(other, one)


def _blocks(*blocks: str) -> Intervals:
    return union([block(each) for each in blocks])


NOT_GLOBAL = _blocks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "224.0.0.0/3", "::/3", "4000::/2", "8000::/1",
)  # fmt: skip
"""Addresses not routed on the internet: private, shared, link-local, loopback, multicast, IPv6 outside 2000::/3.

The documentation and benchmarking blocks count as public: examples and rehearsals use them.
"""

GLOBAL = difference(EVERYWHERE, NOT_GLOBAL)
"""Addresses that are routed on the internet."""
