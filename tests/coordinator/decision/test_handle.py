"""Each way through one request: what is asked for, in which order, what is answered and what remains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordinator.decision.effects import (
    Answer,
    Cause,
    ClaimHead,
    Done,
    Granted,
    Halt,
    Lost,
    Missing,
    NotSent,
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
from coordinator.decision.handle import MOST_HEIGHTS_SAT_OUT, Standing, handle
from coordinator.decision.position import Position
from coordinator.decision.records import REACH, Claim, Gate, Head, Request, Signed

GATE = Gate("ash", "boot", "lab-1", 1)
FLOOR, AT, ABOVE = Position(7, 0, 3), Position(8, 0, 2), Position(8, 0, 3)
REQUEST = Request("lab-1", AT, b"block@1", b"block", 1)
CLAIM = Claim(AT, 1, "ash", "boot", "id", b"block@1", b"block", 1)
HEAD = Head(1, FLOOR, (("ash", "boot"), ("zrh", "other")))
STANDING = Standing(FLOOR, FLOOR)
GOOD = Signed(b"good block@1")


def verify(signature: bytes, message: bytes) -> bool:
    return signature == b"good " + message


class Handled:
    """``asked``: the effects, in order; ``standing``: what remains; ``reply``: the one answer."""

    def __init__(
        self,
        *outcomes: Any,
        standing: Standing = STANDING,
        request: Request = REQUEST,
        ready: bool = True,
        gate: Gate = GATE,
    ) -> None:
        course = handle(gate, standing, request, "id", ready, verify)
        self.asked, told = [next(course)], iter(outcomes)
        while True:
            own = isinstance(self.asked[-1], Answer | Halt | Record)
            try:
                self.asked.append(course.send(Done() if own else next(told)))
            except StopIteration as end:
                self.standing = end.value
                break
        assert not list(told), "an outcome was not asked for"
        (self.reply,) = [effect.reply for effect in self.asked if isinstance(effect, Answer)]

    @property
    def kinds(self) -> list[type]:
        return [type(effect) for effect in self.asked]


def held_by(gate: str, signed: Signed | None = None, **changed: Any) -> Head:
    """The row as that gate's claim for what is asked for left it."""
    claim = replace(CLAIM, gate_id=gate, claim_id=f"{gate}'s", **changed)
    return replace(HEAD, position=claim.position, claim=claim, signed=signed)


def test_a_request_is_claimed_then_watermarked_then_signed_then_answered_then_recorded():
    handled = Handled(Won(FLOOR), Done(), Signing(CLAIM, GOOD))
    assert handled.asked == [
        ClaimHead(CLAIM),
        WriteFloor(AT),
        Sign(CLAIM, REQUEST),
        Answer(Granted(CLAIM, GOOD, replayed=False)),
        Record(CLAIM, GOOD),
    ]
    assert handled.standing == Standing(AT, AT)


def test_an_extension_is_claimed_and_its_signature_given():
    request, claim = replace(REQUEST, extension=b"it"), replace(CLAIM, extension=b"it")
    signed = Signed(b"good block@1", b"good it")
    handled = Handled(Won(FLOOR), Done(), Signing(claim, signed), request=request)
    assert handled.asked[0] == ClaimHead(claim)
    assert handled.reply == Granted(claim, signed, replayed=False)


@pytest.mark.parametrize(
    ("standing", "request_", "cause", "detail"),
    [
        (replace(STANDING, halted=Cause.ROW_TAKEN), REQUEST, Cause.HALTED, "row-taken"),
        (STANDING, replace(REQUEST, chain_id="lab-2"), Cause.FOREIGN_CHAIN, "lab-2"),
        (STANDING, replace(REQUEST, position=Position(7, 0, 2)), Cause.BELOW_FLOOR, FLOOR.text),
    ],
)
def test_what_needs_no_table_is_refused_without_it(standing: Standing, request_: Request, cause: Cause, detail: str):
    handled = Handled(standing=standing, request=request_)
    assert handled.kinds == [Answer]
    assert handled.reply == Refused(cause, detail)
    assert handled.standing == standing


