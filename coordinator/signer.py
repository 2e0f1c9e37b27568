"""The link to the signer: tmkms dials this socket as it would dial its validator.

One signer is connected at a time; a second one waits until the first is gone. A signer that does not answer in time is
disconnected, so that its late response is never taken for the response to a later request. Only a process of the
signer's user is heard: who may open the socket's directory could otherwise sit in the signer's place.
"""

from __future__ import annotations

import os
import pwd
import socket
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path

from coordinator.privval import for_signer
from coordinator.privval.messages import (
    Dialect,
    ErrorResponse,
    PingResponse,
    PubKeyResponse,
    SignedResponse,
    SignProposalRequest,
    SignVoteRequest,
)
from coordinator.privval.stream import Broken, Messages, TooLong
from coordinator.privval.wire import delimited
from coordinator.waiting import is_readable

PING_AFTER_SECONDS = 3.0
ANSWER_WITHIN_SECONDS = 2.0
"""How long a signer may take to answer a PubKeyRequest or a PingRequest."""

REST_WITHIN_SECONDS = 0.2
"""How long the rest of a started message may take."""

BIND_AGAIN_SECONDS = 2.0
PEER = struct.Struct("iII")
"""``struct ucred``: process, user and group."""


class SignerFailed(Exception):
    """The signer gave no signature. The text says why."""


