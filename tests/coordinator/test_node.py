"""The gate speaks only with the node whose connection key is pinned."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.node import NodeLink, id_of
from coordinator.secret_connection.connection import SecretConnection

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
