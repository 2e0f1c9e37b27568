"""Many chains in one process: what hangs in one delays no other."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import pytest

from coordinator.privval.messages import RefusedTold, SignedTold
from tests.coordinator.gate.conftest import Estate
from tests.coordinator.gate.peers import prevote

Make = Callable[..., Estate]
CHAINS = 20


def median_seconds(made: list[Estate], first: int) -> float:
    """Of one round of questions to each, one chain after the other."""
    seconds = []
    for height in range(first, first + 5):
        for each in made:
            began = time.perf_counter()
            assert isinstance(each.node.ask(prevote(height, chain=each.chain_id)), SignedTold)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


@pytest.mark.parametrize("what", ["signer", "table", "node"])
def test_one_chain_that_hangs_delays_no_other(estate: Make, what: str) -> None:
    made = [estate(chain_id=f"lab-{number}", deadline_seconds=1.5).whole() for number in range(1, CHAINS + 1)]
    stuck, others = made[0], made[1:]
    undisturbed = median_seconds(others, 10)
    answered: list[object] = []
    if what == "signer":
        stuck.signer.before = lambda: time.sleep(10)
    elif what == "table":
        stuck.rows.before = lambda operation: time.sleep(1.6)
    if what == "node":
        stuck.node.hang_up()
    else:
        asking = threading.Thread(
            target=lambda: answered.append(stuck.node.ask(prevote(10, chain=stuck.chain_id))), daemon=True
        )
        asking.start()
    disturbed = median_seconds(others[:5], 20)
    if what != "node":
        assert not answered, "the others were answered while one was stuck"
        asking.join(10)
        assert isinstance(answered[0], RefusedTold)
    assert disturbed < 10 * undisturbed + 0.05
