"""As much of HTTP/1.1 as DynamoDB's clients and DynamoDB Local speak: messages with a length, connections kept."""

from __future__ import annotations

import json
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

MAX_BYTES = 1 << 22


class Ended(Exception):
    """The other side closed the connection before a message began."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer. `head` is what came before the body, as it came; header names are lower-case."""

    head: bytes
    headers: Mapping[str, str]
    body: bytes

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.head[9:12])


def receive(connection: socket.socket) -> Message:
    """The next message. Raises Ended, OSError, ValueError."""
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        part = connection.recv(1 << 16)
        if not part and not data:
            raise Ended
        if not part or len(data) > MAX_BYTES:
            raise ValueError("a message that is cut off, or has no end")
        data += part
    head = bytes(data[: end + 4])
    headers = {}
    for line in head.decode("latin-1").split("\r\n")[1:-2]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MAX_BYTES:
        raise ValueError("a message that is too long")
    while len(data) < end + 4 + length:
        part = connection.recv(1 << 16)
        if not part:
            raise ValueError("a message that is cut off")
        data += part
    return Message(head, headers, bytes(data[end + 4 :]))


def request(target: str, authorization: str, body: bytes) -> bytes:
    """A call to DynamoDB Local, which looks at who signed and not at the signature."""
    return (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: {target}\r\nAuthorization: {authorization}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def failure(status: int, kind: str, message: str) -> bytes:
    """An answer in the form of DynamoDB's own errors."""
    space = "com.amazon.coral.service" if kind == "AccessDeniedException" else "com.amazonaws.dynamodb.v20120810"
    body = json.dumps({"__type": f"{space}#{kind}", "message": message}).encode()
    return (
        f"HTTP/1.1 {status} {'Bad Request' if status < 500 else 'Internal Server Error'}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"x-amz-crc32: {zlib.crc32(body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
