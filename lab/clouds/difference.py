"""What changed between two sets of inputs, as a provider's plan would see it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lab.clouds.values import UNKNOWN, is_unknown

Kind = Literal["add", "update", "delete"]


@dataclass(frozen=True)
class Change:
    """One changed property: its dotted path and what became of it. `of_input`: whether it is an input."""

    path: str
    kind: Kind
    of_input: bool = True


def changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[Change]:
    """Returns the changed properties, nested ones by their own path.

    The order of a list does not count, because the clouds keep nearly all of them as sets; JSON documents are compared
    by what they say; a value that is not known yet counts as changed.
    """
    return list(_object_changes(olds, news, ""))


def _object_changes(olds: Mapping[str, Any], news: Mapping[str, Any], at: str) -> Iterator[Change]:
    for name in sorted(olds.keys() | news.keys()):
        if name.startswith("__"):
            continue
        path = f"{at}.{name}" if at else name
        old, new = olds.get(name), news.get(name)
        if old is None and new is not None:
            yield Change(path, "add")
        elif old is not None and new is None:
            yield Change(path, "delete")
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _object_changes(old, new, path)
        elif not same(old, new):
            yield Change(path, "update")


def same(old: Any, new: Any) -> bool:
    """Says whether two values mean the same to the cloud."""
    if is_unknown(new):
        return False
    if isinstance(old, list) and isinstance(new, list):
        return Counter(map(canonical, old)) == Counter(map(canonical, new))
    return old == new or canonical(old) == canonical(new)


def canonical(value: Any) -> str:
    """Returns a text that is equal for values that mean the same."""
    return json.dumps(_normal(value), sort_keys=True)


def _normal(value: Any) -> Any:
    if isinstance(value, str) and value != UNKNOWN and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {name: _normal(item) for name, item in value.items() if item is not None and not name.startswith("__")}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return value


def touches(change: Change, watched: frozenset[str]) -> bool:
    """Says whether a change is at, above or below one of the watched paths."""
    return any(
        change.path == path or change.path.startswith(f"{path}.") or path.startswith(f"{change.path}.")
        for path in watched
    )
