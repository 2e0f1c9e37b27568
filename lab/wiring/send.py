"""Packets sent from inside the lab, and what became of them.

All probes of a call run at once in one thread: a socket belongs to the namespace that it was made in, so each is made
there and then watched from here. A probe that is answered ends at once, one that is not takes ``seconds``.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from lab.netns import entered

SECONDS = 1.0
IP_TRANSPARENT = 19
REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET)
FILTERED = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.ETIMEDOUT, errno.EADDRNOTAVAIL)
GREETING = b"lab probe"


class Verdict(StrEnum):
    """What became of a probe.

    ``REACHABLE``: a TCP connection was established, or a UDP answer came. ``REFUSED``: the destination itself said that
    nothing listens, so the packet arrived and the answer returned. ``DROPPED``: no answer. ``UNREACHABLE``: a router or
    firewall on the way, or the sender itself, said no: it has no route, or no address of that family.
    """

    REACHABLE = "reachable"
    REFUSED = "refused"
    DROPPED = "dropped"
    UNREACHABLE = "unreachable"

    @property
    def arrived(self) -> bool:
        """Whether packets pass there and back, whatever listens."""
        return self in (Verdict.REACHABLE, Verdict.REFUSED)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A packet to send from the namespace ``namespace`` (its full name), from its own or another ``source`` address."""

    namespace: str
    destination: str
    port: int
    protocol: str = "tcp"
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listener to hold open in a namespace while probes run, where no service is; it greets and echoes."""

    namespace: str
    port: int
    protocol: str = "tcp"
    address: str = ""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET


def _open(probe: Probe) -> socket.socket | Verdict:
    """A socket on its way, or what the sender's own system said at once."""
    kind = socket.SOCK_STREAM if probe.protocol == "tcp" else socket.SOCK_DGRAM
    with entered(probe.namespace):
        made = socket.socket(_family(probe.destination), kind)
        try:
            made.setblocking(False)
            if probe.source is not None:
                made.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
                made.bind((probe.source, 0))
            failure = made.connect_ex((probe.destination, probe.port))
            if failure in (0, errno.EINPROGRESS):
                if probe.protocol == "udp":
                    made.send(GREETING)
                return made
        except OSError as error:
            failure = error.errno or 0
        made.close()
    return _verdict(failure)


def _verdict(failure: int) -> Verdict:
    if failure == 0:
        return Verdict.REACHABLE
    if failure in REFUSED:
        return Verdict.REFUSED
    if failure in FILTERED:
        return Verdict.UNREACHABLE
    raise OSError(failure, f"the probe itself failed: {errno.errorcode.get(failure, failure)}")


def _outcome(made: socket.socket, probe: Probe) -> Verdict:
    if probe.protocol == "udp":
        try:
            made.recv(64)
            return Verdict.REACHABLE
        except OSError as error:
            return _verdict(error.errno or 0)
    return _verdict(made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _listen(listener: Listener) -> socket.socket | None:
    """The listener's socket; None where a service has the port."""
    tcp = listener.protocol == "tcp"
    with entered(listener.namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((listener.address, listener.port))
            if tcp:
                made.listen(128)
        except OSError as error:
            made.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise
    return made


def send(probes: Sequence[Probe], *, listeners: Sequence[Listener] = (), seconds: float = SECONDS) -> list[Verdict]:
    """What became of each probe, in their order, while ``listeners`` are open.

    Raises:
        lab.netns.NamespaceMissing: a namespace is not there.
        OSError: the probing itself failed.
    """
    verdicts: dict[int, Verdict] = {}
    with ExitStack() as open_sockets, selectors.DefaultSelector() as watched:
        for listener in listeners:
            made = _listen(listener)
            if made is not None:
                open_sockets.enter_context(made)
                if listener.protocol == "udp":
                    watched.register(made, selectors.EVENT_READ, None)
        waiting = 0
        for index, probe in enumerate(probes):
            begun = _open(probe)
            if isinstance(begun, Verdict):
                verdicts[index] = begun
                continue
            open_sockets.enter_context(begun)
            watched.register(
                begun, selectors.EVENT_WRITE if probe.protocol == "tcp" else selectors.EVENT_READ, (index, begun)
            )
            waiting += 1
        deadline = time.monotonic() + seconds
        while waiting and (left := deadline - time.monotonic()) > 0:
            for key, _ in watched.select(left):
                if key.data is None:
                    _echo(key.fileobj)
                    continue
                index, begun = key.data
                verdicts[index] = _outcome(begun, probes[index])
                watched.unregister(begun)
                waiting -= 1
    return [verdicts.get(index, Verdict.DROPPED) for index in range(len(probes))]


def _echo(listening: object) -> None:
    assert isinstance(listening, socket.socket)
    try:
        text, sender = listening.recvfrom(2048)
        listening.sendto(text, sender)
    except BlockingIOError:
        return
