"""Property values between the wire (protobuf structs) and Python, and what is unknown during a preview."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's word for a value that is not known until the resource exists."""

Properties = dict[str, Any]


def from_struct(struct: struct_pb2.Struct | None) -> Properties:
    """Returns a struct as plain Python; whole numbers become `int`, nulls at the top level are dropped."""
    if struct is None:
        return {}
    return {
        name: _from_value(value) for name, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"
    }


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    return None


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Returns plain Python as a struct; `None` values are left out."""
    struct = struct_pb2.Struct()
    for name, value in properties.items():
        if value is not None:
            _set_value(struct.fields[name], value)
    return struct


def _set_value(target: struct_pb2.Value, value: Any) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for name, item in value.items():
            if item is not None:
                _set_value(target.struct_value.fields[name], item)
    elif isinstance(value, (list, tuple)):
        target.list_value.SetInParent()
        for item in value:
            _set_value(target.list_value.values.add(), item)
    else:
        target.null_value = struct_pb2.NULL_VALUE


def is_unknown(value: Any) -> bool:
    """Says whether a value is, or holds somewhere, one that is not known yet."""
    if isinstance(value, str):
        return value == UNKNOWN
    if isinstance(value, Mapping):
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(is_unknown(item) for item in value)
    return False


def at_path(properties: Mapping[str, Any], path: str) -> Iterator[Any]:
    """Yields the values at a path such as `subnetIds[]` or `subnetMappings[].allocationId`, absent ones left out."""
    head, _, rest = path.partition(".")
    value = properties.get(head.removesuffix("[]"))
    items = value if head.endswith("[]") and isinstance(value, list) else [value]
    for item in items:
        if item is None:
            continue
        if not rest:
            yield item
        elif isinstance(item, Mapping):
            yield from at_path(item, rest)
