"""The declaration that a new network begins with: complete, valid, commented, in a slot of its own."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from estate.declaration import example, load
from estate.model import Role
from tests.estate.declarations import place

TODAY = date(2030, 6, 1)


@pytest.mark.parametrize(
    ("name", "slot"), [("ex", 1), ("osmosis", 3), ("a1b2c3d4e5f6g7h8", 9), ("celestia", 42), ("last", 254)]
)
def test_it_is_valid_for_any_name_and_slot(tmp_path: Path, name: str, slot: int) -> None:
    path = place(tmp_path, name, slot, number=slot)
    assert load.examine(path, today=TODAY).problems == ()


@pytest.mark.slow
def test_it_goes_together_with_the_networks_that_are_declared(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parents[2] / "stacks", tmp_path / "stacks")
    day = date(2026, 11, 1)
    slot = example.next_slot(network.slot for network in load.all_networks(tmp_path, today=day).values())
    for path, text in example.files("newcomer", slot, today=day).items():
        (tmp_path / "stacks" / path).write_text(text)
    assert "newcomer" in load.all_networks(tmp_path, today=day)


def test_it_has_hosts_of_every_role() -> None:
    network = load.network(example.declared(), source="example", today=TODAY)
    declared = {node.role for node in network.nodes} | {
        server.role for site in network.sites.values() for server in site.servers
    }
    assert declared == set(Role)


def test_it_says_what_each_section_is_for() -> None:
    comments = [line for line in example.declaration("example", 7, today=TODAY).splitlines() if "#" in line]
    assert len(comments) >= 20


def test_its_partner_ends_within_a_year_or_so() -> None:
    assert 'expires: "2031-06-01"' in example.declaration("example", 7, today=TODAY)
    assert 'expires: "2029-02-28"' in example.declaration("example", 7, today=date(2028, 2, 29))


def test_the_next_slot_is_the_lowest_that_is_free() -> None:
    assert example.next_slot([]) == 1
    assert example.next_slot([1, 2, 4]) == 3


def test_when_every_slot_is_taken_it_says_so() -> None:
    with pytest.raises(ValueError, match="all slots from 1 to 254 are taken"):
        example.next_slot(range(1, 255))