def test_the_position_of_the_watermark_may_be_requested_again():
    standing = Standing(AT, AT)
    handled = Handled(Lost(held_by("ash")), Signing(held_by("ash").claim, GOOD), standing=standing)
    assert handled.kinds == [ClaimHead, Sign, Answer, Record], "the watermark is on disk already"
    assert handled.reply == Granted(held_by("ash").claim, GOOD, replayed=False)


def test_an_unknown_claim_is_refused_and_the_next_request_reads_first():
    handled = Handled(Unknown("timeout"))
    assert handled.reply == Refused(Cause.TABLE_UNKNOWN, "timeout")
    assert handled.standing == replace(STANDING, unsure=True)
    assert Handled(Seen(HEAD), Won(FLOOR), Done(), Signing(CLAIM, GOOD), standing=handled.standing).kinds[:2] == [
        ReadHead,
        ClaimHead,
    ]


def test_a_claim_that_was_not_sent_is_refused_and_the_next_request_reads_unless_this_one_did():
    handled = Handled(NotSent("no time"))
    assert handled.kinds == [ClaimHead, Answer]
    assert handled.reply == Refused(Cause.TABLE_UNKNOWN, "no time")
    assert handled.standing == replace(STANDING, unsure=True), "so that the end of a delay is noticed"
    after = Handled(Seen(HEAD), NotSent("no time"), standing=handled.standing)
    assert after.kinds == [ReadHead, ClaimHead, Answer]
    assert after.standing == STANDING, "as it was before the claim"
    assert Handled(Won(FLOOR), Done(), Signing(CLAIM, GOOD), standing=after.standing).kinds[0] is ClaimHead


def test_a_claim_of_unknown_outcome_after_a_read_is_followed_by_another_read():
    assert Handled(Seen(HEAD), Unknown("timeout"), standing=replace(STANDING, unsure=True)).standing.unsure


def test_an_outcome_that_answers_nothing_is_unknown():
    assert Handled(Done()).reply == Refused(Cause.TABLE_UNKNOWN, "Done")


def test_a_missing_row_is_refused():
    handled = Handled(Missing())
    assert handled.reply == Refused(Cause.TABLE_MISSING)
    assert handled.standing.unsure


def test_a_claim_that_won_over_an_older_row_than_was_seen_halts():
    standing = replace(STANDING, highest_seen=Position(7, 1, 1))
    handled = Handled(Won(FLOOR), standing=standing)
    assert handled.asked[0] == ClaimHead(CLAIM)
    assert handled.asked[1] == Halt(Cause.TABLE_WENT_BACK)
    assert handled.reply == Refused(Cause.TABLE_WENT_BACK, f"it was at {FLOOR.text}, after {Position(7, 1, 1).text}")
    assert handled.standing.halted is Cause.TABLE_WENT_BACK


def test_a_claim_that_won_over_the_row_as_it_was_seen_does_not_halt():
    standing = replace(STANDING, highest_seen=Position(7, 1, 1))
    assert isinstance(Handled(Won(Position(7, 1, 1)), Done(), Signing(CLAIM, GOOD), standing=standing).reply, Granted)


def test_a_claim_that_lost_to_an_older_row_than_was_seen_halts():
    standing = replace(STANDING, highest_seen=ABOVE)
    handled = Handled(Lost(held_by("zrh")), standing=standing)
    assert handled.kinds == [ClaimHead, Halt, Answer]
    assert handled.reply == Refused(Cause.TABLE_WENT_BACK, f"it is at {AT.text}, after {ABOVE.text}")
    assert handled.standing.halted is Cause.TABLE_WENT_BACK


def test_what_the_other_gate_signed_is_given_again():
    head = held_by("zrh", Signed(b"good block@1"))
    handled = Handled(Lost(head), Done(), request=replace(REQUEST, sign_bytes=b"block@2", time_ns=2))
    assert handled.kinds == [ClaimHead, WriteFloor, Answer]
    assert handled.reply == Granted(head.claim, head.signed, replayed=True)
    assert handled.standing == Standing(AT, AT)


PROPOSED = Position(8, 0, 1)


