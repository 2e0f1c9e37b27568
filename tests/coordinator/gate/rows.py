"""A table in memory, with the condition of the real one and faults at will."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from coordinator.decision.effects import Done, Lost, Missing, Seen, Unknown, Won
from coordinator.decision.position import spent
from coordinator.decision.records import Claim, Gate, Head, Signed, claimable


@dataclass
class Rows:
    """What several gates' tables share. ``before`` is called with the operation's name before it is carried out: it may
    wait, or raise.
    """

    head: Head | None = Head(generation=1, position=spent(9), gates=(("gate-a", ""), ("gate-b", "")))
    claims: dict[object, Claim] = field(default_factory=dict)
    before: Callable[[str], None] = lambda operation: None
    down: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryTable:
    """One gate's view of ``Rows``; the interface of ``coordinator.table.store.Table``."""

    def __init__(self, rows: Rows, gate: Gate) -> None:
        self._rows, self._gate = rows, gate

    @contextmanager
    def _operation(self, name: str, deadline: float) -> Iterator[None]:
        self._rows.before(name)
        if self._rows.down or time.monotonic() > deadline:
            raise TimeoutError(name)
        with self._rows.lock:
            yield

    def announce(self, deadline: float) -> Seen | Missing | Unknown:
        try:
            with self._operation("announce", deadline):
                head = self._rows.head
                if head is None:
                    return Missing()
                if head.generation == self._gate.generation and self._gate.gate_id in dict(head.gates):
                    gates = dict(head.gates) | {self._gate.gate_id: self._gate.boot_id}
                    self._rows.head = replace(head, gates=tuple(sorted(gates.items())))
                return Seen(self._rows.head)
        except TimeoutError:
            return Unknown("no answer")

    def read(self, deadline: float) -> Seen | Missing | Unknown:
        try:
            with self._operation("read", deadline):
                return Seen(self._rows.head) if self._rows.head else Missing()
        except TimeoutError:
            return Unknown("no answer")

    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | Unknown:
        try:
            with self._operation("claim", deadline):
                head = self._rows.head
                if head is None:
                    return Missing()
                if not claimable(head, claim):
                    return Lost(head)
                self._rows.head = replace(head, position=claim.position, claim=claim, signed=None)
                return Won(head.position)
        except TimeoutError:
            return Unknown("no answer")

    def insert(self, claim: Claim, deadline: float) -> Claim | None:
        try:
            with self._operation("insert", deadline):
                return self._rows.claims.setdefault(claim.position, claim)
        except TimeoutError:
            return None

    def record(self, claim: Claim, signed: Signed, deadline: float) -> Done | Unknown:
        try:
            with self._operation("record", deadline):
                head = self._rows.head
                if head and head.claim == claim:
                    self._rows.head = replace(head, signed=signed)
                    return Done()
                return Unknown("another claim")
        except TimeoutError:
            return Unknown("no answer")

    def close(self) -> None:
        """There is nothing to close."""
