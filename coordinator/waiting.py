"""Waiting on several sockets, with any descriptor (``select`` takes descriptors up to 1023 only)."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable


def wait(sockets: Iterable[socket.socket], seconds: float) -> None:
    """Waits until one of them is readable or closed, or ``seconds`` have passed."""
    poll = select.poll()
    for each in sockets:
        poll.register(each, select.POLLIN)
    poll.poll(max(0.0, seconds) * 1000)


def is_readable(connection: socket.socket) -> bool:
    """Whether there is data to read, or the peer has closed."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
