"""Each fault of a declaration is reported with place, value, rule, reason and fix: asserted whole, from a table."""

from __future__ import annotations

from typing import Any

import pytest

from estate import rules
from estate.findings import Problem
from estate.model import Network
from tests.estate.declarations import SOURCE, edited, faults, problems

TABLE = faults()
JARGON = ("Input should", "Field required", "Extra inputs", "type=", "pydantic", "Value error", "validation")


@pytest.mark.parametrize("case", TABLE, ids=[case["fault"] for case in TABLE])
def test_a_fault_is_reported_whole_and_nothing_else_is(case: dict[str, Any]) -> None:
    expected = sorted((Problem(file=SOURCE, **problem) for problem in case["problems"]), key=str)
    assert sorted(problems(edited(case["change"])), key=str) == expected


def test_the_table_has_at_least_eighty_faults_and_each_is_reported() -> None:
    assert len(TABLE) >= 80
    assert [case["fault"] for case in TABLE if not case["problems"]] == []


def test_no_message_speaks_the_language_of_the_parser() -> None:
    said = [str(text) for case in TABLE for problem in case["problems"] for text in problem.values()]
    assert [text for text in said if any(word in text for word in JARGON)] == []


def test_every_message_has_a_rule_a_reason_and_a_fix() -> None:
    empty = [
        case["fault"]
        for case in TABLE
        for problem in case["problems"]
        if not all(problem[part] for part in ("path", "value", "rule", "reason", "fix"))
    ]
    assert empty == []


@pytest.mark.slow
def test_every_rule_is_broken_by_some_fault_of_the_table() -> None:
    """A rule that no case breaks is not known to work."""
    from estate.declaration.shape import examine
    from tests.estate.declarations import TODAY

    broken = set()
    for case in TABLE:
        network = examine(edited(case["change"]), Network).value
        if network is None:
            continue
        broken |= {rule.__name__ for rule in rules.RULES if any(True for _ in rule(network))}
        broken |= {rule.__name__ for rule in rules.DATED_RULES if any(True for _ in rule(network, TODAY))}
    assert {rule.__name__ for rule in (*rules.RULES, *rules.DATED_RULES)} - broken == set()
