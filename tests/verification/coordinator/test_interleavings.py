"""All orders of two gates with three requests each (and three with two) keep every promise, and the walk can fail."""

from __future__ import annotations

import pytest

from coordinator.decision.records import Claim, Head
from verification.coordinator.interleave import SCENARIOS, told, walk_scenario
from verification.coordinator.interleavings import Faults, play, walk
from verification.coordinator.world import Core, World, wish

pytestmark = pytest.mark.slow

TWO_BY_THREE = [name for name, scenario in SCENARIOS.items() if len(scenario.scripts) == 2]
FIRST = TWO_BY_THREE[0]


LONGEST = {
    Faults(doubts=1): {"three gates, one of them forgotten"},
    Faults(crashes=1): {
        *("one height, other blocks and times", "heights that overlap"),
        *(name for name in SCENARIOS if name not in TWO_BY_THREE),
    },
}
"""Walks that are only in ``bin/estate test --long``, whose interleavings and interleavings-crashes walk all scenarios.
Scenarios like them are walked here: two gates of one name at one height, and three gates of two names."""

SHORT = [
    (name, faults)
    for name in SCENARIOS
    for faults in (Faults(), Faults(doubts=1), Faults(crashes=1))
    if name not in LONGEST.get(faults, ())
]


@pytest.mark.parametrize(("name", "faults"), SHORT, ids=str)
def test_every_schedule_keeps_every_promise(name: str, faults: Faults):
    found = walk_scenario(name, faults)
    print(told(name, faults, found, 0))
    assert found.broken is None
    assert found.most_signed >= 2, "the schedules in which much is signed are among them"


@pytest.mark.parametrize("name", TWO_BY_THREE)
def test_the_reduced_walk_ends_where_the_whole_one_does(name: str):
    whole, reduced = walk_scenario(name, Faults(), reduced=False), walk_scenario(name, Faults())
    assert whole.broken is None
    assert whole.schedules > reduced.schedules
    assert whole.ends == reduced.ends


def test_the_reduced_walk_with_faults_ends_where_the_whole_one_does():
    scripts = {"ash": (wish(10, 0, 2), wish(10, 0, 3)), "zrh": (wish(10, 0, 2, "nil"),)}
    for faults in (Faults(doubts=1), Faults(crashes=1)):
        world = World(replayed=True)
        world.start("ash")
        world.start("zrh")
        whole, reduced = walk(world, scripts, faults, reduced=False), walk(world, scripts, faults)
        assert whole.ends == reduced.ends


def whoever_is_lower(head: Head | None, claim: Claim) -> bool:
    return head is not None and head.position < claim.position


BROKEN = {
    "a table that checks and then writes": Core(atomic=False),
    "a height without an owner": Core(claimable=whoever_is_lower),
    "a claim that replaces its equal": Core(claimable=lambda head, claim: head is not None),
    "a floor that is not synced": Core(synced=False),
}


@pytest.mark.parametrize("bug", BROKEN)
def test_a_broken_implementation_is_caught_with_the_way_that_leads_there(bug: str):
    found = [walk_scenario(name, Faults(), core=BROKEN[bug]).broken for name in TWO_BY_THREE]
    path, told_ = next(each for each in found if each)
    assert path and told_


def test_a_last_writer_wins_table_signs_twice():
    path, broken = walk_scenario(FIRST, Faults(), regions=2).broken
    assert any(each.startswith("I1 ") for each in broken)
    world = World(regions=2)
    world.start("ash")
    world.start("zrh")
    places = dict.fromkeys(world.hosts, 0)
    for move in path:
        play(world, places, SCENARIOS[FIRST].scripts, move)
    assert [str(each) for each in world.audit.violations] == broken, "the way can be gone again"
