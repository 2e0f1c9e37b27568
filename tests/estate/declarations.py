"""Declarations for tests: the example's, edited by dotted paths."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from estate.declaration import example, load
from estate.findings import DeclarationError, Problem
from estate.model import Network

TODAY = date(2030, 6, 1)
REMOVED = "(removed)"
SOURCE = "example.yaml"
UNCOORDINATED = dict.fromkeys(
    (
        "signing.coordination",
        "services.coordination",
        "services.coordination-2",
        "leases.gate-dal1",
        "leases.gate-hel1",
    ),
    REMOVED,
)
"""What to change in the example for one site to sign alone."""


def faults() -> list[dict[str, Any]]:
    """The table of faults: each with what it changes in the example, and the problems that must be reported."""
    text = Path(__file__).with_name("bad_declarations.yaml").read_text()
    found: list[dict[str, Any]] = yaml.load(text, Loader=yaml.CSafeLoader)
    return found


def place(stacks: Path, name: str = "example", slot: int = 7, *, number: int = 1, today: date = TODAY) -> Path:
    """Writes the example's files into ``stacks``; returns the network's."""
    (stacks / "datacentres").mkdir(parents=True, exist_ok=True)
    (stacks / "company.yaml").write_text(example.company())
    for path, text in example.files(name, slot, number=number, today=today).items():
        (stacks / path).write_text(text)
    return stacks / f"Pulumi.{name}.yaml"


def _step(value: Any, key: str) -> Any:
    return value[int(key)] if isinstance(value, list) else value[key]


def edited(change: Mapping[str, Any]) -> dict[str, Any]:
    """The example's whole declaration with each dotted path of ``change`` set, appended or removed."""
    return edit(example.declared(), change)


def edit(document: Any, change: Mapping[str, Any]) -> Any:
    """``document`` with each dotted path of ``change`` set, appended or removed in it."""
    removals = []
    for path, value in change.items():
        *parents, last = path.split(".")
        at: Any = document
        for key in parents:
            at = _step(at, key)
        if value == REMOVED:
            removals.append((at, last))
        elif isinstance(at, list) and int(last) == len(at):
            at.append(copy.deepcopy(value))
        else:
            at[int(last) if isinstance(at, list) else last] = copy.deepcopy(value)
    for at, last in reversed(removals):
        del at[int(last) if isinstance(at, list) else last]
    return document


def sound(change: Mapping[str, Any] | None = None) -> Network:
    """The example's network, with changes that leave it valid."""
    return load.network(edited(change or {}), source=SOURCE, today=TODAY)


def problems(declared: Any) -> tuple[Problem, ...]:
    """What is reported of ``declared``."""
    try:
        load.network(declared, source=SOURCE, today=TODAY)
    except DeclarationError as error:
        return error.problems
    return ()