@pytest.mark.parametrize(("owner", "signed"), [("zrh", GOOD), ("zrh", None), ("ash", GOOD), ("ash", None)])
def test_a_proposal_of_another_time_is_refused(owner: str, signed: Signed | None):
    head = held_by(owner, signed, position=PROPOSED)
    request = replace(REQUEST, position=PROPOSED, sign_bytes=b"block@2", time_ns=2)
    handled = Handled(Lost(head), Done(), request=request)
    assert handled.kinds == [ClaimHead, WriteFloor, Answer]
    assert handled.reply == Refused(
        Cause.OTHER_TIME, f"{owner} claimed this proposal with the time 1, and the node asked for the time 2"
    )


def test_a_proposal_of_the_same_time_is_given_again():
    head = held_by("zrh", Signed(b"good block@1"), position=PROPOSED)
    assert Handled(Lost(head), Done(), request=replace(REQUEST, position=PROPOSED)).reply == Granted(
        head.claim, head.signed, replayed=True
    )


def test_a_signature_in_the_row_that_does_not_verify_is_not_given():
    assert Handled(Lost(held_by("zrh", Signed(b"bad"))), Done()).reply == Refused(
        Cause.BAD_SIGNATURE, "the signature in the table does not verify"
    )


@pytest.mark.parametrize(
    ("head", "cause", "detail"),
    [
        (replace(held_by("zrh"), generation=2), Cause.FENCED, "generation 2"),
        (replace(held_by("zrh"), gates=(("ash", "newer"),)), Cause.FENCED, "generation 1"),
        (held_by("zrh", position=ABOVE), Cause.BELOW_HEAD, ABOVE.text),
        (held_by("zrh", position=Position(8, 0, 1)), Cause.NOT_OWNER, "zrh"),
        (held_by("zrh", intent=b"nil"), Cause.CONFLICT, "zrh"),
        (held_by("ash", intent=b"nil"), Cause.CONFLICT, "ash"),
        (held_by("ash", extension=b"it"), Cause.CONFLICT, "ash"),
        (replace(HEAD, position=AT), Cause.CONFLICT, ""),
        (held_by("zrh"), Cause.NOT_YET_SIGNED, "zrh"),
    ],
)
def test_the_row_that_won_refuses(head: Head, cause: Cause, detail: str):
    handled = Handled(Lost(head), Done())
    assert handled.asked[1] == WriteFloor(head.position)
    assert handled.kinds == [ClaimHead, WriteFloor, Answer]
    assert handled.reply == Refused(cause, detail)
    assert handled.standing == Standing(head.position, head.position)


def test_an_own_claim_without_a_signature_is_signed_with_the_bytes_that_it_claimed():
    head = held_by("ash", boot_id="older boot")
    request = replace(REQUEST, sign_bytes=b"block@2", time_ns=2)
    handled = Handled(Lost(head), Done(), Signing(head.claim, GOOD), request=request)
    assert handled.asked[1:] == [
        WriteFloor(AT),
        Sign(head.claim, request),
        Answer(Granted(head.claim, GOOD, replayed=False)),
        Record(head.claim, GOOD),
    ]


def test_a_watermark_of_unknown_outcome_is_refused_and_costs_the_height():
    handled = Handled(Won(FLOOR), Unknown("ENOSPC"))
    assert handled.kinds == [ClaimHead, WriteFloor, Answer]
    assert handled.reply == Refused(Cause.DISK, "ENOSPC")
    assert handled.standing == Standing(FLOOR, AT, burnt=1, idle_below=9)


def test_an_outcome_that_no_disk_gives_is_refused():
    assert Handled(Won(FLOOR), Missing()).reply == Refused(Cause.DISK, "Missing")


@pytest.mark.parametrize(
    ("outcome", "detail"),
    [(Signing(None, GOOD, "timeout"), "timeout"), (Unknown("died"), "died"), (Done(), "Done")],
)
def test_a_signature_whose_row_is_unknown_is_not_given(outcome: Any, detail: str):
    handled = Handled(Won(FLOOR), Done(), outcome)
    assert handled.reply == Refused(Cause.TABLE_UNKNOWN, detail)
    assert handled.standing == Standing(AT, AT, unsure=True, burnt=1, idle_below=9)


