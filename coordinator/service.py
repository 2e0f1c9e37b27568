"""The gate process: one thread per chain. No thread waits for another."""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import floor, node
from coordinator.config import Chain, Config
from coordinator.decision.effects import Cause
from coordinator.decision.records import Gate
from coordinator.events import Events
from coordinator.gate import CODES, KeyGate, KeyTable, error_text
from coordinator.metrics import Metrics
from coordinator.node import NodeLink
from coordinator.privval import for_node
from coordinator.privval.messages import PingRequest, Unreadable
from coordinator.privval.stream import TooLong
from coordinator.signer import SignerLink
from coordinator.table import items
from coordinator.table.credentials import CredentialsFile
from coordinator.table.store import Table
from coordinator.waiting import wait

ANNOUNCE_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
METRICS_EVERY_SECONDS = 5.0
END_WITHIN_SECONDS = 5.0
AFTER_A_FAILURE_SECONDS = 1.0
LOCK_AGAIN_SECONDS = 1.0
"""How often the lock of a watermark that another process holds is tried."""

NODE_WAITS_SECONDS = 10.0
"""How long the first dial of the node waits for the signer and the table. If the gate dials earlier, it refuses the
node's first request. The wait is bounded, because a CometBFT node without a signer connection does not start.
"""

THREAD_SWITCH_SECONDS = 0.0005
"""How long one chain's thread may delay another's. Python's default, 5 ms, would be most of a request's duration."""

TableFor = Callable[[Chain, Gate, bytes], KeyTable]


def table_for(chain: Chain, gate: Gate, public_key: bytes) -> Table:
    return Table(
        chain.endpoints,
        chain.head,
        chain.claims,
        items.key(chain.chain_id, public_key),
        gate,
        CredentialsFile(chain.credentials),
        chain.ca_file,
    )


