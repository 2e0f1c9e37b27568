"""Messages come out of a stream whole, however it is cut, and what is too long does not end it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.privval.stream import MAX_SKIPPED, Broken, Messages, TooLong
from coordinator.privval.wire import delimited, varint
from verification.coordinator import samples


def cut(data: bytes, sizes: list[int]) -> Callable[[int], bytes]:
    """Receives ``data`` in pieces of these sizes, then the rest, then nothing."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    pieces = [piece for piece in (*pieces, data[at:]) if piece] + [b""]
    return lambda most: pieces.pop(0)


@samples.unhurried
@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(1, 40), max_size=40))
def test_messages_come_out_as_they_went_in(messages: list[bytes], sizes: list[int]) -> None:
    stream = Messages(cut(b"".join(map(delimited, messages)), sizes))
    assert [stream.next() for _ in messages] == messages
    assert stream.between_messages
    with pytest.raises(Broken, match="ended$"):
        stream.next()


def test_a_stream_that_ends_within_a_message_is_broken() -> None:
    with pytest.raises(Broken, match="within a message"):
        Messages(cut(b"\x05abc", [])).next()


@pytest.mark.parametrize("length", [b"\xff" * 10, b"\x81\x00", b"\xff" * 9 + b"\x02"])
def test_a_length_that_is_none_breaks_the_stream(length: bytes) -> None:
    with pytest.raises(Broken, match="the length of a message"):
        Messages(cut(length + b"abc", [])).next()


def test_a_length_beyond_all_measure_breaks_the_stream() -> None:
    with pytest.raises(Broken, match="is announced"):
        Messages(cut(varint(MAX_SKIPPED + 1), [])).next()


def test_a_message_that_is_too_long_is_skipped() -> None:
    stream = Messages(cut(delimited(b"x" * 500) + delimited(b"next"), [7, 100, 300]), longest=400)
    with pytest.raises(TooLong, match="more than 400 bytes"):
        stream.next()
    assert stream.next() == b"next"


def test_a_timeout_loses_nothing() -> None:
    data = list(delimited(b"message") + delimited(b"y" * 500) + delimited(b"next"))
    timeouts = iter([True, False] * len(data))

    def receive(most: int) -> bytes:
        if next(timeouts):
            raise TimeoutError
        return bytes((data.pop(0),))

    stream = Messages(receive, longest=400)
    seen: list[bytes | str] = []
    while len(seen) < 3:
        try:
            seen.append(stream.next())
        except TimeoutError:
            continue
        except TooLong:
            seen.append("too long")
    assert seen == [b"message", "too long", b"next"]
