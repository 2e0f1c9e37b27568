"""Reads resource properties that may be absent, unknown until the deployment, or invalid.

Nothing here raises on an invalid value: it is reported to ``Problems`` and read as "any possible value".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reachability import services
from reachability.addresses import ALL_V4, ALL_V6, EVERYWHERE, AddressError, Interval, Intervals, block, union
from reachability.resources import UNKNOWN, Resource

EVERY_V4: Intervals = (ALL_V4,)
EVERY_V6: Intervals = (ALL_V6,)


class Problems:
    """Sentences about what is not modelled, each once, in the order found."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def __call__(self, sentence: str) -> None:
        self._sentences.setdefault(sentence)

    def sentences(self) -> list[str]:
        return list(self._sentences)


@dataclass(frozen=True, slots=True)
class Extent:
    """A set that may be partly unknown: at least ``certain`` and at most ``possible``; ``uncertainty`` is why they
    differ."""

    certain: Intervals
    possible: Intervals
    uncertainty: str = ""

    @staticmethod
    def of(intervals: Intervals) -> Extent:
        """A known set."""
        return Extent(intervals, intervals)

    @staticmethod
    def maybe(possible: Intervals, uncertainty: str) -> Extent:
        """An unknown subset of ``possible``."""
        return Extent((), possible, uncertainty)

    def __or__(self, other: Extent) -> Extent:
        if not self.possible:
            return other
        if not other.possible:
            return self
        return Extent(
            union(self.certain, other.certain),
            union(self.possible, other.possible),
            "; ".join(dict.fromkeys(each for each in (self.uncertainty, other.uncertainty) if each)),
        )


NOTHING = Extent((), ())
ANYWHERE = Extent(EVERYWHERE, EVERYWHERE)
ANY_SERVICE = Extent(services.ANY, services.ANY)


def items(value: Any) -> tuple[list[Any], bool]:
    """The known elements of a list, and whether there are (or may be) others. A single value counts as a
    list of one."""
    if value is UNKNOWN:
        return [], True
    if value is None:
        return [], False
    if isinstance(value, (list, tuple)):
        return [each for each in value if each is not UNKNOWN and each is not None], any(e is UNKNOWN for e in value)
    return [value], False


def records(value: Any, where: str, problems: Problems) -> tuple[list[Mapping[str, Any]], bool]:
    """The elements of a list of objects; anything else is reported and counts as unknown."""
    known, more = items(value)
    found = []
    for each in known:
        if isinstance(each, Mapping):
            found.append(each)
        else:
            problems(f"{where}: {each!r} is not an object")
            more = True
    return found, more


def is_given(value: Any) -> bool:
    """Whether an input is set, to a known or unknown value."""
    return value is UNKNOWN or (value is not None and value not in ("", "UNSPECIFIED", False, "false", 0, [], (), {}))


def word(value: Any, default: str = "") -> str:
    """A known text, else ``default``. Not for a value that decides something: that is a ``setting``."""
    return value if isinstance(value, str) and value else default


def setting(value: Any, default: str) -> str | None:
    """A text that decides something: ``default`` if it is absent or empty, ``None`` if it is unknown or no text.

    ``word`` is for names and references only: it cannot tell an unknown value from an absent one.
    """
    if value is None or value == "":
        return default
    return value if isinstance(value, str) else None


def flag(value: Any, default: bool = False) -> bool | None:
    """A boolean; ``None`` if unknown. ``"true"`` and ``"false"`` are accepted because Pulumi configuration has
    them."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return None


def number(value: Any, default: int, low: int, high: int) -> int | None:
    """A whole number from ``low`` to ``high``; ``None`` if it is unknown or invalid."""
    if value is None:
        return default
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and low <= value <= high else None


def last_segment(value: Any) -> str:
    """The last segment of a URL or path: the name of the resource."""
    return word(value).rstrip("/").rpartition("/")[2]


def blocks(value: Any, where: str, problems: Problems) -> Extent:
    """A list of addresses and CIDR blocks. ``where`` names the input, for reasons."""
    known, more = items(value)
    found: list[Interval] = []
    uncertainty = f"{where} is known only after deployment" if more else ""
    for each in known:
        try:
            found.append(block(each if isinstance(each, str) else ""))
        except AddressError:
            problems(f"{where}: {each!r} is not an address or block")
            uncertainty = f"{where} cannot be read"
    certain = union(found)
    return Extent(certain, EVERYWHERE if uncertainty else certain, uncertainty)


def _range(text: Any) -> Interval | None:
    low, dash, high = str(text).strip().partition("-")
    ends = (low, high if dash else low)
    if not all(each.isascii() and each.isdigit() and len(each) < 6 for each in ends):
        return None
    first, last = int(ends[0]), int(ends[1])
    return (first, last) if first <= last <= 65535 else None


def ports(value: Any, where: str, problems: Problems) -> tuple[list[Interval], str]:
    """The known port ranges (``22``, ``"8000-8010"``), and why there may be others."""
    known, more = items(value)
    uncertainty = f"{where} is known only after deployment" if more else ""
    found = []
    for each in known:
        interval = _range(each) if isinstance(each, (str, int)) and not isinstance(each, bool) else None
        if interval is None:
            problems(f"{where}: {each!r} is not a port or range of ports")
            uncertainty = f"{where} cannot be read"
        else:
            found.append(interval)
    return found, uncertainty


def protocol_services(protocol: Any, port_list: Any, where: str, problems: Problems) -> Extent:
    """The services of one protocol (name, number or ``all``) and its ports; no ports: all of them."""
    if protocol is UNKNOWN:
        return Extent.maybe(services.ANY, f"{where} is known only after deployment")
    if str(protocol).lower() in ("all", "any"):
        return ANY_SERVICE
    try:
        number_ = 4 if str(protocol).lower() == "ipip" else services.protocol(protocol)
    except ValueError:
        problems(f"{where}: {protocol!r} is not an IP protocol")
        return Extent.maybe(services.ANY, f"{where} cannot be read")
    whole: Intervals = (services.of(number_),)
    if number_ == 4:
        whole = union([services.of(4), services.of(94)])
    given, uncertainty = ports(port_list, where, problems)
    if not given and not uncertainty:
        return Extent.of(whole)
    certain = union(services.of(number_, low, high) for low, high in given)
    return Extent(certain, whole if uncertainty else certain, uncertainty)


def referenced(resource: Resource, field: str, wanted: Callable[[str], bool]) -> tuple[str, ...]:
    """The URNs on which an input depends, filtered by ``wanted``."""
    names: Iterable[str] = resource.references.get(field, ()) if isinstance(resource.references, Mapping) else ()
    return tuple(each for each in names if wanted(each))
