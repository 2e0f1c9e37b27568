"""Waiting on several sockets at once, of any number (``select`` takes descriptors up to 1023 only)."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable


def wait(sockets: Iterable[socket.socket], seconds: float) -> None:
    """Until one of them can be read or has ended, or ``seconds`` have passed."""
    poll = select.poll()
    for each in sockets:
        poll.register(each, select.POLLIN)
    poll.poll(max(0.0, seconds) * 1000)


def is_readable(connection: socket.socket) -> bool:
    """Whether there is something to read, or the end."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
