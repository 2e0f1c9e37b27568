"""No signature is ever taken for the answer to another request."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.privval import for_node
from coordinator.privval.messages import Dialect
from coordinator.privval.stream import Messages
from coordinator.privval.wire import delimited
from coordinator.signer import SignerFailed, SignerLink
from tests.coordinator.gate.peers import CHAIN, NOON, prevote

KEY = bytes(range(32))


class Bench:
    """A link with a signer that is connected and has answered nothing since."""

    def __init__(self, directory: Path) -> None:
        self.said: list[tuple[bool, str]] = []
        path = directory / "signer.sock"
        self.link = SignerLink(path, CHAIN, KEY, Dialect.TENDERMINT, lambda up, why: self.said.append((up, why)))
        self.link.attend()
        self.peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.peer.connect(str(path))
        self.peer.settimeout(5)
        self.messages = Messages(self.peer.recv)
        self.link.attend()
        self.messages.next()
        self.peer.sendall(delimited(for_node.public_key_reply(KEY, Dialect.TENDERMINT)))
        while not self.link.ready:
            self.link.attend()

    @property
    def hung_up(self) -> bool:
        """Whether the link has ended the connection."""
        self.peer.settimeout(0.05)
        try:
            while self.peer.recv(1 << 16):
                pass
        except TimeoutError:
            return False
        return True


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.peer.close()
    made.link.close()


def test_a_signer_that_did_not_answer_in_time_is_hung_up_on_at_once(bench: Bench) -> None:
    bench.link.begin(prevote(10), NOON)
    with pytest.raises(SignerFailed, match="did not answer in time"):
        bench.link.finish(time.monotonic() + 0.05)
    assert bench.hung_up and not bench.link.ready
    with pytest.raises(SignerFailed, match="no signer is connected"):
        bench.link.begin(prevote(11), NOON)


def test_a_signature_that_nobody_waited_for_ends_the_connection(bench: Bench) -> None:
    bench.link.begin(prevote(10), NOON)
    with pytest.raises(SignerFailed, match="no signer is connected"):
        bench.link.begin(prevote(11), NOON)
    bench.link.attend()
    assert bench.hung_up and not bench.link.ready
    assert bench.said[-1] == (False, "its response came too late")


def test_what_was_not_asked_for_ends_the_connection(bench: Bench) -> None:
    bench.peer.sendall(delimited(for_node.pong()))
    time.sleep(0.01)
    bench.link.attend()
    assert bench.hung_up and not bench.link.ready


def test_a_second_answer_after_the_first_is_not_the_answer_to_the_next_request(bench: Bench) -> None:
    refusal = delimited(for_node.refused(prevote(10), 2, "no"))
    bench.link.begin(prevote(10), NOON)
    bench.peer.sendall(refusal + refusal)
    with pytest.raises(SignerFailed, match="refused: no"):
        bench.link.finish(time.monotonic() + 5)
    bench.link.attend()
    assert bench.hung_up and not bench.link.ready


@pytest.mark.parametrize(
    ("user", "reason"),
    [("nobody", "the signer runs as nobody (65534)"), ("no-such-user", "there is no user no-such-user")],
)
def test_a_process_of_another_user_is_not_the_signer(tmp_path: Path, user: str, reason: str) -> None:
    said: list[tuple[bool, str]] = []
    path = tmp_path / "signer.sock"
    link = SignerLink(path, CHAIN, KEY, Dialect.TENDERMINT, lambda up, why: said.append((up, why)), user)
    link.attend()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(str(path))
        stranger.settimeout(5)
        link.attend()
        assert stranger.recv(1) == b"", "nothing is said to it, and the connection is closed"
    link.close()
    assert said[0][0] is False and reason in said[0][1]
    assert not link.ready


def test_the_socket_is_open_to_its_user_and_group_only(tmp_path: Path) -> None:
    link = SignerLink(tmp_path / "signer.sock", CHAIN, KEY, Dialect.TENDERMINT, lambda up, why: None)
    link.attend()
    assert (tmp_path / "signer.sock").stat().st_mode & 0o777 == 0o660
    link.close()