class SignerLink:
    """Listens on ``path`` for the signer of ``public_key``. Used by one thread; only ``finish`` waits."""

    def __init__(
        self,
        path: Path,
        chain_id: str,
        public_key: bytes,
        dialect: Dialect,
        changed: Callable[[bool, str], None],
        user: str = "",
    ) -> None:
        """``changed`` is called with the new state (ready or not) and its reason. ``user``: the name of the user as
        which the signer runs; empty: as this process does.
        """
        self._path, self._chain_id, self._public_key, self._dialect = path, chain_id, public_key, dialect
        self._changed, self._user = changed, user
        self._listener: socket.socket | None = None
        self._bind_at = 0.0
        self._connection: socket.socket | None = None
        self._messages: Messages | None = None
        self._heard_at = 0.0
        self._question: type[PubKeyResponse] | type[PingResponse] | None = None
        self._asked_at = 0.0
        self._signing = False
        self.ready = False

    def sockets(self) -> list[socket.socket]:
        """The sockets to wait on before ``attend``."""
        waited = self._connection or self._listener
        return [waited] if waited else []

    def due(self) -> float:
        """The latest time for the next ``attend`` (monotonic)."""
        if self._listener is None:
            return self._bind_at
        if self._connection is None:
            return float("inf")
        if self._question:
            return self._asked_at + ANSWER_WITHIN_SECONDS
        return self._heard_at + PING_AFTER_SECONDS

    def attend(self) -> None:
        """Accepts a signer, reads its messages, and pings it."""
        now = time.monotonic()
        if self._signing:
            self._drop("its response came too late")
        if self._listener is None and now >= self._bind_at:
            self._bind(now)
        if self._connection is None and self._listener is not None:
            self._accept()
        while self._connection is not None and self._has_more():
            self._hear()
        if self._connection is None:
            return
        if self._question:
            if now >= self._asked_at + ANSWER_WITHIN_SECONDS:
                self._drop("it did not answer")
        elif now >= self._heard_at + PING_AFTER_SECONDS:
            self._ask(PingResponse, for_signer.ping())

    def begin(self, asked: SignVoteRequest | SignProposalRequest, time_ns: int) -> None:
        """Requests a signature with the timestamp ``time_ns``. Raises SignerFailed."""
        if not self.ready or self._signing:
            raise SignerFailed("no signer is connected")
        self._signing = True
        self._send(for_signer.ask(asked, time_ns))
        if self._connection is None:
            raise SignerFailed("the signer is gone")

    def finish(self, deadline: float) -> SignedResponse:
        """The requested signature; waits until ``deadline`` (monotonic). Raises SignerFailed."""
        while True:
            if self._connection is None or self._messages is None:
                raise SignerFailed("the signer closed the connection")
            try:
                self._connection.settimeout(max(0.0, deadline - time.monotonic()))
                reply = for_signer.decode_reply(self._messages.next(), self._dialect)
            except (TimeoutError, BlockingIOError):
                self._drop("it did not answer in time")
                raise SignerFailed("the signer did not answer in time") from None
            except (OSError, Broken, TooLong) as error:
                self._drop(str(error))
                raise SignerFailed(f"the signer closed the connection: {error}") from None
            self._heard_at = time.monotonic()
            if isinstance(reply, SignedResponse):
                self._signing = False
                return reply
            if isinstance(reply, ErrorResponse):
                self._signing = False
                raise SignerFailed(f"the signer refused: {reply.text} (code {reply.code})")
            if isinstance(reply, PingResponse) and self._question is PingResponse:
                self._question = None
                continue
            self._drop(f"it answered with {type(reply).__name__}")
            raise SignerFailed(f"the signer answered with {type(reply).__name__}")

    def close(self) -> None:
        self._drop("the gate ends")
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)

    def _bind(self, now: float) -> None:
        self._bind_at = now + BIND_AGAIN_SECONDS
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if self._path.exists() and not stat.S_ISSOCK(self._path.stat().st_mode):
                raise FileExistsError(f"{self._path} exists and is not a socket")
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
            self._path.chmod(0o660)
            listener.listen(1)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            self._changed(False, f"cannot listen: {error}")
            return
        self._listener = listener

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        if stranger := self._stranger(connection):
            connection.close()
            self._changed(False, stranger)
            return
        connection.settimeout(REST_WITHIN_SECONDS)
        self._connection, self._messages = connection, Messages(connection.recv)
        self._ask(PubKeyResponse, for_signer.ask_public_key(self._chain_id))

    def _stranger(self, connection: socket.socket) -> str | None:
        """Why the peer, as the kernel recorded it when it connected, is not the signer; `None` if it may be."""
        _, uid, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        try:
            expected = pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid()
        except KeyError:
            return f"there is no user {self._user}, as which the signer should run"
        if uid != expected:
            return f"a process of user {uid} connected; the signer runs as {self._user or 'the gate does'} ({expected})"
        return None

    def _has_more(self) -> bool:
        assert self._connection is not None and self._messages is not None
        return not self._messages.between_messages or is_readable(self._connection)

    def _hear(self) -> None:
        assert self._connection is not None and self._messages is not None
        try:
            self._connection.settimeout(REST_WITHIN_SECONDS)
            reply = for_signer.decode_reply(self._messages.next(), self._dialect)
        except (OSError, Broken, TooLong) as error:
            self._drop(str(error))
            return
        question, self._question, self._heard_at = self._question, None, time.monotonic()
        if question is None or not isinstance(reply, question):
            self._drop(f"unrequested response: {getattr(reply, 'text', '') or type(reply).__name__}")
        elif isinstance(reply, PubKeyResponse):
            if reply.public_key != self._public_key:
                self._drop("its public key is not that of the watermark file")
            else:
                self.ready = True
                self._changed(True, "it has the right key")

    def _ask(self, question: type[PubKeyResponse] | type[PingResponse], message: bytes) -> None:
        self._question, self._asked_at = question, time.monotonic()
        self._send(message)

    def _send(self, message: bytes) -> None:
        assert self._connection is not None
        try:
            self._connection.settimeout(REST_WITHIN_SECONDS)
            self._connection.sendall(delimited(message))
        except OSError as error:
            self._drop(str(error))

    def _drop(self, why: str) -> None:
        if self._connection is None:
            return
        self._connection.close()
        self._connection = self._messages = self._question = None
        self.ready = self._signing = False
        self._changed(False, why)
