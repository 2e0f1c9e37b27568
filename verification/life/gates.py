"""A real gate whose requests stop before each effect: `KeyGate`, the watermark file and the table's calls as they are.

The node, tmkms and the outcome of a claim are the caller's.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import floor
from coordinator.decision.effects import Done, Lost, Missing, Seen, Unknown, Won
from coordinator.decision.position import Position, Step, spent
from coordinator.decision.records import Claim, Gate, Signed
from coordinator.events import Events
from coordinator.floor import Keeper
from coordinator.gate import KeyGate, SignRequest
from coordinator.metrics import Metrics
from coordinator.privval import for_signer
from coordinator.privval.messages import (
    Dialect,
    ErrorResponse,
    SignedResponse,
    SignProposalRequest,
    SignVoteRequest,
)
from coordinator.privval.votes import NIL, PRECOMMIT, PREVOTE, PROPOSAL, BlockId, Proposal, Vote
from coordinator.signer import SignerFailed
from coordinator.table.store import Table

CHAIN = "life-1"
NOON = 1_790_000_000_000_000_000
PLENTY_SECONDS = 600.0
"""A gate's deadline: a replay waits where the model waits, and loses no request by that."""
STAGES = {"claim": 1, "rise": 2, "insert": 3, "sign": 4, "signed": 5}
"""Where a request stops, as the model numbers it."""


class Killed(BaseException):
    """The gate's process ends here."""


