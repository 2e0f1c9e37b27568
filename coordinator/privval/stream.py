"""Messages on a stream of bytes, each behind its length as a varint."""

from __future__ import annotations

from collections.abc import Callable

from coordinator.privval.messages import MAX_MESSAGE
from coordinator.privval.wire import Malformed, read_varint

MAX_SKIPPED = 16 * MAX_MESSAGE
"""Bytes. A message longer than may be read and up to this is skipped, so that it can be refused."""
_BLOCK = 16 * 1024


class Broken(Exception):
    """The stream ended, or it is not known where its next message begins: the connection is of no more use."""


class TooLong(Exception):
    """A message had more bytes than may be read. It has been skipped; the next one can be read."""


class Messages:
    """Reads messages. ``receive(most)`` returns at least one byte, and none at the stream's end.

    What ``receive`` raises (a timeout) is passed on and loses nothing: the next call goes on where that one stopped.
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
            TooLong: it was longer than may be read.
            Broken: there is no next message and will be none.
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
        """The length that the buffer begins with, and where the message does; 0 and 0 while it is incomplete."""
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
