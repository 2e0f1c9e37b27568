"""The check of rewritten estates: it passes on a few, and sees what a wrong reader would do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from reachability import state
from verification.oracles import rewritten
from verification.oracles.generate import estate

SEEDS = range(300, 308)


@pytest.mark.slow
def test_no_way_of_writing_an_estate_changes_what_passes() -> None:
    refused: Counter[str] = Counter()
    assert [each for seed in SEEDS for each in rewritten.check(seed, refused)] == []
    assert set(refused) == {each.__name__ for each in rewritten.POSSIBLE}


def test_each_way_rewrites_something() -> None:
    subjects = [estate(seed) for seed in SEEDS]
    for rewrite in rewritten.SAME:
        assert any(rewrite(each, Random(1)) != each for each in subjects)


@pytest.mark.slow
@pytest.mark.parametrize("leave", rewritten.POSSIBLE)
def test_a_reader_that_takes_the_new_state_for_the_only_one_is_seen(leave: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(state, "_settled", lambda resource: not resource.get("delete"))
    assert any(leave.__name__ in each for seed in range(300, 340) for each in rewritten.check(seed))


def test_a_rule_that_is_gone_is_a_difference() -> None:
    for seed in SEEDS:
        subject = estate(seed)
        less = tuple(each for each in subject.resources if "GroupIngressRule" not in each.type)
        if list(rewritten.differing(subject, replace(subject, resources=less))):
            return
    pytest.fail("no seed has a rule of its own that matters")
