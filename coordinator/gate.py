"""One key's gate: carries out the decision's effects. Every request of the node gets an answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coordinator.decision.effects import (
    Answer,
    Cause,
    ClaimHead,
    Done,
    Effect,
    Granted,
    Halt,
    Lost,
    Missing,
    NotSent,
    Outcome,
    ReadHead,
    Record,
    Refused,
    Seen,
    Sign,
    Signing,
    Unknown,
    Won,
    WriteFloor,
)
from coordinator.decision.handle import NotStarted, Standing, handle, start
from coordinator.decision.position import Position, Step
from coordinator.decision.records import Claim, Gate, Request, Signed
from coordinator.events import Events
from coordinator.floor import Keeper
from coordinator.metrics import Metrics
from coordinator.privval import for_node
from coordinator.privval.messages import (
    Dialect,
    PingRequest,
    PubKeyRequest,
    SignedResponse,
    SignProposalRequest,
    SignVoteRequest,
    Unreadable,
)
from coordinator.privval.wire import Malformed
from coordinator.signer import SignerFailed

SignRequest = SignVoteRequest | SignProposalRequest
Send = Callable[[bytes], None]
MAX_TEXT = 400
"""Characters of an error's text: a node reads responses of at most 10 KiB."""


class Code(IntEnum):
    """The ``code`` of a ``RemoteSignerError``. Its ``description`` says more."""

    NOT_UNDERSTOOD = 1
    WOULD_CONTRADICT = 2
    ANOTHER_SIGNS = 3
    NOT_NOW = 4
    PERSON_NEEDED = 5
    FAILURE = 6


CODES = {
    Cause.MALFORMED: Code.NOT_UNDERSTOOD,
    Cause.FOREIGN_CHAIN: Code.NOT_UNDERSTOOD,
    Cause.BELOW_FLOOR: Code.WOULD_CONTRADICT,
    Cause.BELOW_HEAD: Code.WOULD_CONTRADICT,
    Cause.TOO_FAR: Code.PERSON_NEEDED,
    Cause.CONFLICT: Code.WOULD_CONTRADICT,
    Cause.OTHER_TIME: Code.WOULD_CONTRADICT,
    Cause.NOT_OWNER: Code.ANOTHER_SIGNS,
    Cause.NOT_YET_SIGNED: Code.ANOTHER_SIGNS,
    Cause.SITTING_OUT: Code.ANOTHER_SIGNS,
    Cause.TABLE_UNKNOWN: Code.NOT_NOW,
    Cause.DISK: Code.NOT_NOW,
    Cause.SIGNER_ABSENT: Code.NOT_NOW,
    Cause.SIGNER_FAILED: Code.NOT_NOW,
    Cause.BAD_SIGNATURE: Code.NOT_NOW,
    Cause.TABLE_MISSING: Code.PERSON_NEEDED,
    Cause.TABLE_WENT_BACK: Code.PERSON_NEEDED,
    Cause.ROW_TAKEN: Code.PERSON_NEEDED,
    Cause.FENCED: Code.PERSON_NEEDED,
    Cause.HALTED: Code.PERSON_NEEDED,
}
FAILURE = "failure"


class KeyTable(Protocol):
    """The rows of one key (``table.store.Table``). ``deadline`` is in the time of ``time.monotonic()``."""

    def announce(self, deadline: float) -> Seen | Missing | Unknown: ...
    def read(self, deadline: float) -> Seen | Missing | Unknown: ...
    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | NotSent | Unknown: ...
    def insert(self, claim: Claim, deadline: float) -> Claim | None: ...
    def record(self, claim: Claim, signed: Signed, deadline: float) -> Done | Unknown: ...
    def close(self) -> None: ...


class KeySigner(Protocol):
    """The signer of one key (``signer.SignerLink``)."""

    ready: bool

    def begin(self, asked: SignRequest, time_ns: int) -> None: ...
    def finish(self, deadline: float) -> SignedResponse: ...


@dataclass(slots=True)
class _Exchange:
    """One request of the node for a signature, and the progress of its response.

    ``reply`` is the response, ``FAILURE`` after an unexpected exception. ``seconds``: the duration of each stage.
    """

    asked: SignRequest
    send: Send
    began: float
    deadline: float
    seconds: dict[str, float] = field(default_factory=dict)
    reply: Granted | Refused | str = ""

    def answer(self, reply: Granted | Refused | str, message: bytes) -> None:
        self.reply = reply
        self.send(message)
        self.seconds["whole"] = time.monotonic() - self.began

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline


def error_text(cause: str, detail: str) -> str:
    return (f"{cause}: {detail}" if detail else cause)[:MAX_TEXT]


