"""The shape of types' inputs and outputs, and what is wrong with inputs of another shape."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lab.clouds.values import UNKNOWN


@dataclass(frozen=True)
class TypeSchema:
    """The inputs and outputs of one type.

    Attributes:
        inputs: name to shape: `string`, `boolean`, `integer`, `number`, `any`, `{"items": shape}` for a list,
            `{"values": shape}` for a map, `{"properties": …, "required": […]}` for an object.
        required: the inputs that must be given.
        outputs: the names of all properties that the resource has once it exists.
    """

    inputs: Mapping[str, Any]
    required: tuple[str, ...]
    outputs: frozenset[str]


@dataclass(frozen=True)
class Problem:
    """What is wrong with one input: its path and the reason."""

    property: str
    reason: str


def read(path: Path) -> Mapping[str, TypeSchema]:
    """Returns the schema of each type token in a JSON file."""
    described = json.loads(path.read_text())
    return MappingProxyType(
        {
            token: TypeSchema(shape["inputs"], tuple(shape["required"]), frozenset(shape["outputs"]))
            for token, shape in described.items()
        }
    )


def shape_problems(schema: TypeSchema, token: str, inputs: Mapping[str, Any]) -> list[Problem]:
    """Returns every unknown, missing or wrongly typed input, at any depth; what is not known yet passes."""
    shape = {"properties": schema.inputs, "required": schema.required}
    return list(_object_problems(shape, inputs, "", token))


def _object_problems(shape: Mapping[str, Any], value: Mapping[str, Any], at: str, token: str) -> Iterator[Problem]:
    properties = shape["properties"]
    for name in shape.get("required", ()):
        if value.get(name) is None:
            yield Problem(_join(at, name), f"Missing required argument: {token} cannot be made without '{name}'")
    for name, item in value.items():
        if name.startswith("__"):
            continue
        if name not in properties:
            near = difflib.get_close_matches(name, properties, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            yield Problem(_join(at, name), f"An argument named '{name}' is not expected in {token}{hint}")
        else:
            yield from _value_problems(properties[name], item, _join(at, name), token)


def _value_problems(shape: Any, value: Any, at: str, token: str) -> Iterator[Problem]:
    if value is None or value == UNKNOWN or shape == "any":
        return
    if isinstance(shape, str):
        if not _is_scalar(shape, value):
            yield Problem(at, f"expected a {shape}, got {type(value).__name__} {value!r}")
    elif "items" in shape:
        if not isinstance(value, list):
            yield Problem(at, f"expected a list, got {type(value).__name__} {value!r}")
            return
        for index, item in enumerate(value):
            yield from _value_problems(shape["items"], item, f"{at}[{index}]", token)
    elif not isinstance(value, Mapping):
        yield Problem(at, f"expected an object, got {type(value).__name__} {value!r}")
    elif "values" in shape:
        for name, item in value.items():
            yield from _value_problems(shape["values"], item, f"{at}[{name!r}]", token)
    else:
        yield from _object_problems(shape, value, at, token)


def _is_scalar(shape: str, value: Any) -> bool:
    if shape == "string":
        return isinstance(value, str)
    if shape == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (shape == "number" and isinstance(value, float))


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
