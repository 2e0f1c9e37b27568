from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import floor, service
from coordinator.config import Chain
from coordinator.decision.position import spent
from coordinator.decision.records import REACH, Gate, Head
from coordinator.events import MOST_WAITING, Events
from coordinator.gate import KeyTable
from coordinator.metrics import Metrics
from coordinator.privval.messages import Dialect
from coordinator.service import ChainService
from coordinator.table import items
from coordinator.table.client import Endpoint
from lab.table import local
from tests.coordinator.gate import tmkms
from tests.coordinator.gate.peers import CHAIN, Node, Signer
from tests.coordinator.gate.rows import MemoryTable, Rows

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until it holds; fails if it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.005)


@dataclass
class Estate:
    """A gate of one chain, running in a thread, with its node, its signer and its table."""

    directory: Path
    chain_id: str = CHAIN
    gate_id: str = "gate-a"
    rows: Rows = field(default_factory=Rows)
    key: Ed25519PrivateKey = KEY
    deadline_seconds: float = 0.5
    table: Callable[[Chain, Gate, bytes], KeyTable] | None = None
    endpoints: tuple[Endpoint, ...] = ()
    node_waits_seconds: float = 60.0
    reach: int = REACH

    def __post_init__(self) -> None:
        self.node = Node()
        self.log = io.StringIO()
        self.metrics = Metrics()
        self.told: Events | None = None
        self.stream: TextIO | None = None
        self.most_waiting = MOST_WAITING
        self.socket = self.directory / f"{self.chain_id}.sock"
        self.floor = floor.path_of(self.directory, self.chain_id)
        self.signer: Signer | None = None
        self._stack = ExitStack()

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def events(self, name: str) -> list[dict]:
        if self.told:
            self.told.drain()
        return [each for each in map(json.loads, self.log.getvalue().splitlines()) if each["event"] == name]

    @property
    def signer_is_up(self) -> bool:
        return f'signer_connected{{chain="{self.chain_id}"}} 1' in self.metrics.text()

    def seed(self, height: int = 9) -> Estate:
        floor.seed(self.floor, self.chain_id, self.public_key, spent(height))
        return self

    def start(self) -> Estate:
        self.told = Events(
            self.stream or self.log, lambda chain: self.metrics.count("events_dropped_total", chain), self.most_waiting
        )
        self.service = ChainService(
            Chain(
                chain_id=self.chain_id,
                generation=1,
                dialect=Dialect.TENDERMINT,
                node=self.node.address,
                signer=self.socket,
                deadline_seconds=self.deadline_seconds,
                head="head",
                claims="claims",
                credentials=self.directory / "credentials.json",
                ca_file=Path("/nonexistent"),
                endpoints=self.endpoints,
                sign_extensions=False,
                reach=self.reach,
            ),
            Gate(self.gate_id, f"boot-{time.monotonic_ns()}", self.chain_id, 1, self.reach),
            self.directory,
            Ed25519PrivateKey.generate(),
            self.told,
            self.metrics,
            self.table or (lambda chain, gate, key: MemoryTable(self.rows, gate)),
            self.node_waits_seconds,
        )
        self._thread = threading.Thread(target=self.service.run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self.service.end()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def sign_with(self, **signer: object) -> Signer:
        self.signer = Signer(self.socket, **{"key": self.key, **signer})
        until(lambda: self.events("signer-up"))
        return self.signer

    def whole(self) -> Estate:
        """Seeded, started, with a signer, and the node dialled."""
        self.seed().start()
        self.sign_with()
        self.node.accept()
        return self

    def close(self) -> None:
        if self.signer:
            self.signer.close()
        self.node.close()
        if hasattr(self, "service"):
            self.stop()


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Callable[..., Estate]]:
    made: list[Estate] = []

    def make(**settings: object) -> Estate:
        directory = tmp_path / f"gate-{len(made)}"
        directory.mkdir()
        made.append(Estate(directory, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a DynamoDB Local with both tables."""
    with local.running(tmp_path_factory.mktemp("dynamodb") / "log") as running:
        local.create_tables("127.0.0.1", running.port, "head", "claims")
        yield running.port


class ListeningFor:
    """Where a node listens that the gate is to dial, in the place of the one of `peers`."""

    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.1", port)

    def close(self) -> None:
        """It is not ours."""


@pytest.fixture
def real(estate: Callable[..., Estate], table: int) -> Iterator[Callable[..., Estate]]:
    """A gate with the real table and the real tmkms, dialling a port; with ``hsm_port`` the key is in the HSM there."""
    started = []

    def make(
        port: int, gates: tuple[str, ...] = ("gate-a",), hsm_port: int | None = None, **settings: object
    ) -> Estate:
        endpoint = Endpoint("us-east-1", "127.0.0.1", "127.0.0.1", table, "http")
        made = estate(table=service.table_for, endpoints=(endpoint,), deadline_seconds=4.0, **settings)
        made.node.close()
        made.node = ListeningFor(port)
        (made.directory / "credentials.json").write_text(json.dumps({"AccessKeyId": "lab", "SecretAccessKey": "lab"}))
        pk = items.key(made.chain_id, made.public_key)
        item = items.head_item(pk, Head(1, spent(9), tuple((gate, "") for gate in gates)))
        put = {"TableName": "head", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        local.call("127.0.0.1", table, "PutItem", put)
        made.seed().start()
        where = tmkms.configure(made.directory / "tmkms", made.key, {made.chain_id: f"unix://{made.socket}"}, hsm_port)
        running = tmkms.running(where)
        made.tmkms = running.__enter__()
        started.append(running)
        until(lambda: made.signer_is_up and made.events("started"), 60)
        return made

    yield make
    for running in started:
        running.__exit__(None, None, None)
