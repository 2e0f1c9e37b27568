"""Packets as bytes, each with a unique number by which it is recognised wherever it comes out."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from reachability import services
from reachability.addresses import V6

MAGIC = b"\xa5Kn\x07"
_HEADER_LENGTH = {1: 8, 6: 20, 17: 8, 33: 16, 47: 4, 58: 8, 132: 16, 136: 8}
"""Bytes before the number; for SCTP it stands in the INIT chunk."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One packet. Addresses and service on their axes; ``source_port`` 0 where there is none."""

    source: int
    destination: int
    service: int
    source_port: int = 0
    answers: bool = False
    """A second packet of a connection: SYN and ACK, an echo reply."""


def _sum(data: bytes) -> int:
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _transport(packet: Sent, number: int, source: bytes, destination: bytes) -> bytes:
    protocol, detail, port = packet.service >> 16, packet.service & 0xFFFF, packet.source_port
    mark = MAGIC + struct.pack("!I", number)
    if protocol == services.TCP:
        flags = 0x12 if packet.answers else 0x02
        return (
            struct.pack("!HHIIBBHHH", port, detail, 1000, 1001 if packet.answers else 0, 0x50, flags, 65535, 0, 0)
            + mark
        )
    if protocol == services.UDP:
        return struct.pack("!HHHH", port, detail, 8 + len(mark), 0) + mark
    if protocol == services.UDPLITE:
        return struct.pack("!HHHH", port, detail, 8, 0x1234) + mark
    if protocol == services.SCTP:
        init = struct.pack("!BBHI", 1, 0, 28, 7)[:4] + mark + struct.pack("!HHI", 1, 1, 1) + b"\0" * 8
        return struct.pack("!HHII", port, detail, 0, 0) + init
    if protocol == services.DCCP:
        return struct.pack("!HHBBHBBHI", port, detail, 4, 0, 0, 1, 0, 0, 1) + mark
    if protocol in (services.ICMP, services.ICMPV6):
        body = struct.pack("!BBHHH", detail >> 8, detail & 255, 0, port, 1) + mark + b"\0" * 24
        pseudo = b"" if protocol == services.ICMP else source + destination + struct.pack("!II", len(body), protocol)
        return body[:2] + struct.pack("!H", _sum(pseudo + body)) + body[4:]
    return (b"\0\0\x08\0" if protocol == 47 else b"") + mark + b"\0" * 8


def packed(packet: Sent, number: int) -> bytes:
    """The packet from its IP header on."""
    if packet.destination >= V6:
        source, destination = (packet.source - V6).to_bytes(16, "big"), (packet.destination - V6).to_bytes(16, "big")
        body = _transport(packet, number, source, destination)
        return struct.pack("!IHBB", 6 << 28, len(body), packet.service >> 16, 64) + source + destination + body
    source, destination = packet.source.to_bytes(4, "big"), packet.destination.to_bytes(4, "big")
    body = _transport(packet, number, source, destination)
    header = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, packet.service >> 16, 0) + source + destination
    )
    return header[:10] + struct.pack("!H", _sum(header)) + header[12:] + body


def read(data: bytes) -> tuple[int, Sent] | None:
    """The number and the fields of one of our packets; ``None`` for any other."""
    if len(data) < 28:
        return None
    if data[0] >> 4 == 4:
        protocol, body = data[9], data[20:]
        source, destination = int.from_bytes(data[12:16], "big"), int.from_bytes(data[16:20], "big")
    else:
        protocol, body = data[6], data[40:]
        source, destination = V6 + int.from_bytes(data[8:24], "big"), V6 + int.from_bytes(data[24:40], "big")
    return transport(protocol, body, source, destination)


def transport(protocol: int, body: bytes, source: int, destination: int) -> tuple[int, Sent] | None:
    """The same from the transport's header on."""
    at = _HEADER_LENGTH.get(protocol, 0)
    if body[at : at + 4] != MAGIC:
        return None
    number = int.from_bytes(body[at + 4 : at + 8], "big")
    if protocol in services.WITH_PORTS:
        port, detail = struct.unpack_from("!HH", body)
    elif protocol in (services.ICMP, services.ICMPV6):
        detail, port = body[0] << 8 | body[1], int.from_bytes(body[4:6], "big")
    else:
        detail = port = 0
    answers = protocol == services.TCP and body[13] & 0x10 != 0
    return number, Sent(source, destination, protocol << 16 | detail, port, answers)