@pytest.mark.parametrize("other", [{"claim_id": "another"}, {"sign_bytes": b"nil@1"}])
def test_a_row_that_another_claim_took_halts(other: dict[str, Any]):
    row = replace(CLAIM, gate_id="zrh", **other)
    handled = Handled(Won(FLOOR), Done(), Signing(row, GOOD))
    assert handled.kinds == [ClaimHead, WriteFloor, Sign, Halt, Answer]
    assert handled.asked[3] == Halt(Cause.ROW_TAKEN)
    assert handled.reply == Refused(Cause.ROW_TAKEN, f"zrh claimed {AT.text} with {row.claim_id}")
    assert handled.standing == Standing(AT, AT, halted=Cause.ROW_TAKEN)


def test_a_signer_that_gives_nothing_costs_the_height():
    handled = Handled(Won(FLOOR), Done(), Signing(CLAIM, None, "it hung up"))
    assert handled.reply == Refused(Cause.SIGNER_FAILED, "it hung up")
    assert handled.standing == Standing(AT, AT, burnt=1, idle_below=9)


@pytest.mark.parametrize(
    ("extension", "signed"),
    [
        (None, Signed(b"bad")),
        (None, Signed(b"good block@1", b"good it")),
        (b"it", Signed(b"good block@1")),
        (b"it", Signed(b"good block@1", b"bad")),
        (b"it", Signed(b"bad", b"good it")),
    ],
)
def test_half_or_bad_signatures_are_not_given(extension: bytes | None, signed: Signed):
    request, claim = replace(REQUEST, extension=extension), replace(CLAIM, extension=extension)
    handled = Handled(Won(FLOOR), Done(), Signing(claim, signed), request=request)
    assert handled.reply == Refused(Cause.BAD_SIGNATURE, "the signer's signature does not verify")
    assert handled.standing == Standing(AT, AT, burnt=1, idle_below=9)


UNSURE = replace(STANDING, unsure=True)


def test_whose_read_is_unknown_claims_nothing_and_stays_unsure():
    handled = Handled(Unknown("timeout"), standing=UNSURE)
    assert handled.kinds == [ReadHead, Answer]
    assert handled.reply == Refused(Cause.TABLE_UNKNOWN, "timeout")
    assert handled.standing.unsure


def test_a_read_of_an_older_row_than_was_seen_halts():
    handled = Handled(Seen(HEAD), standing=replace(UNSURE, highest_seen=AT))
    assert handled.kinds == [ReadHead, Halt, Answer]
    assert handled.reply == Refused(Cause.TABLE_WENT_BACK, f"it is at {FLOOR.text}, after {AT.text}")


def test_an_own_claim_that_did_land_is_found_and_signed():
    head = held_by("ash")
    handled = Handled(Seen(head), Done(), Signing(head.claim, GOOD), standing=UNSURE)
    assert handled.kinds == [ReadHead, WriteFloor, Sign, Answer, Record]
    assert handled.standing == Standing(AT, AT)


def test_a_row_that_went_past_is_found():
    handled = Handled(Seen(held_by("zrh", position=ABOVE)), Done(), standing=UNSURE)
    assert handled.kinds == [ReadHead, WriteFloor, Answer]
    assert handled.reply == Refused(Cause.BELOW_HEAD, ABOVE.text)
    assert handled.standing == Standing(ABOVE, ABOVE)


@pytest.mark.parametrize(
    ("outcome", "kind", "ready"), [(Lost, ClaimHead, True), (Seen, ReadHead, False)], ids=["lost", "read"]
)
def test_a_row_that_the_watermark_cannot_follow_is_not_used(outcome: Any, kind: type, ready: bool):
    handled = Handled(outcome(held_by("zrh", GOOD)), Unknown("EIO"), ready=ready)
    assert handled.kinds == [kind, WriteFloor, Answer]
    assert handled.reply == Refused(Cause.DISK, "EIO")
    assert handled.standing == Standing(FLOOR, AT)


def test_a_lower_row_that_was_read_before_a_claim_raises_the_watermark_too():
    lower = Position(7, 2, 1)
    handled = Handled(Seen(replace(HEAD, position=lower)), Done(), Unknown("timeout"), standing=UNSURE)
    assert handled.asked[1] == WriteFloor(lower)
    assert handled.kinds == [ReadHead, WriteFloor, ClaimHead, Answer]
    assert handled.standing == Standing(lower, lower, unsure=True)


