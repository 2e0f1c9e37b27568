"""The link to the validator node: the gate dials the node's privval listener, as any remote signer does."""

from __future__ import annotations

import base64
import os
import socket
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from coordinator.privval.stream import Broken, Messages
from coordinator.privval.wire import delimited
from coordinator.secret_connection.connection import SecretConnection, SecretConnectionError
from coordinator.waiting import is_readable

DIAL_WITHIN_SECONDS = 2.0
"""For the TCP connection, and for each message of the handshake."""

DIAL_AGAIN_SECONDS = (0.1, 0.2, 0.5, 1.0)
SILENT_FOR_SECONDS = 10.0
"""A node pings every 3.3 s. After three times as long without a message, the connection is dead and dialled again."""

REST_WITHIN_SECONDS = 1.0
"""How long the rest of a started message may take, and how long the node may take to accept a response."""


class NodeLink:
    """Keeps one connection to the node's listener. Used by one thread. Failures are not raised: the link goes down, and
    ``attend`` dials again at ``due`` or later.
    """

    def __init__(
        self,
        address: tuple[str, int],
        identity: Ed25519PrivateKey,
        changed: Callable[[bool, str], None],
        node_id: str = "",
    ) -> None:
        """``changed`` is called with the new state (connected or not) and its reason. ``node_id``: whose key the node
        must prove (40 hex digits); empty: any.
        """
        self._address, self._identity, self._changed, self._node_id = address, identity, changed, node_id
        self._connection: SecretConnection | None = None
        self._socket: socket.socket | None = None
        self._messages: Messages | None = None
        self._heard_at = 0.0
        self._dial_at = 0.0
        self._failures = 0

    def sockets(self) -> list[socket.socket]:
        """The socket to wait on before ``attend``."""
        return [self._socket] if self._socket else []

    def due(self) -> float:
        """The latest time for the next ``attend`` (monotonic)."""
        if self._messages is None:
            return self._dial_at
        return self._heard_at + SILENT_FOR_SECONDS if self._messages.between_messages else 0.0

    def attend(self) -> None:
        """Dials a node that is not connected; gives up on one that is silent."""
        now = time.monotonic()
        if self._connection is None:
            if now >= self._dial_at:
                self._dial()
        elif now >= self._heard_at + SILENT_FOR_SECONDS and not self._has_more():
            self._drop(f"the node was silent for {SILENT_FOR_SECONDS:g} s")

    def next(self) -> bytes | None:
        """The next message, if one has arrived. Raises TooLong: the message was too long and has been skipped."""
        if self._messages is None or not self._has_more():
            return None
        assert self._socket is not None
        try:
            self._socket.settimeout(REST_WITHIN_SECONDS)
            message = self._messages.next()
        except (OSError, Broken) as error:
            self._drop(str(error))
            return None
        self._heard_at = time.monotonic()
        return message

    def send(self, message: bytes) -> None:
        """Sends a response. Does nothing if the node is gone."""
        if self._connection is None or self._socket is None:
            return
        try:
            self._socket.settimeout(REST_WITHIN_SECONDS)
            self._connection.send(delimited(message))
        except OSError as error:
            self._drop(str(error))

    def close(self) -> None:
        self._drop("the gate ends")

    def _has_more(self) -> bool:
        assert self._messages is not None and self._socket is not None
        return not self._messages.between_messages or is_readable(self._socket)

    def _dial(self) -> None:
        dialled = None
        try:
            dialled = socket.create_connection(self._address, timeout=DIAL_WITHIN_SECONDS)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = SecretConnection.connect(dialled, self._identity)
            found = id_of(connection.remote_public_key)
            if self._node_id not in ("", found):
                raise SecretConnectionError(f"the node proved the id {found}; {self._node_id} is configured")
        except OSError as error:
            if dialled is not None:
                dialled.close()
            pause = DIAL_AGAIN_SECONDS[min(self._failures, len(DIAL_AGAIN_SECONDS) - 1)]
            self._failures += 1
            self._dial_at = time.monotonic() + pause
            self._changed(False, str(error))
            return
        self._connection, self._socket, self._messages = connection, dialled, Messages(connection.recv)
        self._failures, self._heard_at = 0, time.monotonic()
        self._changed(True, f"connected to {found}")

    def _drop(self, why: str) -> None:
        if self._connection is None:
            return
        self._connection.close()
        self._connection = self._socket = self._messages = None
        self._dial_at = time.monotonic() + DIAL_AGAIN_SECONDS[0]
        self._changed(False, why)


def id_of(public_key: bytes) -> str:
    """The id of a connection key (32 bytes), as CometBFT and tmkms write it: 40 hex digits."""
    return sha256(public_key).digest()[:20].hex()


def identity(path: Path) -> Ed25519PrivateKey:
    """The SecretConnection key of the gate: 32 bytes in base64, as in tmkms. Created if the file does not exist.

    It is not a consensus key. A node that pins its signer's id pins this key.

    Raises:
        ValueError: the file holds something else.
        OSError: the file cannot be read or created.
    """
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes().strip(), validate=True))
    except FileNotFoundError:
        key = Ed25519PrivateKey.generate()
        secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        temporary = path.with_name(path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, base64.b64encode(secret) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
        return key
