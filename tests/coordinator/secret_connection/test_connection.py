"""Both ends of a connection of ours: what one sends the other receives, and no man in the middle is accepted."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.secret_connection import connection
from coordinator.secret_connection.connection import SecretConnection, SecretConnectionError, derive
from coordinator.secret_connection.merlin import Transcript

SEALED = 1044
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]
"""The points of small order, as their u coordinates are commonly listed."""


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def connected(
    first: socket.socket, second: socket.socket, keys: tuple[Ed25519PrivateKey, Ed25519PrivateKey]
) -> tuple[SecretConnection, SecretConnection]:
    with ThreadPoolExecutor(2) as both:
        ends: list[Future[SecretConnection]] = [
            both.submit(SecretConnection.connect, sock, key) for sock, key in zip((first, second), keys, strict=True)
        ]
        return ends[0].result(10), ends[1].result(10)


@pytest.fixture
def keys() -> tuple[Ed25519PrivateKey, Ed25519PrivateKey]:
    return Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    first, second = socket.socketpair()
    for sock in (first, second):
        sock.settimeout(5)
    with first, second:
        yield first, second


@pytest.fixture
def ends(sockets: tuple[socket.socket, socket.socket], keys: tuple) -> tuple[SecretConnection, SecretConnection]:
    return connected(*sockets, keys)


def received(end: SecretConnection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += end.recv()
    return data


def test_each_end_knows_the_others_key(ends: tuple, keys: tuple) -> None:
    assert (ends[0].remote_public_key, ends[1].remote_public_key) == (public(keys[1]), public(keys[0]))


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 5000])
def test_what_is_sent_arrives_in_both_directions(ends: tuple, size: int) -> None:
    for sender, receiver in (ends, ends[::-1]):
        data = random.Random(size).randbytes(size)
        sender.send(data)
        assert received(receiver, size) == data


def test_less_than_a_frame_can_be_taken_at_a_time(ends: tuple) -> None:
    ends[0].send(b"abcdef")
    assert [ends[1].recv(4), ends[1].recv(4)] == [b"abcd", b"ef"]


def test_the_end_of_the_stream_is_reported(ends: tuple) -> None:
    ends[0].close()
    assert ends[1].recv() == b""


def test_a_timeout_within_a_frame_loses_nothing(ends: tuple, sockets: tuple) -> None:
    caught = _caught(ends[0], sockets[0], b"hello")
    sockets[1].settimeout(0.05)
    sockets[0].sendall(caught[:100])
    with pytest.raises(TimeoutError):
        ends[1].recv()
    sockets[0].sendall(caught[100:])
    assert ends[1].recv() == b"hello"


def _caught(sender: SecretConnection, sock: socket.socket, data: bytes) -> bytes:
    """The bytes on the wire for ``data``, which are not delivered."""

    class Catcher:
        def sendall(self, frames: bytes) -> None:
            self.frames = bytes(frames)

    catcher = Catcher()
    sender._socket = catcher  # type: ignore[assignment]
    sender.send(data)
    sender._socket = sock
    return catcher.frames


def test_frames_all_have_one_size_whatever_they_carry(ends: tuple, sockets: tuple) -> None:
    assert {len(_caught(ends[0], sockets[0], b"x" * size)) for size in (1, 500, 1024)} == {SEALED}


@pytest.mark.parametrize("place", [0, 3, 4, 500, 1028, 1043])
def test_a_changed_frame_is_not_believed(ends: tuple, sockets: tuple, place: int) -> None:
    frame = bytearray(_caught(ends[0], sockets[0], b"hello"))
    frame[place] ^= 1
    sockets[0].sendall(frame)
    with pytest.raises(SecretConnectionError, match="not authentic"):
        ends[1].recv()


def test_a_repeated_frame_is_not_believed(ends: tuple, sockets: tuple) -> None:
    frame = _caught(ends[0], sockets[0], b"hello")
    sockets[0].sendall(frame + frame)
    assert ends[1].recv() == b"hello"
    with pytest.raises(SecretConnectionError, match="not authentic"):
        ends[1].recv()


def test_a_frame_left_out_is_noticed(ends: tuple, sockets: tuple) -> None:
    _caught(ends[0], sockets[0], b"first")
    ends[0].send(b"second")
    with pytest.raises(SecretConnectionError, match="not authentic"):
        ends[1].recv()


def test_a_frame_sent_back_is_not_believed(ends: tuple, sockets: tuple) -> None:
    frame = _caught(ends[0], sockets[0], b"hello")
    sockets[1].sendall(frame)
    with pytest.raises(SecretConnectionError, match="not authentic"):
        ends[0].recv()


def test_a_stream_cut_off_within_a_frame_is_noticed(ends: tuple, sockets: tuple) -> None:
    sockets[0].sendall(_caught(ends[0], sockets[0], b"hello")[:-1])
    sockets[0].shutdown(socket.SHUT_WR)
    with pytest.raises(SecretConnectionError, match="within a frame"):
        ends[1].recv()


def test_a_frame_that_claims_more_than_it_has_is_refused(ends: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "DATA", 1000)
    frame = (1001).to_bytes(4, "little") + bytes(1024)
    ends[0]._socket.sendall(ends[0]._send_cipher.encrypt(connection._nonce(ends[0]._sent_frames), frame, None))
    with pytest.raises(SecretConnectionError, match="claims 1001 bytes"):
        ends[1].recv()


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point[:4].hex())
def test_an_ephemeral_key_of_low_order_is_refused(sockets: tuple, keys: tuple, point: bytes) -> None:
    sockets[1].sendall(b"\x22\x0a\x20" + point)
    with pytest.raises(SecretConnectionError, match="low order"):
        SecretConnection.connect(sockets[0], keys[0])


@pytest.mark.parametrize(
    "greeting", [b"\x21\x0a\x1f" + b"k" * 32, b"GET / HTTP/1.1\r\n".ljust(35), b"\x22\x12\x20" + b"k" * 32]
)
def test_another_greeting_is_refused(sockets: tuple, keys: tuple, greeting: bytes) -> None:
    sockets[1].sendall(greeting)
    with pytest.raises(SecretConnectionError, match="no ephemeral key"):
        SecretConnection.connect(sockets[0], keys[0])


def test_an_end_that_closes_at_once_is_noticed(sockets: tuple, keys: tuple) -> None:
    sockets[1].shutdown(socket.SHUT_WR)
    with pytest.raises(SecretConnectionError, match="during the handshake"):
        SecretConnection.connect(sockets[0], keys[0])


def test_an_end_that_closes_instead_of_proving_its_key_is_noticed(sockets: tuple, keys: tuple) -> None:
    sockets[1].sendall(b"\x22\x0a\x20" + connection._raw(connection.X25519PrivateKey.generate().public_key()))
    sockets[1].shutdown(socket.SHUT_WR)
    with pytest.raises(SecretConnectionError, match="closed instead of proving"):
        SecretConnection.connect(sockets[0], keys[0])


def test_an_end_that_says_nothing_times_out(sockets: tuple, keys: tuple) -> None:
    sockets[0].settimeout(0.05)
    with pytest.raises(TimeoutError):
        SecretConnection.connect(sockets[0], keys[0])


@pytest.mark.parametrize("place", [0, 4, 5, 37, 39, 102])
def test_an_end_that_cannot_prove_its_key_is_refused(
    sockets: tuple, keys: tuple, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof of one end is changed in one byte before it is encrypted."""
    send = SecretConnection.send
    liar = threading.current_thread()

    def changed(self: SecretConnection, data: bytes) -> None:
        if threading.current_thread() is liar:
            data = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        send(self, data)

    monkeypatch.setattr(SecretConnection, "send", changed)
    with ThreadPoolExecutor(1) as other:
        honest = other.submit(SecretConnection.connect, sockets[1], keys[1])
        SecretConnection.connect(sockets[0], keys[0])
        with pytest.raises(SecretConnectionError, match="prove|proof"):
            honest.result(10)


