"""The model's traces on the real gate: what the model refuses is refused, and the key never signs twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ceremonies import gates as gates_decided
from ceremonies.custody import Next, Step
from coordinator.decision.position import Position, spent
from lab.table import local
from tests.verification.life.conftest import Ran
from verification.life import decided, gates, itf, replay
from verification.life.itf import State


@pytest.fixture(scope="module")
def traces(ran: Ran) -> list[list[State]]:
    return [itf.read(file) for file in ran.traces]


def replayed(traces: Iterable[list[State]], table: local.Local, directory: Path) -> replay.Result:
    local.create_tables("127.0.0.1", table.port, replay.HEAD, replay.CLAIMS)
    return replay.replay(traces, table.port, directory)


@pytest.mark.slow
def test_the_real_gate_signs_nothing_that_the_model_refuses(
    traces: list[list[State]], local_table: local.Local, tmp_path: Path
) -> None:
    result = replayed(traces, local_table, tmp_path)
    assert result.unsafe == []
    assert result.traces >= 5
    assert result.signed > 0


SIGNED = {"act": "release", "host": 1, "pos": 103, "pay": 2, "out": "released"}


def trace(did: State, stage: int = 0, **changed: object) -> list[State]:
    """Two gates sign; one step follows."""

    def state(did: State, **there: object) -> State:
        host = {
            "up": True,
            "key": True,
            "coordinated": True,
            "running": True,
            "halted": False,
            "masked": False,
            "enabled": True,
            "generation": 1,
            "floor": 99,
            "tmkms": 99,
            "tmkmsBlock": -1,
            "stage": 0,
        }
        row = {"exists": True, "closed": False, "left": False, "generation": 1, "head": 99, "admitted": [1, 2]}
        return {
            "faults": [],
            "moves": [],
            "healing": 0,
            "retired": False,
            "did": did,
            "hosts": {1: host | there, 2: host},
            "row": row,
            "declared": {"coordinated": True, "custody": 1, "generation": 1, "sites": [1, 2]},
            "chain": 1,
            "ours": [],
            "signatures": [],
        }

    return [state({"act": "init", "host": 0, "pos": 0, "pay": 0, "out": ""}), state(did, stage=stage, **changed)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("did", "unsafe", "stricter"),
    [
        (SIGNED, 0, 0),
        (SIGNED | {"out": "lost"}, 1, 0),
        (SIGNED | {"out": "below-watermark"}, 1, 0),
        (SIGNED | {"pos": 2}, 0, 1),
        ({"act": "claim", "host": 1, "pos": 103, "pay": 2, "out": "late"}, 0, 0),
        ({"act": "claim", "host": 1, "pos": 103, "pay": 2, "out": "table-went-back"}, 1, 0),
    ],
)
def test_a_difference_is_seen_by_its_direction(
    did: State, unsafe: int, stricter: int, local_table: local.Local, tmp_path: Path
) -> None:
    result = replayed([trace(did)], local_table, tmp_path)
    assert (len(result.unsafe), sum(result.stricter.values())) == (unsafe, stricter)


def stopped(signed: int) -> State:
    """Two stopped holders at a watermark that a ceremony wrote, no row, and a chain that has passed it."""
    state = trace(SIGNED, floor=599, tmkms=599, running=False, masked=True)[1]
    state["hosts"][2] = state["hosts"][1]
    state["row"]["exists"] = False
    state["declared"]["generation"] = 2
    return state | {"chain": 9, "signatures": [{"pos": signed, "pay": 2, "host": 1, "gated": True}]}


def test_a_row_below_a_signature_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    low = Next(step=Step.RENEW, host="signer-1", height=5)
    monkeypatch.setattr(decided, "_steps", lambda state: iter([("renew-table", low)]))
    assert decided.wrong(stopped(503)) == []
    assert decided.wrong(stopped(603)) == ["renew-table: a row at height 5, and height 6 was signed"]


def test_a_key_is_not_destroyed_while_its_gate_is_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Next(step=Step.DESTROY, host="signer-2")
    monkeypatch.setattr(decided, "_steps", lambda state: iter([("move", step)]))
    assert decided.wrong(stopped(503)) == ["move: destroys the key of signer-2, which is admitted"]


def test_the_ceremonies_see_what_the_model_has() -> None:
    seen = decided.situation(stopped(503))
    assert gates_decided.last_signed(seen.signers, seen.signers, seen.row) <= 5
    assert all(each.still and each.key for each in seen.signers.values())
    assert "renew-table" in {words for words, _ in decided._steps(stopped(503))}


def test_a_position_of_the_model_is_one_of_the_protocol() -> None:
    assert [gates.position(pos) for pos in (99, 101, 103, 206, 299)] == [
        spent(0),
        Position(1, 0, 1),
        Position(1, 0, 3),
        Position(2, 1, 3),
        spent(2),
    ]
    assert all(gates.request(pos, 3).request().position == gates.position(pos) for pos in (101, 102, 103, 104))


def test_a_trace_is_read_with_its_sets_maps_and_large_integers(tmp_path: Path) -> None:
    file = tmp_path / "trace.itf.json"
    file.write_text(
        '{"states": [{"s": {"#meta": {}, "hosts": {"#map": [[{"#bigint": "1"}, {"up": true}]]}, "sites": {"#set": '
        '[{"#bigint": "2"}]}, "moves": ["ask"]}}]}'
    )
    assert itf.read(file) == [{"hosts": {1: {"up": True}}, "sites": [2], "moves": ["ask"]}]
