"""The model's traces on the real gate: what the model refuses is refused, and the key never signs twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ceremonies import gates as gates_decided
from ceremonies.custody import Next, Step
from ceremonies.row import Ceremony
from coordinator.decision.position import Position, spent
from lab.table import local
from verification.life import decided, gates, itf, replay, worlds
from verification.life.itf import State


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[list[State]]:
    directory = tmp_path_factory.mktemp("life")
    kept = directory / "trace-{seq}.itf.json"
    assert worlds.simulate(worlds.EVERY_WORLD, "soundHolds", samples=100, seed=1, traces=kept, kept=40).held
    return [itf.read(file) for file in sorted(directory.glob("trace-*.itf.json"))]


def replayed(traces: Iterable[list[State]], table: local.Local, directory: Path) -> replay.Result:
    directory.mkdir(exist_ok=True)
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


def big(*did: tuple[str, int, int, int, str], **later: dict[str, object]) -> list[State]:
    """Two sites of a big validator at height 2: a trace of these steps, (act, host, position, payload, out).

    `later`: what else is so of hosts, from the start, by `host1` and `host2`.
    """
    states = [trace(SIGNED)[0]]
    first = states[0] | {"taking": {"on": False}}
    first["hosts"] = {
        number: first["hosts"][min(number, 2)] | {"lockRound": -1, "lockBlock": 0, **later.get(f"host{number}", {})}
        for number in (1, 2, 3)
    }
    first["hosts"][3] |= {"running": False, "key": False, "floor": -1, "enabled": False}
    states = [first]
    for act, host, pos, pay, out in did:
        before = states[-1]
        there = before["hosts"][host]
        if act in ("release", "hang"):
            there = there | {"floor": pos, "tmkms": pos if act == "release" else there["tmkms"]}
            there |= {"tmkmsBlock": pay // 2 if act == "release" else there["tmkmsBlock"]}
        if act in ("hang", "start-gate"):
            there = there | {"running": act == "start-gate"}
        states.append(
            before
            | {
                "did": {"act": act, "host": host, "pos": pos, "pay": pay, "out": out},
                "hosts": before["hosts"] | {host: there},
                "taking": {"on": out in ("look", "spend")},
            }
        )
    return states


PREVOTED = ("release", 1, 202, 2, "released")
PRECOMMITTED = ("release", 1, 203, 2, "released")
HUNG = (
    PREVOTED,
    ("hang", 1, 203, 2, ""),
    ("start-gate", 1, 0, 0, "running"),
    ("release", 1, 205, 0, "released"),
    ("take", 2, 0, 0, "look"),
    ("take", 2, 0, 0, "spend"),
    ("take", 2, 0, 0, "take-over"),
    ("release", 2, 208, 4, "released"),
    ("wake", 1, 203, 2, "row-taken"),
)
"""A run stalls in a precommit, a copy of its machine goes on, and the other site takes the height over."""


@pytest.mark.slow
def test_a_run_that_stalls_releases_nothing_after_a_take_over(local_table: local.Local, tmp_path: Path) -> None:
    result = replayed([big(*HUNG)], local_table, tmp_path)
    assert (result.unsafe, dict(result.stricter), result.signed) == ([], {}, 3)


@pytest.mark.slow
def test_a_take_over_that_spends_nothing_is_seen(
    local_table: local.Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ceremony, "_spend", lambda self, claims, claim: None)
    (found,) = replayed([big(*HUNG)], local_table, tmp_path).unsafe
    assert "before every earlier precommit is spent" in found


@pytest.mark.slow
@pytest.mark.parametrize("woken", ["", "released"])
def test_a_run_that_wakes_before_its_precommit_is_spent_ends_the_take_over(
    local_table: local.Local, tmp_path: Path, woken: str
) -> None:
    steps = [*HUNG[:5], ("wake", 1, 203, 2, "released"), ("take", 2, 0, 0, "refused")] if woken else [*HUNG[:5]]
    result = replayed([big(*steps, ("kill", 2, 0, 0, ""))], local_table, tmp_path)
    assert (result.unsafe, dict(result.stricter)) == ([], {})


LOCKS = {
    "no lock": ({}, "other-lock"),
    "another block": ({"lockRound": 1, "lockBlock": 2}, "other-lock"),
    "the block, in an earlier round": ({"lockRound": 0, "lockBlock": 1}, "other-lock"),
    "the same lock": ({"lockRound": 1, "lockBlock": 1}, "look"),
}
LOCKED = (PREVOTED, ("release", 1, 203, 0, "released"), ("release", 1, 205, 2, "released"))
"""Nothing in round 0, and a block in round 1."""


@pytest.mark.slow
@pytest.mark.parametrize("lock", LOCKS)
def test_a_height_is_taken_over_with_the_lock_of_its_owner(
    local_table: local.Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    here, out = LOCKS[lock]
    precommit = ("release", 1, 206, 2, "released")
    states = big(*LOCKED, precommit, ("take", 2, 0, 0, out), host2=here)
    result = replayed([states], local_table, tmp_path)
    assert (result.unsafe, dict(result.stricter)) == ([], {})
    if out == "other-lock":
        monkeypatch.setattr(gates_decided, "_same_lock", lambda *given: None)
        (found,) = replayed([states], local_table, tmp_path / "believed").unsafe
        assert "the model has other-lock, the product takes the height over" in found


@pytest.mark.slow
def test_only_the_site_that_goes_on_is_asked(local_table: local.Local, tmp_path: Path) -> None:
    down = {"up": False, "running": False}
    states = big(PREVOTED, ("take", 2, 0, 0, "look"), host3=down)
    assert not replayed([states], local_table, tmp_path).stricter
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patched:
        patched.setattr(decided, "SITES", {1: 1, 2: 2, 3: 2})
        assert replayed([states], local_table, tmp_path / "spare").stricter


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
