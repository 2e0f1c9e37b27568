"""Reading a resource's properties without ever taking an unknown value for a good one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError


class _Unknown:
    """A value that a preview cannot know. It is neither true nor false."""

    def __bool__(self) -> bool:
        raise TypeError("an unknown value was taken for true or false; compare it with UNKNOWN first")

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()


def stated(properties: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """The value of ``key``, ``default`` where it is not given, ``UNKNOWN`` where only the update will know it."""
    try:
        value = properties[key]
    except KeyError:
        return default
    except UnknownValueError:
        return UNKNOWN
    return default if value is None else value


def each(properties: Mapping[str, Any], key: str) -> list[Any]:
    """The elements of a list; an unknown list, or element, is one ``UNKNOWN`` element."""
    found = stated(properties, key, default=())
    if found is UNKNOWN:
        return [UNKNOWN]
    elements = []
    for index in range(len(found)):
        try:
            elements.append(found[index])
        except UnknownValueError:
            elements.append(UNKNOWN)
    return elements


def tag(properties: Mapping[str, Any], key: str) -> Any:
    """A tag's value, ``None`` without it, ``UNKNOWN`` if a preview cannot say."""
    tags = stated(properties, "tags", default={})
    return UNKNOWN if tags is UNKNOWN else stated(tags, key)


def in_production(properties: Mapping[str, Any]) -> bool:
    """Whether the resource must be treated as production: only a tag that says otherwise makes it less."""
    stage = tag(properties, "Stage")
    return stage is UNKNOWN or stage is None or stage == "production"


def listed(value: Any) -> list[Any]:
    """IAM's habit: one thing, or a list of them."""
    return [value] if isinstance(value, str | Mapping) else list(value)


def words(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)
