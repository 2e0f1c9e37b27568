"""What is read of a signer host, field by field, and what follows from it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from ceremonies.observation import GateObservation, SignedState, SignerObservation, parse, parse_state, spent_state
from configuration.signer_config import CONSENSUS_KEY, STANDBY_KEY, Duty
from coordinator import floor
from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, spent
from coordinator.floor import Floor

NOTHING = SignerObservation()
STATE = '{"height":"100","round":"3","step":2,"block_id":null}'
KEY = base64.b64encode(bytes(32)).decode()
FLOOR = Floor("x-1", bytes(32), spent(9), Cause.ROW_TAKEN)

FIELDS: dict[str, tuple[str, dict[str, object]]] = {
    "installed": ("installed yes", {"installed": True}),
    "provisioned": ("provisioned yes", {"provisioned": True}),
    "key": (f"key {KEY}", {"key": KEY}),
    "recorded": (f"recorded {KEY}", {"recorded": KEY}),
    "standby": ("standby yes", {"standby": True}),
    "state": (
        f"state x-1.json {base64.b64encode(STATE.encode()).decode()}",
        {"state": SignedState(height=100, round=3, step=2)},
    ),
    "key file": ("key_file /a b", {"key_file": "/a b"}),
    "masked": ("masked yes", {"masked": True}),
    "enabled": ("UnitFileState enabled", {"enabled": True}),
    "disabled": ("UnitFileState disabled", {}),
    "active": ("ActiveState active", {"active": True}),
    "activating": ("ActiveState activating", {"active": True}),
    "reloading": ("ActiveState reloading", {"active": True}),
    "deactivating": ("ActiveState deactivating", {"active": True}),
    "failed": ("ActiveState failed", {}),
    "inactive": ("ActiveState inactive", {}),
    "processes": ("processes 2", {"processes": 2}),
    "invited": ("invited yes", {"invited": True}),
    "sealed": ("sealed yes", {"sealed": True}),
    "remnant": ("remnant yes", {"remnant": True}),
}
GATE_FIELDS: dict[str, tuple[str, dict[str, object]]] = {
    "provisioned": ("gate-provisioned yes", {"provisioned": True}),
    "written": ("gate-written yes", {"written": True}),
    "generation": ("gate-generation 7", {"generation": 7}),
    "masked": ("gate-masked yes", {"masked": True}),
    "enabled": ("gate-UnitFileState enabled", {"enabled": True}),
    "disabled": ("gate-UnitFileState masked", {}),
    "active": ("gate-ActiveState deactivating", {"active": True}),
    "inactive": ("gate-ActiveState inactive", {}),
    "processes": ("gate-processes 1", {"processes": 1}),
    "floor": (f"gate-floor {base64.b64encode(floor.encode(FLOOR)).decode()}", {"floor": FLOOR}),
    "damaged floor": (f"gate-floor {base64.b64encode(b'{}').decode()}", {"damaged": True}),
    "no base64": ("gate-floor *", {"damaged": True}),
}


@pytest.mark.parametrize("field", FIELDS)
def test_each_line_says_one_thing_of_the_signer(field: str) -> None:
    line, fields = FIELDS[field]
    assert parse(line) == parse(f"\n{line}\n\n") == replace(NOTHING, **fields)


@pytest.mark.parametrize("field", GATE_FIELDS)
def test_each_line_says_one_thing_of_the_gate(field: str) -> None:
    line, fields = GATE_FIELDS[field]
    assert parse(line) == replace(NOTHING, gate=replace(GateObservation(), **fields))


def test_a_host_that_says_nothing_has_nothing() -> None:
    assert parse("") == NOTHING
    assert (NOTHING.runs, NOTHING.halted, NOTHING.still, NOTHING.duty, NOTHING.signs_consensus) == (
        False,
        False,
        False,
        None,
        False,
    )


@pytest.mark.parametrize("runs", [{"active": True}, {"processes": 1}])
def test_what_runs_is_neither_halted_nor_still(runs: dict[str, object]) -> None:
    masked = replace(NOTHING, masked=True)
    assert masked.halted and masked.still
    assert replace(masked, **runs).runs and not replace(masked, **runs).halted
    gate = replace(GateObservation(provisioned=True, masked=True), **runs)
    assert gate.runs and not replace(masked, gate=gate).still and replace(masked, gate=gate).halted


def test_a_host_is_still_only_if_its_gate_is_masked_or_absent() -> None:
    masked = replace(NOTHING, masked=True)
    assert not replace(masked, gate=GateObservation(provisioned=True)).still
    assert replace(masked, gate=GateObservation(provisioned=True, masked=True)).still
    assert not replace(NOTHING, gate=GateObservation(provisioned=True, masked=True)).still


def test_the_duty_is_that_of_the_configured_key() -> None:
    for file, duty in ((CONSENSUS_KEY, Duty.CONSENSUS), (STANDBY_KEY, Duty.STANDBY), ("/x", None), (None, None)):
        assert replace(NOTHING, key_file=file).duty is duty
    signs = replace(NOTHING, key="AAA=", active=True, key_file=CONSENSUS_KEY)
    assert signs.signs_consensus
    for lacks in ({"key": None}, {"active": False}, {"key_file": STANDBY_KEY}):
        assert not replace(signs, **lacks).signs_consensus


def test_a_gate_was_used_if_anything_is_left_of_it() -> None:
    assert not GateObservation(provisioned=True).used
    assert all(GateObservation(**left).used for left in ({"written": True}, {"floor": FLOOR}, {"damaged": True}))


def test_a_position_is_one_step_further_in_the_table_than_in_tmkms() -> None:
    assert SignedState(height=5, round=4, step=2).position == Position(5, 4, 3)
    assert parse_state(spent_state(17)).position == spent(17)
    assert json.loads(spent_state(17))["block_id"]["hash"] == "" and " " not in spent_state(17)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"height":"x","round":"0","step":0}', '{"height":"1","round":"0"}'])
def test_what_is_no_state_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_state(text)
    assert str(refused.value).startswith(f"got {text!r}: not a signing state")
