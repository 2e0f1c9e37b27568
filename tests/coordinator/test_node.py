"""The gate speaks only with the node whose connection key is pinned, and dials it again when it is gone."""

from __future__ import annotations

import base64
import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.node import SILENT_FOR_SECONDS, NodeLink, id_of, identity
from coordinator.privval.wire import delimited
from coordinator.secret_connection.connection import SecretConnection
from lab.table.local import free_port

NODE = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
NODE_ID = id_of(NODE.public_key().public_bytes_raw())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(5)
        yield made


def dial(listener: socket.socket, node_id: str) -> tuple[bool, str, bytes | None]:
    """What the link reports, and the first byte that the node gets after the handshake."""
    said: list[tuple[bool, str]] = []
    heard: list[bytes] = []

    def node() -> None:
        accepted, _ = listener.accept()
        accepted.settimeout(5)
        with accepted:
            connection = SecretConnection.connect(accepted, NODE)
            heard.append(connection.recv(1))

    thread = threading.Thread(target=node)
    thread.start()
    link = NodeLink(
        listener.getsockname(), Ed25519PrivateKey.generate(), lambda up, why: said.append((up, why)), node_id
    )
    link.attend()
    if said[0][0]:
        link.send(b"x")
    else:
        assert link.sockets() == []
    thread.join(10)
    link.close()
    return *said[0], heard[0]


@pytest.mark.parametrize("node_id", ["", NODE_ID])
def test_a_node_with_the_pinned_key_or_any_without_a_pin_is_spoken_with(listener: socket.socket, node_id: str) -> None:
    up, why, heard = dial(listener, node_id)
    assert (up, why, heard) == (True, f"connected to {NODE_ID}", b"\x01")


def test_a_node_with_another_key_is_hung_up_on(listener: socket.socket) -> None:
    up, why, heard = dial(listener, "0" * 40)
    assert (up, why) == (False, f"the node proved the id {NODE_ID}; {'0' * 40} is configured")
    assert heard == b""


def test_an_id_is_written_as_cometbft_writes_it() -> None:
    """The id of the key 0x00…1f: the first 20 bytes of its SHA-256, as ``p2p.PubKeyToID`` gives them."""
    assert id_of(bytes(range(32))) == "630dcd2966c4336691125448bbb25b4ff412a49c"


