"""The audit can fail: each invariant is broken here once, and reported by its name."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from coordinator import audit
from coordinator.audit import (
    Asked,
    Claimed,
    Doubted,
    Ended,
    FloorWritten,
    HeadAt,
    Inserted,
    Refused,
    Released,
    RolledBack,
    Started,
    violations,
)
from coordinator.decision.position import Position, Step
from coordinator.decision.records import Claim

LOW, HIGH = Position(7, 0, Step.PREVOTE), Position(7, 0, Step.PRECOMMIT)
NEXT = Position(8, 0, Step.PREVOTE)


def claim_of(position: Position, gate: str = "ash", what: bytes = b"block", extension: bytes | None = None) -> Claim:
    return Claim(
        position, 1, gate, "1", f"{gate}/{position.text}/{what!r}", what + b"@1", sha256(what).digest(), 1, extension
    )


def signature_over(message: bytes) -> bytes:
    return sha256(message).digest() * 2


def verify(signature: bytes, message: bytes) -> bool:
    return signature == signature_over(message)


def release(claim: Claim, gate: str = "", request: str = "", replayed: bool = False) -> Released:
    return Released(
        gate or claim.gate_id,
        "1",
        request or claim.claim_id,
        claim.claim_id,
        "lab-1",
        claim.position,
        claim.intent,
        claim.sign_bytes,
        signature_over(claim.sign_bytes),
        claim.extension,
        signature_over(claim.extension) if claim.extension else None,
        replayed,
    )


def signing(claim: Claim, previous: Position = Position(6, 0, 3)) -> list[audit.Event]:
    """All events of a valid signature."""
    return [Claimed(claim, previous), FloorWritten(claim.gate_id, claim.position), Inserted(claim), release(claim)]


def broken(*events: audit.Event) -> set[str]:
    return {found.promise for found in violations(events, "lab-1", verify=verify, deadline_seconds=0.4)}


def test_a_proposal_of_another_time_than_its_node_asked_is_useless_and_a_vote_is_not():
    proposal, vote = claim_of(Position(7, 0, 1)), claim_of(LOW)
    for claim, found in ((proposal, {"I11"}), (vote, set())):
        *before, released = signing(claim)
        assert isinstance(released, Released)
        assert broken(*before, released._replace(asked=claim.sign_bytes)) == set()
        assert broken(*before, released._replace(asked=b"block@2")) == found


def test_a_height_changes_its_owner_only_when_it_is_taken_over():
    first, second = claim_of(LOW), claim_of(HIGH, "zrh")
    late = release(claim_of(LOW), "zrh", "again", replayed=True)
    taken = audit.TakenOver(7, "zrh")
    assert broken(*signing(first), *signing(second, LOW)) == {"I5"}
    assert broken(*signing(first), taken, *signing(second, LOW)) == set()
    assert broken(*signing(first), taken, late) == set()
    assert broken(*signing(first), audit.TakenOver(6, "zrh"), *signing(second, LOW)) == {"I5"}
    assert broken(*signing(first), audit.TakenOver(7, "zrh"), *signing(claim_of(HIGH), LOW)) == {"I5"}


def test_a_precommit_that_a_take_over_did_not_find_is_never_released():
    precommit, after = claim_of(HIGH), claim_of(Position(7, 1, Step.PRECOMMIT), "zrh")
    *claimed, released = signing(precommit)
    blind, knowing = audit.TakenOver(7, "zrh"), audit.TakenOver(7, "zrh", frozenset({HIGH}))
    for taken, found in ((blind, {"I16"}), (knowing, set()), (audit.TakenOver(6, "zrh"), set())):
        assert broken(*claimed, taken, released) == found, "released after it"
        assert broken(*claimed, released, taken) == found, "released before it"
    assert broken(*claimed, knowing, released, *signing(after, HIGH)) == set(), "the new owner's own"
    again = audit.TakenOver(7, "fra", frozenset({HIGH}))
    assert broken(*claimed, knowing, *signing(after, HIGH), again) == {"I16"}
    assert broken(*signing(claim_of(LOW)), blind) == set(), "a prevote locks nothing"


def test_signatures_that_were_come_by_rightly_break_nothing():
    extended = claim_of(HIGH, extension=b"extension")
    assert broken(*signing(claim_of(LOW)), *signing(extended, LOW), *signing(claim_of(NEXT, "zrh"), HIGH)) == set()


def test_a_signature_that_is_given_again_by_the_other_gate_breaks_nothing():
    assert broken(*signing(claim_of(LOW)), release(claim_of(LOW), "zrh", "s", replayed=True)) == set()


def test_a_claim_that_is_signed_late_breaks_nothing():
    first, second = signing(claim_of(LOW)), signing(claim_of(HIGH), LOW)
    assert broken(*first[:3], *second, release(claim_of(LOW), request="s")) == set()


def test_two_things_signed_at_one_position_break_the_first_two_promises():
    assert {"I1", "I2"} <= broken(*signing(claim_of(LOW)), *signing(claim_of(LOW, what=b"nil"), LOW))


def test_a_second_signature_over_another_time_is_seen():
    other = replace(claim_of(LOW), sign_bytes=b"block@2", claim_id="other")
    found = broken(*signing(claim_of(LOW)), *signing(other, LOW))
    assert "I2" in found and "I1" not in found


def test_a_release_whose_claim_came_after_a_higher_one_is_seen():
    assert broken(*signing(claim_of(HIGH)), *signing(claim_of(LOW), HIGH)) == {"I3"}


def test_a_lower_claim_that_is_released_before_the_higher_one_that_preceded_it_is_seen():
    higher, lower = signing(claim_of(HIGH)), signing(claim_of(LOW), HIGH)
    assert "I3" in broken(*higher[:3], *lower, higher[3])


@pytest.mark.parametrize("missing", [Claimed, Inserted])
def test_a_release_without_its_claim_or_its_row_is_seen(missing: type):
    assert "I4" in broken(*(event for event in signing(claim_of(LOW)) if not isinstance(event, missing)))


def test_a_claim_that_is_younger_than_the_release_is_seen():
    assert "I4" in broken(*reversed(signing(claim_of(LOW))))


def test_other_bytes_than_the_claimed_are_seen():
    first = signing(claim_of(LOW))
    changed = first[3]._replace(sign_bytes=b"other", signature=signature_over(b"other"))
    assert broken(*first[:3], changed) == {"I4"}


def test_two_owners_of_a_height_are_seen():
    assert broken(*signing(claim_of(LOW)), *signing(claim_of(HIGH, "zrh"), LOW)) == {"I5"}


def test_a_watermark_above_the_row_is_seen():
    assert broken(FloorWritten("ash", LOW)) == {"I6"}


def test_a_watermark_may_rise_to_the_row_that_a_ceremony_wrote():
    assert broken(audit.Replaced(2, HIGH), FloorWritten("ash", HIGH)) == set()
    assert broken(audit.Replaced(2, LOW), FloorWritten("ash", HIGH)) == {"I6"}
    assert broken(audit.Replaced(2, HIGH), audit.Replaced(3, LOW), FloorWritten("ash", HIGH)) == set()


def test_a_release_before_its_watermark_is_seen():
    assert broken(*(event for event in signing(claim_of(LOW)) if not isinstance(event, FloorWritten))) == {"I6"}


def test_a_release_after_an_unknown_outcome_is_seen():
    assert broken(Doubted("ash", claim_of(LOW).claim_id), *signing(claim_of(LOW))) == {"I7"}


def test_an_answer_that_comes_late_is_seen():
    assert broken(Refused("ash", "r", "conflict", 0.5)) == {"I7"}


def test_a_signature_that_comes_late_or_twice_is_seen():
    *before, released = signing(claim_of(LOW))
    assert isinstance(released, Released)
    assert broken(*before, released._replace(seconds=0.4)) == set()
    assert broken(*before, released._replace(seconds=0.5)) == broken(*before, released, released) == {"I7"}


def test_a_signature_that_is_given_again_after_a_higher_one_breaks_nothing():
    again = release(claim_of(LOW), "zrh", "again", replayed=True)
    assert broken(*signing(claim_of(LOW)), *signing(claim_of(HIGH), LOW), again) == set()


def test_two_answers_to_one_request_are_seen():
    assert broken(Refused("ash", "r", "conflict"), Refused("ash", "r", "conflict")) == {"I7"}


def test_a_request_that_is_never_answered_is_seen_unless_the_gate_died():
    assert broken(Asked("ash", "r"), Ended("ash", "r")) == {"I7"}
    assert broken(Asked("ash", "r"), Ended("ash", "r", crashed=True)) == set()


@pytest.mark.parametrize(("extension", "extension_signature"), [(b"other", signature_over(b"other")), (b"it", None)])
def test_another_extension_or_half_an_answer_is_seen(extension: bytes, extension_signature: bytes | None):
    first = signing(claim_of(HIGH, extension=b"it"))
    changed = first[3]._replace(extension=extension, extension_signature=extension_signature)
    assert broken(*first[:3], changed) == {"I8"}


def test_a_signature_that_does_not_verify_is_seen():
    first = signing(claim_of(LOW))
    assert broken(*first[:3], first[3]._replace(signature=b"x" * 64)) == {"I9"}


def test_a_bad_signature_over_an_extension_is_seen():
    first = signing(claim_of(HIGH, extension=b"it"))
    assert broken(*first[:3], first[3]._replace(extension_signature=b"x" * 64)) == {"I9"}


def test_a_signature_for_another_chain_is_seen():
    first = signing(claim_of(LOW))
    assert broken(*first[:3], first[3]._replace(chain_id="lab-2")) == {"I9"}


def test_a_signature_over_raw_bytes_is_seen():
    first = signing(claim_of(LOW))
    assert broken(*first[:3], first[3]._replace(tag=9)) == {"I10"}


def test_an_answer_to_another_question_is_seen():
    first = signing(claim_of(LOW))
    assert "I11" in broken(*first[:3], first[3]._replace(intent=b"nil"))


@pytest.mark.parametrize(("floor", "head"), [(None, LOW), (LOW, None), (HIGH, LOW)])
def test_a_start_on_missing_or_older_state_is_seen(floor: Position | None, head: Position | None):
    assert broken(Started("ash", "1", floor, head)) == {"I14"}


def test_a_start_on_a_row_older_than_what_the_gate_signed_is_seen():
    assert broken(*signing(claim_of(HIGH)), Started("ash", "2", LOW, LOW)) == {"I14"}


def test_what_a_gate_signed_late_does_not_lower_what_it_knows():
    first, second = signing(claim_of(LOW)), signing(claim_of(HIGH), LOW)
    late = (*first[:3], *second, release(claim_of(LOW), request="late"))
    assert broken(*late, Started("ash", "2", HIGH, HIGH)) == set()
    assert broken(*late, Started("ash", "2", LOW, LOW)) == {"I14"}


def test_a_claim_on_an_older_row_binds_the_run_that_had_seen_more_and_no_other():
    *before, released = (HeadAt("ash", "1", NEXT), *signing(claim_of(HIGH), LOW))
    assert isinstance(released, Released)
    assert "I14" in broken(*before, released)
    assert broken(*before, released._replace(gate_id="zrh", boot_id="9", replayed=True)) == set()


def test_a_start_with_a_watermark_below_the_row_is_seen():
    assert broken(Started("ash", "1", LOW, HIGH)) == {"I6"}
    assert broken(Started("ash", "1", HIGH, HIGH)) == set()


@pytest.mark.parametrize(
    ("cause", "found"), [("conflict", {"I6"}), ("not-owner", {"I6"}), ("disk", set()), ("table-went-back", set())]
)
def test_an_answer_with_a_watermark_below_the_row_that_was_seen_is_seen(cause: str, found: set[str]):
    claimed = Claimed(claim_of(HIGH), LOW)
    looked = HeadAt("zrh", "2", HIGH)
    assert broken(claimed, looked, Refused("zrh", "q", cause)) == found
    assert broken(claimed, looked, FloorWritten("zrh", HIGH), Refused("zrh", "q", cause)) == set()
    assert broken(claimed, looked, Refused("zrh", "q", "disk"), Refused("zrh", "r", "conflict")) == set()


def test_a_signature_on_a_row_that_was_removed_is_seen():
    missing = [Claimed(claim_of(LOW), None), *signing(claim_of(LOW))[1:]]
    assert broken(*missing) == {"I14"}


def test_a_signature_on_a_row_older_than_the_gate_had_seen_is_seen():
    assert broken(HeadAt("ash", "1", HIGH), RolledBack(LOW), *signing(claim_of(NEXT), LOW)) == {"I14"}


def test_what_a_rolled_back_row_forgot_does_not_bind_the_order_but_still_the_position():
    rolled_back = [*signing(claim_of(HIGH)), RolledBack(Position(6, 0, 3))]
    assert broken(*rolled_back, *signing(claim_of(LOW, "zrh"))) == set()
    assert "I1" in broken(*rolled_back, *signing(claim_of(HIGH, "zrh", b"nil")))


def test_what_a_log_does_not_tell_is_not_judged():
    events = [Started("ash", "1", LOW, HIGH), HeadAt("ash", "1", HIGH), Refused("ash", "q", "conflict")]
    claimed, _, _, released = signing(claim_of(NEXT), HIGH)
    events += [claimed, released]
    assert {each.promise for each in violations(events, "lab-1")} == {"I4", "I6"}
    assert {each.promise for each in violations(events, "lab-1", floors=False)} == {"I4"}
    assert {each.promise for each in violations(events, "lab-1", rows=False)} == {"I6"}
    assert violations(events, "lab-1", rows=False, floors=False) == []
    late = Refused("ash", "q", "conflict", 9.0)
    assert violations([late], "lab-1") == [] != violations([late], "lab-1", deadline_seconds=8.9)
    assert violations([late], "lab-1", deadline_seconds=9.0) == []


def test_a_release_of_unknown_bytes_is_judged_by_those_of_its_claim():
    *before, released = signing(claim_of(HIGH, extension=b"it"))
    assert isinstance(released, Released)
    unknown = released._replace(sign_bytes=b"")
    assert broken(*before, unknown) == set()
    assert broken(*before, unknown._replace(signature=signature_over(b"it"))) == {"I9"}
    assert broken(unknown) == {"I4", "I9"}
    assert broken(unknown._replace(signature=signature_over(b""))) == {"I4"}


def test_a_violation_names_its_promise_its_event_and_what_was_found():
    found = violations([*signing(claim_of(LOW)), FloorWritten("ash", HIGH)], "lab-1")
    assert [(each.promise, each.at) for each in found] == [("I6", 4)]
    assert str(found[0]) == f"I6 at event 4: ash raised its floor to {HIGH.text}, above the row"


def test_how_much_was_signed_and_how_high():
    judged = audit.Audit("lab-1")
    assert (judged.signed, judged.highest) == (0, audit.BOTTOM)
    for event in (*signing(claim_of(LOW)), *signing(claim_of(HIGH), LOW), release(claim_of(HIGH), request="again")):
        judged.see(event)
    assert (judged.signed, judged.highest) == (2, HIGH)


def test_what_ended_is_forgotten():
    request = claim_of(LOW).claim_id
    assert broken(Doubted("ash", request), Ended("ash", request), *signing(claim_of(LOW))) == set()
    twice = [Asked("ash", "r"), Refused("ash", "r", "conflict"), Ended("ash", "r")]
    assert broken(*twice, *twice, Ended("ash", "r")) == set()
    assert broken(Ended("ash", "never asked")) == set()


def test_a_copy_goes_on_by_itself():
    one = audit.Audit("lab-1")
    for event in signing(claim_of(LOW)):
        one.see(event)
    twin = one.copy()
    assert twin.key() == one.key()
    twin.see(release(claim_of(HIGH), request="s"))
    assert twin.violations and not one.violations
    assert twin.key() != one.key()
