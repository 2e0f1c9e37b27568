"""One stack per rule that only this rule stops: a sound one, with one thing changed, as the documentation shows."""

from __future__ import annotations

from typing import Any

import pytest

from policies import pack
from policies.reading.types import REFUSED, REVIEWED
from policies.rule import Example
from policies.rules import registry
from tests.policies.judging import is_whole
from tests.policies.sound import RESOURCES, broken, changed

RULES = registry.rules()
SHOWN = [rule for rule in RULES if isinstance(rule.about.example, Example)]


def test_the_sound_stack_breaks_no_rule() -> None:
    assert list(broken(RULES, changed())) == []


def test_the_sound_stack_has_every_reviewed_type_that_can_be_sound() -> None:
    types = {each.type for each in RESOURCES if not each.type.startswith(("estate:", "pulumi:"))}
    assert types == REVIEWED - REFUSED


def test_no_two_of_its_resources_have_one_name() -> None:
    assert len({each.name for each in RESOURCES}) == len(RESOURCES)


@pytest.mark.slow
@pytest.mark.parametrize("rule", SHOWN, ids=lambda rule: rule.name)
def test_a_stack_that_breaks_one_rule_is_stopped_by_it_alone(rule: Any) -> None:
    found = list(broken(RULES, changed(rule.about.example)))
    assert {name for name, _, _ in found} == {rule.name}, found


@pytest.mark.parametrize("rule", SHOWN, ids=lambda rule: rule.name)
def test_what_stops_it_says_value_rule_reason_and_fix(rule: Any) -> None:
    for _, _, message in broken([rule], changed(rule.about.example)):
        assert is_whole(message), message


@pytest.mark.slow
@pytest.mark.parametrize("type_", sorted(REFUSED))
def test_a_type_that_is_never_sound_is_stopped_by_a_rule_that_says_why(type_: str) -> None:
    found = {name for name, _, _ in broken(RULES, changed(Example(type_)))}
    assert len(found) == 1
    assert found != {"types-are-reviewed"}


def test_rules_without_a_stack_to_show_are_the_few_that_judge_no_property() -> None:
    judging_the_declaration = {"proved-reachability", "what-is-declared-is-served"}
    assert {rule.name for rule in RULES} - {rule.name for rule in SHOWN} <= {*judging_the_declaration, pack.CURRENT}
