"""Calls to DynamoDB, each carried out at most once.

The vendor's client is not used, because it resolves names, retries, and has no deadline for a call as a whole. A
replica is reached at fixed addresses, under the name in its certificate. Another address, of the same replica or of the
next, is tried only while nothing has been sent: once a request may have been sent, the call ends with its response or
as ``Unclear``.

One response lets the request be sent again: the rejection of a write because another region is just writing to the item
(DynamoDB API reference, ``ReplicatedWriteConflictException``: rejected, and safe to retry). Nothing depends on the
rejection: each write here is conditional, so that one which had been carried out would find itself.
"""

from __future__ import annotations

import json
import random
import select
import socket
import ssl
import threading
import time
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coordinator.table.credentials import CredentialsFile, NoCredentials
from coordinator.table.sigv4 import Credentials, Signer

_ENCODED = json.JSONEncoder(separators=(",", ":")).encode
READ_HEADERS = {"content-length", "connection", "x-amz-crc32"}
MAX_ANSWER_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 16
IDLE_SECONDS = 20.0
"""A connection idle for longer is not reused: a stateful device on the path may have dropped it."""
ASIDE_SECONDS = 10.0
"""How long an address that failed is tried last."""

PATIENCE = 4
"""The next address, if any, is tried after this multiple of the time that connections to the current one take."""
LEAST_PATIENCE_SECONDS = 0.03

KEPT_TIMES = 8
"""How many of the last calls' times, from request to response, are kept."""

CONDITION_FAILED = "ConditionalCheckFailedException"
CONFLICT = "ReplicatedWriteConflictException"
CONFLICT_PAUSE_SECONDS = (0.005, 0.02)
"""Between these, at random, so that two regions do not meet again."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One replica: its region, the name in its certificate, and its addresses in order of preference: ``address`` and
    ``others`` (an endpoint in a private network has one in each zone).
    """

    region: str
    host: str
    address: str
    port: int = 443
    scheme: str = "https"
    others: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """In order of preference."""
        return (self.address, *self.others)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call was carried out. ``answer`` is the JSON object of the response."""

    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConditionFailed:
    """The condition failed; nothing was written. ``item`` is the existing item, ``None`` if there is none."""

    item: object | None


@dataclass(frozen=True, slots=True)
class Unclear:
    """Any other outcome: the call may have been carried out, or may still be."""

    detail: str


class Unsent(Unclear):
    """No byte of the request was sent, so that the call was not carried out and never will be."""


class _Conflict(Unclear):
    """The call was rejected because of a concurrent write in another region."""


class _NotSent(Exception):
    """No byte of the request was sent."""


class _NoAnswer(Exception):
    """The request may have been sent."""


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    used: float

    def is_quiet(self) -> bool:
        """Whether, as far as this side can see, the peer has neither closed nor sent anything."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLHUP)
        return not poll.poll(0)


@dataclass(slots=True)
class _Replica:
    """An endpoint at one of its addresses, with its idle connections. ``aside_until`` (monotonic): until then it is
    tried last. ``connects_in``: seconds that the last connections took; ``None``: there was none.
    """

    endpoint: Endpoint
    address: str
    idle: list[_Connection] = field(default_factory=list)
    aside_until: float = 0.0
    connects_in: float | None = None

    def give_up_at(self, deadline: float, left: int) -> float:
        """When to try the next of ``left`` addresses, this one included: after its share of the time, or as soon as a
        connection takes much longer than it did.
        """
        now = time.monotonic()
        share = (deadline - now) / left
        if left > 1 and self.connects_in is not None:
            share = min(max(PATIENCE * self.connects_in, LEAST_PATIENCE_SECONDS), (deadline - now) / 2)
        return now + share

    def connected_in(self, seconds: float) -> None:
        self.connects_in = max(seconds, 0.7 * (self.connects_in or 0.0))


