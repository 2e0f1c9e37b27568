"""Text compares as positions do, and nothing but what was written so is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.decision.position import MAX_HEIGHT, MAX_ROUND, Position, Step, parse, spent

positions = st.builds(Position, st.integers(0, MAX_HEIGHT), st.integers(0, MAX_ROUND), st.sampled_from((0, 1, 2, 3)))


@given(positions, positions)
def test_the_order_of_texts_is_the_order_of_positions(one: Position, other: Position):
    assert (one < other) == (one.text < other.text)
    assert (one == other) == (one.text == other.text)


@given(positions)
def test_what_is_written_is_read_again(position: Position):
    assert parse(position.text) == position


def test_a_step_counts_less_than_a_round_and_a_round_less_than_a_height():
    rising = [
        Position(7, 0, Step.PROPOSAL),
        Position(7, 0, Step.PREVOTE),
        Position(7, 0, Step.PRECOMMIT),
        Position(7, 1, Step.PROPOSAL),
        Position(8, 0, Step.PROPOSAL),
        Position(2**31, 0, Step.PROPOSAL),
        Position(2**32, 0, Step.PROPOSAL),
        Position(MAX_HEIGHT, MAX_ROUND, Step.PRECOMMIT),
    ]
    assert rising == sorted(rising) == sorted(rising, key=lambda position: position.text)


def test_a_text_has_twenty_ten_and_two_digits():
    assert Position(12, 3, Step.PRECOMMIT).text == "00000000000000000012.0000000003.03"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12.0.2",
        "00000000000000000012.0000000000",
        "00000000000000000012.0000000000.02.00",
        "0000000000000000001x.0000000000.02",
        "0000000000000000001².0000000000.02",
        "0000000000000000001\u0661.0000000000.02",
        "-0000000000000000012.0000000000.02",
        "00000000000000000012.0000000000.2 ",
    ],
)
def test_another_text_is_refused(text: str):
    with pytest.raises(ValueError, match="expected 20, 10 and 2 digits"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{MAX_HEIGHT + 1:020d}.0000000000.02",
        f"00000000000000000001.{MAX_ROUND + 1:010d}.02",
        "00000000000000000001.0000000000.04",
    ],
)
def test_a_number_out_of_its_range_is_refused(text: str):
    with pytest.raises(ValueError, match="out of range"):
        parse(text)


def test_nothing_at_a_spent_height_is_above_it():
    assert Position(9, MAX_ROUND, Step.PRECOMMIT) <= spent(9) < Position(10, 0, Step.PROPOSAL)
