"""One chain's service, turn by turn: what it says without a watermark, what it opens, what it tells of its links."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import floor, service
from coordinator.config import Chain, Config
from coordinator.decision.effects import Cause
from coordinator.decision.records import REACH, Gate
from coordinator.events import Events
from coordinator.gate import CODES
from coordinator.metrics import Metrics
from coordinator.privval import for_node
from coordinator.privval.messages import Dialect
from coordinator.privval.stream import TooLong
from coordinator.service import ChainService, table_for
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from tests.coordinator.gate.peers import CHAIN, prevote

KEY = bytes(range(32))
GATE = Gate("gate-a", "boot-1", CHAIN, 1, REACH)


def chain(directory: Path) -> Chain:
    return Chain(
        chain_id=CHAIN,
        generation=1,
        dialect=Dialect.TENDERMINT,
        node=("127.0.0.1", 1),
        signer=directory / "lab-1.sock",
        deadline_seconds=0.5,
        head="head-table",
        claims="claims-table",
        credentials=directory / "credentials.json",
        ca_file=directory / "ca.pem",
        endpoints=(Endpoint("us-east-1", "x", "127.0.0.1", 1, "http"),),
        sign_extensions=False,
        reach=REACH,
    )


def test_the_table_is_the_configured_one_and_the_row_that_of_the_keys_chain(tmp_path: Path) -> None:
    of = chain(tmp_path)
    table = table_for(of, GATE, KEY)
    assert (table._head, table._claims, table._key, table._gate) == (
        "head-table",
        "claims-table",
        items.key(CHAIN, KEY),
        GATE,
    )
    client = table._client
    assert [each.endpoint for each in client._replicas] == list(of.endpoints)
    assert client._ca_file == of.ca_file and isinstance(client._credentials, CredentialsFile)
    assert client._credentials._path == of.credentials


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def made(directory: Path, log: io.StringIO, metrics: Metrics) -> tuple[ChainService, Events]:
    events = Events(log)
    identity = Ed25519PrivateKey.generate()
    return ChainService(chain(directory), GATE, directory, identity, events, metrics), events


def said(events: Events, log: io.StringIO) -> list[dict[str, object]]:
    events.drain()
    return [
        {name: each[name] for name in each if name != "time"} for each in map(json.loads, log.getvalue().splitlines())
    ]


def test_links_are_down_until_they_say_otherwise_and_each_change_is_told_once(tmp_path: Path, log: io.StringIO) -> None:
    metrics = Metrics()
    service_of, events = made(tmp_path, log, metrics)
    assert 'signing_gate_node_connected{chain="lab-1"} 0' in metrics.text()
    changed = service_of._watch("signer")
    assert 'signing_gate_signer_connected{chain="lab-1"} 0' in metrics.text()
    for up, why in ((True, "it has the right key"), (True, "it has the right key"), (False, "gone"), (False, "other")):
        changed(up, why)
        assert f'signing_gate_signer_connected{{chain="lab-1"}} {int(up)}' in metrics.text()
    assert said(events, log) == [
        {"event": "signer-up", "chain": CHAIN, "detail": "it has the right key"},
        {"event": "signer-down", "chain": CHAIN, "detail": "gone"},
        {"event": "signer-down", "chain": CHAIN, "detail": "other"},
    ]


def test_a_service_without_a_watermark_says_why_and_is_not_started(tmp_path: Path, log: io.StringIO) -> None:
    metrics = Metrics()
    service_of, events = made(tmp_path, log, metrics)
    service_of.end()
    service_of.run()
    first, last = said(events, log)
    assert (first["event"], first["cause"]) == ("not-started", "disk") and "is missing" in str(first["detail"])
    assert last == {"event": "ended", "chain": CHAIN}
    assert 'signing_gate_started{chain="lab-1"} 0' in metrics.text()


def test_a_lock_that_is_taken_is_tried_again_in_its_time_and_what_is_found_then_is_told(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_of, events = made(tmp_path, log, Metrics())
    path, now = floor.path_of(tmp_path, CHAIN), [100.0]
    tried: list[float] = []
    real = floor.held

    def held(path: Path) -> AbstractContextManager[None]:
        tried.append(now[0])
        return real(path)

    def turn() -> None:
        now[0] += 0.4
        if now[0] > 103.3:
            other.close()
        if now[0] > 109:
            service_of.end()

    monkeypatch.setattr(service.floor, "held", held)
    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(service_of, "_turn", turn)
    with ExitStack() as other:
        other.enter_context(real(path))
        service_of.run()
    assert [round(each, 1) for each in tried] == [100.0, 101.2, 102.4, 103.6], "never again once it is held"
    taken, missing, _ = said(events, log)
    assert taken["cause"] == missing["cause"] == "disk"
    assert "another process holds" in str(taken["detail"]) and "is missing" in str(missing["detail"])


def test_a_turn_that_fails_is_told_and_the_next_one_comes(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AFTER_A_FAILURE_SECONDS", 0.0)
    service_of, events = made(tmp_path, log, Metrics())
    turns = []

    def turn() -> None:
        turns.append(1)
        if len(turns) == 3:
            service_of.end()
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(service_of, "_turn", turn)
    service_of.run()
    failures = [each for each in said(events, log) if each["event"] == "failure"]
    assert failures == [{"event": "failure", "chain": CHAIN, "detail": "RuntimeError: unforeseen"}] * 3


def test_metrics_that_cannot_be_written_are_told(tmp_path: Path, log: io.StringIO) -> None:
    events = Events(log)
    service._write(Metrics(), tmp_path / "missing" / "gate.prom", events)
    (event,) = said(events, log)
    assert event["event"] == "metrics-not-written" and "No such file" in str(event["detail"])


class Key:
    """A key's gate that the table does not admit. ``asked``: when it was announced, in the service's time."""

    halted = False
    started = False

    def __init__(self, now: list[float]) -> None:
        self.now, self.asked = now, list[float]()

    def start(self) -> None:
        self.asked.append(self.now[0])

    def answer(self, message: bytes, send: object) -> None:
        self.started = False


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The service's time. It goes on only by what the service waits."""
    at = [100.0]

    def wait(sockets: object, seconds: float) -> None:
        at[0] = round(at[0] + max(0.0, seconds), 6)

    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: at[0]))
    monkeypatch.setattr(service, "wait", wait)
    return at


