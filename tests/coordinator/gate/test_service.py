"""One chain's service, turn by turn: what it says without a watermark, what it opens, what it tells of its links."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import service
from coordinator.config import Chain
from coordinator.decision.records import REACH, Gate
from coordinator.events import Events
from coordinator.metrics import Metrics
from coordinator.privval.messages import Dialect
from coordinator.service import ChainService, table_for
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from tests.coordinator.gate.peers import CHAIN

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
