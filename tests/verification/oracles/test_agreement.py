"""The prover agrees with z3 and the simulator on generated estates: ``verification.oracles.compare``, for a few."""

from __future__ import annotations

import pytest

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
    assert tally.counts["models replayed"] == tally.counts["reachable"] > 100
    assert tally.counts["witnesses replayed"] >= tally.counts["reachable"] - tally.counts["not modelled"]


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