class Client:
    """Calls to the replicas of one strongly consistent table, or to its only region. Thread-safe.

    ``endpoints`` are in order of preference. More than one is allowed only if all of them serve the same strongly
    consistent items. ``ca_file``: the trusted certificate authorities, PEM.
    """

    def __init__(self, endpoints: Sequence[Endpoint], credentials: CredentialsFile, ca_file: Path | None) -> None:
        if not endpoints:
            raise ValueError("a table needs at least one endpoint")
        self._replicas = [_Replica(each, address) for each in endpoints for address in each.addresses]
        self._credentials = credentials
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._signer = Signer()
        self._took: deque[float] = deque(maxlen=KEPT_TIMES)

    def call(
        self, operation: str, body: dict[str, Any], deadline: float, calls_after: int = 0
    ) -> Accepted | ConditionFailed | Unclear:
        """Carry out ``operation`` (``UpdateItem``, …) by ``deadline`` (``time.monotonic()``).

        ``calls_after``: how many calls must follow it by the deadline for it to be of use. It is not sent when the time
        left is too short for all of them, even if each takes no longer than the shortest of the last ``KEPT_TIMES``.

        ``Unsent`` means that nothing of this call was ever sent, be it once, and that a conflict had rejected.
        """
        rejected = False
        while True:
            outcome = self._call(operation, body, deadline, calls_after)
            if isinstance(outcome, Unsent) and rejected:
                return Unclear(outcome.detail)
            if not isinstance(outcome, _Conflict):
                return outcome
            rejected = True
            time.sleep(max(0.0, min(random.uniform(*CONFLICT_PAUSE_SECONDS), deadline - time.monotonic())))
            if time.monotonic() >= deadline:
                return outcome

    def _call(
        self, operation: str, body: dict[str, Any], deadline: float, calls_after: int
    ) -> Accepted | ConditionFailed | Unclear:
        if deadline <= time.monotonic():
            return Unsent("its deadline has passed")
        try:
            credentials = self._credentials.current()
        except NoCredentials as error:
            return Unsent(str(error))
        content = _ENCODED(body).encode()
        reasons = []
        replicas = self._in_order()
        for left, replica in zip(range(len(replicas), 0, -1), replicas, strict=True):
            try:
                connection = self._connection(replica, replica.give_up_at(deadline, left))
            except _NotSent as error:
                reasons.append(f"{replica.endpoint.region}: {error}")
                continue
            if calls_after and (needed := (1 + calls_after) * self._shortest()) > deadline - time.monotonic():
                self._keep(replica, connection)
                late = f"not sent, because {1 + calls_after} calls take at least {needed:.3f} s"
                return Unsent("; ".join([*reasons, f"{replica.endpoint.region}: {late}"]))
            try:
                status, answer = self._exchange(replica, connection, operation, content, credentials, deadline)
            except _NoAnswer as error:
                self._put_aside(replica)
                connection.socket.close()
                return Unclear("; ".join([*reasons, f"{replica.endpoint.region}: {error}"]))
            if status >= 500:
                self._put_aside(replica)
            outcome = _outcome(status, answer)
            if isinstance(outcome, Unclear):
                return replace(outcome, detail=f"{replica.endpoint.region}: {outcome.detail}")
            return outcome
        return Unsent("; ".join(reasons))

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            connections = [connection for replica in self._replicas for connection in replica.idle]
            for replica in self._replicas:
                replica.idle = []
        for connection in connections:
            connection.socket.close()

    def _shortest(self) -> float:
        """Seconds; 0 while there were too few calls to tell."""
        with self._lock:
            return min(self._took) if len(self._took) == KEPT_TIMES else 0.0

    def _keep(self, replica: _Replica, connection: _Connection) -> None:
        with self._lock:
            replica.idle.append(connection)

    def _in_order(self) -> list[_Replica]:
        now = time.monotonic()
        with self._lock:
            return sorted(self._replicas, key=lambda replica: replica.aside_until > now)

    def _put_aside(self, replica: _Replica) -> None:
        with self._lock:
            replica.aside_until = time.monotonic() + ASIDE_SECONDS

    def _connection(self, replica: _Replica, deadline: float) -> _Connection:
        while True:
            with self._lock:
                connection = replica.idle.pop() if replica.idle else None
            if connection is None:
                break
            if time.monotonic() - connection.used < IDLE_SECONDS and connection.is_quiet():
                return connection
            connection.socket.close()
        began = time.monotonic()
        try:
            made = self._connect(replica.endpoint, replica.address, deadline)
        except (OSError, ValueError) as error:
            self._put_aside(replica)
            raise _NotSent(f"no connection to {replica.address}:{replica.endpoint.port}: {error}") from None
        ended = time.monotonic()
        replica.connected_in(ended - began)
        return _Connection(made, ended)

    def _connect(self, endpoint: Endpoint, address: str, deadline: float) -> socket.socket:
        raw = socket.create_connection((address, endpoint.port), timeout=_left(deadline))
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if endpoint.scheme == "http":
                return raw
            with self._lock:
                if self._context is None:
                    self._context = ssl.create_default_context(cafile=self._ca_file)
                    self._context.minimum_version = ssl.TLSVersion.TLSv1_2
            raw.settimeout(_left(deadline))
            return self._context.wrap_socket(raw, server_hostname=endpoint.host)
        except BaseException:
            raw.close()
            raise

    def _exchange(
        self,
        replica: _Replica,
        connection: _Connection,
        operation: str,
        content: bytes,
        credentials: Credentials,
        deadline: float,
    ) -> tuple[int, bytes]:
        began = time.monotonic()
        try:
            connection.socket.settimeout(_left(deadline))
            connection.socket.sendall(self._request(replica.endpoint, operation, content, credentials))
            status, keep, answer = _receive(connection.socket, deadline)
        except (OSError, ValueError) as error:
            raise _NoAnswer(str(error) or type(error).__name__) from None
        connection.used = time.monotonic()
        with self._lock:
            self._took.append(connection.used - began)
        if keep:
            self._keep(replica, connection)
        else:
            connection.socket.close()
        return status, answer

    def _request(self, endpoint: Endpoint, operation: str, content: bytes, credentials: Credentials) -> bytes:
        """The whole request, signed."""
        standard = endpoint.port == {"https": 443, "http": 80}[endpoint.scheme]
        host = endpoint.host if standard else f"{endpoint.host}:{endpoint.port}"
        signed = self._signer.signed(credentials, endpoint.region, host, f"DynamoDB_20120810.{operation}", content)
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(content)}\r\n\r\n".encode() + content


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("its deadline has passed")
    return seconds