def test_a_claim_names_the_row_that_it_must_not_find_lower():
    (claim,) = [
        each.claim
        for each in Handled(
            Missing(), standing=Standing(FLOOR, ABOVE), request=replace(REQUEST, position=Position(9, 0, 1))
        ).asked
        if isinstance(each, ClaimHead)
    ]
    assert claim.not_below == ABOVE


def test_without_a_signer_nothing_is_claimed():
    handled = Handled(Seen(HEAD), ready=False)
    assert handled.kinds == [ReadHead, Answer]
    assert handled.reply == Refused(Cause.SIGNER_ABSENT)


def test_without_a_signer_an_own_claim_is_not_signed():
    handled = Handled(Seen(held_by("ash")), Done(), ready=False)
    assert handled.kinds == [ReadHead, WriteFloor, Answer]
    assert handled.reply == Refused(Cause.SIGNER_ABSENT)


def test_without_a_signer_what_was_signed_is_given_again():
    head = held_by("zrh", GOOD)
    assert Handled(Seen(head), Done(), ready=False).reply == Granted(head.claim, GOOD, replayed=True)


def test_a_gate_that_could_not_sign_lets_the_other_have_the_height():
    standing = replace(STANDING, burnt=2, idle_below=9)
    handled = Handled(Seen(HEAD), standing=standing)
    assert handled.kinds == [ReadHead, Answer]
    assert handled.reply == Refused(Cause.SITTING_OUT, "until height 9")
    assert handled.standing == standing


def test_it_claims_again_from_the_height_that_it_named():
    handled = Handled(
        Won(FLOOR), Done(), Signing(CLAIM, GOOD), standing=replace(STANDING, burnt=2, idle_below=AT.height)
    )
    assert handled.kinds[0] is ClaimHead
    assert handled.standing == Standing(AT, AT)


def test_a_height_that_the_gate_owns_is_not_skipped_because_no_other_gate_can_sign_it():
    own = Position(AT.height, 0, 1)
    standing = Standing(own, own, burnt=2, idle_below=AT.height + 2)
    assert Handled(Won(own), Done(), Signing(CLAIM, GOOD), standing=standing).kinds[0] is ClaimHead


def test_while_it_lets_heights_go_by_it_gives_again_what_the_other_signed():
    head = held_by("zrh", GOOD)
    assert isinstance(Handled(Seen(head), Done(), standing=replace(STANDING, idle_below=99)).reply, Granted)


REACHING = replace(GATE, reach=3)


@pytest.mark.parametrize(("height", "reads"), [(9, False), (10, False), (11, True), (2**63 - 1, True)])
def test_what_is_far_above_the_row_as_it_was_seen_is_claimed_only_after_another_look(height: int, reads: bool):
    request = replace(REQUEST, position=Position(height, 0, 2))
    handled = Handled(*([Missing()]), request=request, gate=REACHING)
    assert handled.kinds[0] is (ReadHead if reads else ClaimHead)


def test_what_is_far_above_the_row_is_refused():
    handled = Handled(Seen(HEAD), request=replace(REQUEST, position=Position(11, 0, 2)), gate=REACHING)
    assert handled.kinds == [ReadHead, Answer]
    assert handled.reply == Refused(
        Cause.TOO_FAR,
        "the row is at height 7, and a claim may be at most 3 above it; if the chain is there, and the key has not "
        "signed for so long, begin a new generation by ceremony",
    )
    assert handled.standing == STANDING


def test_what_is_far_above_what_was_seen_is_claimed_if_the_row_has_come_near():
    near = replace(HEAD, position=Position(8, 0, 1))
    request = replace(REQUEST, position=Position(11, 0, 2))
    handled = Handled(Seen(near), Done(), Unknown("timeout"), request=request, gate=REACHING)
    assert handled.kinds == [ReadHead, WriteFloor, ClaimHead, Answer]


def test_a_day_of_blocks_is_the_reach_where_nothing_else_is_said():
    assert GATE.reach == REACH == 14_400


def test_each_claim_in_a_row_that_was_not_signed_costs_twice_as_many_heights_up_to_eight():
    standing, cost = STANDING, []
    for _ in range(7):
        standing = standing.having_burnt(100)
        cost.append(standing.idle_below - 101)
    assert cost == [0, 1, 2, 4, 8, 8, 8]
    assert max(cost) == MOST_HEIGHTS_SAT_OUT
