"""What a claim is for, and the condition under which it may replace the row."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Gate, Head, Request, claimable

CLAIM = Claim(Position(8, 0, 2), 3, "ash", "boot", "id", b"bytes", b"intent", 5, b"extension")
REQUEST = Request("lab-1", Position(8, 0, 2), b"other bytes", b"intent", 9, b"extension")
BELOW = Head(3, Position(7, 4, 3), (("ash", "boot"), ("zrh", "other")))


def owned_by(gate: str, position: Position = Position(8, 0, 1)) -> Head:
    return replace(BELOW, position=position, claim=replace(CLAIM, gate_id=gate, position=position))


def test_a_claim_is_for_what_asks_for_the_same_at_another_time():
    assert CLAIM.matches(REQUEST)


@pytest.mark.parametrize(("step", "serves"), [(1, False), (2, True), (3, True)])
def test_only_a_vote_can_be_given_with_another_time_than_its_node_asked(step: int, serves: bool):
    at = Position(8, 0, step)
    claim, request = replace(CLAIM, position=at), replace(REQUEST, position=at)
    assert claim.serves(request) is serves
    assert claim.serves(replace(request, time_ns=claim.time_ns))


@pytest.mark.parametrize(
    "other", [{"position": Position(8, 1, 2)}, {"intent": b"nil"}, {"extension": None}, {"extension": b"another"}]
)
def test_a_claim_is_not_for_anything_else(other: dict[str, object]):
    assert not CLAIM.matches(replace(REQUEST, **other))


def test_a_digest_is_of_the_bytes_to_sign():
    assert CLAIM.digest == sha256(b"bytes").digest()


def test_a_row_that_a_ceremony_left_has_no_owner():
    assert BELOW.owner == ""
    assert owned_by("zrh").owner == "zrh"


@pytest.mark.parametrize(
    ("gate", "speaks"),
    [
        (Gate("ash", "boot", "lab-1", 3), True),
        (Gate("ash", "older boot", "lab-1", 3), False),
        (Gate("zrh", "boot", "lab-1", 3), False),
        (Gate("third", "boot", "lab-1", 3), False),
        (Gate("ash", "boot", "lab-1", 2), False),
        (Gate("ash", "boot", "lab-1", 4), False),
    ],
)
def test_the_row_speaks_for_one_run_of_an_admitted_gate_in_its_generation(gate: Gate, speaks: bool):
    assert BELOW.speaks_for(gate) is speaks


@pytest.mark.parametrize(
    ("head", "may"),
    [
        pytest.param(BELOW, True, id="a lower height"),
        pytest.param(owned_by("ash"), True, id="our own height"),
        pytest.param(owned_by("zrh", Position(7, 0, 2)), True, id="a lower height of the other gate"),
        pytest.param(owned_by("zrh"), False, id="the other gate's height"),
        pytest.param(replace(BELOW, position=Position(8, 0, 1)), False, id="a height that a ceremony spent"),
        pytest.param(owned_by("ash", Position(8, 0, 2)), False, id="the same position"),
        pytest.param(owned_by("ash", Position(8, 0, 3)), False, id="a higher position"),
        pytest.param(owned_by("ash", Position(9, 0, 1)), False, id="a higher height"),
        pytest.param(replace(BELOW, generation=4), False, id="another generation"),
        pytest.param(replace(BELOW, gates=(("ash", "newer boot"),)), False, id="a newer run"),
        pytest.param(replace(BELOW, gates=()), False, id="a gate that was dismissed"),
        pytest.param(None, False, id="no row"),
    ],
)
def test_a_claim_replaces(head: Head | None, may: bool):
    assert claimable(head, CLAIM) is may


@pytest.mark.parametrize(
    ("seen", "may"), [(Position(7, 4, 2), True), (Position(7, 4, 3), True), (Position(8, 0, 1), False)]
)
def test_a_claim_does_not_replace_a_row_below_what_its_gate_has_seen(seen: Position, may: bool):
    assert claimable(BELOW, replace(CLAIM, not_below=seen)) is may


def test_what_was_seen_is_no_part_of_the_claim_that_is_stored():
    assert CLAIM.not_below == Position(0, 0, 0)
    assert replace(CLAIM, not_below=Position(7, 4, 3)) == CLAIM
