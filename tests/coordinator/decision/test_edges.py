"""Numbers, words and corners of the decision that nothing else pins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.decision.effects import Cause, Done, Lost, Missing, Refused, Seen, Signing, Unknown, Won
from coordinator.decision.handle import NotStarted, Standing, handle, start
from coordinator.decision.position import MAX_HEIGHT, MAX_ROUND, Position, Step, parse, spent
from coordinator.decision.records import Head
from tests.coordinator.decision.test_handle import ABOVE, AT, CLAIM, FLOOR, GATE, GOOD, HEAD, REQUEST, STANDING, Handled


def test_heights_have_63_bits_rounds_31_and_steps_the_numbers_of_the_file_signer():
    assert (MAX_HEIGHT, MAX_ROUND) == (9223372036854775807, 2147483647)
    assert [(step.name, step.value) for step in Step] == [("PROPOSAL", 1), ("PREVOTE", 2), ("PRECOMMIT", 3)]
    assert spent(9) == Position(9, 2147483647, 3)


def test_the_last_position_of_all_is_read():
    text = "09223372036854775807.2147483647.03"
    assert parse(text) == spent(9223372036854775807)
    assert spent(9223372036854775807).text == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("12.0.2", "got position '12.0.2'; expected 20, 10 and 2 digits"),
        (
            "00000000000000000001.0000000000.04",
            "got position '00000000000000000001.0000000000.04'; a number in it is out of range",
        ),
    ],
)
def test_a_text_is_refused_with_its_reason(text: str, reason: str):
    with pytest.raises(ValueError) as raised:
        parse(text)
    assert str(raised.value) == reason


def test_the_message_decides_nothing_and_is_not_shown():
    assert replace(REQUEST, message="one") == replace(REQUEST, message="another")
    assert "message" not in repr(replace(REQUEST, message="one"))


@pytest.mark.parametrize(
    ("halted", "seen", "reason"),
    [
        (
            Cause.ROW_TAKEN,
            Missing(),
            "this key is halted here because of row-taken; find the cause, then clear it by ceremony",
        ),
        (
            None,
            Missing(),
            "the table has no row for this key; a lost table must be replaced by ceremony, never by a new start",
        ),
        (
            None,
            Seen(Head(2, FLOOR, (("one", ""), ("two", "")))),
            (
                "the table is at generation 2 and admits one, two; this is ash of generation 1; a gate signs only "
                "where a ceremony has admitted it"
            ),
        ),
        (
            None,
            Seen(Head(1, FLOOR, ())),
            (
                "the table is at generation 1 and admits no gate; this is ash of generation 1; a gate signs only "
                "where a ceremony has admitted it"
            ),
        ),
        (
            None,
            Seen(replace(HEAD, position=Position(7, 0, 2))),
            (
                f"the table is at {Position(7, 0, 2).text}, below the watermark {FLOOR.text} on this disk; the "
                "table was rolled back; replace it by ceremony"
            ),
        ),
    ],
)
def test_a_gate_that_does_not_start_says_what_was_found_the_rule_and_what_to_do(halted, seen, reason: str):
    found = start(GATE, FLOOR, halted, seen)
    assert isinstance(found, NotStarted)
    assert found.reason == reason


def test_the_watermark_is_reported_and_not_what_was_seen():
    standing = Standing(ABOVE, Position(9, 0, 1))
    assert Handled(standing=standing).reply == Refused(Cause.BELOW_FLOOR, ABOVE.text)


def test_what_was_seen_stays_seen_whatever_the_watermark_is():
    assert Standing(FLOOR, ABOVE).having_seen(AT).highest_seen == ABOVE
    assert Standing(FLOOR, AT).having_seen(FLOOR).highest_seen == AT


def test_a_read_that_is_unknown_makes_a_sure_gate_unsure():
    assert Handled(Unknown("timeout"), ready=False).standing == replace(STANDING, unsure=True)


def test_burnt_claims_are_counted_up_to_five_and_an_old_pause_counts_for_nothing():
    standing = STANDING
    for _ in range(7):
        standing = standing.having_burnt(100)
    assert standing.burnt == 5
    assert Standing(FLOOR, FLOOR, burnt=0, idle_below=99).having_burnt(100).idle_below == 101


def test_a_missing_extension_signature_is_not_given_to_the_verifier():
    def strict(signature: bytes, message: bytes) -> bool:
        assert isinstance(signature, bytes)
        return signature == b"good " + message

    request, claim = replace(REQUEST, extension=b"it"), replace(CLAIM, extension=b"it")
    course = handle(GATE, STANDING, request, "id", True, strict)
    next(course)
    course.send(Won(FLOOR))
    course.send(Done())
    assert course.send(Signing(claim, GOOD)).reply.cause is Cause.BAD_SIGNATURE


def test_a_foreign_generation_is_named():
    head = replace(HEAD, position=AT, generation=7)
    assert Handled(Lost(head), Done()).reply == Refused(Cause.FENCED, "generation 7")
