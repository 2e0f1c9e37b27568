"""The program that counts unnoticed mutants outside the decision notices one, and none where nothing was changed."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from verification.coordinator.mutation_equivalent import EQUIVALENT_OUTSIDE
from verification.coordinator.mutation_outside import SUITES, mutants, score, tests_pass, tried

RPC, SUITE = "ceremonies.chain_rpc", ("tests/ceremonies/test_chain_rpc.py",)


def test_each_module_has_tests_and_each_equivalent_mutant_a_reason() -> None:
    found = {text for module in SUITES for text in (each.text for each in mutants(module, sentences=False))}
    assert all((ROOT / each).is_file() for suite in SUITES.values() for each in suite)
    assert EQUIVALENT_OUTSIDE.keys() <= found
    assert all(EQUIVALENT_OUTSIDE.values())


def test_no_mutant_changes_a_sentence() -> None:
    texts = [each.text for each in mutants("ceremonies.row", sentences=False)]
    assert texts and not any("may or may not be done" in each for each in texts)
    assert any("may or may not be done" in each.text for each in mutants("ceremonies.row"))


@pytest.mark.slow
def test_a_mutant_is_noticed_where_a_test_fails_or_hangs() -> None:
    assert tests_pass(SUITE, 120)
    (changed,) = [each for each in mutants(RPC) if each.text == "chain_rpc: 2 → 3"]
    assert not tests_pass(SUITE, 120, changed)
    assert not tests_pass(SUITE, 0.001), "not ended in time"


@pytest.mark.slow
def test_a_module_is_scored_by_a_sample() -> None:
    total = len(list(tried(RPC, 1)))
    found = score(RPC, every=total // 2)
    assert found.noticed + len(found.survived) in (2, 3) and found.skipped == 0
    assert score(RPC, seconds=0.0).skipped == total
