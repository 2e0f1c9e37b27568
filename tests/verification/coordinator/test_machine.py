"""Hypothesis looks for a way to a broken promise: in what ships there is none, in what is broken it finds one."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from verification.coordinator.machine import EACH_RUN, Gates
from verification.coordinator.world import Core

PHASES = (Phase.generate,)


@pytest.mark.slow
def test_no_way_to_a_broken_promise_is_found():
    run_state_machine_as_test(Gates, settings=EACH_RUN)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("core", "regions"), [(Core(), 2), (Core(claimable=lambda head, claim: True), 1), (Core(synced=False), 1)]
)
def test_a_way_is_found_in_what_is_broken(core: Core, regions: int):
    class Broken(Gates):
        pass

    Broken.core, Broken.regions = core, regions
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=settings(EACH_RUN, print_blob=False, phases=PHASES))
