"""Stand-ins for the two that a gate talks to: a node that listens, and a signer that dials."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.privval import encoding, for_node, for_signer
from coordinator.privval.messages import (
    Dialect,
    PingRequest,
    PubKeyRequest,
    SignProposalRequest,
    SignVoteRequest,
)
from coordinator.privval.stream import Broken, Messages
from coordinator.privval.votes import PRECOMMIT, PREVOTE, PROPOSAL, BlockId, Proposal, Vote
from coordinator.privval.wire import delimited, message_field
from coordinator.secret_connection.connection import SecretConnection

BLOCK = BlockId(b"\x11" * 32, 1, b"\x22" * 32)
OTHER_BLOCK = BlockId(b"\x33" * 32, 1, b"\x44" * 32)
NOON = 1_790_000_000_000_000_000
CHAIN = "lab-1"


def prevote(height: int, round_: int = 0, block: BlockId = BLOCK, time_ns: int = NOON, chain: str = CHAIN):
    return _vote(PREVOTE, height, round_, block, time_ns, chain)


def precommit(height: int, round_: int = 0, block: BlockId = BLOCK, time_ns: int = NOON, chain: str = CHAIN):
    return _vote(PRECOMMIT, height, round_, block, time_ns, chain)


def _vote(kind: int, height: int, round_: int, block: BlockId, time_ns: int, chain: str) -> SignVoteRequest:
    return SignVoteRequest(chain, Vote(kind, height, round_, block, time_ns, b"\x05" * 20, 0), Dialect.TENDERMINT)


def proposal(height: int, round_: int = 0, block: BlockId = BLOCK, time_ns: int = NOON, chain: str = CHAIN):
    return SignProposalRequest(chain, Proposal(PROPOSAL, height, round_, -1, block, time_ns), Dialect.TENDERMINT)


class Node:
    """Listens as a validator node does; ``ask`` is its question, and returns the answer.

    ``connections`` counts how often it was dialled: a refusal must not raise it.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._connection: SecretConnection | None = None
        self._messages: Messages | None = None
        self._socket: socket.socket | None = None
        self.connections = 0

    def accept(self, seconds: float = 30.0) -> None:
        self._listener.settimeout(seconds)
        self._socket, _ = self._listener.accept()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(seconds)
        self._connection = SecretConnection.connect(self._socket, Ed25519PrivateKey.generate())
        self._messages = Messages(self._connection.recv)
        self.connections += 1

    def is_dialled(self, seconds: float) -> bool:
        """Whether a peer dials within this time; the connection is left for `accept`."""
        return bool(select.select([self._listener], [], [], seconds)[0])

    def ask(self, asked: SignVoteRequest | SignProposalRequest):
        return self.ask_bytes(for_signer.ask(asked, (getattr(asked, "vote", None) or asked.proposal).time_ns))

    def ask_public_key(self, chain: str = CHAIN):
        return self.ask_bytes(for_signer.ask_public_key(chain))

    def ping(self):
        return self.ask_bytes(for_signer.ping())

    def ask_bytes(self, message: bytes):
        return for_signer.decode_reply(self.exchange(message), Dialect.TENDERMINT)

    def exchange(self, message: bytes) -> bytes:
        assert self._connection and self._messages
        self._connection.send(delimited(message))
        return self._messages.next()

    def hang_up(self) -> None:
        if self._connection:
            self._connection.close()

    def close(self) -> None:
        self.hang_up()
        self._listener.close()


@dataclass
class Signer:
    """Dials as tmkms does, and signs whatever it is asked. ``before`` is called before it answers a request to sign: it
    may wait. ``signed`` is what it was asked to sign.
    """

    path: Path
    key: Ed25519PrivateKey
    before: Callable[[], None] = lambda: None
    answer: Callable[[bytes], bytes] = lambda message: message
    again_seconds: float = 0.05
    signed: list[SignVoteRequest | SignProposalRequest] = field(default_factory=list)
    connections: int = 0
    mute: bool = False

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        if self._connection:
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self.hang_up()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._ended.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                try:
                    connection.connect(str(self.path))
                    self._connection = connection
                    self.connections += 1
                    self._serve(connection)
                except (OSError, Broken):
                    pass
                self._connection = None
            self._ended.wait(self.again_seconds)

    def _serve(self, connection: socket.socket) -> None:
        messages = Messages(connection.recv)
        while True:
            asked = for_node.decode(messages.next(), Dialect.TENDERMINT)
            while self.mute and not self._ended.is_set():
                time.sleep(0.01)
            if isinstance(asked, PubKeyRequest):
                reply = for_node.public_key_reply(self.key.public_key().public_bytes_raw(), Dialect.TENDERMINT)
            elif isinstance(asked, PingRequest):
                reply = for_node.pong()
            else:
                self.signed.append(asked)
                self.before()
                reply = self.answer(self._sign(asked))
            connection.sendall(delimited(reply))

    def _sign(self, asked: SignVoteRequest | SignProposalRequest) -> bytes:
        signature = self.key.sign(asked.request().sign_bytes)
        if isinstance(asked, SignProposalRequest):
            return message_field(6, message_field(1, encoding.proposal(replace(asked.proposal, signature=signature))))
        return message_field(4, message_field(1, encoding.vote(replace(asked.vote, signature=signature))))
