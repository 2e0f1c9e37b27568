"""A gate that dies anywhere, starts again and is asked the same signs the same or nothing; the other gate too."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import get_args

import pytest

from coordinator.decision.effects import ClaimHead, Effect, Granted, ReadHead, Refused
from coordinator.decision.records import Request
from verification.coordinator.crashes import Crash, crashes
from verification.coordinator.world import ORIGIN, World, wish

FIRST = wish(10, 0, 2)
EXTENDED = wish(10, 0, 3, extension=b"price")


def fresh() -> World:
    world = World(replayed=True)
    world.start("ash")
    world.start("zrh")
    return world


def after_a_signature() -> World:
    """The height is ash's, and its prevote was signed."""
    world = fresh()
    world.ask("ash", FIRST)
    world.finish("ash")
    return world


def without_signer() -> World:
    world = fresh()
    world.signer("ash", "fails")
    return world


def after_a_restart_with_a_claim_left() -> World:
    world = fresh()
    world.ask("ash", FIRST)
    world.step("ash", "do")
    world.crash("ash")
    world.start("ash")
    return world


def unsure() -> World:
    """The last claim's outcome is unknown, so the row is read first."""
    world = fresh()
    world.ask("ash", FIRST)
    world.step("ash", "doubt")
    world.step("ash", "tell")
    world.finish("ash")
    return world


def on_a_row_that_went_back() -> World:
    """The row forgot what ash signed at height 10; ash is going to see that."""
    world = fresh()
    forgotten = world.tables[0].head
    asked(world, "ash", FIRST)
    world.roll_back(forgotten)
    return world


HALTS = "a row that went back"
WAYS = {
    "the first of a height": (fresh, FIRST),
    "with an extension": (after_a_signature, EXTENDED),
    "again": (after_a_signature, replace(FIRST, time_ns=9, sign_bytes=b"10/0/2 block @9")),
    "a signer that fails": (without_signer, FIRST),
    "a claim left by a dead run": (after_a_restart_with_a_claim_left, FIRST),
    "an unknown claim before": (unsure, wish(10, 0, 3)),
    HALTS: (on_a_row_that_went_back, wish(11, 0, 2)),
}


def conflicting(request: Request) -> Request:
    position = request.position
    return wish(*position, what="nil", time_ns=3)


def asked(world: World, name: str, request: Request) -> Granted | Refused:
    world.ask(name, request)
    return world.finish(name)


def points(way: str) -> list[tuple[Crash, World]]:
    begin, request = WAYS[way]
    return list(crashes(begin(), "ash", request, doubted=True))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_whatever_comes_after_a_crash_no_promise_is_broken(way: str):
    request = WAYS[way][1]
    found = points(way)
    for crash, dead in found:
        for order in permutations(("ash again", "zrh against", "late")):
            world = dead.copy()
            for what in order:
                if what == "late":
                    for _ in world.late:
                        world.arrive(0)
                elif what == "ash again":
                    if not world.start("ash"):
                        assert way == HALTS, crash
                        continue
                    asked(world, "ash", request)
                    asked(world, "ash", conflicting(request))
                else:
                    asked(world, "zrh", conflicting(request))
                    asked(world, "zrh", request)
            assert world.audit.violations == [], (crash, order)
    print(f"{way}: {len(found)} crashes at {len({(crash.at, crash.effect) for crash, _ in found})} points")


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {HALTS, "a signer that fails"}))
def test_the_same_request_after_a_crash_is_signed_with_the_same_bytes(way: str):
    begin, request = WAYS[way]
    whole = begin()
    expected = asked(whole, "ash", request)
    for crash, world in crashes(begin(), "ash", request):
        world.start("ash")
        again = asked(world, "ash", request)
        assert isinstance(again, Granted), (crash, again)
        assert again.signed == expected.signed, crash
        assert again.claim.sign_bytes == expected.claim.sign_bytes, crash


@pytest.mark.slow
def test_both_gates_sign_the_next_height_after_any_crash():
    for way in WAYS.keys() - {HALTS}:
        for crash, world in points(way):
            world.signer("ash", "good")
            assert isinstance(asked(world, "zrh", wish(11, 0, 2)), Granted), crash
            assert world.start("ash"), crash
            assert isinstance(asked(world, "ash", wish(12, 0, 2)), Granted), crash


@pytest.mark.parametrize(("looked", "fault"), [(False, "doubt"), (False, "unsent"), (True, "doubt"), (True, "unsent")])
def test_a_gate_reads_before_it_claims_unless_it_has_read_and_knows_that_it_claimed_nothing_since(
    looked: bool, fault: str
):
    world = unsure() if looked else fresh()
    world.ask("ash", wish(11, 0, 2))
    while not isinstance(world.hosts["ash"].run.course.effect, ClaimHead):
        world.step("ash", world.moves("ash")[0])
    world.step("ash", fault)
    assert isinstance(world.finish("ash"), Refused)
    assert len(world.late) == looked + (fault == "doubt"), "what was not sent does not arrive"
    world.ask("ash", wish(12, 0, 2))
    reads = isinstance(world.hosts["ash"].run.course.effect, ReadHead)
    assert reads is not (looked and fault == "unsent")
    assert isinstance(world.finish("ash"), Granted)


def test_each_effect_is_a_point_at_which_a_gate_dies():
    tried = {crash.effect for way in WAYS for crash, _ in points(way)}
    assert tried == {effect.__name__ for effect in get_args(Effect)}


def test_each_point_is_tried_before_after_and_late():
    moments = {(crash.effect, crash.moment) for way in WAYS for crash, _ in points(way)}
    for effect in ("ClaimHead", "Sign", "Record"):
        assert {moment for name, moment in moments if name == effect} == {"before", "after", "late"}
    for effect in ("ReadHead", "WriteFloor", "Answer", "Halt"):
        assert {moment for name, moment in moments if name == effect} == {"before", "after"}


def test_a_gate_that_dies_while_it_halts_signs_nothing_that_it_had_signed():
    for crash, world in points(HALTS):
        if crash.effect == "Answer" and "do Halt" in crash.moves:
            assert not world.start("ash"), crash
        elif world.start("ash"):
            assert isinstance(asked(world, "ash", conflicting(FIRST)), Refused), crash
        assert world.audit.violations == []


def test_a_gate_that_dies_on_a_row_that_went_back_has_not_lifted_it_above_what_others_remember():
    for crash, world in points(HALTS):
        for _ in world.late:
            world.arrive(0)
        assert world.tables[0].head.position == ORIGIN, crash
