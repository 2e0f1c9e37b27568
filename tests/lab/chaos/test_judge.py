"""The judge of a fault campaign: what it must find, and what it must let pass."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.decision.position import Position, Step
from coordinator.decision.records import Claim
from lab.chaos import judge
from lab.chaos.judge import CONTRADICTION, Given, Lines, Made, verdict
from lab.chaos.witness import Evidence, Seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
GATES = {"a": "gate-a", "b": "gate-b"}


def made(
    position: Position, block: str = "AA", *, place: str = "a", time: int = 0, key: Ed25519PrivateKey = KEY
) -> Made:
    sign_bytes = f"{position.text} {block} {time}".encode()
    intent = sha256(f"{position.text} {block}".encode()).digest()
    return Made(place, 0.0, position, intent, block, sign_bytes, key.sign(sign_bytes))


def claim(of: Made, *, gate_id: str = "gate-a") -> Claim:
    return Claim(of.position, 1, gate_id, "boot", f"claim of {of.position.text}", of.sign_bytes, of.intent, 0)


def given(of: Made, *, gate_id: str = "gate-a", replayed: bool = False) -> Given:
    return Given(gate_id, of.position, f"claim of {of.position.text}", replayed)


def seal(of: Made) -> Seal:
    return Seal(of.position.height, of.position.round, of.block, of.signature)


PREVOTE, PRECOMMIT = (made(Position(5, 0, step)) for step in (Step.PREVOTE, Step.PRECOMMIT))
GOOD = [PREVOTE, PRECOMMIT]


def broken(
    signatures: list[Made],
    claims: list[Claim] | None = None,
    answers: list[Given] | None = None,
    seals: list[Seal] | None = None,
    evidence: list[Evidence] | None = None,
) -> tuple[str, ...]:
    claims = [claim(each) for each in signatures] if claims is None else claims
    answers = [given(each) for each in signatures] if answers is None else answers
    return verdict(PUBLIC, claims, answers, signatures, seals or [], evidence or [], GATES).broken


def test_what_was_claimed_signed_and_given_once_is_good() -> None:
    assert broken(GOOD, seals=[seal(PRECOMMIT)]) == ()


def test_the_verdict_counts_what_it_judged() -> None:
    found = verdict(PUBLIC, [claim(each) for each in GOOD], [given(PREVOTE)], GOOD, [seal(PRECOMMIT)], [], GATES)
    assert (found.claims, found.given, found.signatures, found.seals) == (2, 1, 2, 1)


def test_two_blocks_at_one_position_are_a_contradiction() -> None:
    other = made(PRECOMMIT.position, "BB")
    assert any(CONTRADICTION in each for each in broken([*GOOD, other], [claim(each) for each in GOOD]))


def test_two_signatures_for_one_block_are_found() -> None:
    again = made(PRECOMMIT.position, time=1)
    assert any("two signatures" in each for each in broken([*GOOD, again], [claim(each) for each in GOOD]))


def test_two_gates_at_one_height_are_found() -> None:
    other = made(Position(5, 1, Step.PREVOTE), place="b")
    claims = [*(claim(each) for each in GOOD), claim(other, gate_id="gate-b")]
    found = broken([*GOOD, other], claims, [*(given(each) for each in GOOD), given(other, gate_id="gate-b")])
    assert any("both gate-a and gate-b" in each for each in found)


def test_a_signature_that_was_made_twice_alike_is_good() -> None:
    assert broken([*GOOD, PRECOMMIT], [claim(each) for each in GOOD], [given(each) for each in GOOD]) == ()


def test_another_gate_may_give_again_what_was_signed() -> None:
    answers = [*(given(each) for each in GOOD), given(PRECOMMIT, gate_id="gate-b", replayed=True)]
    assert broken(GOOD, answers=answers) == ()


def test_what_a_gate_gave_without_a_row_is_found() -> None:
    assert any(each.startswith("I4") for each in broken(GOOD, [claim(PREVOTE)]))


def test_what_was_made_and_never_given_needs_no_row() -> None:
    assert broken(GOOD, [claim(PREVOTE)], [given(PREVOTE)]) == ()


def test_a_commit_tells_of_an_answer_that_no_gate_lived_to_note() -> None:
    assert any(each.startswith("I4") for each in broken(GOOD, [claim(PREVOTE)], [given(PREVOTE)], [seal(PRECOMMIT)]))


def test_a_commit_with_a_signature_that_no_signer_made_is_found() -> None:
    foreign = made(Position(6, 0, Step.PRECOMMIT))
    assert any("no signer behind a gate made" in each for each in broken(GOOD, seals=[seal(foreign)]))


def test_a_signature_under_another_key_is_found() -> None:
    foreign = made(Position(6, 0, Step.PREVOTE), key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert any("does not verify" in each for each in broken([*GOOD, foreign]))


def test_evidence_is_found() -> None:
    evidence = Evidence(7, "F" * 40, 5, 0, 2, ("AA", "BB"))
    assert any("evidence" in each for each in broken(GOOD, evidence=[evidence]))


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "log")
    assert lines.new() == []
    lines.path.write_text("one\ntw")
    assert lines.new() == ["one"]
    lines.path.write_text("one\ntwo\n")
    assert lines.new() == ["two"]


def test_a_taps_line_is_read_back() -> None:
    fields = {name: base64.b64encode(getattr(PREVOTE, name)).decode() for name in ("intent", "sign_bytes", "signature")}
    line = json.dumps({"time": 0.0, "position": PREVOTE.position.text, "block": PREVOTE.block, **fields})
    assert judge.made("a", line) == PREVOTE


def test_an_answer_that_the_tap_could_not_read_is_no_signature() -> None:
    with pytest.raises(judge.Unreadable, match="the tap of a could not read"):
        judge.made("a", json.dumps({"unreadable": "vote: it ends early"}))


def test_what_a_gate_prints_beside_its_events_is_left_out() -> None:
    assert list(judge.gate_events(['{"event": "signed"}', "Traceback", "[1]", '{"other": 1}'])) == [{"event": "signed"}]
