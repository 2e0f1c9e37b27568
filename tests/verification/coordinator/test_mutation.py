"""The decision's tests notice nearly each smallest change of it."""

from __future__ import annotations

import pytest

from verification.coordinator.mutation import MUTATED, mutants, score
from verification.coordinator.mutation_equivalent import EQUIVALENT

EVERY = 3
"""One of three mutants here; ``python -m verification.coordinator.mutation`` tries all."""


@pytest.mark.slow
def test_at_least_95_percent_of_the_mutants_of_the_decision_are_noticed():
    found = score(EVERY)
    print(found)
    assert found.mutants > 200
    assert found.percent >= 95, found.survived
    assert found.wrongly_equivalent == ()
    assert found.unknown_equivalent == ()


@pytest.mark.slow
def test_each_mutant_has_one_change_and_each_equivalent_one_a_reason():
    found = [mutant.text for module in MUTATED for mutant in mutants(module)]
    assert len(found) > 700
    assert all(found.count(text) == 1 for text in EQUIVALENT)
    assert all(EQUIVALENT.values())
