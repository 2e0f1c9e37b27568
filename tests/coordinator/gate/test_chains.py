"""Many chains in one process: what hangs in one delays no other."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

import pytest

from coordinator.privval.messages import SignedResponse
from tests.coordinator.gate.conftest import Estate
from tests.coordinator.gate.peers import prevote

pytestmark = pytest.mark.slow

Make = Callable[..., Estate]
CHAINS = 20


def ask_each(made: list[Estate], first: int) -> float:
    """Rounds of questions, one chain after the other; the median seconds of an answer."""
    seconds = []
    for height in range(first, first + 5):
        for each in made:
            began = time.perf_counter()
            assert isinstance(each.node.ask(prevote(height, chain=each.chain_id)), SignedResponse)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


@pytest.mark.parametrize("what", ["signer", "table"])
def test_the_others_are_answered_while_one_chain_hangs(estate: Make, what: str) -> None:
    made = [estate(chain_id=f"lab-{number}", deadline_seconds=60).whole() for number in range(1, CHAINS + 1)]
    stuck, others = made[0], made[1:]
    answered: list[object] = []
    release = threading.Event()
    if what == "signer":
        stuck.signer.before = lambda: release.wait(60)
    else:
        stuck.rows.before = lambda operation: release.wait(60)
    asking = threading.Thread(
        target=lambda: answered.append(stuck.node.ask(prevote(10, chain=stuck.chain_id))), daemon=True
    )
    asking.start()
    ask_each(others, 10)
    assert not answered, "the others were answered while one was stuck"
    release.set()
    asking.join(30)
    assert isinstance(answered[0], SignedResponse)


def test_a_node_that_does_not_answer_the_handshake_delays_no_other(estate: Make) -> None:
    made = [estate(chain_id=f"lab-{number}", deadline_seconds=60).whole() for number in range(1, CHAINS + 1)]
    stuck, others = made[0], made[1:]
    undisturbed = ask_each(others, 10)
    stuck.node.hang_up()
    assert stuck.node.is_dialled(30)
    assert ask_each(others[:5], 20) < 20 * undisturbed
