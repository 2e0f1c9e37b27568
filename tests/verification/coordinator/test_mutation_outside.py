"""The program that counts unnoticed mutants outside the decision notices one, and none where nothing was changed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import ROOT
from verification.coordinator.mutation import Mutant, count, mutants
from verification.coordinator.mutation_equivalent import EQUIVALENT_OUTSIDE
from verification.coordinator.mutation_outside import SUITES, Kept, Score, percent, sample, score, summary, tried
from verification.coordinator.mutation_trial import (
    Baseline,
    BaselineFailed,
    Trials,
    Verdict,
    can_exchange,
    in_child,
    passes,
    refused_by_types,
)

RPC, SUITE = "ceremonies.chain_rpc", ("tests/ceremonies/test_chain_rpc.py",)
WORDY = "ceremonies.steps"


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def test_each_module_has_tests_and_each_equivalent_mutant_a_reason() -> None:
    assert all((ROOT / each).is_file() for suite in SUITES.values() for each in suite)
    assert all(EQUIVALENT_OUTSIDE.values())


def test_every_module_outside_the_decision_is_tried_and_none_else() -> None:
    files = [*(ROOT / "coordinator").rglob("*.py"), *(ROOT / "ceremonies").rglob("*.py")]
    there = {module_of(each) for each in files if each.stem != "__init__" and "decision" not in each.parts}
    without_logic = {"ceremonies.ports"}
    assert set(SUITES) == there - without_logic


@pytest.mark.slow
def test_each_equivalent_mutant_is_one(is_long: bool) -> None:
    """Of one module; of all in the long size."""
    modules = SUITES if is_long else ["coordinator.floor"]
    found = {each.text for module in modules for each in mutants(module, sentences=False)}
    named = tuple(f"{module.rpartition('.')[2]}." for module in modules)
    assert {each for each in EQUIVALENT_OUTSIDE if each.startswith(named)} <= found


@pytest.mark.slow
def test_no_mutant_changes_a_sentence_or_an_assertion() -> None:
    for module, removed in ((RPC, ()), (WORDY, ("'",)), ("coordinator.node", ("'", " is not None"))):
        every, some = ({each.text for each in mutants(module, sentences=given)} for given in (True, False))
        assert some <= every and bool(every - some) is bool(removed)
        assert all(any(text in each for text in removed) for each in every - some)


@pytest.mark.slow
def test_mutants_are_numbered_the_same_whichever_are_wanted() -> None:
    every = [each.text for each in mutants(RPC)]
    assert len(every) == count(RPC) > count(WORDY, sentences=False) / 10
    assert [each.text for each in mutants(RPC, wanted=lambda number: number in (3, 5))] == [every[3], every[5]]


def named(text: str, module: str = RPC) -> Mutant:
    (found,) = [each for each in mutants(module) if each.text == text]
    return found


@pytest.mark.slow
def test_a_mutant_of_a_module_is_noticed_where_a_test_fails_or_hangs() -> None:
    assert passes(SUITE, 120)
    changed = named("chain_rpc: 2 → 3")
    assert changed.function == "" and not can_exchange(changed)
    assert not passes(SUITE, 120, changed)
    assert not passes(SUITE, 0.001), "not ended in time"


@pytest.mark.slow
def test_a_mutant_of_a_function_is_noticed_by_a_test_that_executes_it() -> None:
    signed = [each for each in mutants(RPC) if each.function == "record" and can_exchange(each)]
    assert signed
    baseline, *verdicts = Trials(RPC, SUITE, signed).run(600)
    assert isinstance(baseline, Baseline) and baseline.seconds.keys() == baseline.lines.keys()
    executing = {test for mutant in signed for test in baseline.executing(*mutant.lines)}
    assert executing and executing < baseline.seconds.keys(), "not every test calls it"
    assert all(isinstance(each, Verdict) for each in verdicts)
    assert [each.mutant for each in verdicts if isinstance(each, Verdict)] == signed
    noticed = {each.by for each in verdicts if isinstance(each, Verdict) and each.by}
    assert noticed and noticed <= executing


@pytest.mark.slow
def test_tests_that_fail_without_a_mutant_are_told(tmp_path: Path) -> None:
    broken = tmp_path / "test_broken.py"
    broken.write_text("def test_it() -> None:\n    assert False\n")
    with pytest.raises(BaselineFailed, match="fail without any mutant"):
        list(Trials(RPC, (str(broken),), []).run(60))


@pytest.mark.slow
def test_a_child_that_hangs_is_ended_and_one_that_dies_says_nothing() -> None:
    assert in_child(lambda: b"here", 30) == b"here"
    assert in_child(lambda: b"x" * 200_000, 30) == b"x" * 200_000

    def hangs() -> bytes:
        while True:
            pass

    def dies() -> bytes:
        raise SystemExit(3)

    def gives_itself_up() -> bytes:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        return hangs()

    assert in_child(hangs, 0.2) is None
    assert in_child(gives_itself_up, 30) is None
    assert in_child(dies, 30) == b""


@pytest.mark.slow
def test_a_mutant_whose_types_are_wrong_is_refused_and_another_is_not() -> None:
    changed = {each.text: each for each in mutants("coordinator.metrics")}
    assert refused_by_types(changed["metrics: Labels = tuple[tuple[str, str], ...] → nothing"])
    assert not refused_by_types(next(each for text, each in changed.items() if "metrics: 'signing_gate" in text))


@pytest.mark.slow
def test_a_module_is_scored_by_a_sample() -> None:
    some = list(tried(RPC, count(RPC, sentences=False) // 2))
    found = score(RPC, some)
    assert found.tried == len(some) and found.skipped == 0 and found.typed <= found.noticed
    assert score(RPC, some, seconds=0.0).skipped == len(some)


@pytest.mark.slow
def test_a_sample_is_drawn_from_all_modules_together_and_again_the_same() -> None:
    modules = [RPC, WORDY]
    drawn = sample(modules, 20, seed=5)
    counts = {each: count(each, sentences=False) for each in modules}
    assert sum(map(len, drawn.values())) == 20
    assert all(abs(len(drawn[each]) - 20 * counts[each] / sum(counts.values())) < 1 for each in modules), "its share"
    assert drawn == sample(modules, 20, seed=5) != sample(modules, 20, seed=6)
    assert sum(map(len, sample(modules, 10**6, seed=5).values())) == sum(
        count(each, sentences=False) for each in modules
    )


def test_the_summary_is_of_all_modules_and_of_all_that_was_tried() -> None:
    scores = [Score("a", 9, 1, 2, ("a:1: x",), 0, 1.0), Score("b", 30, 0, 0, (), 3, 1.0)]
    assert percent(scores) == 97.5 and percent([]) == 100.0
    assert summary(scores, 3) == (
        "97.5 % of 40 mutants noticed (39, of them 2 by mypy alone), 1 survived, 3 not tried; 2 of 3 modules"
    )


def test_what_is_done_is_kept_and_continued_only_by_the_same_run(tmp_path: Path) -> None:
    file, asked = tmp_path / "kept", {"sample": 450, "seed": 7}
    found = Score("a", 9, 1, 2, ("a:1: x → y",), 0, 1.5)
    Kept(file, asked).add(found)
    assert Kept(file, asked).scores == {"a": found}
    with pytest.raises(ValueError, match="is of another run"):
        Kept(file, asked | {"seed": 8})
    nowhere = Kept(None, asked)
    nowhere.add(found)
    assert nowhere.scores == {"a": found}
