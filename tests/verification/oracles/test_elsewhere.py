"""What load balancers of other stacks may send is never called unreachable: ``verification.oracles.elsewhere``."""

from __future__ import annotations

from collections import Counter

import pytest

from reachability.frontends.aws import balancers_elsewhere
from verification.oracles.elsewhere import BALANCER, GROUP, LISTENER, TARGET_GROUP, WAYS, check, left_out
from verification.oracles.generate import estate

pytestmark = pytest.mark.slow
SEEDS = range(100, 130)
REACHED = 156
"""A seed whose balancer elsewhere sends to a host that nothing else reaches so."""


def test_nothing_that_a_balancer_elsewhere_sends_is_unreachable_and_others_are_answered_as_before():
    counts: Counter[str] = Counter()
    assert [each for seed in SEEDS for each in check(seed, counts)] == []
    assert counts["estates"] > 8 and counts["of its targets"] > 50


def test_a_balancer_elsewhere_that_was_forgotten_would_be_seen(monkeypatch):
    monkeypatch.setattr(balancers_elsewhere, "note", lambda *_: None)
    assert any("unreachable, but" in each for each in check(REACHED))


def test_what_is_left_out_grows_with_each_way():
    subject = estate(REACHED)
    (balancer,) = (each for each in subject.resources if each.type == BALANCER and each.name == "lb-002b")
    gone = [
        {each.urn for each in subject.resources} - {each.urn for each in left_out(subject, balancer, way).resources}
        for way in WAYS
    ]
    assert gone[0] == {balancer.urn} and gone[0] < gone[1] < gone[2] <= gone[3]
    types = [{urn.rsplit("::", 2)[1] for urn in each} for each in gone]
    assert types[1] == {BALANCER, LISTENER} and types[2] == {*types[1], TARGET_GROUP}
    assert types[3] <= {*types[2], GROUP}
