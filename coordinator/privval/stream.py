"""Messages on a byte stream, each prefixed with its length as a varint."""

from __future__ import annotations

from collections.abc import Callable

from coordinator.privval.messages import MAX_MESSAGE
from coordinator.privval.wire import Malformed, read_varint

MAX_SKIPPED = 16 * MAX_MESSAGE
"""Bytes. A message above the limit and up to this length is skipped, so that it can be refused."""
_BLOCK = 16 * 1024


class Broken(Exception):
    """The stream ended, or the start of its next message is unknown: the connection is unusable."""


class TooLong(Exception):
    """A message was above the limit. It has been skipped; the next one can be read."""


class Messages:
    """Reads messages. ``receive(most)`` returns at least one byte, or none at the end of the stream.

    An exception of ``receive`` (a timeout) is passed on and loses no data: the next call continues.
    """

    def __init__(self, receive: Callable[[int], bytes], longest: int = MAX_MESSAGE) -> None:
        self._receive = receive
        self._longest = longest
        self._buffer = bytearray()
        self._skipping = 0

    @property
    def between_messages(self) -> bool:
        """Whether nothing of a next message has been received yet."""
        return not self._buffer and not self._skipping

    def next(self) -> bytes:
        """The next message, without its length; waits for it.

        Raises:
            TooLong: the message was above the limit.
            Broken: there will be no next message.
        """
        while True:
            if self._skipping:
                self._skip()
                raise TooLong(f"a message had more than {self._longest} bytes")
            length, start = self._length()
            if start and length > self._longest:
                if length > MAX_SKIPPED:
                    raise Broken(f"a message of {length} bytes is announced")
                del self._buffer[:start]
                self._skipping = length
            elif start and len(self._buffer) >= start + length:
                message = bytes(self._buffer[start : start + length])
                del self._buffer[: start + length]
                return message
            else:
                self._more()

    def _length(self) -> tuple[int, int]:
        """The length at the start of the buffer, and the message's offset; 0 and 0 while the length is incomplete."""
        head = bytes(self._buffer[:10])
        if len(head) < 10 and all(byte >= 0x80 for byte in head):
            return 0, 0
        try:
            return read_varint(head, 0)
        except Malformed as error:
            raise Broken(f"the length of a message: {error}") from None

    def _skip(self) -> None:
        while self._skipping:
            if not self._buffer:
                self._more()
            taken = min(self._skipping, len(self._buffer))
            del self._buffer[:taken]
            self._skipping -= taken

    def _more(self) -> None:
        received = self._receive(_BLOCK)
        if not received:
            raise Broken("the stream ended" + (" within a message" if self._buffer or self._skipping else ""))
        self._buffer += received