@dataclass
class Dialled:
    """A link to a listener, a time that stands still, and the node's side of each connection."""

    listener: socket.socket
    now: float = 1000.0
    said: list[tuple[bool, str]] = field(default_factory=list)
    nodes: list[SecretConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        identity = Ed25519PrivateKey.generate()
        self.link = NodeLink(self.listener.getsockname(), identity, lambda up, why: self.said.append((up, why)))

    def monotonic(self) -> float:
        return self.now

    def connect(self) -> SecretConnection:
        def accept() -> None:
            accepted, _ = self.listener.accept()
            accepted.settimeout(5)
            self.nodes.append(SecretConnection.connect(accepted, NODE))

        thread = threading.Thread(target=accept)
        thread.start()
        self.link.attend()
        thread.join(10)
        return self.nodes[-1]

    def arrived(self) -> None:
        """Waits until what the node sent, or its end, is there."""
        assert select.select(self.link.sockets(), [], [], 5)[0]

    def hear(self) -> bytes | None:
        self.arrived()
        return self.link.next()


@pytest.fixture
def dialled(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialled]:
    made = Dialled(listener)
    monkeypatch.setattr("coordinator.node.time", made)
    yield made
    made.link.close()
    for each in made.nodes:
        each.close()


def test_a_message_is_heard_and_an_answer_arrives(dialled: Dialled) -> None:
    node = dialled.connect()
    assert dialled.link.next() is None, "it waits for nothing"
    node.send(delimited(b"first") + delimited(b"second"))
    assert dialled.hear() == b"first"
    assert dialled.link.due() == 0.0, "what has been read already does not show at the socket"
    assert [dialled.link.next(), dialled.link.next()] == [b"second", None]
    assert dialled.link.due() == dialled.now + SILENT_FOR_SECONDS
    dialled.link.send(b"answer")
    assert node.recv(7) == delimited(b"answer")


def test_a_silent_node_is_dialled_again_and_one_that_speaks_is_not(dialled: Dialled) -> None:
    node, began = dialled.connect(), dialled.now
    assert dialled.link.due() == began + SILENT_FOR_SECONDS
    dialled.now += SILENT_FOR_SECONDS - 0.001
    dialled.link.attend()
    assert len(dialled.said) == 1
    node.send(delimited(b"here"))
    assert dialled.hear() == b"here"
    assert dialled.link.due() == dialled.now + SILENT_FOR_SECONDS
    node.send(delimited(b"waits to be read"))
    dialled.arrived()
    dialled.now += SILENT_FOR_SECONDS
    dialled.link.attend()
    assert len(dialled.said) == 1 and dialled.link.next() == b"waits to be read"
    dialled.now += SILENT_FOR_SECONDS
    dialled.link.attend()
    assert dialled.said[1:] == [(False, "the node was silent for 10 s")] and dialled.link.sockets() == []
    assert dialled.link.due() == dialled.now + 0.1
    dialled.link.attend()
    assert len(dialled.said) == 2, "not before it is due"
    dialled.now = dialled.link.due()
    dialled.connect()
    assert dialled.said[2][0] and len(dialled.nodes) == 2


def test_a_message_whose_rest_does_not_come_ends_the_connection(
    dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.node.REST_WITHIN_SECONDS", 0.05)
    node = dialled.connect()
    node.send(delimited(b"whole") + delimited(b"a half")[:4])
    assert dialled.hear() == b"whole"
    assert dialled.link.next() is None
    assert len(dialled.said) == 2 and dialled.said[1][0] is False and dialled.link.sockets() == []


def test_a_node_that_hangs_up_is_noticed_and_nothing_is_sent_to_it(dialled: Dialled) -> None:
    dialled.connect().close()
    assert dialled.hear() is None
    assert dialled.said[1][0] is False
    dialled.link.send(b"answer")
    assert dialled.link.next() is None and len(dialled.said) == 2
    dialled.link.close()
    assert len(dialled.said) == 2, "it is gone already"


def test_a_node_that_does_not_listen_is_dialled_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = 1000.0, []
    address = ("127.0.0.1", free_port())
    link = NodeLink(address, Ed25519PrivateKey.generate(), lambda up, why: said.append(up))

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    monkeypatch.setattr("coordinator.node.time", Clock)
    pauses = []
    for _ in range(6):
        link.attend()
        pauses.append(round(link.due() - now, 3))
        now = link.due()
    assert pauses == [0.1, 0.2, 0.5, 1.0, 1.0, 1.0] and said == [False] * 6
    link.attend()
    assert len(said) == 7
    link.attend()
    assert len(said) == 7, "not before it is due"


def test_after_a_connection_the_pauses_are_short_again(dialled: Dialled, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = socket.create_connection

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        raise ConnectionRefusedError("refused")

    for wanted in ([0.1, 0.2], [0.1]):
        monkeypatch.setattr(socket, "create_connection", refuse)
        pauses = []
        for _ in wanted:
            dialled.link.attend()
            pauses.append(round(dialled.link.due() - dialled.now, 3))
            dialled.now = dialled.link.due()
        assert pauses == wanted
        monkeypatch.setattr(socket, "create_connection", refused)
        dialled.connect().close()
        assert dialled.hear() is None
        dialled.now = dialled.link.due()


def test_the_connection_key_is_made_once_and_is_for_the_gate_only(tmp_path: Path) -> None:
    path = tmp_path / "connection.key"
    made = identity(path)
    assert identity(path).private_bytes_raw() == made.private_bytes_raw()
    assert path.stat().st_mode & 0o777 == 0o600 and list(tmp_path.iterdir()) == [path]
    assert base64.b64decode(path.read_bytes()) == made.private_bytes_raw()
    assert path.read_bytes().endswith(b"\n")
    for wrong in (b"", b"no base64!", base64.b64encode(bytes(31)), base64.b64encode(bytes(32)) + b"*"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError):
            identity(path)


def test_a_connection_key_is_on_disk_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").read_bytes())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    (tmp_path / "connection.key.new").write_bytes(b"what a run that was killed has left" * 9)
    made = identity(tmp_path / "connection.key")
    assert synced == [base64.b64encode(made.private_bytes_raw()) + b"\n"]


def test_an_answer_leaves_at_once(dialled: Dialled) -> None:
    dialled.connect()
    (there,) = dialled.link.sockets()
    assert there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
