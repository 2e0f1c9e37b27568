"""One key's gate by itself, in a time that stands still: what it passes on, what it counts, what it says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import floor
from coordinator.decision.effects import Cause, Done, Lost, Missing, NotSent, Seen, Unknown, Won
from coordinator.decision.position import spent
from coordinator.decision.records import Claim, Gate, Signed
from coordinator.events import Events
from coordinator.floor import Keeper
from coordinator.gate import MAX_TEXT, Code, KeyGate, error_text
from coordinator.metrics import Metrics
from coordinator.privval import for_node, for_signer
from coordinator.privval.messages import Dialect, ErrorResponse, SignedResponse, SignProposalRequest, SignVoteRequest
from coordinator.signer import SignerFailed
from tests.coordinator.gate.peers import CHAIN, NOON, OTHER_BLOCK, precommit, prevote, proposal
from tests.coordinator.gate.rows import MemoryTable, Rows

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
GATE = Gate("gate-a", "boot-1", CHAIN, 1)
SECONDS = 0.5


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@dataclass
class Table(MemoryTable):
    """Notes the deadline of each call."""

    rows: Rows
    clock: Clock
    takes: dict[str, float] = field(default_factory=dict)
    deadlines: list[tuple[str, float]] = field(default_factory=list)
    announced: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.rows, GATE)

    def _noted(self, name: str, deadline: float) -> None:
        self.deadlines.append((name, deadline))
        self.clock.now += self.takes.get(name, 0.0)

    def announce(self, deadline: float) -> Seen | Missing | Unknown:
        self.announced.append(deadline)
        return super().announce(float("inf"))

    def read(self, deadline: float) -> Seen | Missing | Unknown:
        self._noted("read", deadline)
        return super().read(float("inf"))

    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | Unknown:
        self._noted("claim", deadline)
        return super().claim(claim, float("inf"))

    def insert(self, claim: Claim, deadline: float) -> Claim | None:
        self._noted("insert", deadline)
        return super().insert(claim, float("inf"))

    def record(self, claim: Claim, signed: Signed, deadline: float) -> Done | Unknown:
        self._noted("record", deadline)
        return super().record(claim, signed, float("inf"))


@dataclass
class Signer:
    clock: Clock
    ready: bool = True
    refuses_to_begin: str = ""
    refuses: str = ""
    takes: float = 0.0
    asked: list[tuple[SignVoteRequest | SignProposalRequest, int]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)

    def begin(self, asked: SignVoteRequest | SignProposalRequest, time_ns: int) -> None:
        if self.refuses_to_begin:
            raise SignerFailed(self.refuses_to_begin)
        self.asked.append((asked, time_ns))

    def finish(self, deadline: float) -> SignedResponse:
        self.deadlines.append(deadline)
        self.clock.now += self.takes
        if self.refuses:
            raise SignerFailed(self.refuses)
        return SignedResponse(Signed(KEY.sign(self.asked[-1][0].request().sign_bytes)), None)


@dataclass
class Made:
    gate: KeyGate
    keeper: Keeper
    table: Table
    signer: Signer
    clock: Clock
    metrics: Metrics
    log: io.StringIO
    events: Events

    def ask(self, asked: SignVoteRequest | SignProposalRequest) -> SignedResponse | ErrorResponse:
        time_ns = (asked.vote if isinstance(asked, SignVoteRequest) else asked.proposal).time_ns
        return self.ask_bytes(for_signer.ask(asked, time_ns))

    def ask_bytes(self, message: bytes) -> SignedResponse | ErrorResponse:
        sent: list[bytes] = []
        self.gate.answer(message, sent.append)
        (answer,) = sent
        told = for_signer.decode_reply(answer, Dialect.TENDERMINT)
        assert isinstance(told, SignedResponse | ErrorResponse)
        return told

    def said(self, event: str) -> list[dict[str, object]]:
        self.events.drain()
        return [each for each in map(json.loads, self.log.getvalue().splitlines()) if each["event"] == event]

    def counted(self, line: str) -> bool:
        return f"signing_gate_{line}" in self.metrics.text().splitlines()


Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    clock = Clock()
    monkeypatch.setattr("coordinator.gate.time", clock)
    path = floor.path_of(tmp_path, CHAIN)
    floor.seed(path, CHAIN, KEY.public_key().public_bytes_raw(), spent(9))

    def made(start: bool = True, dialect: Dialect = Dialect.TENDERMINT) -> Made:
        keeper = Keeper(path, floor.read(path, CHAIN))
        table, signer, metrics, log = Table(Rows(), clock), Signer(clock), Metrics(), io.StringIO()
        events = Events(log)
        gate = KeyGate(GATE, keeper, table, signer, SECONDS, dialect, False, events, metrics)
        if start:
            gate.start()
        return Made(gate, keeper, table, signer, clock, metrics, log, events)

    yield made


def signed(told: object) -> None:
    assert isinstance(told, SignedResponse), told


def refused(told: object, code: Code, text: str) -> None:
    assert isinstance(told, ErrorResponse), told
    assert (told.code, told.text) == (code, text)


def test_a_gate_that_has_not_started_refuses_and_is_measured(make: Make) -> None:
    made = make(start=False)
    assert (made.gate.started, made.gate.halted) == (False, False)
    for line in ("started", "halted"):
        assert made.counted(f'{line}{{chain="lab-1"}} 0')
    assert made.counted('floor_height{chain="lab-1"} 9')
    refused(
        made.ask(prevote(10)),
        Code.NOT_NOW,
        "table-unknown: the table has not been asked yet whether this gate may act",
    )
    assert made.signer.asked == [] and made.table.deadlines == []


def test_each_step_has_what_is_left_of_the_requests_time_and_the_record_a_time_of_its_own(make: Make) -> None:
    made, began = make(), 1000.0
    made.table.takes = {"claim": 0.125, "insert": 0.25}
    made.signer.takes = 0.0625
    signed(made.ask(prevote(10)))
    until = began + SECONDS
    assert made.table.deadlines == [("claim", until), ("insert", until), ("record", 1000.4375 + SECONDS)]
    assert made.signer.deadlines == [until]
    assert made.signer.asked == [(prevote(10), NOON)]
    (event,) = made.said("signed")
    assert event["ms"] == {"table": 375, "disk": 0, "signer": 312.5, "whole": 437.5}
    text = prevote(10).request().position.text
    assert (event["kind"], event["position"], event["owner"]) == ("prevote", text, "gate-a")
    assert made.counted('seconds_sum{chain="lab-1",stage="whole"} 0.4375')
    assert made.counted('last_signed_height{chain="lab-1"} 10')


@pytest.mark.parametrize(("step", "is_asked"), [("claim", False), ("insert", True)])
def test_what_ends_with_the_deadline_is_in_time_and_what_ends_after_it_is_unknown(
    make: Make, step: str, is_asked: bool
) -> None:
    made = make()
    made.table.takes = {step: SECONDS}
    signed(made.ask(prevote(10)))
    made.table.takes = {step: SECONDS + 2**-10}
    told = made.ask(precommit(10))
    assert isinstance(told, ErrorResponse) and told.code == Code.NOT_NOW and told.text.startswith("table-unknown: ")
    assert len(made.signer.asked) == 1 + is_asked
    unknown = 'claims_total{chain="lab-1",outcome="unknown"} 1'
    assert made.counted(unknown) is not is_asked


def test_a_claim_that_was_not_sent_is_counted_as_such_however_late(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make()
    monkeypatch.setattr(made.table, "claim", lambda claim, deadline: unsent(made.clock))
    for height in (10, 11):
        refused(made.ask(prevote(height)), Code.NOT_NOW, "table-unknown: no connection")
    assert made.counted('claims_total{chain="lab-1",outcome="notsent"} 2')
    assert [name for name, _ in made.table.deadlines] == ["read"], "before the second"
    monkeypatch.undo()
    signed(made.ask(prevote(12)))
    assert [name for name, _ in made.table.deadlines] == ["read", "claim", "insert", "record"], "not before the third"


def unsent(clock: Clock) -> NotSent:
    clock.now += SECONDS + 0.125
    return NotSent("no connection")


def test_a_signer_that_refuses_is_reported_with_its_reason(make: Make) -> None:
    made = make()
    made.signer.refuses_to_begin = "no signer is connected"
    told = made.ask(prevote(10))
    assert isinstance(told, ErrorResponse) and told.code == Code.NOT_NOW
    assert "no signer is connected" in told.text and made.signer.deadlines == []
    made.signer.refuses_to_begin, made.signer.refuses = "", "double sign"
    told = made.ask(prevote(11))
    assert isinstance(told, ErrorResponse) and "double sign" in told.text
    _, event = made.said("refused")
    assert event["cause"] == "signer-failed" and "double sign" in str(event["detail"])
    assert made.counted('refusals_total{chain="lab-1",cause="signer-failed"} 2')


def test_what_cannot_be_read_is_counted(make: Make) -> None:
    made = make()
    told = made.ask_bytes(b"\xff")
    assert isinstance(told, ErrorResponse) and told.code == Code.NOT_UNDERSTOOD
    (event,) = made.said("refused")
    assert event["cause"] == "malformed" and event["detail"]
    assert made.counted('refusals_total{chain="lab-1",cause="malformed"} 1')


def test_a_replay_is_counted_as_one(make: Make) -> None:
    made = make()
    signed(made.ask(prevote(10)))
    signed(made.ask(prevote(10, time_ns=NOON + 1)))
    assert made.counted('replays_total{chain="lab-1"} 1')
    assert made.counted('signatures_total{chain="lab-1",kind="prevote"} 1')
    assert [len(made.said(event)) for event in ("signed", "replayed")] == [1, 1]


def test_a_proposal_is_counted_by_its_kind(make: Make) -> None:
    made = make()
    signed(made.ask(proposal(10)))
    assert made.counted('signatures_total{chain="lab-1",kind="proposal"} 1')


def test_a_halt_counts_though_the_answer_to_it_failed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make()
    signed(made.ask(prevote(10)))
    assert made.table.rows.head and made.table.rows.head.claim
    taken = replace(made.table.rows.head.claim, position=prevote(11).request().position, claim_id="another")
    made.table.rows.claims[taken.position] = taken
    refuse, failures = for_node.refused, [RuntimeError("unforeseen")]

    def once(*arguments: object) -> bytes:
        if failures:
            raise failures.pop()
        return refuse(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(for_node, "refused", once)
    refused(made.ask(prevote(11)), Code.FAILURE, "failure: RuntimeError: unforeseen")
    assert made.gate.halted and made.counted('halted{chain="lab-1"} 1')
    refused(made.ask(prevote(12)), Code.PERSON_NEEDED, "halted: row-taken")
    assert floor.read(made.keeper._path, CHAIN).halted is Cause.ROW_TAKEN
    assert [each["cause"] for each in made.said("halted")] == ["row-taken"]


def test_a_halt_that_cannot_be_written_is_said_and_holds(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make()
    signed(made.ask(prevote(10)))
    assert made.table.rows.head and made.table.rows.head.claim
    taken = replace(made.table.rows.head.claim, position=prevote(11).request().position, claim_id="another")
    made.table.rows.claims[taken.position] = taken
    halt = Keeper.halt

    def unwritten(keeper: Keeper, cause: Cause) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "_put", lambda *_: (_ for _ in ()).throw(OSError("EIO")))
            halt(keeper, cause)

    monkeypatch.setattr(Keeper, "halt", unwritten)
    told = made.ask(prevote(11))
    assert isinstance(told, ErrorResponse) and told.code == Code.PERSON_NEEDED
    (event,) = made.said("halt-not-on-disk")
    assert (event["cause"], event["detail"]) == ("row-taken", "EIO")
    refused(made.ask(prevote(12)), Code.PERSON_NEEDED, "halted: row-taken")


def test_after_an_unexpected_exception_the_row_is_read_before_anything_is_claimed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make()
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "rise", lambda *_: 1 / 0)
        refused(made.ask(prevote(10)), Code.FAILURE, "failure: ZeroDivisionError: division by zero")
    assert [name for name, _ in made.table.deadlines] == ["claim"]
    (event,) = made.said("failure")
    assert event["detail"] == "ZeroDivisionError: division by zero"
    signed(made.ask(prevote(11)))
    assert made.table.deadlines[1:3] == [("read", 1000.0 + SECONDS), ("claim", 1000.0 + SECONDS)]
    assert made.counted('refusals_total{chain="lab-1",cause="failure"} 1')


def test_who_claimed_what_is_told_of_each_answer(make: Make) -> None:
    made = make()
    signed(made.ask(prevote(10)))
    claim = made.table.rows.head and made.table.rows.head.claim
    assert claim
    made.table.rows.head = replace(made.table.rows.head, claim=replace(claim, gate_id="gate-b"))  # type: ignore[type-var]
    signed(made.ask(prevote(10)))
    made.ask(prevote(10, block=OTHER_BLOCK))
    for name, owner in (("signed", "gate-a"), ("replayed", "gate-b")):
        (event,) = made.said(name)
        assert {key: event[key] for key in event if key not in ("time", "ms")} == {
            "event": name,
            "chain": CHAIN,
            "claim_id": claim.claim_id,
            "owner": owner,
            "kind": "prevote",
            "position": claim.position.text,
        }
    (event,) = made.said("refused")
    told = {"event": "refused", "chain": CHAIN, "cause": "conflict", "detail": "gate-b"}
    assert {key: event[key] for key in event if key not in ("time", "ms")} == told | {
        "kind": "prevote",
        "position": claim.position.text,
    }


def test_the_times_of_an_event_are_told_to_the_microsecond(make: Make) -> None:
    made = make()
    made.table.takes = {"claim": 2.0**-13}
    signed(made.ask(prevote(10)))
    (event,) = made.said("signed")
    assert event["ms"] == {"table": 0.122, "disk": 0, "signer": 0, "whole": 0.122}


def test_a_start_asks_the_table_once_and_says_only_what_changed(make: Make) -> None:
    made = make()
    (event,) = made.said("started")
    assert {name: event[name] for name in ("floor", "head", "boot")} == {
        "floor": spent(9).text,
        "head": spent(9).text,
        "boot": "boot-1",
    }
    made.gate.start()
    assert len(made.said("started")) == 1
    assert made.counted('started{chain="lab-1"} 1')
    assert made.table.announced == [1000.0 + SECONDS] * 2
    made.table.rows.head = None
    made.gate.start()
    made.gate.start()
    (event,) = made.said("not-started")
    assert event["cause"] == "table-missing" and made.counted('started{chain="lab-1"} 0')


def test_a_conflict_names_its_cause_and_signs_nothing(make: Make) -> None:
    made = make()
    signed(made.ask(prevote(10)))
    told = made.ask(prevote(10, block=OTHER_BLOCK))
    assert isinstance(told, ErrorResponse) and told.code == Code.WOULD_CONTRADICT
    assert len(made.signer.asked) == 1


def test_a_code_means_the_same_in_every_version() -> None:
    assert {each.name: each.value for each in Code} == {
        "NOT_UNDERSTOOD": 1,
        "WOULD_CONTRADICT": 2,
        "ANOTHER_SIGNS": 3,
        "NOT_NOW": 4,
        "PERSON_NEEDED": 5,
        "FAILURE": 6,
    }


def test_an_errors_text_names_the_cause_and_ends(make: Make) -> None:
    assert error_text("disk", "") == "disk"
    assert error_text("disk", "full") == "disk: full"
    assert len(error_text("disk", "x" * 1000)) == MAX_TEXT