def test_a_gate_that_is_not_admitted_announces_itself_again_ever_more_seldom(
    tmp_path: Path, log: io.StringIO, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    service_of, _ = made(tmp_path, log, Metrics())
    key = Key(now)
    monkeypatch.setattr(service_of, "_key", key)
    monkeypatch.setattr(service_of, "_dial_by", 1000.0)
    for _ in range(7):
        service_of._turn()
    assert key.asked == [100.0, 100.2, 100.7, 101.7, 103.7, 108.7, 113.7]
    key.started = True
    service_of._turn()
    assert now == [118.7] and len(key.asked) == 7, "it waits for its metrics' time, and an admitted gate is silent"
    service_of._answer(b"")
    assert service_of._announce_due() == 123.7, "a run that was fenced does not ask at once"


def test_a_node_is_dialled_when_the_time_is_over_and_not_before(
    tmp_path: Path, log: io.StringIO, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    service_of, _ = made(tmp_path, log, Metrics())
    key, dialled = Key(now), list[float]()
    monkeypatch.setattr(service_of, "_key", key)
    monkeypatch.setattr(service_of, "_signer", None)
    monkeypatch.setattr(service_of, "_open_at", 1000.0)
    monkeypatch.setattr(service_of, "_announce_at", 1000.0)
    monkeypatch.setattr(service_of._node, "attend", lambda: dialled.append(now[0]))
    monkeypatch.setattr(service_of._node, "next", lambda: None)
    assert service_of._dial_by == 110.0 == service_of._node_due()
    for _ in range(2):
        service_of._turn()
    assert now == [110.0] and not dialled
    monkeypatch.setattr(service_of._node, "due", lambda: 112.5)
    service_of._turn()
    assert now == [112.5] and dialled == [112.5], "from now on it waits for what is due of the node"


def test_a_message_that_is_too_long_is_refused_as_a_vote_is(
    tmp_path: Path, log: io.StringIO, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    service_of, events = made(tmp_path, log, Metrics())
    sent: list[bytes] = []

    def too_long() -> bytes:
        raise TooLong("a message of 99999 bytes")

    monkeypatch.setattr(service_of, "_key", Key(now))
    monkeypatch.setattr(service_of, "_dials", True)
    monkeypatch.setattr(service_of._node, "attend", lambda: None)
    monkeypatch.setattr(service_of._node, "next", too_long)
    monkeypatch.setattr(service_of._node, "send", sent.append)
    service_of._turn()
    code = CODES[Cause.MALFORMED]
    assert sent == [for_node.refused(prevote(10), code, "malformed: a message of 99999 bytes")]
    (event,) = said(events, log)
    assert (event["event"], event["cause"], event["detail"]) == ("refused", "malformed", "a message of 99999 bytes")


class Served:
    """In the place of a chain's service: ends the process, and itself a little after it was told to, or ``hangs``."""

    made: list[Served]
    hangs: threading.Event | None = None

    def __init__(self, *given: object) -> None:
        self.given = given
        self.ended, self.thread = threading.Event(), threading.current_thread()
        self.made.append(self)

    def run(self) -> None:
        self.thread = threading.current_thread()
        self.interval = sys.getswitchinterval(), gc.get_freeze_count()
        os.kill(os.getpid(), signal.SIGTERM)
        self.ended.wait(20)
        time.sleep(0.1)
        if self.hangs:
            self.hangs.wait(20)

    def end(self) -> None:
        self.ended.set()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Served]]:
    monkeypatch.setattr(Served, "made", [], raising=False)
    monkeypatch.setattr(service, "ChainService", Served)
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    interval = sys.getswitchinterval()
    yield Served.made
    sys.setswitchinterval(interval)
    gc.unfreeze()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if Served.hangs:
        Served.hangs.set()
    for each in Served.made:
        each.thread.join(20)


@pytest.mark.parametrize("in_time", [True, False])
def test_a_process_serves_each_chain_on_a_thread_of_its_own_until_it_is_told_to_end(
    tmp_path: Path, log: io.StringIO, served: list[Served], monkeypatch: pytest.MonkeyPatch, in_time: bool
) -> None:
    if not in_time:
        monkeypatch.setattr(service, "END_WITHIN_SECONDS", 0.2)
        monkeypatch.setattr(Served, "hangs", threading.Event())
    chains = (chain(tmp_path), replace(chain(tmp_path), chain_id="lab-2", generation=4, reach=9))
    events, metrics = Events(log), Metrics()
    of = Config("gate-a", tmp_path, tmp_path / "gate.prom", chains)
    metrics.put("started", "lab-2", 1.0)
    assert service.run(of, events, metrics) == (0 if in_time else 1)
    names = [each.chain_id for each in chains]
    assert [(each.thread.name, each.thread.daemon, each.ended.is_set()) for each in served] == [
        (name, True, True) for name in names
    ]
    up, down = said(events, log)
    boot = up["boot"]
    assert up == {"event": "gate-up", "gate": "gate-a", "boot": boot, "chains": 2}
    assert down == {"event": "gate-down", "gate": "gate-a", "not_ended": [] if in_time else names}
    for of_chain, each in zip(chains, served, strict=True):
        gate = Gate("gate-a", str(boot), of_chain.chain_id, of_chain.generation, of_chain.reach)
        assert each.given[:3] == (of_chain, gate, tmp_path) and each.given[4:] == (events, metrics, table_for)
        assert each.interval[0] == pytest.approx(service.THREAD_SWITCH_SECONDS) and each.interval[1] > 0
    identities = {each.given[3] for each in served}
    assert len(identities) == 1 and (tmp_path / "connection.key").exists(), "one connection key for all"
    assert (tmp_path / "gate.prom").read_text() == metrics.text()


def test_that_a_run_began_is_told_before_any_chain_can_tell_anything(
    tmp_path: Path, served: list[Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads the log takes what follows ``gate-up`` for this run, and what precedes it for an earlier one."""
    living: dict[str, list[str]] = {}

    def tell(_: Events, event: str, **__: object) -> None:
        living[event] = [each.name for each in threading.enumerate() if each.name.startswith("lab-")]

    monkeypatch.setattr(Events, "__call__", tell)
    of = Config("gate-a", tmp_path, tmp_path / "gate.prom", (chain(tmp_path),))
    assert service.run(of, Events(io.StringIO()), Metrics()) == 0
    assert [each.thread.name for each in served] == ["lab-1"]
    assert living == {"gate-up": [], "gate-down": []}
