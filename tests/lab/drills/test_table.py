"""The table of drills describes them as they are."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from lab.chaos.scale import Scale
from lab.drills import DRILLS, Drill, FastNetDrill

ROOT = Path(__file__).resolve().parents[3]
EVERY = list(DRILLS.values())


@pytest.mark.parametrize("drill", EVERY, ids=list(DRILLS))
def test_a_drill_is_a_function_that_takes_what_its_kind_gives(drill: Drill) -> None:
    module, _, name = drill.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    expected = ["estate"] if drill.needs_lab else ["checkout", "say", "scale"]
    assert list(inspect.signature(function).parameters) == expected


def test_a_name_is_its_drills_own() -> None:
    assert all(name == drill.name for name, drill in DRILLS.items())
    assert len({drill.function for drill in EVERY}) == len(EVERY)


def test_a_summary_fits_a_line_beside_the_name() -> None:
    assert max(len(f"{drill.name:<26} {drill.summary}") for drill in EVERY) <= 140


def test_only_the_campaign_takes_options_and_they_are_its_scale() -> None:
    assert [drill.name for drill in EVERY if drill.options] == ["chaos"]
    campaign = DRILLS["chaos"]
    assert isinstance(campaign, FastNetDrill)
    assert [each.name for each in campaign.options] == [each.name for each in fields(Scale)]
    assert campaign.scale({}) == Scale()
    assert campaign.scale({"seed": 7, "faults": 1000}) == Scale(seed=7, faults=1000)


@pytest.mark.slow
def test_the_table_is_read_without_the_drills() -> None:
    """A command line is built from it each time, so it must not import the model, the chain or the cloud."""
    code = (
        "import sys, lab.drills; print([name for name in sys.modules if name.split('.')[0] in ('estate', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"estate", "ceremonies", "pydantic"} & set(done.stdout.split())
