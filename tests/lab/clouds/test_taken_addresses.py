"""The addresses that the clouds of other networks hold, which none may be given again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from estate.errors import CheckFailed
from lab.clouds.store import Store
from lab.paths import LabPaths
from lab.rehearsal import cloud


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A network beside which there is one other, whose cloud has no state yet."""
    other = LabPaths(tmp_path, "other")
    other.root.mkdir(parents=True)
    return LabPaths(tmp_path, "one")


def other_state(paths: LabPaths) -> Path:
    return LabPaths(paths.checkout, "other").cloud_state


def test_what_another_network_holds_is_taken_and_what_the_network_holds_itself_is_not(paths: LabPaths) -> None:
    paths.root.mkdir()
    for state, address in ((paths.cloud_state, "203.0.113.7"), (other_state(paths), "203.0.113.8")):
        with Store(state, create=True) as store, store.transaction() as change:
            assert change.hold_address(address, 1)
    assert cloud.taken(paths) == {"203.0.113.8"}


def _text(state: Path) -> None:
    state.write_text("no database " * 400)


def _other_tables(state: Path) -> None:
    connection = sqlite3.connect(state)
    connection.execute("CREATE TABLE generations (urn TEXT)")
    connection.close()


@pytest.mark.parametrize("damage", [_text, _other_tables, Path.mkdir])
def test_a_state_that_cannot_be_read_is_not_one_without_addresses(
    paths: LabPaths, damage: Callable[[Path], None]
) -> None:
    damage(other_state(paths))
    with pytest.raises(CheckFailed, match="bin/estate down other"):
        cloud.taken(paths)


def test_a_network_that_was_taken_down_meanwhile_holds_none(paths: LabPaths) -> None:
    other_state(paths).symlink_to("gone")
    assert cloud.taken(paths) == set()
