"""Which faults happen when."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from lab.chaos import net
from lab.chaos.faults import KINDS
from lab.chaos.schedule import KILL_OWNER, LOSE_DATACENTRE, MISSED_AT_MOST, Measured, Mixed, steps

SOME = 400


def mixed(seed: int = 1, number: int = SOME) -> list[Mixed]:
    """The mixed ones of the first steps."""
    found = [step for step in islice(steps(seed, KINDS), number) if isinstance(step, Mixed)]
    assert found
    return found


def test_the_same_seed_gives_the_same_faults() -> None:
    assert list(islice(steps(7, KINDS), SOME)) == list(islice(steps(7, KINDS), SOME))


def test_another_seed_gives_other_faults() -> None:
    assert list(islice(steps(7, KINDS), SOME)) != list(islice(steps(8, KINDS), SOME))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_kind_of_fault_comes_up_in_both_datacentres(seed: int) -> None:
    drawn = {(each.kind, each.site) for step in mixed(seed, 4 * SOME) for each in step.faults}
    assert drawn == {(kind, site) for kind in KINDS for site in net.SITES}


def test_the_first_steps_have_every_kind_once() -> None:
    first: list[str] = []
    for step in mixed():
        first += [each.kind for each in step.faults]
        if len(first) >= len(KINDS):
            break
    assert sorted(first) == sorted(KINDS)


def test_both_promises_about_missed_heights_are_measured_before_every_kind_has_been() -> None:
    begun = list(islice(steps(1, KINDS), 8))
    assert {step.kind for step in begun if isinstance(step, Measured)} == set(MISSED_AT_MOST)


def test_faults_at_the_same_time_never_break_the_same_thing() -> None:
    for step in mixed():
        broken = Counter(
            target.format(site=each.site) for each in step.faults for target in KINDS[each.kind].target.split()
        )
        assert max(broken.values()) == 1, step


def test_a_mixed_step_has_at_least_one_fault_and_they_are_in_the_order_of_their_beginnings() -> None:
    for step in mixed():
        assert step.faults
        assert list(step.faults) == sorted(step.faults, key=lambda each: each.after)


def test_both_promises_about_missed_heights_are_measured() -> None:
    measured = Counter(step.kind for step in islice(steps(1, KINDS), SOME) if isinstance(step, Measured))
    assert set(measured) == {KILL_OWNER, LOSE_DATACENTRE} == set(MISSED_AT_MOST)
    assert min(measured.values()) >= 30


def test_the_promises_about_missed_heights_are_those_that_are_made() -> None:
    assert MISSED_AT_MOST == {KILL_OWNER: 1, LOSE_DATACENTRE: 2}
