"""The changes of an engine's preview, as lines of text. Pure: reads the event log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from estate.plan.costs import Resource

LISTED_AT_MOST = 40
"""If an operation has more resources than this, they are listed as counts by kind."""

VERBS = {
    "create": "create",
    "update": "change",
    "delete": "delete",
    "replace": "replace",
    "read": "read",
    "import": "import",
}
OF_THE_STACK = ("same", "create", "update", "delete", "replace", "import")
"""Operations of which each resource of the stack has exactly one: not steps of another, and not what only reads."""

STEPS_OF_A_REPLACEMENT = ("create-replacement", "delete-replaced", "discard-replaced")
NO_CHANGE = ("same", "refresh", *STEPS_OF_A_REPLACEMENT)
"""Steps that change nothing in the cloud, or belong to a replacement, which has a step of its own."""

DEFAULTED = "__defaults"
"""The input in which a provider lists the inputs that it chose itself, such as a name with a random end."""


@dataclass(frozen=True)
class Change:
    """A resource that the engine would change.

    ``properties``: the inputs that differ, for an update or a replacement.
    """

    operation: str
    kind: str
    name: str
    properties: tuple[str, ...] = ()


def _kind(token: str) -> str:
    """``aws:ec2/vpc:Vpc`` → ``Vpc``."""
    return token.rsplit(":", 1)[-1]


def _steps(event_log: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The steps of an engine event log (one JSON object per line) that change a resource, without components."""
    for line in event_log:
        metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata", {})
        if metadata.get("op", "same") not in NO_CHANGE and metadata["type"].count("/"):
            yield metadata


def _change(metadata: Mapping[str, Any]) -> Change:
    return Change(
        metadata["op"],
        _kind(metadata["type"]),
        metadata["urn"].rsplit("::", 1)[-1],
        tuple(metadata.get("diffs") or ()),
    )


def changes(event_log: Iterable[str]) -> tuple[Change, ...]:
    """The resources that change according to an engine event log, without components."""
    return tuple(map(_change, _steps(event_log)))


def decided(event_log: Iterable[str]) -> dict[tuple[Change, str], str]:
    """What a preview decided: the new inputs (JSON) by change and URN.

    Two previews of one program and one state decide the same; only names that a provider makes up differ.
    """
    found = {}
    for metadata in _steps(event_log):
        inputs = (metadata.get("new") or {}).get("inputs") or {}
        chosen = {DEFAULTED, *inputs.get(DEFAULTED, ())}
        kept = {name: value for name, value in inputs.items() if name not in chosen}
        found[_change(metadata), metadata["urn"]] = json.dumps(kept, sort_keys=True)
    return found


def differing(one: Mapping[tuple[Change, str], str], other: Mapping[tuple[Change, str], str]) -> list[str]:
    """The changes that only one of two previews decided, or both with other values, as lines of text."""
    odd = {place for place in {*one, *other} if one.get(place) != other.get(place)}
    return in_words({change for change, _ in odd})


def _resource(state: Mapping[str, Any]) -> Resource:
    inputs = state.get("inputs") or {}
    return Resource(type=state["type"], region=str(inputs.get("region") or ""), properties=inputs)


def before_and_after(event_log: Iterable[str]) -> tuple[list[Resource], list[Resource]]:
    """The resources of the stack as they are and as they would be, components included.

    A resource that is deleted from the stack but retained in the cloud is in both. So is one that is imported.
    """
    before, after = [], []
    for line in event_log:
        metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata", {})
        operation = metadata.get("op")
        if operation not in OF_THE_STACK:
            continue
        old, new = metadata.get("old"), metadata.get("new")
        if operation == "import":
            old = new
        elif operation == "delete":
            new = old if old and old.get("retainOnDelete") else None
        before += [_resource(old)] if old else []
        after += [_resource(new)] if new else []
    return before, after


def in_words(found: Iterable[Change]) -> list[str]:
    """Lines of text: every resource if there are few, counts by kind if there are many."""
    by_operation: dict[str, list[Change]] = {}
    for each in found:
        by_operation.setdefault(each.operation, []).append(each)
    lines = []
    for operation, members in sorted(by_operation.items()):
        verb = VERBS.get(operation, operation)
        if len(members) > LISTED_AT_MOST:
            lines.append(f"{verb} {len(members)} resources:")
            lines += [f"  {count:5} {kind}" for kind, count in sorted(Counter(each.kind for each in members).items())]
        else:
            for each in sorted(members, key=lambda one: (one.kind, one.name)):
                because = f": {', '.join(each.properties)}" if each.properties else ""
                lines.append(f"{verb} {each.kind} {each.name}{because}")
    return lines