def test_a_man_in_the_middle_is_noticed(keys: tuple) -> None:
    """Who passes on the proofs of two ends with which he shares different secrets is believed by neither."""
    left, left_middle = socket.socketpair()
    right, right_middle = socket.socketpair()
    with left, left_middle, right, right_middle, ThreadPoolExecutor(2) as both:
        for sock in (left, left_middle, right, right_middle):
            sock.settimeout(5)
        honest = [both.submit(SecretConnection.connect, sock, key) for sock, key in ((left, keys[0]), (right, keys[1]))]
        middles = [_middle(sock) for sock in (left_middle, right_middle)]
        proofs = [received(middle, 103) for middle in middles]
        middles[0].send(proofs[1])
        middles[1].send(proofs[0])
        for end in honest:
            with pytest.raises(SecretConnectionError, match="did not prove its key"):
                end.result(10)


def _middle(sock: socket.socket) -> SecretConnection:
    """A connection as far as the encryption goes, with nothing proven."""
    ephemeral = connection.X25519PrivateKey.generate()
    local = connection._raw(ephemeral.public_key())
    sock.sendall(b"\x22\x0a\x20" + local)
    remote = connection._exactly(sock, 35)[3:]
    receive_key, send_key, _ = derive(local, remote, connection._shared(ephemeral, remote))
    return SecretConnection(sock, receive_key, send_key)


def test_the_ends_derive_each_others_keys() -> None:
    low, high = bytes(32), b"\xff" * 32
    one, other = derive(low, high, b"s" * 32), derive(high, low, b"s" * 32)
    assert one == (other[1], other[0], other[2])


def test_the_challenge_binds_both_ephemeral_keys_and_the_secret_in_cometbfts_order() -> None:
    """As in MakeSecretConnection of p2p/conn/secret_connection.go."""
    low, high, secret = b"\x01" * 32, b"\xf0" * 32, b"s" * 32
    transcript = Transcript(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH")
    for label, bound in (("EPHEMERAL_LOWER_PUBLIC_KEY", low), ("EPHEMERAL_UPPER_PUBLIC_KEY", high)):
        transcript.append(label.encode(), bound)
    transcript.append(b"DH_SECRET", secret)
    challenge = transcript.challenge(b"SECRET_CONNECTION_MAC", 32)
    assert len(challenge) == 32
    assert derive(low, high, secret)[2] == derive(high, low, secret)[2] == challenge


def test_keys_are_those_of_cometbfts_golden_file() -> None:
    """Two lines of p2p/conn/testdata/TestDeriveSecretsAndChallengeGolden.golden, one of each order."""
    low, high = bytes(32), b"\xff" * 32
    secret = bytes.fromhex("9fe4a5a73df12dbd8659b1d9280873fe993caefec6b0ebc2686dd65027148e03")
    assert [key.hex() for key in derive(low, high, secret)[:2]] == [
        "80a83ad6afcb6f8175192e41973aed31dd75e3c106f813d986d9567a4865eb2f",
        "96362a04f628a0666d9866147326898bb0847b8db8680263ad19e6336d4eed9e",
    ]
    secret = bytes.fromhex("0716764b370d543fee692af03832c16410f0a56e4ddb79604ea093b10bb6f654")
    assert [key.hex() for key in derive(high, low, secret)[:2]] == [
        "84f2b1e8658456529a2c324f46c3406c3c6fecd5fbbf9169f60bed8956a8b03d",
        "cba357ae33d7234520d5742102a2a6cdb39b7db59c14a58fa8aadd310127630f",
    ]
