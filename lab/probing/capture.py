"""Where in the lab a packet was captured: the path that it really took."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import ExitStack

from lab.netns import NAMED, NamespaceMissing, entered
from lab.paths import LabPaths
from lab.wiring.send import Probe, Verdict, send

ETHERTYPES = {0x0800: 4, 0x86DD: 6}
EVERYTHING = 0x0003
OUTGOING = 4
"""``PACKET_OUTGOING`` of linux/if_packet.h."""
PROTOCOLS = {"tcp": 6, "udp": 17}
LONGEST = 96


def _is_it(frame: bytes, ethertype: int, probe: Probe) -> bool:
    """Whether a frame's payload is the probe on its way there: its protocol and destination port."""
    if ETHERTYPES.get(ethertype) == 4 and len(frame) >= 20:
        protocol, header = frame[9], (frame[0] & 15) * 4
    elif ETHERTYPES.get(ethertype) == 6 and len(frame) >= 40:
        protocol, header = frame[6], 40
    else:
        return False
    if protocol != PROTOCOLS[probe.protocol] or len(frame) < header + 14:
        return False
    (port,) = struct.unpack_from("!H", frame, header + 2)
    return port == probe.port and (protocol != 6 or frame[header + 13] & 0x12 == 0x02)


def _ends(frame: bytes, ethertype: int) -> str:
    if ETHERTYPES[ethertype] == 4:
        return f"{socket.inet_ntop(socket.AF_INET, frame[12:16])} → {socket.inet_ntop(socket.AF_INET, frame[16:20])}"
    return f"{socket.inet_ntop(socket.AF_INET6, frame[8:24])} → {socket.inet_ntop(socket.AF_INET6, frame[24:40])}"


def way(paths: LabPaths, probe: Probe, *, seconds: float = 1.5) -> tuple[Verdict, list[str]]:
    """Sends a probe while every namespace of the lab is watched; what became of it, and each interface that it crossed.

    A line is ``<namespace> <interface> in|out: <source> → <destination>``, in order of time. Other packets of the same
    port and protocol that are in flight are included.
    """
    with ExitStack() as sockets, selectors.DefaultSelector() as watched:
        for name in _namespaces(paths):
            try:
                with entered(name):
                    watching = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
            except (NamespaceMissing, OSError):
                continue
            sockets.enter_context(watching)
            watching.setblocking(False)
            watched.register(watching, selectors.EVENT_READ, name.removeprefix(paths.prefix))
        (verdict,) = send([probe], seconds=seconds)
        seen: list[str] = []
        deadline = time.monotonic() + 0.3
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in watched.select(left):
                seen += _read(key.fileobj, str(key.data), probe)
    return verdict, list(dict.fromkeys(seen))


def _read(watching: object, name: str, probe: Probe) -> Iterable[str]:
    assert isinstance(watching, socket.socket)
    while True:
        try:
            frame, (interface, ethertype, kind, *_) = watching.recvfrom(LONGEST)
        except BlockingIOError:
            return
        if _is_it(frame, ethertype, probe):
            direction = "out" if kind == OUTGOING else "in"
            yield f"{name} {interface} {direction}: {_ends(frame, ethertype)}"


def _namespaces(paths: LabPaths) -> list[str]:
    return sorted(each.name for each in NAMED.glob(f"{paths.prefix}*"))
