"""No signature is ever taken for the answer to another request."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordinator.privval import for_node
from coordinator.privval.messages import Dialect
from coordinator.privval.stream import Messages
from coordinator.privval.wire import delimited
from coordinator.signer import ANSWER_WITHIN_SECONDS, BIND_AGAIN_SECONDS, PING_AFTER_SECONDS, SignerFailed, SignerLink
from tests.coordinator.gate.peers import CHAIN, NOON, prevote

KEY = bytes(range(32))


@dataclass
class Clock:
    """The link's time, which stands still."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("coordinator.signer.time", made)
    return made


class Bench:
    """A link with a signer that is connected and has answered nothing since."""

    def __init__(self, directory: Path) -> None:
        self.said: list[tuple[bool, str]] = []
        self.path = path = directory / "signer.sock"
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

    def attend(self) -> None:
        """Attends to the link once what the signer did has arrived."""
        assert select.select(self.link.sockets(), [], [], 5)[0]
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


def test_a_second_signer_waits_until_the_first_is_gone(bench: Bench) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as second:
        second.connect(str(bench.path))
        second.settimeout(0.05)
        bench.link.attend()
        assert bench.link.ready and not bench.hung_up
        with pytest.raises(TimeoutError):
            second.recv(1)
        bench.peer.close()
        bench.attend()
        assert not bench.link.ready
        bench.link.attend()
        second.settimeout(5)
        assert second.recv(1), "it is asked for its key"


def test_it_listens_once(clock: Clock, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    inode = bench.path.stat().st_ino
    clock.now += 10 * BIND_AGAIN_SECONDS
    bench.link.attend()
    assert bench.path.stat().st_ino == inode
    bench.link.close()


def test_a_directory_that_is_missing_is_tried_again_after_a_while(tmp_path: Path, clock: Clock) -> None:
    said: list[tuple[bool, str]] = []
    path = tmp_path / "later" / "signer.sock"
    link = SignerLink(path, CHAIN, KEY, Dialect.TENDERMINT, lambda up, why: said.append((up, why)))
    link.attend()
    assert said[0][0] is False and said[0][1].startswith("cannot listen: ")
    assert link.sockets() == [] and link.due() == clock.now + BIND_AGAIN_SECONDS
    path.parent.mkdir()
    link.attend()
    assert not path.exists() and len(said) == 1
    clock.now = link.due()
    link.attend()
    assert path.is_socket() and len(link.sockets()) == 1 and link.due() == float("inf")
    link.close()
    assert not path.exists() and link.sockets() == []


def test_an_idle_signer_is_pinged_and_one_that_does_not_answer_is_hung_up_on(clock: Clock, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    heard = clock.now
    assert bench.link.due() == heard + PING_AFTER_SECONDS
    clock.now = heard + PING_AFTER_SECONDS - 0.001
    bench.link.attend()
    assert bench.link.due() == heard + PING_AFTER_SECONDS, "not asked yet"
    for answers in (True, False):
        asked = clock.now = bench.link.due()
        bench.link.attend()
        bench.messages.next()
        assert bench.link.due() == asked + ANSWER_WITHIN_SECONDS
        if answers:
            clock.now += 1
            bench.peer.sendall(delimited(for_node.pong()))
            bench.attend()
            assert bench.link.ready and bench.link.due() == clock.now + PING_AFTER_SECONDS
    clock.now = bench.link.due() - 0.001
    bench.link.attend()
    assert bench.link.ready
    clock.now += 0.001
    bench.link.attend()
    assert not bench.link.ready and bench.said[-1] == (False, "it did not answer") and bench.hung_up
    bench.link.close()


def test_the_answer_to_a_ping_may_come_before_a_signature(clock: Clock, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    clock.now = bench.link.due()
    bench.link.attend()
    bench.link.begin(prevote(10), NOON)
    clock.now += 1
    bench.peer.sendall(delimited(for_node.pong()) + delimited(for_node.refused(prevote(10), 2, "no")))
    with pytest.raises(SignerFailed, match="refused: no"):
        bench.link.finish(clock.now + 5)
    assert bench.link.ready and bench.link.due() == clock.now + PING_AFTER_SECONDS
    bench.link.attend()
    assert bench.link.ready, "the ping is answered"
    bench.link.close()


def test_another_answer_than_a_signature_ends_the_connection(bench: Bench) -> None:
    bench.link.begin(prevote(10), NOON)
    bench.peer.sendall(delimited(for_node.pong()))
    with pytest.raises(SignerFailed, match="answered with PingResponse"):
        bench.link.finish(time.monotonic() + 5)
    assert bench.hung_up and bench.said[-1] == (False, "it answered with PingResponse")


def test_a_signer_that_ends_in_place_of_a_signature_failed(bench: Bench) -> None:
    bench.link.begin(prevote(10), NOON)
    bench.peer.close()
    with pytest.raises(SignerFailed, match="closed the connection"):
        bench.link.finish(time.monotonic() + 5)
    assert not bench.link.ready
    with pytest.raises(SignerFailed, match="closed the connection"):
        bench.link.finish(time.monotonic() + 5)


def test_a_signer_that_is_gone_when_it_is_asked_is_not_waited_for(bench: Bench) -> None:
    bench.peer.close()
    with pytest.raises(SignerFailed, match="the signer is gone"):
        bench.link.begin(prevote(10), NOON)
    assert not bench.link.ready and bench.said[-1][0] is False
    assert bench.link.due() == float("inf") and len(bench.link.sockets()) == 1, "it waits for the next one"


def test_a_deadline_that_has_passed_waits_for_nothing(bench: Bench) -> None:
    bench.link.begin(prevote(10), NOON)
    with pytest.raises(SignerFailed, match="did not answer in time"):
        bench.link.finish(time.monotonic() - 1)
    assert bench.hung_up


def test_a_signer_with_another_key_never_is_ready(tmp_path: Path) -> None:
    said: list[tuple[bool, str]] = []
    path = tmp_path / "signer.sock"
    link = SignerLink(path, CHAIN, KEY, Dialect.TENDERMINT, lambda up, why: said.append((up, why)))
    link.attend()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(path))
        peer.settimeout(5)
        link.attend()
        Messages(peer.recv).next()
        peer.sendall(delimited(for_node.public_key_reply(KEY[::-1], Dialect.TENDERMINT)))
        assert select.select(link.sockets(), [], [], 5)[0]
        link.attend()
        assert peer.recv(1) == b""
    assert said == [(False, "its public key is not that of the watermark file")] and not link.ready
    link.close()