class KeyGate:
    """Answers one node's requests for one key. Used by one thread, for one request at a time."""

    def __init__(
        self,
        gate: Gate,
        keeper: Keeper,
        table: KeyTable,
        signer: KeySigner,
        deadline_seconds: float,
        dialect: Dialect,
        sign_extensions: bool,
        events: Events,
        metrics: Metrics,
    ) -> None:
        self._gate, self._keeper, self._table, self._signer = gate, keeper, table, signer
        self._deadline_seconds, self._dialect, self._sign_extensions = deadline_seconds, dialect, sign_extensions
        self._events, self._metrics = events, metrics
        self._key = Ed25519PublicKey.from_public_bytes(keeper.floor.public_key)
        self._standing: Standing | NotStarted = NotStarted(
            Cause.TABLE_UNKNOWN, "the table has not been asked yet whether this gate may act"
        )
        self._seen = keeper.floor.position
        self._measure()

    @property
    def started(self) -> bool:
        return isinstance(self._standing, Standing)

    @property
    def halted(self) -> bool:
        """Nothing is signed until a person has found the cause."""
        return self._keeper.floor.halted is not None

    def start(self) -> None:
        """Announces this run of the gate to the table, once; ``started`` says whether the table admitted it.

        Called again after the run was fenced: an announcement of an earlier run may have arrived late, or a ceremony
        may have admitted this gate again.
        """
        floor = self._keeper.floor
        seen: Seen | Missing | Unknown = Unknown("not asked")
        if floor.halted is None:
            seen = self._table.announce(time.monotonic() + self._deadline_seconds)
        found = start(self._gate, floor.position, floor.halted, seen)
        if isinstance(found, Standing) and found.highest_seen < self._seen:
            found = NotStarted(
                Cause.TABLE_WENT_BACK,
                f"the table is at {found.highest_seen.text} and was at {self._seen.text} before; replace it by "
                "ceremony",
            )
        if isinstance(found, Standing):
            try:
                self._keeper.rise(found.floor)
            except OSError as error:
                found = NotStarted(Cause.DISK, f"the watermark could not be raised to the row's position: {error}")
        if found != self._standing:
            if isinstance(found, Standing):
                self._seen = max(self._seen, found.highest_seen)
                self._say("started", floor=found.floor.text, head=found.highest_seen.text, boot=self._gate.boot_id)
            else:
                self._say("not-started", cause=found.cause, detail=found.reason)
        self._standing = found
        self._measure()

    def answer(self, message: bytes, send: Send) -> None:
        """Answers one message of the node. Raises nothing: errors are answered as well."""
        asked = for_node.decode(message, self._dialect)
        if isinstance(asked, SignVoteRequest | SignProposalRequest):
            self._answer_sign(asked, send)
        elif isinstance(asked, PingRequest):
            send(for_node.pong())
        elif isinstance(asked, PubKeyRequest):
            self._answer_key(asked, send)
        else:
            self._answer_unreadable(asked, send)

    def _answer_key(self, asked: PubKeyRequest, send: Send) -> None:
        if asked.chain_id != self._gate.chain_id:
            send(self._refusal(asked, Refused(Cause.FOREIGN_CHAIN, asked.chain_id)))
            return
        send(for_node.public_key_reply(self._keeper.floor.public_key, asked.dialect))

    def _answer_unreadable(self, asked: Unreadable, send: Send) -> None:
        send(self._refusal(asked.tag, Refused(Cause.MALFORMED, asked.reason)))
        self._metrics.count("refusals_total", self._gate.chain_id, cause=Cause.MALFORMED)
        self._say("refused", cause=Cause.MALFORMED, detail=asked.reason)

    def _refusal(self, asked: for_node.NodeRequest | int, refused: Refused) -> bytes:
        return for_node.refused(asked, CODES[refused.cause], error_text(refused.cause, refused.detail))

    def _answer_sign(self, asked: SignRequest, send: Send) -> None:
        began = time.monotonic()
        exchange = _Exchange(asked, send, began, began + self._deadline_seconds)
        request: Request | None = None
        try:
            try:
                request = asked.request(self._sign_extensions)
            except Malformed as error:
                self._reply(exchange, Refused(Cause.MALFORMED, str(error)))
            else:
                self._decide(exchange, request)
        except Exception as error:
            self._failed(exchange, error)
        self._account(exchange, request)

    def _decide(self, exchange: _Exchange, request: Request) -> None:
        if isinstance(self._standing, NotStarted):
            self._reply(exchange, Refused(self._standing.cause, self._standing.reason))
            return
        ready = self._signer.ready
        steps = handle(self._gate, self._standing, request, uuid.uuid4().hex, ready, self._verifies)
        try:
            effect = next(steps)
            while True:
                effect = steps.send(self._carry_out(exchange, effect))
        except StopIteration as end:
            standing: Standing = end.value
        self._standing = standing
        self._seen = max(self._seen, standing.highest_seen)
        if isinstance(exchange.reply, Refused) and exchange.reply.cause is Cause.FENCED and not standing.halted:
            self._standing = NotStarted(Cause.FENCED, f"the table no longer names this run: {exchange.reply.detail}")

    def _carry_out(self, exchange: _Exchange, effect: Effect) -> Outcome:
        match effect:
            case ClaimHead(claim):
                return self._claim(exchange, claim)
            case WriteFloor(position):
                return self._raise_floor(exchange, position)
            case Sign(claim, request):
                return self._sign(exchange, claim, request)
            case Answer(reply):
                self._reply(exchange, reply)
            case Record(claim, signed):
                return self._table.record(claim, signed, time.monotonic() + self._deadline_seconds)
            case ReadHead():
                with exchange.timed("table"):
                    return self._table.read(exchange.deadline)
            case Halt(cause):
                self._halt(cause)
        return Done()

    def _claim(self, exchange: _Exchange, claim: Claim) -> Won | Lost | Missing | NotSent | Unknown:
        with exchange.timed("table"):
            outcome = self._table.claim(claim, exchange.deadline)
        if exchange.late and not isinstance(outcome, NotSent):
            outcome = Unknown("the deadline of this request had passed")
        self._metrics.count("claims_total", self._gate.chain_id, outcome=type(outcome).__name__.lower())
        return outcome

    def _raise_floor(self, exchange: _Exchange, position: Position) -> Done | Unknown:
        try:
            with exchange.timed("disk"):
                self._keeper.rise(position)
        except OSError as error:
            return Unknown(str(error))
        return Unknown("the deadline of this request had passed") if exchange.late else Done()

    def _sign(self, exchange: _Exchange, claim: Claim, request: Request) -> Signing:
        """The signer signs while the claim row is inserted."""
        began = time.perf_counter()
        signed, detail, asked = None, "", False
        try:
            self._signer.begin(exchange.asked, claim.time_ns)
            asked = True
        except SignerFailed as error:
            detail = str(error)
        with exchange.timed("table"):
            row = self._table.insert(claim, exchange.deadline)
        if exchange.late:
            row = None
        if asked:
            try:
                signed = self._signer.finish(exchange.deadline).signed
            except SignerFailed as error:
                detail = str(error)
        exchange.seconds["signer"] = time.perf_counter() - began
        if row is None:
            detail = "it is unknown whether the claim row was written"
        return Signing(row, signed, detail)

    def _reply(self, exchange: _Exchange, reply: Granted | Refused) -> None:
        if isinstance(reply, Granted):
            exchange.answer(reply, for_node.granted(exchange.asked, reply.claim.time_ns, reply.signed))
        else:
            exchange.answer(reply, self._refusal(exchange.asked, reply))

    def _halt(self, cause: Cause) -> None:
        self._say("halted", cause=cause)
        try:
            self._keeper.halt(cause)
        except OSError as error:
            self._say("halt-not-on-disk", cause=cause, detail=str(error))

    def _failed(self, exchange: _Exchange, error: Exception) -> None:
        """After an unexpected exception, the outcome of this request is unknown. The next request therefore reads the
        table before it claims.
        """
        detail = f"{type(error).__name__}: {error}"
        self._say(FAILURE, detail=detail)
        if isinstance(self._standing, Standing):
            halted = self._standing.halted or self._keeper.floor.halted
            self._standing = replace(self._standing, unsure=True, halted=halted)
        if not exchange.reply:
            exchange.answer(FAILURE, for_node.refused(exchange.asked, Code.FAILURE, error_text(FAILURE, detail)))

    def _account(self, exchange: _Exchange, request: Request | None) -> None:
        """Metrics and one event for the response."""
        chain, reply = self._gate.chain_id, exchange.reply
        fields: dict[str, object] = {
            "kind": Step(request.position.step).name.lower() if request else type(exchange.asked).__name__,
            "position": request.position.text if request else None,
            "ms": {stage: round(taken * 1000, 3) for stage, taken in exchange.seconds.items()},
        }
        if isinstance(reply, Granted):
            event = "replayed" if reply.replayed else "signed"
            if reply.replayed:
                self._metrics.count("replays_total", chain)
            else:
                self._metrics.count("signatures_total", chain, kind=str(fields["kind"]))
            self._metrics.put("last_signed_height", chain, reply.claim.position.height)
            for stage, taken in exchange.seconds.items():
                self._metrics.took(stage, chain, taken)
            self._say(event, claim_id=reply.claim.claim_id, owner=reply.claim.gate_id, **fields)
        else:
            cause, detail = (reply.cause, reply.detail) if isinstance(reply, Refused) else (reply, "")
            self._metrics.count("refusals_total", chain, cause=cause)
            self._say("refused", cause=cause, detail=detail, **fields)
        self._measure()

    def _measure(self) -> None:
        chain, standing, floor = self._gate.chain_id, self._standing, self._keeper.floor
        halted = floor.halted or (isinstance(standing, Standing) and standing.halted)
        self._metrics.put("started", chain, float(self.started))
        self._metrics.put("floor_height", chain, floor.position.height)
        self._metrics.put("halted", chain, float(bool(halted)))

    def _verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def _say(self, event: str, **fields: object) -> None:
        self._events(event, chain=self._gate.chain_id, **fields)