class ChainService:
    """One chain: the node, signer, table and watermark of one key. ``run`` is the body of its thread."""

    def __init__(
        self,
        chain: Chain,
        gate: Gate,
        state: Path,
        identity: Ed25519PrivateKey,
        events: Events,
        metrics: Metrics,
        table: TableFor = table_for,
        node_waits_seconds: float = NODE_WAITS_SECONDS,
    ) -> None:
        self._chain, self._gate, self._state = chain, gate, state
        self._events, self._metrics, self._table = events, metrics, table
        self._node = NodeLink(chain.node, identity, self._watch("node"), chain.node_id)
        self._signer: SignerLink | None = None
        self._key: KeyGate | None = None
        self._no_floor = "the watermark file has not been read yet"
        self._open_at = float("inf")
        self._ending = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._announce_at = 0.0
        self._announced = 0
        self._dial_by = time.monotonic() + node_waits_seconds
        self._dials = False

    def end(self) -> None:
        """Finishes the current request, then ends ``run``. May be called from any thread or a signal handler."""
        self._ending.set()
        self._wake.send(b"\0")

    def run(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._node.close)
            self._open(stack)
            while not self._ending.is_set():
                if time.monotonic() >= self._open_at:
                    self._open(stack)
                try:
                    self._turn()
                except Exception as error:
                    self._say("failure", detail=f"{type(error).__name__}: {error}")
                    self._ending.wait(AFTER_A_FAILURE_SECONDS)
        self._say("ended")

    def _open(self, stack: ExitStack) -> None:
        """Opens the watermark file, the signer link and the table. Without the file, every request is refused.

        Only a file that another process holds is tried again. It is read once its lock is held, with all that the other
        process wrote, and neither the signer's socket nor the table is used before.
        """
        self._open_at = float("inf")
        path = floor.path_of(self._state, self._chain.chain_id)
        try:
            stack.enter_context(floor.held(path))
            keeper = floor.Keeper(path, floor.read(path, self._chain.chain_id))
            stack.callback(keeper.close)
        except floor.FloorUnusable as error:
            why = str(error)
            if isinstance(error, floor.FloorTaken):
                self._open_at = time.monotonic() + LOCK_AGAIN_SECONDS
                why += f", or wait: its lock is tried again every {LOCK_AGAIN_SECONDS:g} s"
            if why == self._no_floor:
                return
            self._no_floor = why
            self._metrics.put("started", self._chain.chain_id, 0.0)
            self._say("not-started", cause=Cause.DISK, detail=self._no_floor)
            return
        chain, key = self._chain, keeper.floor.public_key
        self._signer = SignerLink(
            chain.signer, chain.chain_id, key, chain.dialect, self._watch("signer"), chain.signer_user
        )
        stack.callback(self._signer.close)
        table = self._table(chain, self._gate, key)
        stack.callback(table.close)
        self._key = KeyGate(
            self._gate,
            keeper,
            table,
            self._signer,
            chain.deadline_seconds,
            chain.dialect,
            chain.sign_extensions,
            self._events,
            self._metrics,
        )

    def _turn(self) -> None:
        """Waits for the next event or due time, and handles it."""
        self._dials = self._dials or self._may_sign() or time.monotonic() >= self._dial_by
        waited = [self._woken, *self._node.sockets(), *(self._signer.sockets() if self._signer else ())]
        due = min(self._node_due(), self._signer.due() if self._signer else self._open_at, self._announce_due())
        wait(waited, min(due - time.monotonic(), METRICS_EVERY_SECONDS))
        if self._signer:
            self._signer.attend()
        if self._key and time.monotonic() >= self._announce_due():
            pause = ANNOUNCE_AGAIN_SECONDS[min(self._announced, len(ANNOUNCE_AGAIN_SECONDS) - 1)]
            self._announced += 1
            self._announce_at = time.monotonic() + pause
            self._key.start()
        if not self._dials:
            return
        self._node.attend()
        try:
            message = self._node.next()
        except TooLong as error:
            self._refuse(0, str(error))
            return
        if message is not None:
            self._answer(message)

    def _may_sign(self) -> bool:
        """Whether a signer is ready and the gate is admitted. Without a watermark file, or halted, it can never be
        admitted; the node is then dialled at once and gets the reason. A file that another process holds may come.

        Checked only before the first dial: if the signer is lost later, the node stays connected and is refused.
        """
        if self._key is None or self._signer is None:
            return self._open_at == float("inf")
        if self._key.halted:
            return True
        return self._signer.ready and self._key.started

    def _node_due(self) -> float:
        return self._node.due() if self._dials else self._dial_by

    def _announce_due(self) -> float:
        return float("inf") if self._key is None or self._key.started else self._announce_at

    def _answer(self, message: bytes) -> None:
        if self._key:
            started = self._key.started
            self._key.answer(message, self._node.send)
            if started and not self._key.started:
                self._announce_at = time.monotonic() + ANNOUNCE_AGAIN_SECONDS[-1]
            return
        asked = for_node.decode(message, self._chain.dialect)
        if isinstance(asked, PingRequest):
            self._node.send(for_node.pong())
        else:
            self._refuse(asked.tag if isinstance(asked, Unreadable) else asked, self._no_floor)

    def _refuse(self, asked: for_node.NodeRequest | int, detail: str) -> None:
        cause = Cause.MALFORMED if self._key else Cause.DISK
        self._node.send(for_node.refused(asked, CODES[cause], error_text(cause, detail)))
        self._metrics.count("refusals_total", self._chain.chain_id, cause=cause)
        self._say("refused", cause=cause, detail=detail)

    def _watch(self, what: str) -> Callable[[bool, str], None]:
        """Logs when a link goes up or down, or when the reason changes; not each attempt."""
        last: list[tuple[bool, str]] = []

        def changed(up: bool, why: str) -> None:
            self._metrics.put(f"{what}_connected", self._chain.chain_id, float(up))
            if last != [(up, why)]:
                last[:] = [(up, why)]
                self._say(f"{what}-{'up' if up else 'down'}", detail=why)

        self._metrics.put(f"{what}_connected", self._chain.chain_id, 0.0)
        return changed

    def _say(self, event: str, **fields: object) -> None:
        self._events(event, chain=self._chain.chain_id, **fields)


def run(config: Config, events: Events, metrics: Metrics, table: TableFor = table_for) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit code. The first event of a run is ``gate-up``.

    Raises:
        OSError, ValueError: there is no connection key.
    """
    identity = node.identity(config.state / "connection.key")
    boot_id = uuid.uuid4().hex
    services = {}
    for each in config.chains:
        gate = Gate(config.gate_id, boot_id, each.chain_id, each.generation, each.reach)
        services[each.chain_id] = ChainService(each, gate, config.state, identity, events, metrics, table)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    threads = [threading.Thread(target=each.run, name=name, daemon=True) for name, each in services.items()]
    events("gate-up", gate=config.gate_id, boot=boot_id, chains=len(services))
    for thread in threads:
        thread.start()
    while not ending.is_set():
        _write(metrics, config.metrics, events)
        ending.wait(METRICS_EVERY_SECONDS)
    for service in services.values():
        service.end()
    until = time.monotonic() + END_WITHIN_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    _write(metrics, config.metrics, events)
    events("gate-down", gate=config.gate_id, not_ended=late)
    events.drain()
    return 1 if late else 0


def _write(metrics: Metrics, path: Path, events: Events) -> None:
    try:
        metrics.write(path)
    except OSError as error:
        events("metrics-not-written", detail=str(error))
