"""Reads traces in Quint's ITF: sets, maps, tuples and large integers as Python has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

State = dict[str, Any]


def value(found: Any) -> Any:
    """A value of ITF. A set becomes a list in the file's order, because its members may be records."""
    if isinstance(found, list):
        return [value(each) for each in found]
    if not isinstance(found, dict):
        return found
    if "#bigint" in found:
        return int(found["#bigint"])
    if "#map" in found:
        return {value(name): value(each) for name, each in found["#map"]}
    for form in ("#set", "#tup"):
        if form in found:
            return [value(each) for each in found[form]]
    return {name: value(each) for name, each in found.items() if not name.startswith("#")}


def read(file: Path) -> list[State]:
    """The states of a trace: the model's one variable in each."""
    return [value(state["s"]) for state in json.loads(file.read_text())["states"]]
