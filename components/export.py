"""The stack that the program would deploy, as ``pulumi stack export`` prints it: ``python -m components.export FILE``.

It needs no engine, account or network: the resources are those that the program registers; ids and computed values are
made up.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.recording import Recorded, Registration, record
from estate.declaration import load
from estate.findings import DeclarationError

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's placeholder for an unknown string."""
STACK = "pulumi:pulumi:Stack"
SHORTEST_MADE_UP = 8
"""A shorter made-up value is not an id, name or address; it could occur in an input by chance."""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _whole(value: Any) -> Any:
    """The value with integers restored: the SDK turns all numbers into floats."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return value


def _made_up(resources: list[Registration]) -> frozenset[str]:
    """Every value that only the cloud decides."""
    computed = {
        text
        for each in resources
        if each.custom
        for key, value in each.state.items()
        if key not in each.inputs
        for text in _strings(value)
    }
    return frozenset(
        text for text in computed | {each.id for each in resources if each.custom} if len(text) >= SHORTEST_MADE_UP
    )


def _foreseen(value: Any, made_up: frozenset[str]) -> Any:
    """An input as a preview has it: unknown where it holds what the cloud decides."""
    if isinstance(value, str):
        return UNKNOWN if value in made_up or any(each in value for each in made_up) else value
    if isinstance(value, Mapping):
        return {key: _foreseen(each, made_up) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_foreseen(each, made_up) for each in value]
    return value


def _entry(each: Registration, made_up: frozenset[str] | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "urn": each.urn,
        "type": each.type,
        "custom": each.custom,
        "parent": each.parent,
        "provider": each.provider,
        "protect": each.protect,
        "dependencies": list(each.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in each.property_dependencies.items()},
    }
    if made_up is None or not each.custom:
        return {**entry, "inputs": _whole(each.inputs), "outputs": _whole(each.state), "id": each.id}
    inputs = {
        key: _foreseen(_whole(value), made_up) if each.property_dependencies.get(key) else _whole(value)
        for key, value in each.inputs.items()
    }
    return {**entry, "inputs": inputs, "id": UNKNOWN}


def document(recorded: Recorded, *, stack: str, project: str = "estate", preview: bool = False) -> dict[str, Any]:
    """The stack as an export. ``preview``: as one of a plan, where what the cloud decides is not known yet."""
    made_up = _made_up(recorded.resources) if preview else None
    outputs = {} if preview else {"inventory": _whole(recorded.inventory)}
    root = {
        "urn": f"urn:pulumi:{stack}::{project}::{STACK}::{project}-{stack}",
        "type": STACK,
        "custom": False,
        "outputs": outputs,
    }
    resources = [root, *(_entry(each, made_up) for each in recorded.resources)]
    return {"version": 3, "deployment": {"manifest": {}, "resources": resources}}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m components.export", description=__doc__)
    parser.add_argument("declaration", type=Path, metavar="FILE", help="a stack file: stacks/Pulumi.<network>.yaml")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write the JSON (default: standard output)"
    )
    parser.add_argument("--preview", action="store_true", help="as in a preview: what the cloud decides is unknown")
    arguments = parser.parse_args(words)
    try:
        network = load.read(arguments.declaration)
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    text = json.dumps(document(record(network), stack=network.name, preview=arguments.preview))
    if arguments.output is None:
        print(text)
    else:
        arguments.output.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
