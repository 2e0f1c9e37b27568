"""Placeholders for addresses that are unknown until the deployment.

An unknown address of a block could be any of its free addresses. No rule can distinguish two addresses that no block or
address in the input separates, so one address of each such class represents all.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from reachability.addresses import AddressError, Interval, block
from reachability.resources import Resource

_ADDRESS = re.compile(r"^[0-9a-fA-F:.]{2,45}(?:/\d{1,3})?$")
_OWNED = ("networkIp", "address", "ipAddress")
"""Inputs that assign an address."""

EXTERNAL_V4 = block("34.64.0.0/10")
EXTERNAL_V6 = block("2600:1900::/28")
INTERNAL_V6 = block("fd20::/20")
"""The pools of external IPv4, external IPv6 and internal (unique local) IPv6 addresses."""


class Allocation:
    """Allocates addresses that do not occur in the input."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = tuple(resources)
        self._cuts: list[int] | None = None
        self._taken: set[int] = set()
        """Addresses that are certainly in use."""
        self._given: dict[tuple[Interval, str], int] = {}
        self._next: dict[Interval, int] = {}
        self._shared: dict[int, int] = {}

    def _boundaries(self) -> list[int]:
        if self._cuts is None:
            cuts: set[int] = set()
            pending: list[Any] = [each.properties for each in self._resources]
            while pending:
                value = pending.pop()
                if isinstance(value, str):
                    if _ADDRESS.match(value):
                        try:
                            low, high = block(value)
                        except AddressError:
                            continue
                        cuts.update((low, high + 1))
                elif isinstance(value, Mapping):
                    pending.extend(value.values())
                    for name in _OWNED:
                        self._take(value.get(name))
                elif isinstance(value, (list, tuple)):
                    pending.extend(value)
            self._cuts = sorted(cuts)
        return self._cuts

    def _take(self, value: Any) -> None:
        if isinstance(value, str) and _ADDRESS.match(value):
            try:
                low, high = block(value)
            except AddressError:
                return
            if low == high:
                self._taken.add(low)

    def inside(self, interval: Interval, reserved: int = 2) -> tuple[int, ...]:
        """A free address from each class of a block, a different one each time while there are any.

        ``reserved``: the number of its first addresses that the cloud reserves.
        """
        low, high = interval
        if high - low > 3:
            low, high = low + reserved, high - 2
        cuts = self._boundaries()
        inner = cuts[bisect_right(cuts, low) : bisect_left(cuts, high + 1)]
        edges = [low, *inner, high + 1]
        found = []
        for start, end in zip(edges, edges[1:], strict=False):
            point = start
            while point < end and point in self._taken:
                point += 1
            if point < end:
                self._taken.add(point)
                self._shared[start] = point
                found.append(point)
            elif start in self._shared:
                found.append(self._shared[start])
        return tuple(found)

    def one(self, pool: Interval, key: str, size: int = 1) -> int:
        """An address of a pool, always the same for a ``key``; the first of a separate block of ``size`` addresses."""
        given = self._given.get((pool, key))
        if given is None:
            cuts = self._boundaries()
            given = self._next.get(pool, pool[0] + size)
            while True:
                position = bisect_left(cuts, given)
                if position == len(cuts) or cuts[position] > given + size:
                    break
                given = max(given + size, -(-(cuts[position] + 1 - pool[0]) // size) * size + pool[0])
            self._next[pool] = given + size
            self._given[pool, key] = given
        return given