def _receive(connection: socket.socket, deadline: float) -> tuple[int, bool, bytes]:
    """Status, whether the connection may be used again, and the body. Raises OSError and ValueError."""
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > MAX_HEADER_BYTES:
            raise ValueError("a response whose header does not end")
        data += _some(connection, deadline)
    first, *lines = bytes(data[:end]).decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    digits = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (digits.isascii() and digits.isdigit() and len(digits) == 3):
        raise ValueError("a response that is not HTTP")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        if name in READ_HEADERS:
            headers[name] = value.strip()
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()) or int(length) > MAX_ANSWER_BYTES:
        raise ValueError(f"a response ({digits}) whose length is missing or too large")
    while len(data) < end + 4 + int(length):
        data += _some(connection, deadline)
    body = bytes(data[end + 4 :])
    if len(body) > int(length):
        raise ValueError("a response longer than its Content-Length")
    checksum = headers.get("x-amz-crc32")
    if checksum is not None and checksum != str(zlib.crc32(body)):
        raise ValueError("a response that does not match its checksum")
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return int(digits), keep, body


def _some(connection: socket.socket, deadline: float) -> bytes:
    connection.settimeout(_left(deadline))
    data = connection.recv(1 << 16)
    if not data:
        raise ConnectionError("the connection ended before the response")
    return data


def _outcome(status: int, content: bytes) -> Accepted | ConditionFailed | Unclear:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return Unclear(f"a response ({status}) that is not JSON")
    if not isinstance(answer, dict):
        return Unclear(f"a response ({status}) that is not a JSON object")
    if status == 200:
        return Accepted(answer)
    kind = str(answer.get("__type", "")).rpartition("#")[2]
    if status == 400 and kind == CONDITION_FAILED:
        return ConditionFailed(answer.get("Item"))
    message = answer.get("message") or answer.get("Message") or ""
    rejected = status == 400 and kind == CONFLICT
    return (_Conflict if rejected else Unclear)(f"{status} {kind}: {message}")
