"""The handshake and the frames of a SecretConnection (CometBFT p2p/conn/secret_connection.go)."""

from __future__ import annotations

import socket

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.secret_connection.merlin import Transcript

DATA = 1024
"""Bytes of data in a frame, at most."""
_FRAME = 4 + DATA
_SEALED = _FRAME + 16
_EPHEMERAL_PREFIX = bytes((34, 0x0A, 32))
"""Length of the message, then field 1 of a ``BytesValue`` of 32 bytes."""
_KEY_PREFIX = bytes((102, 0x0A, 34, 0x0A, 32))
"""Length of the message, then field 1 of ``AuthSigMessage``: a ``PublicKey`` with the Ed25519 key of 32 bytes."""
_SIGNATURE_PREFIX = bytes((0x12, 64))
_AUTHENTICATION = len(_KEY_PREFIX) + 32 + len(_SIGNATURE_PREFIX) + 64


class SecretConnectionError(ConnectionError):
    """The peer broke the protocol, or closed the connection in the middle of a handshake or frame."""


def _raw(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


class SecretConnection:
    """An encrypted stream on a connected socket. Timeouts are the socket's own and are passed on.

    A timeout while receiving loses no data; one while sending leaves the connection unusable. For one thread.
    """

    remote_public_key: bytes
    """The Ed25519 key (32 bytes) that the peer has proved to hold."""

    def __init__(self, sock: socket.socket, receive_key: bytes, send_key: bytes) -> None:
        self._socket = sock
        self._receive_cipher = ChaCha20Poly1305(receive_key)
        self._send_cipher = ChaCha20Poly1305(send_key)
        self._received_frames = self._sent_frames = 0
        self._sealed = bytearray()
        self._data = b""

    @classmethod
    def connect(cls, sock: socket.socket, identity: Ed25519PrivateKey) -> SecretConnection:
        """Do the handshake on a connected socket. It is the same for both ends.

        Raises:
            SecretConnectionError: the peer broke the protocol or could not prove its key.
            OSError: the socket failed or timed out.
        """
        ephemeral = X25519PrivateKey.generate()
        local = _raw(ephemeral.public_key())
        sock.sendall(_EPHEMERAL_PREFIX + local)
        answer = _exactly(sock, len(_EPHEMERAL_PREFIX) + 32)
        if not answer.startswith(_EPHEMERAL_PREFIX):
            raise SecretConnectionError("the other end sent no ephemeral key")
        remote = answer[len(_EPHEMERAL_PREFIX) :]
        receive_key, send_key, challenge = derive(local, remote, _shared(ephemeral, remote))
        connection = cls(sock, receive_key, send_key)
        connection.send(_KEY_PREFIX + _raw(identity.public_key()) + _SIGNATURE_PREFIX + identity.sign(challenge))
        connection.remote_public_key = connection._authenticated(challenge)
        return connection

    def send(self, data: bytes) -> None:
        """Send all of ``data``, in as many frames as it needs."""
        frames = bytearray()
        for start in range(0, len(data), DATA):
            chunk = data[start : start + DATA]
            frame = (len(chunk).to_bytes(4, "little") + chunk).ljust(_FRAME, b"\0")
            frames += self._send_cipher.encrypt(_nonce(self._sent_frames), frame, None)
            self._sent_frames += 1
        self._socket.sendall(frames)

    def recv(self, most: int = DATA) -> bytes:
        """At least one byte and at most ``most``, or none when the peer has closed.

        Raises:
            SecretConnectionError: a frame is truncated, forged, repeated or missing.
            OSError: the socket failed or timed out.
        """
        while not self._data:
            while len(self._sealed) < _SEALED:
                received = self._socket.recv(_SEALED - len(self._sealed))
                if not received:
                    if self._sealed:
                        raise SecretConnectionError("the connection ended within a frame")
                    return b""
                self._sealed += received
            self._data = self._open(bytes(self._sealed))
            self._sealed.clear()
        data, self._data = self._data[:most], self._data[most:]
        return data

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _open(self, sealed: bytes) -> bytes:
        try:
            frame = self._receive_cipher.decrypt(_nonce(self._received_frames), sealed, None)
        except InvalidTag:
            raise SecretConnectionError("a frame is not authentic") from None
        self._received_frames += 1
        length = int.from_bytes(frame[:4], "little")
        if length > DATA:
            raise SecretConnectionError(f"a frame claims {length} bytes")
        return frame[4 : 4 + length]

    def _authenticated(self, challenge: bytes) -> bytes:
        message = b""
        while len(message) < _AUTHENTICATION:
            received = self.recv(_AUTHENTICATION - len(message))
            if not received:
                raise SecretConnectionError("the other end closed instead of proving its key")
            message += received
        key = message[len(_KEY_PREFIX) :][:32]
        if message != _KEY_PREFIX + key + _SIGNATURE_PREFIX + message[-64:]:
            raise SecretConnectionError("the other end sent no proof of an Ed25519 key")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(message[-64:], challenge)
        except (InvalidSignature, ValueError):
            raise SecretConnectionError("the other end did not prove its key") from None
        return key


def derive(local: bytes, remote: bytes, shared: bytes) -> tuple[bytes, bytes, bytes]:
    """The receive key, the send key and the challenge, from both ephemeral keys and their shared secret."""
    transcript = Transcript(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH")
    transcript.append(b"EPHEMERAL_LOWER_PUBLIC_KEY", min(local, remote))
    transcript.append(b"EPHEMERAL_UPPER_PUBLIC_KEY", max(local, remote))
    transcript.append(b"DH_SECRET", shared)
    keys = HKDF(SHA256(), 96, None, b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN").derive(shared)
    receive_key, send_key = (keys[:32], keys[32:64]) if local < remote else (keys[32:64], keys[:32])
    return receive_key, send_key, transcript.challenge(b"SECRET_CONNECTION_MAC", 32)


def _shared(ephemeral: X25519PrivateKey, remote: bytes) -> bytes:
    """The shared secret. A low-order point, which makes the secret predictable, is refused."""
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(remote))
    except ValueError:
        shared = bytes(32)
    if shared == bytes(32):
        raise SecretConnectionError("the other end's ephemeral key is a point of low order")
    return shared


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(8, "little")


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        received = sock.recv(size - len(data))
        if not received:
            raise SecretConnectionError("the other end closed during the handshake")
        data += received
    return data
