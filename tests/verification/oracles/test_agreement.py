"""The prover agrees with z3 and the simulator on generated estates: ``verification.oracles.compare``, for a few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reachability.addresses import V6
from reachability.frontends.aws import balancers
from reachability.network import Translation
from verification.oracles.compare import compare
from verification.oracles.encoding import Encoding
from verification.oracles.facts import Facts
from verification.oracles.generate import estate
from verification.oracles.simulator import Simulator, Start

pytestmark = pytest.mark.slow
ESTATES = 50
QUESTIONS = 10


@pytest.fixture(scope="module")
def tally():
    return compare(range(50_000, 50_000 + ESTATES), QUESTIONS)


def test_the_prover_and_z3_and_the_simulator_agree_on_generated_estates(tally):
    assert [str(each) for each in tally.disagreements] == []


def test_about_half_of_the_questions_have_a_packet_for_an_answer(tally):
    assert 0.3 < tally.counts["reachable"] / tally.counts["questions"] < 0.7


def test_every_witness_of_either_is_replayed(tally):
    modelled = tally.counts["reachable"] - tally.counts["not modelled"]
    assert tally.counts["models replayed"] >= modelled > 100
    assert tally.counts["witnesses replayed"] >= modelled


def test_few_of_the_generated_estates_are_beyond_the_prover(tally):
    assert tally.counts["not modelled"] < 0.15 * tally.counts["questions"]


def test_a_seed_makes_the_same_estate_each_time():
    assert estate(7) == estate(7)
    assert estate(7) != estate(8)


def test_a_wrong_answer_would_be_seen():
    """Were a deny of the network ACL lost on one side, z3 and the simulator would not agree."""
    for seed in range(50_000, 50_200):
        facts = Facts(estate(seed))
        start = Start("internet")
        encoding = Encoding(facts)
        reached = [to for to in facts.hosts if encoding.ask(start, to) is not None]
        if not reached:
            continue
        packet = encoding.ask(start, reached[0])
        for group in facts.groups.values():
            group.ingress.clear()
        runs = Simulator(facts).simulate(start, packet)
        assert not any(run.outcome == "delivered" and run.to == reached[0] for run in runs)
        return
    pytest.fail("no seed makes a host that the internet reaches")


DUAL_STACK, INTERNAL = 111, 130
"""Seeds with a dual-stack balancer: with clients and targets of both families, and internal ones."""


def test_dual_stack_balancers_are_generated_with_targets_of_both_families():
    targets, subjects = set(), [estate(seed) for seed in range(100, 200)]
    for facts in map(Facts, subjects):
        for balancer in facts.balancers.values():
            if any(point >= V6 for node in balancer.nodes for point in facts.nics[node].addresses):
                targets |= {each.address >= V6 for listener in balancer.listeners for each in listener.targets}
    assert targets == {False, True}


def test_a_dual_stack_balancer_whose_clients_of_the_other_family_were_lost_would_be_seen(monkeypatch):
    ways = balancers._ways

    def same_family(*given: Any) -> Iterator[Translation]:
        for each in ways(*given):
            v6 = each.destination >= V6
            kept = tuple(block for block in each.match.destinations if (block[0] >= V6) is v6)
            if kept:
                yield replace(each, match=replace(each.match, destinations=kept))

    assert compare(range(DUAL_STACK, DUAL_STACK + 1)).disagreements == []
    monkeypatch.setattr(balancers, "_ways", same_family)
    found = compare(range(DUAL_STACK, DUAL_STACK + 1)).disagreements
    assert any(each.kind == "verdict" and "prover unreachable" in each.text for each in found)


def test_an_internal_balancer_that_took_ipv6_from_the_internet_would_be_seen(monkeypatch):
    made = balancers._balancer

    def facing(*given: Any) -> balancers.Balancer:
        balancer = made(*given)
        for node in balancer.nodes:
            node.faces_internet = True
        return balancer

    assert compare(range(INTERNAL, INTERNAL + 1)).disagreements == []
    monkeypatch.setattr(balancers, "_balancer", facing)
    found = compare(range(INTERNAL, INTERNAL + 1)).disagreements
    assert any(each.sender == "internet" and "z3 unsat" in each.text for each in found)
