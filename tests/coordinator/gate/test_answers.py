"""Whatever happens, the node gets an answer, over the connection that it asked on."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import floor, service
from coordinator.config import Chain
from coordinator.decision.effects import Cause, Lost, Missing, Unknown, Won
from coordinator.decision.position import Position, Step, spent
from coordinator.decision.records import Claim, Gate, Head
from coordinator.gate import CODES, Code, KeyGate
from coordinator.privval import for_node, for_signer
from coordinator.privval.messages import Dialect, ErrorResponse, PingResponse, PubKeyResponse, SignedResponse
from coordinator.privval.stream import Broken
from tests.coordinator.gate.conftest import Estate, until
from tests.coordinator.gate.peers import NOON, OTHER_BLOCK, Signer, precommit, prevote, proposal
from tests.coordinator.gate.rows import MemoryTable, Rows

pytestmark = pytest.mark.slow

Make = Callable[..., Estate]


def refused(estate: Estate, told: object, cause: str) -> str:
    """Asserts that it was refused for this cause, on the connection that was there, and that the gate lives."""
    assert isinstance(told, ErrorResponse), told
    assert told.text.partition(":")[0] == cause
    assert isinstance(estate.node.ping(), PingResponse)
    assert estate.node.connections == 1
    return told.text


def verified(estate: Estate, asked, told: object) -> None:
    assert isinstance(told, SignedResponse), told
    estate.key.public_key().verify(told.signed.signature, asked.request().sign_bytes)


def test_every_cause_has_a_code() -> None:
    assert set(CODES) == set(Cause)


def test_votes_and_proposals_are_signed_in_order(estate: Make) -> None:
    made = estate().whole()
    for height in range(10, 15):
        for asked in (proposal(height), prevote(height), precommit(height), prevote(height, 1)):
            verified(made, asked, made.node.ask(asked))
    assert floor.read(made.floor, made.chain_id).position == Position(14, 1, Step.PREVOTE)
    assert len(made.rows.claims) == 20
    until(lambda: len(made.events("signed")) == 20)


def test_the_public_key_is_the_one_in_the_watermark_file(estate: Make) -> None:
    made = estate(node_waits_seconds=0).seed().start()
    made.node.accept()
    assert made.node.ask_public_key() == PubKeyResponse(made.public_key)
    refused(made, made.node.ask_public_key("other-1"), "foreign-chain")


def test_the_same_question_again_gets_the_same_signature_and_time(estate: Make) -> None:
    made = estate().whole()
    first = made.node.ask(precommit(10))
    until(lambda: made.rows.head.signed)
    again = made.node.ask(precommit(10, time_ns=NOON + 5))
    assert again == first
    assert len(made.signer.signed) == 1
    until(lambda: made.events("replayed"))


def test_each_rule_refuses_by_an_answer(estate: Make) -> None:
    made = estate().whole()
    verified(made, precommit(10, 2), made.node.ask(precommit(10, 2)))
    until(lambda: made.rows.head.signed)
    refused(made, made.node.ask(precommit(10, 2, OTHER_BLOCK)), "conflict")
    refused(made, made.node.ask(prevote(10, 2)), "below-floor")
    refused(made, made.node.ask(precommit(9)), "below-floor")
    refused(made, made.node.ask(prevote(11, chain="other-1")), "foreign-chain")
    refused(made, made.node.ask(prevote(0)), "malformed")
    assert len(made.signer.signed) == 1


def test_what_cannot_be_read_is_refused(estate: Make) -> None:
    made = estate().whole()
    for message in (b"", b"\xff", b"\x0a", b"\x52\x00", b"\x22\x00", for_signer.ask(prevote(10), 0)[:-1]):
        refused(made, made.node.ask_bytes(message), "malformed")
    refused(made, made.node.ask_bytes(b"\x1a" + b"\xff" * (2**20 + 100)), "malformed")
    assert made.signer.signed == []


def test_signatures_of_any_bytes_are_refused(estate: Make) -> None:
    """The answer has the form that v1 has for it; other nodes do not ask."""
    made = estate().whole()
    reply = made.node.exchange(b"\x4a\x02\x0a\x00")
    assert reply[0] >> 3 == 10
    assert b"malformed" in reply
    assert made.signer.signed == []


def test_another_owner_of_the_height_is_respected(estate: Make) -> None:
    made = estate().whole()
    verified(made, prevote(10), made.node.ask(prevote(10)))
    claim = replace(made.rows.head.claim, gate_id="gate-b", boot_id="b", position=Position(11, 0, Step.PREVOTE))
    made.rows.head = replace(made.rows.head, position=claim.position, claim=claim, signed=None)
    refused(made, made.node.ask(precommit(11)), "not-owner")
    verified(made, prevote(12), made.node.ask(prevote(12)))


def test_a_signature_of_the_other_gate_is_passed_on(estate: Make) -> None:
    rows = Rows()
    one, two = estate(rows=rows).whole(), estate(rows=rows, gate_id="gate-b").whole()
    first = one.node.ask(prevote(10))
    until(lambda: rows.head.signed)
    assert two.node.ask(prevote(10, time_ns=NOON + 1)) == first
    assert two.signer.signed == []
    refused(two, two.node.ask(prevote(10, block=OTHER_BLOCK)), "conflict")


def test_a_gate_that_only_ever_lost_does_not_start_on_tables_that_were_put_back_together(estate: Make) -> None:
    rows = Rows()
    one, two = estate(rows=rows).whole(), estate(rows=rows, gate_id="gate-b").whole()
    for height in range(10, 14):
        verified(one, prevote(height), one.node.ask(prevote(height)))
        refused(two, two.node.ask(prevote(height, block=OTHER_BLOCK)), "conflict")
        assert floor.read(two.floor, two.chain_id).position == rows.head.position
        if height == 11:
            head, claims = rows.head, dict(rows.claims)
    rows.head, rows.claims = head, claims
    two.stop()
    two.start()
    until(lambda: two.events("not-started"))
    assert two.events("not-started")[-1]["cause"] == "table-went-back"


def test_a_start_raises_the_watermark_to_the_row_or_does_not_happen(
    estate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows(head=replace(Rows().head, position=spent(20)))
    made = estate(rows=rows).seed()
    with monkeypatch.context() as patched:
        patched.setattr(floor.Keeper, "_put", lambda keeper, changed: (_ for _ in ()).throw(OSError("EIO")))
        made.start()
        until(lambda: made.events("not-started"))
        assert made.events("not-started")[-1]["cause"] == "disk"
    until(lambda: made.events("started"))
    assert floor.read(made.floor, made.chain_id).position == spent(20)


def test_a_journal_that_does_not_read_delays_no_signature(estate: Make) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    made = estate()
    made.stream, made.most_waiting = os.fdopen(write, "w"), 10
    made.seed().start()
    made.signer = Signer(made.socket, key=made.key)
    made.node.accept()
    for height in range(10, 60):
        verified(made, prevote(height), made.node.ask(prevote(height)))
    assert re.search(r'events_dropped_total{chain="lab-1"} [1-9]', made.metrics.text())
    os.close(read)
    made.told.drain()
    with suppress(OSError):
        made.stream.close()


def test_a_request_far_above_the_row_burns_nothing(estate: Make) -> None:
    made = estate(reach=100).whole()
    verified(made, prevote(10), made.node.ask(prevote(10)))
    for height in (111, 2**63 - 1):
        refused(made, made.node.ask(prevote(height)), "too-far")
    verified(made, prevote(110), made.node.ask(prevote(110)))
    assert made.rows.head.position == Position(110, 0, Step.PREVOTE)


def test_a_second_run_with_the_same_identity_fences_the_first(estate: Make) -> None:
    rows = Rows()
    first = estate(rows=rows).whole()
    second = estate(rows=rows).whole()
    refused(first, first.node.ask(prevote(10)), "fenced")
    verified(second, prevote(10), second.node.ask(prevote(10)))


def test_a_gate_that_a_dead_run_fenced_late_comes_back_by_itself(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator.service.ANNOUNCE_AGAIN_SECONDS", (0.2,))
    made = estate().whole()
    verified(made, prevote(10), made.node.ask(prevote(10)))
    made.rows.head = replace(made.rows.head, gates=(("gate-a", "dead"), ("gate-b", "")))
    refused(made, made.node.ask(prevote(11)), "fenced")
    until(lambda: len(made.events("started")) == 2)
    verified(made, prevote(11), made.node.ask(prevote(11)))


def test_a_table_that_went_back_while_the_gate_was_fenced_does_not_start_it(
    estate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.service.ANNOUNCE_AGAIN_SECONDS", (0.2,))
    made = estate().whole()
    verified(made, prevote(10), made.node.ask(prevote(10)))
    made.rows.head = replace(made.rows.head, position=spent(20), gates=(("gate-a", "dead"),))
    refused(made, made.node.ask(prevote(21)), "fenced")
    made.rows.head = replace(made.rows.head, position=spent(15))
    until(lambda: [each for each in made.events("not-started") if each["cause"] == "table-went-back"])
    refused(made, made.node.ask(prevote(21)), "table-went-back")


def test_without_a_watermark_everything_is_refused_and_said_why(estate: Make) -> None:
    made = estate().start()
    made.node.accept()
    for asked in (prevote(10), proposal(10), precommit(10)):
        assert "is missing; seed it" in refused(made, made.node.ask(asked), "disk")
    refused(made, made.node.ask_public_key(), "disk")
    refused(made, made.node.ask_bytes(b"\xff"), "disk")


def test_a_damaged_watermark_refuses_everything(estate: Make) -> None:
    made = estate().seed()
    made.floor.write_bytes(made.floor.read_bytes()[:100])
    made.start()
    made.node.accept()
    assert "is damaged" in refused(made, made.node.ask(prevote(10)), "disk")


def test_a_watermark_that_another_process_holds_refuses_everything_until_it_lets_go(
    estate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOCK_AGAIN_SECONDS", 0.02)
    made = estate(node_waits_seconds=0).seed()
    with floor.held(made.floor):
        made.start()
        made.node.accept()
        for height in (10, 25):
            assert "another process holds" in refused(made, made.node.ask(prevote(height)), "disk")
        time.sleep(0.2)
        assert len(made.events("not-started")) == 1, "said once, however often it is tried"
        assert not made.socket.exists() and dict(made.rows.head.gates)["gate-a"] == "", "nothing is touched before"
        floor.create(made.floor, floor.Floor(made.chain_id, made.public_key, spent(20)))
        made.rows.head = replace(made.rows.head, position=spent(20))
    until(lambda: made.events("started"))
    made.sign_with()
    refused(made, made.node.ask(prevote(20)), "below-floor")
    verified(made, prevote(25), made.node.ask(prevote(25)))


def test_a_node_is_not_dialled_for_a_watermark_that_another_process_will_let_go_of(
    estate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOCK_AGAIN_SECONDS", 0.02)
    made = estate().seed()
    with floor.held(made.floor):
        made.start()
        until(lambda: made.events("not-started"))
        assert not made.node.is_dialled(0.2)
    made.sign_with()
    made.node.accept()
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_a_table_that_is_down_at_start_is_awaited(estate: Make) -> None:
    made = estate(rows=Rows(down=True), node_waits_seconds=0).seed().start()
    made.node.accept()
    made.sign_with()
    refused(made, made.node.ask(prevote(10)), "table-unknown")
    made.rows.down = False
    until(lambda: made.events("started"), 10)
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_a_table_that_goes_down_refuses_and_signing_resumes(estate: Make) -> None:
    made = estate().whole()
    made.rows.down = True
    refused(made, made.node.ask(prevote(10)), "table-unknown")
    made.rows.down = False
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_a_missing_row_and_a_gate_that_is_not_admitted_do_not_start(estate: Make) -> None:
    for head, cause in (
        (None, "table-missing"),
        (Head(2, spent(9), (("gate-a", ""),)), "fenced"),
        (Head(1, spent(9), (("gate-b", ""),)), "fenced"),
        (Head(1, spent(8), (("gate-a", ""),)), "table-went-back"),
    ):
        made = estate(rows=Rows(head=head), node_waits_seconds=0).seed().start()
        made.node.accept()
        until(lambda made=made: made.events("not-started"))
        refused(made, made.node.ask(prevote(10)), cause)


def test_a_table_that_answers_too_late_is_unknown_and_signs_nothing(estate: Make) -> None:
    made = estate(deadline_seconds=0.2).whole()
    made.rows.before = lambda operation: time.sleep(0.3) if operation == "claim" else None
    refused(made, made.node.ask(prevote(10)), "table-unknown")
    assert made.signer.signed == []


def test_a_row_that_was_not_inserted_in_time_keeps_the_signature_back(estate: Make) -> None:
    made = estate(deadline_seconds=0.2).whole()
    made.rows.before = lambda operation: time.sleep(0.3) if operation == "insert" else None
    refused(made, made.node.ask(prevote(10)), "table-unknown")
    made.rows.before = lambda operation: None
    verified(made, prevote(10), made.node.ask(prevote(10)))


class LateTable(MemoryTable):
    """Does what it is told, and says so when the deadline has passed."""

    late = ""

    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | Unknown:
        outcome = super().claim(claim, deadline)
        self._wait("claim", deadline)
        return outcome

    def insert(self, claim: Claim, deadline: float) -> Claim | None:
        row = super().insert(claim, deadline)
        self._wait("insert", deadline)
        return row

    def _wait(self, name: str, deadline: float) -> None:
        if self.late == name:
            time.sleep(max(0.0, deadline - time.monotonic()) + 0.01)


@pytest.mark.parametrize(("late", "asked"), [("claim", 0), ("insert", 1)])
def test_an_outcome_that_comes_after_the_deadline_is_unknown(estate: Make, late: str, asked: int) -> None:
    rows, tables = Rows(), list[LateTable]()

    def table(chain: Chain, gate: Gate, key: bytes) -> LateTable:
        tables.append(LateTable(rows, gate))
        return tables[-1]

    made = estate(rows=rows, table=table, deadline_seconds=0.2).whole()
    tables[0].late = late
    refused(made, made.node.ask(prevote(10)), "table-unknown")
    assert len(made.signer.signed) == asked
    tables[0].late = ""
    until(lambda: made.signer_is_up)
    verified(made, prevote(11), made.node.ask(prevote(11)))


def test_a_watermark_that_is_written_after_the_deadline_signs_nothing(
    estate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = estate(deadline_seconds=0.2).whole()
    rise = floor.Keeper.rise

    def late(keeper: floor.Keeper, position: Position) -> None:
        rise(keeper, position)
        time.sleep(0.25)

    with monkeypatch.context() as patch:
        patch.setattr(floor.Keeper, "rise", late)
        refused(made, made.node.ask(prevote(10)), "disk")
    assert made.signer.signed == []


def test_each_claim_has_a_name_of_its_own(estate: Make) -> None:
    made = estate().whole()
    for height in range(10, 15):
        verified(made, prevote(height), made.node.ask(prevote(height)))
    claims = made.rows.claims.values()
    assert len({each.claim_id for each in claims}) == 5
    assert len({each.boot_id for each in claims}) == 1


def test_a_node_that_is_silent_for_long_is_dialled_again(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator.node.SILENT_FOR_SECONDS", 0.3)
    made = estate().whole()
    assert made.node.is_dialled(20)
    until(lambda: any("silent" in each["detail"] for each in made.events("node-down")))


def test_a_row_that_is_taken_halts_the_key_across_restarts(estate: Make) -> None:
    made = estate().whole()
    verified(made, prevote(10), made.node.ask(prevote(10)))
    taken = replace(made.rows.head.claim, position=Position(11, 0, Step.PREVOTE), claim_id="another")
    made.rows.claims[taken.position] = taken
    refused(made, made.node.ask(prevote(11)), "row-taken")
    refused(made, made.node.ask(prevote(12)), "halted")
    made.stop()
    made.node.hang_up()
    assert floor.read(made.floor, made.chain_id).halted is Cause.ROW_TAKEN
    made.start()
    made.node.accept()
    told = made.node.ask(prevote(12))
    assert isinstance(told, ErrorResponse) and told.text.startswith("halted")


def test_a_disk_that_fails_refuses_and_signing_resumes(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = estate().whole()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _failing)
        refused(made, made.node.ask(prevote(10)), "disk")
    assert made.signer.signed == []
    verified(made, prevote(10), made.node.ask(prevote(10)))


def _failing(descriptor: int) -> None:
    raise OSError(errno.EIO, "I/O error")


def test_an_unexpected_exception_is_a_refusal_and_not_the_end(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = estate().whole()
    for owner, name in (
        (MemoryTable, "claim"),
        (MemoryTable, "insert"),
        (floor.Keeper, "rise"),
        (KeyGate, "_verifies"),
        (for_node, "granted"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, _surprise)
            told = made.node.ask(prevote(10, block=OTHER_BLOCK))
            refused(made, told, "failure")
            assert told.code == Code.FAILURE
        until(lambda: made.signer_is_up)
    until(lambda: len(made.events("failure")) == 5)
    verified(made, prevote(11), made.node.ask(prevote(11)))


def _surprise(*arguments: object) -> None:
    raise RuntimeError("unforeseen")


def test_a_record_that_fails_does_not_undo_the_answer(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = estate().whole()
    with monkeypatch.context() as patch:
        patch.setattr(MemoryTable, "record", _surprise)
        verified(made, prevote(10), made.node.ask(prevote(10)))
        assert isinstance(made.node.ping(), PingResponse)
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_the_node_is_dialled_only_once_a_signer_is_connected_and_the_table_admits_the_gate(estate: Make) -> None:
    made = estate(rows=Rows(down=True)).seed().start()
    until(lambda: made.events("not-started"))
    assert made.node.is_dialled(0.3) is False
    made.sign_with()
    assert made.node.is_dialled(0.3) is False
    made.rows.down = False
    made.node.accept()
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_a_node_is_dialled_after_a_while_though_no_signer_comes(estate: Make) -> None:
    made = estate(node_waits_seconds=0.5).seed().start()
    until(lambda: made.events("started"))
    made.node.accept()
    refused(made, made.node.ask(prevote(10)), "signer-absent")
    made.sign_with()
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_a_halted_gate_dials_its_node_at_once_so_that_it_gets_the_reason(estate: Make) -> None:
    made = estate().seed()
    with floor.held(made.floor):
        floor.Keeper(made.floor, floor.read(made.floor, made.chain_id)).halt(Cause.ROW_TAKEN)
    made.start()
    made.node.accept()
    assert "because of row-taken" in refused(made, made.node.ask(prevote(10)), "halted")


def test_a_node_that_restarts_while_the_signer_is_lost_is_dialled_again(estate: Make) -> None:
    made = estate().whole()
    made.signer.close()
    until(lambda: made.events("signer-down"))
    made.node.hang_up()
    made.node.accept()
    told = made.node.ask(prevote(10))
    assert isinstance(told, ErrorResponse) and told.text.startswith("signer-absent")


def test_a_node_that_hangs_up_is_dialled_again(estate: Make) -> None:
    made = estate().whole()
    for height in range(10, 13):
        verified(made, prevote(height), made.node.ask(prevote(height)))
        made.node.hang_up()
        made.node.accept()
    verified(made, prevote(13), made.node.ask(prevote(13)))


def test_a_node_that_hangs_up_before_its_answer_harms_nothing(estate: Make) -> None:
    made = estate().whole()
    release = threading.Event()
    made.signer.before = lambda: release.wait(60)
    thread = threading.Thread(target=lambda: pytest.raises((OSError, Broken), made.node.ask, prevote(10)), daemon=True)
    thread.start()
    until(lambda: made.signer.signed)
    made.node.hang_up()
    release.set()
    made.node.accept()
    verified(made, prevote(10), made.node.ask(prevote(10)))
    thread.join(6)


def test_an_absent_signer_refuses_but_replays(estate: Make) -> None:
    made = estate().whole()
    first = made.node.ask(prevote(10))
    until(lambda: made.rows.head.signed)
    made.signer.close()
    until(lambda: made.events("signer-down"))
    refused(made, made.node.ask(precommit(10)), "signer-absent")
    assert made.node.ask(prevote(10, time_ns=NOON + 1)) == first
    made.sign_with()
    until(lambda: len(made.events("signer-up")) == 2)
    verified(made, precommit(10), made.node.ask(precommit(10)))


def test_a_hanging_signer_refuses_in_time_and_its_late_answer_is_never_taken(estate: Make) -> None:
    made = estate(deadline_seconds=0.3).whole()
    release = threading.Event()
    made.signer.before = lambda: release.wait(60)
    refused(made, made.node.ask(prevote(10)), "signer-failed")
    made.signer.before = lambda: None
    release.set()
    until(lambda: len(made.events("signer-up")) == 2)
    verified(made, prevote(11), made.node.ask(prevote(11)))
    assert made.signer.connections == 2


def test_a_signer_that_hangs_while_idle_is_dropped(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator.signer.PING_AFTER_SECONDS", 0.1)
    monkeypatch.setattr("coordinator.signer.ANSWER_WITHIN_SECONDS", 0.2)
    made = estate().whole()
    made.signer.mute = True
    until(lambda: [each for each in made.events("signer-down") if each["detail"] == "it did not answer"])
    refused(made, made.node.ask(prevote(10)), "signer-absent")
    made.signer.mute = False
    until(lambda: len(made.events("signer-up")) >= 2)
    verified(made, prevote(10), made.node.ask(prevote(10)))


def test_pings_keep_an_idle_signer(estate: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coordinator.signer.PING_AFTER_SECONDS", 0.01)
    made = estate().whole()
    for height in range(10, 60):
        verified(made, prevote(height), made.node.ask(prevote(height)))
        time.sleep(0.012)
    assert made.signer.connections == 1


def test_a_signer_with_another_key_is_not_asked(estate: Make) -> None:
    made = estate(node_waits_seconds=0).seed().start()
    made.node.accept()
    made.signer = Signer(made.socket, Ed25519PrivateKey.generate())
    until(lambda: [each for each in made.events("signer-down") if "not that of the watermark file" in each["detail"]])
    until(lambda: made.events("started"))
    refused(made, made.node.ask(prevote(10)), "signer-absent")
    assert made.signer.signed == []


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (lambda reply: for_node.refused(3, 2, "no"), "signer-failed"),
        (lambda reply: for_node.pong(), "signer-failed"),
        (lambda reply: b"\xff\xff", "signer-failed"),
        (lambda reply: reply.replace(reply[-64:], bytes(64)), "bad-signature"),
    ],
    ids=["refusal", "pong", "nonsense", "wrong signature"],
)
def test_a_signer_that_does_not_sign_well_is_refused(estate: Make, answer: Callable, cause: str) -> None:
    made = estate().whole()
    made.signer.answer = answer
    refused(made, made.node.ask(prevote(10)), cause)


def test_a_stale_socket_is_replaced_and_group_may_connect(estate: Make) -> None:
    made = estate()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(made.socket))
    made.whole()
    assert made.socket.stat().st_mode & 0o777 == 0o660
    verified(made, prevote(10), made.node.ask(prevote(10)))
    made.stop()
    assert not made.socket.exists()


def test_a_file_in_the_sockets_place_is_left_alone(estate: Make) -> None:
    made = estate(node_waits_seconds=0).seed()
    made.socket.write_text("precious")
    made.start()
    made.node.accept()
    until(lambda: made.events("started"))
    refused(made, made.node.ask(prevote(10)), "signer-absent")
    assert made.socket.read_text() == "precious"


def test_events_hold_no_bytes_of_messages_and_metrics_count(estate: Make) -> None:
    made = estate().whole()
    made.node.ask(prevote(10))
    made.node.ask(prevote(10, block=OTHER_BLOCK))
    until(lambda: made.events("refused"))
    text = made.metrics.text()
    for line in (
        'signing_gate_signatures_total{chain="lab-1",kind="prevote"} 1',
        'signing_gate_claims_total{chain="lab-1",outcome="won"} 1',
        'signing_gate_claims_total{chain="lab-1",outcome="lost"} 1',
        'signing_gate_refusals_total{chain="lab-1",cause="conflict"} 1',
        'signing_gate_last_signed_height{chain="lab-1"} 10',
        'signing_gate_floor_height{chain="lab-1"} 10',
        'signing_gate_started{chain="lab-1"} 1',
        'signing_gate_node_connected{chain="lab-1"} 1',
        'signing_gate_signer_connected{chain="lab-1"} 1',
        'signing_gate_seconds_count{chain="lab-1",stage="whole"} 1',
    ):
        assert line in text.splitlines()
    (signed,) = made.events("signed")
    assert set(signed) == {"time", "event", "chain", "claim_id", "owner", "kind", "position", "ms"}
    assert set(signed["ms"]) == {"table", "disk", "signer", "whole"}


def test_v1_nodes_get_the_key_in_their_own_form() -> None:
    assert for_signer.decode_reply(
        for_node.public_key_reply(b"\x01" * 32, Dialect.COMETBFT_V1), Dialect.COMETBFT_V1
    ) == PubKeyResponse(b"\x01" * 32)
