"""Whether both datacentres do their part: what the gates' logs and the chain's commits must show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator.decision.position import Position
from lab.chaos import testbed
from lab.chaos.health import GateLog
from lab.errors import PromiseBroken

UP = [{"event": "gate-up"}, {"event": "signer-up"}, {"event": "node-up"}]


def answer(height: int, cause: str = "", step: int = 3) -> dict[str, Any]:
    what = {"event": "refused", "cause": cause} if cause else {"event": "signed", "claim_id": "c", "ms": {"whole": 1.0}}
    return {**what, "kind": "precommit", "position": Position(height, 0, step).text}


def log(*events: dict[str, Any]) -> GateLog:
    found = GateLog()
    for each in events:
        found.see(each)
    return found


@pytest.mark.parametrize("cause", ["", "not-owner", "not-yet-signed", "below-head"])
def test_a_gate_that_signs_or_leaves_it_to_the_other_is_healthy(cause: str) -> None:
    assert log(*UP, *(answer(height, cause) for height in (8, 9, 10))).troubles(10) == []


@pytest.mark.parametrize("at", [0, 1, 2])
def test_trouble_counts_until_it_is_three_answers_ago(at: int) -> None:
    answers = [answer(height) for height in (8, 9, 10)]
    answers[at] = answer(8 + at, "table-unknown")
    gate = log(*UP, *answers)
    assert gate.troubles(10) == ["answered table-unknown"]
    for height in range(11, 12 + at):
        gate.see(answer(height))
    assert gate.troubles(11 + at) == []


@pytest.mark.parametrize(("height", "found"), [(11, []), (12, ["last asked for height 10, when 12 was final"])])
def test_a_gate_that_its_node_no_longer_asks_is_not_healthy(height: int, found: list[str]) -> None:
    assert log(*UP, *(answer(each) for each in (8, 9, 10))).troubles(height) == found


@pytest.mark.parametrize("link", ["signer", "node"])
def test_a_link_that_is_down_is_trouble_until_it_is_up(link: str) -> None:
    gate = log(*UP, *(answer(each) for each in (8, 9, 10)), {"event": f"{link}-down"})
    assert gate.troubles(10) == [f"no {link}-up"]
    gate.see({"event": f"{link}-up"})
    assert gate.troubles(10) == []


def test_of_an_earlier_run_nothing_counts() -> None:
    gate = log(*UP, *(answer(each) for each in (8, 9, 10)), {"event": "gate-up"}, answer(11))
    assert gate.troubles(11) == ["no node-up", "no signer-up", "only 1 answers in this run"]


@dataclass
class Going:
    """A chain that makes ``blocks`` blocks during each question about its height. Our gates sign every one at once."""

    blocks: int
    refusing: str = ""
    height_now: int = 20
    missed_heights: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.told: dict[str, list[str]] = {name: [json.dumps(each) for each in UP] for name in "ab"}
        self._sign(self.height_now)

    @property
    def witness(self) -> Any:
        def missed(first: int, last: int) -> list[int]:
            return [each for each in range(first, last + 1) if each in self.missed_heights]

        return SimpleNamespace(missed=missed)

    def height(self) -> int:
        found = self.height_now
        for _ in range(self.blocks):
            self.height_now += 1
            self._sign(self.height_now)
        return found

    def _sign(self, height: int) -> None:
        for name, lines in self.told.items():
            cause = "table-unknown" if name == self.refusing else ""
            lines += [json.dumps(answer(height, cause, step)) for step in (1, 2, 3)]

    def wait_until(self, done: Any, _: float) -> bool:
        return any(done() for _ in range(20))

    def site(self, name: str) -> Any:
        def new() -> list[str]:
            told, self.told[name] = self.told.get(name, []), []
            return told

        nothing = SimpleNamespace(new=list)
        return SimpleNamespace(name=name, gate_id=f"gate-{name}", said=SimpleNamespace(new=new), signatures=nothing)


def bed(chain: Any) -> testbed.Testbed:
    intruder = SimpleNamespace(
        name="forgotten", gate_id="c", said=SimpleNamespace(new=list), signatures=SimpleNamespace(new=list)
    )
    sites: Any = {name: chain.site(name) for name in "ab"}
    nothing: Any = None
    return testbed.Testbed(chain, nothing, sites, {}, intruder)


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 10])
def test_however_many_blocks_are_made_while_one_looks_what_is_healthy_is_found_healthy(blocks: int) -> None:
    bed(Going(blocks)).must_be_healthy()


def test_a_height_that_was_not_signed_is_named() -> None:
    assert bed(Going(0, missed_heights=(18,))).troubles() == ["not signed: 18"]


def test_what_is_missing_is_said_with_the_last_answers_of_each_gate() -> None:
    with pytest.raises(PromiseBroken) as raised:
        bed(Going(1, refusing="b")).must_be_healthy()
    assert str(raised.value) == (
        "the two datacentres were not healthy again within 90 s: "
        "gate b: answered table-unknown, table-unknown, table-unknown "
        "(gate a: signed signed signed, gate b: table-unknown table-unknown table-unknown, gate forgotten: silent)"
    )
