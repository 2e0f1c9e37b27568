"""Nothing is read but what a conforming encoder writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.privval.wire import (
    MOST_NUMBER,
    Kind,
    Malformed,
    bytes_field,
    fixed_field,
    message_field,
    number_field,
    read_fields,
    read_varint,
    varint,
)
from verification.coordinator import samples

SHAPE = {1: Kind.INT32, 2: Kind.INT64, 3: Kind.UINT32, 4: Kind.BOOL, 5: Kind.BYTES, 6: Kind.TEXT, 7: Kind.MESSAGE}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("4001", "unknown field 8"),
        ("0001", "unknown field 0"),
        ("8080808080808080800101", "unknown field"),
        ("08010801", "field 1 is repeated"),
        ("10010801", "field 1 is repeated or out of order"),
        ("0a0101", "wire type 2, expected int32"),
        ("0d01000000", "wire type 5"),
        ("2801", "wire type 0, expected bytes"),
        ("2b2c", "wire type 3"),
        ("0800", "default value"),
        ("2000", "default value"),
        ("2002", "out of the range of bool"),
        ("2a00", "it is empty"),
        ("3200", "it is empty"),
        ("3201ff", "not UTF-8"),
        ("2a0561", "truncated"),
        ("08", "truncated"),
        ("0880", "truncated"),
        ("1880808080" + "10", "out of the range of uint32"),
        ("0880808080" + "08", "out of the range of int32"),
        ("08ffffffff" + "0f", "out of the range of int32"),
        ("108100", "not in its shortest form"),
        ("10ffffffffffffffffff02", "more than 64 bits"),
        ("10ffffffffffffffffffff01", "more than 64 bits"),
        ("2aff01", "truncated"),
    ],
)
def test_what_no_encoder_writes_is_refused_with_the_reason(data: str, reason: str) -> None:
    with pytest.raises(Malformed, match=f"^thing: .*{reason}"):
        read_fields(bytes.fromhex(data), SHAPE, "thing")


def test_numbers_and_lengths_of_two_bytes_begin_at_128() -> None:
    assert read_fields(bytes.fromhex("087f107f"), SHAPE, "it") == {1: 127, 2: 127}
    assert read_fields(bytes.fromhex("088001108001"), SHAPE, "it") == {1: 128, 2: 128}
    assert read_fields(bytes.fromhex("2a8001") + b"x" * 128, SHAPE, "it") == {5: b"x" * 128}
    assert read_fields(bytes.fromhex("800101"), {16: Kind.INT32}, "it") == {16: 1}


def test_negative_numbers_are_read_from_ten_bytes() -> None:
    found = read_fields(number_field(1, -1) + number_field(2, -(2**63)), SHAPE, "thing")
    assert found == {1: -1, 2: -(2**63)}
    assert number_field(1, -1).hex() == "08ffffffffffffffffff01"


def test_the_limits_of_each_kind_are_read() -> None:
    written = number_field(1, -(2**31)) + number_field(2, 2**63 - 1) + number_field(3, 2**32 - 1) + number_field(4, 1)
    assert read_fields(written, SHAPE, "thing") == {1: -(2**31), 2: 2**63 - 1, 3: 2**32 - 1, 4: 1}


def test_only_an_embedded_message_may_be_written_empty() -> None:
    assert read_fields(bytes.fromhex("3a00"), SHAPE, "thing") == {7: b""}


@pytest.mark.parametrize("write", [number_field, fixed_field])
def test_a_field_whose_key_takes_two_bytes_is_not_written(write: Callable[[int, int], bytes]) -> None:
    assert write(MOST_NUMBER, 1)[0] >> 3 == MOST_NUMBER
    with pytest.raises(IndexError):
        write(MOST_NUMBER + 1, 1)


@pytest.mark.parametrize("write", [bytes_field, message_field])
def test_bytes_whose_key_takes_two_bytes_are_not_written(write: Callable[[int, bytes], bytes]) -> None:
    assert write(MOST_NUMBER, b"x") == bytes((MOST_NUMBER << 3 | 2, 1)) + b"x"
    with pytest.raises(IndexError):
        write(MOST_NUMBER + 1, b"x")


def test_a_field_number_of_two_bytes_is_read() -> None:
    assert read_fields(bytes.fromhex("0801" + "920103616263"), {1: Kind.INT32, 18: Kind.BYTES}, "thing") == {
        1: 1,
        18: b"abc",
    }


@samples.unhurried
@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_a_number_is_read_as_it_was_written(value: int, after: bytes) -> None:
    written = varint(value)
    assert read_varint(written + after, 0) == (value, len(written))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, ""), (1, "110100000000000000"), (-1, "11ffffffffffffffff"), (2**62, "110000000000000040")],
)
def test_a_fixed_number_has_eight_bytes_and_a_sign(value: int, encoded: str) -> None:
    assert fixed_field(2, value).hex() == encoded
