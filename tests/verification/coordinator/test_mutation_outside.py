"""The program that counts unnoticed mutants outside the decision notices one, and none where nothing was changed."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.conftest import ROOT
from verification.coordinator.mutation_equivalent import EQUIVALENT_OUTSIDE
from verification.coordinator.mutation_outside import SUITES, mutants, passes, score, tried

RPC, SUITE = "ceremonies.chain_rpc", ("tests/ceremonies/test_chain_rpc.py",)
WORDY = "ceremonies.steps"


def test_each_module_has_tests_and_each_equivalent_mutant_a_reason() -> None:
    assert all((ROOT / each).is_file() for suite in SUITES.values() for each in suite)
    assert all(EQUIVALENT_OUTSIDE.values())


@pytest.mark.slow
def test_each_equivalent_mutant_is_one(is_long: bool) -> None:
    """Of one module; of all in the long size."""
    modules = SUITES if is_long else ["coordinator.floor"]
    found = {each.text for module in modules for each in mutants(module, sentences=False)}
    named = tuple(f"{module.rpartition('.')[2]}." for module in modules)
    assert {each for each in EQUIVALENT_OUTSIDE if each.startswith(named)} <= found


@pytest.mark.slow
def test_no_mutant_changes_a_sentence() -> None:
    every, some = ({each.text for each in mutants(RPC, sentences=given)} for given in (True, False))
    assert some <= every
    every, some = ({each.text for each in mutants(WORDY, sentences=given)} for given in (True, False))
    assert some < every and all("'" in each for each in every - some)


@pytest.mark.slow
def test_a_mutant_is_noticed_where_a_test_fails_or_hangs() -> None:
    import_module(RPC)
    assert passes(SUITE, 120)
    (changed,) = [each for each in mutants(RPC) if each.text == "chain_rpc: 2 → 3"]
    assert not passes(SUITE, 120, changed)
    assert not passes(SUITE, 0.001), "not ended in time"


@pytest.mark.slow
def test_a_module_is_scored_by_a_sample() -> None:
    total = len(list(tried(RPC, 1)))
    found = score(RPC, every=total // 2)
    assert 2 <= found.noticed + len(found.survived) <= 3 and found.skipped == 0
    assert score(RPC, seconds=0.0).skipped == total
