"""The front's rules, in two JSON files that are read again when they change.

The permissions, a list; an access key (a pattern, as a shell's) may do what its entries together allow, and no more::

    [{"access_key": "GATEASH1*", "actions": ["UpdateItem"], "table": "hub-signing-head", "leading_keys": ["hub-4|*"]}]

The faults, an object. `lost`: regions that cannot be reached. A fault befalls a call that all of its patterns fit; what
it leaves out fits any. `probability` is 1 unless given, drawn from `seed`; after `count` times it is spent; the first
fault in the list that befalls a call is the only one. An `id` names a fault across versions of the file::

    {"lost": ["us-east-1"],
     "faults": [{"id": "f1", "kind": "throttle", "access_key": "GATEASH1*", "table": "*-head",
                 "operation": "UpdateItem", "region": "us-east-1", "seconds": 0.2,
                 "probability": 0.5, "seed": 7, "count": 10}]}
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any


class Kind(StrEnum):
    """What befalls a call. `DROP`…: the connection is reset and nothing is answered. `LATE`: nothing is answered, and
    it is carried out after `seconds`; the other delays answer.
    """

    SERVER_ERROR = "server-error"
    THROTTLE = "throttle"
    CONFLICT = "conflict"
    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    DELAY_BEFORE = "delay-before"
    DELAY_AFTER = "delay-after"
    SERVER_ERROR_AFTER = "server-error-after"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as far as rules look at it."""

    region: str
    access_key: str
    operation: str
    table: str
    leading_key: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the faults, see above."""

    id: str
    kind: Kind
    seconds: float = 0.0
    probability: float = 1.0
    seed: int = 0
    count: int | None = None
    access_key: str = "*"
    table: str = "*"
    operation: str = "*"
    region: str = "*"

    def fits(self, call: Call) -> bool:
        return all(fnmatchcase(getattr(call, name), getattr(self, name)) for name in PATTERNS)


PATTERNS = ("access_key", "table", "operation", "region")


@dataclass(slots=True)
class _Drawn:
    random: Random
    left: int | None


@dataclass(slots=True)
class _File:
    """The JSON in a file, `absent` where there is none; read when it changed since the last look."""

    path: Path
    absent: Any
    _stamp: tuple[int, int, int] | None = None
    _content: Any = None

    def read(self) -> tuple[Any, bool]:
        """The content, and whether it is new."""
        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp == self._stamp:
                return self._content, False
            self._content, self._stamp = json.loads(self.path.read_text()), stamp
        except FileNotFoundError:
            if self._stamp == (0, 0, 0):
                return self._content, False
            self._content, self._stamp = self.absent, (0, 0, 0)
        return self._content, True


class Permissions:
    """Who may call what. A missing file allows nothing."""

    def __init__(self, path: Path) -> None:
        self._file, self._lock = _File(path, []), threading.Lock()

    def allow(self, call: Call) -> bool:
        with self._lock:
            entries, _ = self._file.read()
        return any(_allows(entry, call) for entry in entries)


def _allows(entry: Mapping[str, Any], call: Call) -> bool:
    return (
        fnmatchcase(call.access_key, entry["access_key"])
        and call.operation in entry["actions"]
        and fnmatchcase(call.table, entry["table"])
        and any(fnmatchcase(call.leading_key, pattern) for pattern in entry["leading_keys"])
    )


@dataclass(slots=True)
class Faults:
    """What goes wrong. A missing file means nothing does."""

    path: Path
    _lost: frozenset[str] = frozenset()
    _faults: tuple[Fault, ...] = ()
    _drawn: dict[str, _Drawn] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _file: _File = field(init=False)

    def __post_init__(self) -> None:
        self._file = _File(self.path, {})

    def is_lost(self, region: str) -> bool:
        with self._lock:
            self._refresh()
            return region in self._lost

    def befalls(self, call: Call) -> Fault | None:
        """The fault that befalls this call; it counts as having happened."""
        with self._lock:
            self._refresh()
            for fault in self._faults:
                drawn = self._drawn[fault.id]
                if drawn.left == 0 or not fault.fits(call) or drawn.random.random() >= fault.probability:
                    continue
                if drawn.left is not None:
                    drawn.left -= 1
                return fault
        return None

    def _refresh(self) -> None:
        content, is_new = self._file.read()
        if is_new:
            self._lost = frozenset(content.get("lost", ()))
            self._faults = tuple(Fault(**{**entry, "kind": Kind(entry["kind"])}) for entry in content.get("faults", ()))
            self._drawn = {
                fault.id: self._drawn.get(fault.id) or _Drawn(Random(fault.seed), fault.count) for fault in self._faults
            }
