"""Reads a resource's properties; an unknown value never counts as compliant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError


class _Unknown:
    """A value that is unknown during a preview. It is neither true nor false."""

    def __bool__(self) -> bool:
        raise TypeError("an unknown value was taken for true or false; compare it with UNKNOWN first")

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()


def stated(properties: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """The value of ``key``, ``default`` if it is not set, ``UNKNOWN`` if it is unknown until the update."""
    try:
        value = properties[key]
    except KeyError:
        return default
    except UnknownValueError:
        return UNKNOWN
    return default if value is None else value


def at(properties: Mapping[str, Any], *path: str) -> Any:
    """The value at ``path``, ``None`` if it is not set, ``UNKNOWN`` if any step of the path is unknown."""
    found: Any = properties
    for key in path:
        if found is UNKNOWN:
            return UNKNOWN
        if not isinstance(found, Mapping):
            return None
        found = stated(found, key)
    return found


def each(properties: Mapping[str, Any], key: str) -> list[Any]:
    """The elements of a list; an unknown list, or element, is one ``UNKNOWN`` element."""
    found = stated(properties, key, default=())
    if found is UNKNOWN:
        return [UNKNOWN]
    if isinstance(found, str | Mapping) or not isinstance(found, Sequence):
        return [found]
    elements = []
    for index in range(len(found)):
        try:
            elements.append(found[index])
        except UnknownValueError:
            elements.append(UNKNOWN)
    return elements


def is_own_key(given: Any) -> bool:
    """Whether the key is customer-managed: set, and not an AWS managed key.

    A key that is unknown during a preview is created by this stack.
    """
    return given is UNKNOWN or (given is not None and "alias/aws/" not in str(given))


def tag(properties: Mapping[str, Any], key: str) -> Any:
    """A tag's value (on Google Cloud a label's, in lower case), ``None`` if missing, ``UNKNOWN`` if unknown."""
    for field, name in (("labels", key.lower()), ("tags", key)):
        found = stated(properties, field)
        if found is UNKNOWN:
            return UNKNOWN
        if isinstance(found, Mapping) and (value := stated(found, name)) is not None:
            return value
    return None


def in_production(properties: Mapping[str, Any]) -> bool:
    """Whether the resource counts as production: always, unless its tag names another stage."""
    stage = tag(properties, "Stage")
    return stage is UNKNOWN or stage is None or stage == "production"


def listed(value: Any) -> list[Any]:
    """IAM writes one value or a list of values; this always returns a list."""
    return [value] if isinstance(value, str | Mapping) else list(value)


def words(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)
