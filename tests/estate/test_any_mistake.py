"""Whatever is written into a declaration, it is read or refused with words, and never crashes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.declaration import example
from tests.estate import strategies
from tests.estate.declarations import problems

pytestmark = pytest.mark.slow

JUNK: list[Any] = [
    None,
    "",
    "x",
    0,
    -1,
    10**12,
    1.5,
    True,
    [],
    {},
    ["x"],
    {"x": 1},
    [None],
    [[]],
    {"x": {}},
    "10.0.0.0/8",
    "a.b",
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of the declaration, sections and values alike."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        found += paths(each, (*path, key))
    return found


PLACES = paths(example.declared())


def broken(mistakes: list[tuple[tuple[Any, ...], str, Any]]) -> dict[str, Any]:
    """The example with each mistake made at its place, where that place still exists."""
    document = copy.deepcopy(example.declared())
    for path, kind, junk in mistakes:
        try:
            at: Any = document
            for key in path[:-1]:
                at = at[key]
            at[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        if kind == "replace":
            at[path[-1]] = copy.deepcopy(junk)
        elif kind == "remove":
            del at[path[-1]]
        elif isinstance(at, dict):
            at[f"{path[-1]}x" if isinstance(junk, int) else junk if isinstance(junk, str) else "other"] = at.pop(
                path[-1]
            )
    return document


MISTAKES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "rename"]), st.sampled_from(JUNK)),
    min_size=1,
    max_size=6,
)


@strategies.QUICK
@given(st.lists(MISTAKES, min_size=8, max_size=8))
def test_any_mistakes_are_refused_in_words_and_nothing_crashes(attempts: list[Any]) -> None:
    for mistakes in attempts:
        for problem in problems(broken(mistakes)):
            assert all((problem.path, problem.value, problem.rule, problem.reason, problem.fix)), problem


@pytest.mark.parametrize("junk", [None, {}, []], ids=["nothing", "an empty mapping", "an empty list"])
def test_a_part_that_is_replaced_by_nothing_is_refused_and_nothing_crashes(junk: Any) -> None:
    """Sections all, of the values one in twenty: they are many and alike."""
    sections = [place for place in PLACES if len(place) <= 2 and isinstance(place[-1], str)]
    for place in dict.fromkeys([*sections[::2], *PLACES[::20]]):
        problems(broken([(place, "replace", junk)]))


def test_a_malformed_value_is_one_problem_and_what_follows_from_it_is_none() -> None:
    values = [place for place in PLACES if not isinstance(_at(place), dict | list)]
    for place in values[::10]:
        told = problems(broken([(place, "replace", {})]))
        assert [problem.path for problem in told] == [".".join(map(str, place))]


def _at(place: tuple[Any, ...]) -> Any:
    value: Any = example.declared()
    for key in place:
        value = value[key]
    return value
