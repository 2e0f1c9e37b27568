"""Declared networks, by the real engine with the policies, against the lab's AWS.

The drills bring one network up whole. Without ``--long``, the others are enough here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.recording import Recorded
from tests.conftest import ROOT, stack_files
from tests.engine_stack import EngineStack, engine_stack

pytestmark = pytest.mark.engine

BESIDE = "terra"
"""The network that a quick run builds; the tests of the lab build cosmoshub."""

POLICIES = ("--policy-pack", str(ROOT / "policies"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = {file.name.split(".")[1]: file for file in stack_files()}
    if not metafunc.config.getoption("--long"):
        names = {BESIDE: names[BESIDE]}
    metafunc.parametrize("stack_file", names.values(), ids=names, scope="session")


@pytest.fixture(scope="session")
def built(stack_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineStack]:
    with engine_stack(tmp_path_factory.mktemp("engine"), stack_file) as stack:
        said = stack.up(*POLICIES)
        assert "estate@v0.1.0" in said, "the policies must have run, and with them the proof of every claim"
        assert "[mandatory]" not in said
        yield stack


def resources(said: str, state: str) -> int:
    found = re.search(rf"^\s+(?:\S+ )?(\d+) {state}$", said, re.MULTILINE)
    return int(found.group(1)) if found else 0


def test_everything_recorded_is_made_and_an_update_that_reads_the_cloud_changes_nothing(
    built: EngineStack, recorded: Recorded
) -> None:
    said = built.up("--refresh", "--expect-no-changes")
    assert resources(said, "unchanged") == len(recorded.resources) + 1, "with the stack itself"


def test_the_output_is_the_recorded_inventory_but_for_ids_and_addresses(built: EngineStack, recorded: Recorded) -> None:
    made = built.outputs()["inventory"]
    for entry in ("network", "later"):
        assert made[entry] == recorded.inventory[entry]
    assert shape(made) == shape(json.loads(json.dumps(recorded.inventory)))


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def test_a_bad_declaration_is_said_plainly(built: EngineStack, tmp_path: Path) -> None:
    bad = tmp_path / built.config.name
    bad.write_text(re.sub(r"^    slot: \d+$", "    slot: 0", built.config.read_text(), count=1, flags=re.MULTILINE))
    said = EngineStack(built.name, built.program, bad, built.environment).run("preview", fails=True)
    assert "problem" in said
    assert "slot" in said
    assert "Traceback" not in said


def test_the_engine_refuses_to_delete_what_is_protected(built: EngineStack) -> None:
    assert "because it is protected" in built.run("destroy", "--preview-only", fails=True)
