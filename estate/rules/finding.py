"""What a rule reports, and the words that rules share."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from estate.suggestion import nearest as nearest

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem without its file. ``involves``: the other places that it was concluded from.

    In ``involves``, ``*`` matches any one part of a path, and a last part ``[keys]`` means which keys a mapping has.
    Where one of these places is malformed, the finding is not reported, because it may follow from that alone.
    """

    path: str
    value: str
    rule: str
    reason: str
    fix: str
    involves: tuple[str, ...] = ()


def show(value: Any) -> str:
    """A declared value as a message shows it, in at most about 80 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = str(value)
        return repr(text if len(text) <= 80 else f"{text[:60]}…{text[-16:]}")
    if isinstance(value, dict):
        return f"a mapping of {', '.join(map(str, value))}"[:80] if value else "an empty mapping"
    if isinstance(value, list | tuple):
        text = ", ".join(map(str, value))
        return ("an empty list" if not value else f"[{text}]") if len(text) <= 78 else f"a list of {len(value)}"
    return str(value)


def words(items: Iterable[Any], last: str = "and") -> str:
    """``a, b and c``."""
    *most, end = [str(item) for item in items] or ["nothing"]
    return f"{', '.join(most)} {last} {end}" if most else end


def a(noun: str) -> str:
    """The noun with its article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def choose(given: str, known: Collection[str]) -> str:
    """Advice to write one of ``known``, the nearest first."""
    close = nearest(given, known)
    rest = [each for each in known if each != close]
    if close:
        return f"did you mean {close}?" + (f" Known are also {words(rest)}" if rest and len(rest) <= 8 else "")
    if len(known) > 12:
        return f"use one that exists, such as {words(list(known)[:3], 'or')}"
    if len(known) == 1:
        return f"use {words(known)}"
    return f"use one of {words(known, 'or')}" if known else "declare it first"


def repeated(items: Iterable[tuple[str, Key]]) -> Iterator[tuple[str, Key, str]]:
    """Of pairs of path and key.

    Each later path with a key that was seen before, that key, and the path that had it first.
    """
    first: dict[Key, str] = {}
    for path, key in items:
        if key in first:
            yield path, key, first[key]
        else:
            first[key] = path


def unique(items: Iterable[tuple[str, Key]], rule: str, reason: str, fix: str) -> Iterator[Finding]:
    """A finding for each later path with a key that was seen before."""
    for path, key, first in repeated(items):
        yield Finding(
            path=path, value=show(key), rule=rule, reason=f"{first} has it too{reason}", fix=fix, involves=(first,)
        )


def free(taken: Iterable[int], low: int, high: int) -> str:
    """Advice about slots and numbers: the lowest that is free from ``low`` to ``high``."""
    used = set(taken)
    slot = next((each for each in range(low, high + 1) if each not in used), None)
    return f"{slot} is free" if slot is not None else f"all from {low} to {high} are taken, so remove another first"