def position(pos: int) -> Position:
    """A position of the model. Its end of a height is what a ceremony writes."""
    height, rest = divmod(pos, 100)
    if rest == 99:
        return spent(height)
    return Position(height, (rest - 1) // 3, (rest - 1) % 3 + 1)


def block_of(pay: int) -> int:
    return pay // 2


def _block_id(number: int) -> BlockId:
    return BlockId(bytes([number + 1]) * 32, 1, bytes([number + 11]) * 32)


def block_hash(number: int) -> str:
    """As the RPC of a node that is locked on this block of the model shows it."""
    return _block_id(number).hash.hex().upper()


def request(pos: int, pay: int) -> SignRequest:
    """What a node asks at this position. Nobody proposes nil: block 0 is then a block like the others."""
    where, number, time_ns = position(pos), block_of(pay), NOON + pay % 2
    block = _block_id(number)
    if where.step == Step.PROPOSAL:
        proposed = Proposal(PROPOSAL, where.height, where.round, -1, block, time_ns)
        return SignProposalRequest(CHAIN, proposed, Dialect.TENDERMINT)
    kind = PREVOTE if where.step == Step.PREVOTE else PRECOMMIT
    vote = Vote(kind, where.height, where.round, block if number else NIL, time_ns, b"\x05" * 20, 0)
    return SignVoteRequest(CHAIN, vote, Dialect.TENDERMINT)


@dataclass
class Tmkms:
    """tmkms as a signer of one host: never below its state; at it, only the same block. `signed` is all it ever did."""

    key: Ed25519PrivateKey
    pos: int
    block: int
    signed: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Position and block as the model has them, and the bytes."""

    def sign(self, pos: int, pay: int, message: bytes) -> bytes:
        """Raises SignerFailed."""
        if pos < self.pos or (pos == self.pos and block_of(pay) != self.block):
            raise SignerFailed(f"the signer refused: it is at {self.pos}")
        self.pos, self.block = pos, block_of(pay)
        self.signed.append((pos, block_of(pay), message))
        return self.key.sign(message)


class Running:
    """One request in a thread of its own. It stops at each place until it is let go on."""

    def __init__(self, work: Callable[[Running], None]) -> None:
        self._on = threading.Semaphore(0)
        self._places: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._killed = False
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()
        self.place = self._places.get()

    def _run(self, work: Callable[[Running], None]) -> None:
        with suppress(Killed):
            work(self)
        self._places.put("end")

    def stop(self, place: str) -> None:
        """Called by the work."""
        self._places.put(place)
        self._on.acquire()
        if self._killed:
            raise Killed

    def step(self) -> str:
        self._on.release()
        self.place = self._places.get()
        return self.place

    def kill(self) -> None:
        if self.place != "end":
            self._killed = True
            self.step()


class _Stepped:
    """A gate's table and signer, each call of which stops first."""

    def __init__(self, table: Table, tmkms: Tmkms) -> None:
        self.table, self.tmkms = table, tmkms
        self.running: Running | None = None
        self.fate = ""
        self.late: Callable[[], object] | None = None
        self.pos = self.pay = 0
        self.ready = True
        self._asked = False
        self._message = b""
        self._time_ns = 0

    def begins(self, pos: int, pay: int) -> None:
        self.pos, self.pay, self.fate, self._asked = pos, pay, "", False

    def _stop(self, place: str) -> None:
        if self.running:
            self.running.stop(place)

    def _first(self) -> None:
        if not self._asked:
            self._asked = True
            self._stop("claim")

    def announce(self, deadline: float) -> Seen | Missing | Unknown:
        return self.table.announce(deadline)

    def read(self, deadline: float) -> Seen | Missing | Unknown:
        self._first()
        return Unknown("no answer") if self.fate else self.table.read(deadline)

    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | Unknown:
        self._first()
        if self.fate == "late":
            self.late = lambda: self.table.claim(claim, time.monotonic() + PLENTY_SECONDS)
        if self.fate in ("late", "never"):
            return Unknown("no answer")
        outcome = self.table.claim(claim, deadline)
        return Unknown("no answer") if self.fate else outcome

    def insert(self, claim: Claim, deadline: float) -> Claim | None:
        self._stop("insert")
        return self.table.insert(claim, deadline)

    def record(self, claim: Claim, signed: Signed, deadline: float) -> Done | Unknown:
        return self.table.record(claim, signed, deadline)

    def close(self) -> None:
        self.table.close()

    def begin(self, asked: SignRequest, time_ns: int) -> None:
        self._message = for_signer.ask(asked, time_ns)
        self._time_ns = time_ns

    def finish(self, deadline: float) -> SignedResponse:
        self._stop("sign")
        pay = block_of(self.pay) * 2 + (self._time_ns - NOON)
        message = request(self.pos, pay).request().sign_bytes
        signature = self.tmkms.sign(self.pos, pay, message)
        self._stop("signed")
        return SignedResponse(Signed(signature), self._time_ns)


class _Watermark(Keeper):
    """The watermark file, which stops before it rises for a claim."""

    stepped: _Stepped

    def rise(self, position: Position) -> None:
        if self.stepped.running:
            self.stepped.running.stop("rise")
        super().rise(position)


@dataclass(frozen=True)
class Reply:
    """`outcome`: `signed`, `replayed`, `refused` or `halted`; `cause` is the gate's own."""

    outcome: str
    cause: str = ""


class RealGate:
    """One run of a gate: started at once. Raises FloorUnusable."""

    def __init__(self, gate: Gate, file: Path, table: Table, tmkms: Tmkms) -> None:
        self._stepped = _Stepped(table, tmkms)
        self._watermark = _Watermark(file, floor.read(file, CHAIN))
        self._watermark.stepped = self._stepped
        self._log = StringIO()
        self._was_halted = False
        self._signed_before = 0
        self._replies: list[bytes] = []
        self._gate = KeyGate(
            gate,
            self._watermark,
            self._stepped,
            self._stepped,
            PLENTY_SECONDS,
            Dialect.TENDERMINT,
            False,
            Events(self._log),
            Metrics(),
        )
        self._running: Running | None = None
        self._gate.start()

    @property
    def started(self) -> bool:
        return self._gate.started

    @property
    def busy(self) -> bool:
        return self._running is not None

    def said(self) -> str:
        return self._log.getvalue()

    def ask(self, pos: int, pay: int) -> None:
        """Begins a request. A run that the table no longer names announces itself again first, as the service does."""
        if not self._gate.started:
            self._gate.start()
        asked = request(pos, pay)
        message = for_signer.ask(asked, NOON + pay % 2)
        self._replies.clear()
        self._was_halted = self._watermark.floor.halted is not None
        self._signed_before = len(self._stepped.tmkms.signed)
        self._stepped.begins(pos, pay)

        def work(running: Running) -> None:
            self._stepped.running = running
            self._gate.answer(message, self._replies.append)

        self._running = Running(work)

    def go_to(self, stage: int) -> bool:
        """Goes on until the request stops at this stage of the model. Returns False if it ended before."""
        assert self._running
        while self._running.place != "end" and STAGES[self._running.place] < stage:
            self._running.step()
        return self._running.place != "end"

    def to_end(self, fate: str = "") -> Reply:
        """Ends the request. `fate`: of the claim, if the table does not answer it."""
        assert self._running
        self._stepped.fate = fate
        while self._running.place != "end":
            self._running.step()
        self._running = self._stepped.running = None
        return self._reply()

    def _reply(self) -> Reply:
        told = for_signer.decode_reply(self._replies[0], Dialect.TENDERMINT)
        if isinstance(told, ErrorResponse):
            halts = self._watermark.floor.halted is not None and not self._was_halted
            return Reply("halted" if halts else "refused", told.text.partition(":")[0])
        return Reply("signed" if len(self._stepped.tmkms.signed) > self._signed_before else "replayed")

    def take_late(self) -> Callable[[], object] | None:
        late, self._stepped.late = self._stepped.late, None
        return late

    def kill(self) -> None:
        """The process ends, wherever its request is."""
        if self._running:
            self._running.kill()
        self._watermark.close()
        self._stepped.close()
