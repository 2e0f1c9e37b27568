"""Protocol Buffers, read strictly: only what a conforming encoder of these messages writes is accepted.

Each field occurs at most once, in ascending order; numbers have their shortest form; default values are omitted; there
are no unknown fields and no trailing bytes. Go's and Rust's encoders write exactly that. An accepted message therefore
has one encoding, and no two implementations can read it differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

MAX_UINT32 = 2**32 - 1
MAX_INT32 = 2**31 - 1
MAX_INT64 = 2**63 - 1


class Malformed(ValueError):
    """The bytes are not a valid message. ``str()`` is the reason."""


VARINT, DELIMITED = 0, 2
"""Wire types."""


class Kind(Enum):
    """How a field is written: its name and its wire type. ``MESSAGE`` may be written although it is empty; the others
    never are.
    """

    INT32 = "int32", VARINT
    INT64 = "int64", VARINT
    UINT32 = "uint32", VARINT
    BOOL = "bool", VARINT
    BYTES = "bytes", DELIMITED
    TEXT = "string", DELIMITED
    MESSAGE = "message", DELIMITED
    CHOSEN_BYTES = "bytes of a oneof", DELIMITED

    def __init__(self, text: str, wire_type: int) -> None:
        self.text, self.wire_type = text, wire_type


Shape = Mapping[int, Kind]
"""The fields of a message type, by number."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned 64-bit varint at ``at``, and the offset after it.

    Raises:
        Malformed: the varint is truncated, not in its shortest form, or too large.
    """
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = shift = 0
    for at in range(at, min(at + 10, len(data))):  # noqa: B020
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0:
                raise Malformed("a number is not in its shortest form")
            if value >= 2**64:
                raise Malformed("a number has more than 64 bits")
            return value, at + 1
        shift += 7
    raise Malformed("a number has more than 64 bits" if shift == 70 else "the message is truncated")


def read_fields(data: bytes, shape: Shape, what: str) -> dict[int, Any]:
    """The fields of the message ``data``, by number; omitted fields are absent.

    Raises:
        Malformed: ``data`` has anything that ``shape`` does not allow; the reason names ``what``.
    """
    found: dict[int, Any] = {}
    at = last = 0
    end = len(data)
    try:
        while at < end:
            key, at = (data[at], at + 1) if data[at] < 0x80 else read_varint(data, at)
            number = key >> 3
            kind = shape.get(number)
            if kind is None:
                raise Malformed(f"unknown field {number}")
            if number <= last:
                raise Malformed(f"field {number} is repeated or out of order")
            last = number
            value, at = (data[at], at + 1) if at < end and data[at] < 0x80 else read_varint(data, at)
            if key & 7 != kind.wire_type:
                raise Malformed(f"field {number} has wire type {key & 7}, expected {kind.text}")
            if kind.wire_type == VARINT:
                found[number] = _number(value, number, kind)
                continue
            start, at = at, at + value
            if at > end:
                raise Malformed(f"field {number} is truncated")
            body = data[start:at]
            found[number] = body if body and kind is not Kind.TEXT else _delimited(body, number, kind)
    except Malformed as error:
        raise Malformed(f"{what}: {error}") from None
    return found


def _number(value: int, number: int, kind: Kind) -> int | bool:
    if value == 0:
        raise Malformed(f"field {number} is written although it has its default value")
    if kind is Kind.BOOL:
        fits = value == 1
    elif kind is Kind.UINT32:
        fits = value <= MAX_UINT32
    else:
        if value > MAX_INT64:
            value -= 2**64
        fits = kind is Kind.INT64 or -MAX_INT32 - 1 <= value <= MAX_INT32
    if not fits:
        raise Malformed(f"field {number} is out of the range of {kind.text}")
    return value


def _delimited(value: bytes, number: int, kind: Kind) -> bytes | str:
    if kind is Kind.TEXT:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"field {number} is not UTF-8") from None
        if text:
            return text
    elif value or kind is not Kind.BYTES:
        return value
    raise Malformed(f"field {number} is written although it is empty")


_SHORT = [bytes((value,)) for value in range(0x80)]
MOST_NUMBER = 15
"""Of the fields that are written. The key of such a field is one byte."""


def varint(value: int) -> bytes:
    """A varint. A negative number is its 64-bit two's complement, in ten bytes."""
    if 0 <= value < 0x80:
        return _SHORT[value]
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A number or bool; nothing for zero. ``number`` is at most ``MOST_NUMBER``, as for every field below."""
    return _SHORT[number << 3] + varint(value) if value else b""


def fixed_field(number: int, value: int) -> bytes:
    """A ``sfixed64``; nothing for zero."""
    return _SHORT[number << 3 | 1] + value.to_bytes(8, "little", signed=True) if value else b""


def bytes_field(number: int, value: bytes) -> bytes:
    """Bytes or the UTF-8 of a string; nothing if empty."""
    return _SHORT[number << 3 | 2] + varint(len(value)) + value if value else b""


def message_field(number: int, value: bytes) -> bytes:
    """An embedded message, written even if empty, as gogoproto writes a non-nullable one."""
    return _SHORT[number << 3 | 2] + varint(len(value)) + value


def delimited(message: bytes) -> bytes:
    """A message prefixed with its length."""
    return varint(len(message)) + message
