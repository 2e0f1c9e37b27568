"""A file of a signer host as a power cut leaves it stops nothing at other hosts, is named, and is never taken for
absent.
"""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ceremonies import custody, gates, key_ceremonies, scripts
from ceremonies.custody import Refused, Situation, Step, may_generate
from ceremonies.gate_ceremonies import GateCeremonies
from ceremonies.gates import Declared
from ceremonies.observation import SignedState, SignerObservation, parse, parse_state, spent_state
from ceremonies.public_key import ConsensusKey
from ceremonies.steps import Pace, Transcript
from configuration import gate_config
from configuration.signer_config import CONSENSUS_KEY, CONSENSUS_PUBLIC, STATE
from coordinator.decision.position import Position, spent
from coordinator.decision.records import Head
from coordinator.floor import Floor
from coordinator.table.items import CLOSED
from tests.ceremonies.key_hosts import CHAIN, KEY, FakeSigners, GatedWorld, estate, gated
from tests.ceremonies.test_scripts import STATE_FILE, SignerHost, sealed, signing

PATH = f"{STATE}/x-1.json"
LEFT = {
    "zeros": bytes(64),
    "half a line": b'{"height":"31',
    "no bytes": b"",
    "another document": b"[]",
    "no text": b"\xff\xfe{",
    "a depth without end": b"[" * 100_000,
}


def as_printed(content: bytes) -> str:
    return f"state x-1.json {base64.b64encode(content).decode()}"


@pytest.mark.parametrize("content", LEFT.values(), ids=LEFT)
def test_a_state_that_cannot_be_read_is_damaged_and_the_rest_of_the_host_is_known(content: bytes) -> None:
    seen = parse(f"installed yes\n{as_printed(content)}\nkey {KEY}")
    assert (seen.state, seen.damaged, seen.damaged_state) == (None, (PATH,), PATH)
    assert seen.installed and seen.key == KEY


@pytest.mark.parametrize(
    "fields",
    [
        {"height": "-1"},
        {"height": 1.5},
        {"height": True},
        {"height": "1_0"},
        {"round": 2**31},
        {"step": 4},
        {"step": -1},
    ],
    ids=str,
)
def test_a_number_that_tmkms_never_writes_is_no_state(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a signing state"):
        parse_state(json.dumps({"height": "7", "round": "0", "step": 2} | fields))


def test_other_files_that_cannot_be_read_are_damaged_too() -> None:
    seen = parse("key \nrecorded gdWI\ngate-generation 1x")
    assert (seen.key, seen.recorded, seen.gate.generation) == (None, None, None)
    assert seen.damaged == (CONSENSUS_KEY, CONSENSUS_PUBLIC, gate_config.CONFIG)
    assert seen.key_damaged and seen.damaged_state is None
    assert parse("") == SignerObservation() and not SignerObservation().key_damaged


@pytest.mark.slow
@pytest.mark.parametrize("content", LEFT.values(), ids=LEFT)
def test_a_host_is_observed_whatever_its_files_hold(content: bytes, west: SignerHost) -> None:
    signing(west)
    whole = west.observe()
    for path in (STATE_FILE, CONSENSUS_KEY, CONSENSUS_PUBLIC):
        kept = west.file(path).read_bytes()
        west.file(path).write_bytes(content)
        seen = west.observe()
        assert seen.damaged == (path.replace(STATE_FILE, PATH),)
        assert seen.provisioned and seen.key_file == whole.key_file
        west.file(path).write_bytes(kept)
    assert west.observe() == whole and whole.damaged == ()
    west.file("/etc/tmkms/tmkms.toml").write_bytes(content)
    assert west.observe().key_file is None


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", bytes(8), b'{"height":"3'], ids=["no bytes", "zeros", "half a line"])
def test_raising_replaces_a_damaged_state_and_keeps_it_beside(content: bytes, west: SignerHost) -> None:
    signing(west)
    public = west.observe().key
    assert public
    west.done(scripts.halt())
    for directory in ("etc/signing-gate", "var/lib/signing-gate"):
        (west.root / directory).mkdir(parents=True, exist_ok=True)
    west.file(STATE_FILE).write_bytes(content)
    script = scripts.raise_floor(STATE_FILE, CHAIN, public, 40).replace("/usr/bin/signing-gate seed", "true")
    west.done(script)
    assert west.observe().state == parse_state(spent_state(40))
    assert west.file(f"{STATE_FILE}.damaged").read_bytes() == content


@pytest.mark.slow
@pytest.mark.parametrize("height", ["41", "9" * 40])
def test_a_height_in_what_is_left_of_a_state_is_never_signed_again(height: str, west: SignerHost) -> None:
    signing(west)
    west.done(scripts.halt())
    left = f'{{"height":"{height}","rou'
    west.file(STATE_FILE).write_text(left)
    script = scripts.raise_floor(STATE_FILE, CHAIN, KEY, 40).replace("/usr/bin/signing-gate seed", "true")
    refused = west.run(script)
    assert refused.returncode == 1 and f"tmkms signed height {height}" in refused.stderr
    assert west.file(STATE_FILE).read_text() == left


@pytest.mark.slow
def test_an_empty_state_is_not_replaced_by_one_that_comes_with_a_key(west: SignerHost, east: SignerHost) -> None:
    signing(west)
    public = west.observe().key
    sealed(west, east)
    assert public
    east.done(scripts.halt())
    east.file(STATE_FILE).write_bytes(b"")
    east.done(scripts.unseal(STATE_FILE, public, keep_state=True))
    seen = east.observe()
    assert seen.key == public and seen.damaged_state == PATH


def pair(**west: object) -> GatedWorld:
    """Two sites that sign with the key, at height 100, and one that is to. `west` is stopped, and differs in this."""
    world = gated("west", "east", "north")
    raw = base64.b64decode(KEY)
    floor = Floor(CHAIN, raw, Position(100, 0, 3))
    for name in ("west", "east"):
        here, runs = world.signers.hosts[name], name == "east"
        gate = replace(here.gate, floor=floor, active=runs, enabled=runs, processes=int(runs))
        world.signers.hosts[name] = replace(
            here,
            key=KEY,
            recorded=KEY,
            state=SignedState(height=100, round=0, step=2),
            active=runs,
            enabled=runs,
            processes=int(runs),
            gate=gate,
        )
    there = world.signers.hosts["west"]
    gate_fields = west.pop("gate", {})
    assert isinstance(gate_fields, dict)
    world.signers.hosts["west"] = replace(there, gate=replace(there.gate, **gate_fields), **west)
    world.table.row = Head(1, Position(100, 0, 3), (("east", ""), ("west", "")))
    return world


def ceremonies(world: GatedWorld, tmp_path: Path) -> GateCeremonies:
    return GateCeremonies(
        signers=world.signers,
        chain=world,
        table=world.table,
        declared=Declared(gates=frozenset(world.signers.hosts), generation=1),
        transcript=Transcript(tmp_path / "log"),
        pace=Pace(sleep=lambda _: world.step(), clock=itertools.count().__next__),
    )


DAMAGED = {"state": None, "damaged": (PATH,)}


def test_the_status_names_host_and_file_and_the_ceremony_that_mends_it(tmp_path: Path) -> None:
    (problem,) = ceremonies(pair(**DAMAGED), tmp_path).status().problems
    assert problem.startswith(f"west: {PATH} is damaged") and "bin/estate key join" in problem
    alone = FakeSigners(hosts={"west": replace(estate().hosts["west"], **DAMAGED)})
    (problem,) = key_ceremonies.status(alone).problems
    assert problem.startswith(f"west: {PATH} is damaged") and "restore it" in problem


@pytest.mark.parametrize("fields", [DAMAGED, {"key": None, "damaged": (CONSENSUS_KEY,)}], ids=["state", "key"])
def test_another_site_joins_beside_a_damaged_one(fields: dict[str, object], tmp_path: Path) -> None:
    world = pair(**fields)
    ceremonies(world, tmp_path).join("north")
    assert world.signers.hosts["north"].gate.runs and world.signers.hosts["west"].damaged == fields["damaged"]


@pytest.mark.parametrize("gate", [{}, {"floor": None, "damaged": True}], ids=["watermark whole", "watermark damaged"])
def test_joining_writes_a_damaged_state_above_the_table_and_the_watermark(
    gate: dict[str, object], tmp_path: Path
) -> None:
    world = pair(**DAMAGED, gate=gate)
    steps = [each.step for each in ceremonies(world, tmp_path).join("west")]
    assert Step.RAISE in steps and Step.UNSEAL not in steps
    here = world.signers.hosts["west"]
    assert here.state and here.gate.floor and here.runs
    assert here.state.position == here.gate.floor.position == spent(here.state.height) > Position(100, 0, 3)


def test_a_key_that_cannot_be_read_is_neither_replaced_nor_believed_absent(tmp_path: Path) -> None:
    world = pair(key=None, damaged=(CONSENSUS_KEY,))
    with pytest.raises(Refused, match=f"west: {CONSENSUS_KEY} is damaged"):
        ceremonies(world, tmp_path).join("west")
    assert custody.holders(world.signers.hosts) == ("east", "west")
    assert [each for each in ceremonies(world, tmp_path).status().problems if CONSENSUS_KEY in each]


def test_a_table_is_not_renewed_over_a_gate_whose_generation_cannot_be_read(tmp_path: Path) -> None:
    world = pair(gate={"generation": None}, damaged=(gate_config.CONFIG,))
    with pytest.raises(Refused, match=f"west: {gate_config.CONFIG} is damaged"):
        ceremonies(world, tmp_path).renew_table(second_operator="bo")


def moving(signers: FakeSigners) -> Step:
    situation = Situation(signers=signers.hosts, target="east", sealed=None, chain=None, custody_declared=False)
    return custody.following(situation).step


@pytest.mark.parametrize(
    ("host", "fields", "says"),
    [
        ("west", DAMAGED | {"active": False, "processes": 0, "masked": True}, "a damaged signing state"),
        ("east", DAMAGED, f"east: {PATH} is damaged"),
        ("east-spare", {"damaged": (CONSENSUS_KEY,)}, f"east-spare: {CONSENSUS_KEY} is damaged"),
    ],
    ids=["the old host's state", "the new host's state", "a key elsewhere"],
)
def test_a_key_does_not_move_over_what_cannot_be_read(host: str, fields: dict[str, object], says: str) -> None:
    signers = estate()
    assert moving(signers) is Step.HALT
    signers.hosts[host] = replace(signers.hosts[host], **fields)
    with pytest.raises(Refused, match=says):
        moving(signers)
    signers = estate()
    signers.hosts["west-spare"] = replace(signers.hosts["west-spare"], **DAMAGED)
    assert moving(signers) is Step.HALT, "a host that has no part in it"


@pytest.mark.parametrize("path", [CONSENSUS_KEY, CONSENSUS_PUBLIC, PATH])
def test_no_first_key_is_made_over_a_damaged_file(path: str) -> None:
    fresh = {"west": SignerObservation(provisioned=True), "east": SignerObservation(provisioned=True)}
    may_generate(fresh, "west")
    with pytest.raises(Refused, match=f"west: {path} is damaged"):
        may_generate(fresh | {"west": replace(fresh["west"], damaged=(path,))}, "west")


def test_retiring_destroys_what_is_left_of_a_key(tmp_path: Path) -> None:
    world = pair(key=None, damaged=(CONSENSUS_KEY,))
    situation = ceremonies(world, tmp_path).status().situation
    still = {
        name: replace(
            each,
            masked=True,
            active=False,
            processes=0,
            gate=replace(each.gate, masked=True, active=False, processes=0),
        )
        for name, each in situation.signers.items()
    }
    assert situation.row
    closed = replace(
        situation,
        signers=still | {"east": replace(still["east"], key=None)},
        row=replace(situation.row, position=CLOSED),
    )
    assert gates.retiring(closed, ConsensusKey.from_base64(KEY).address) == custody.Next(step=Step.DESTROY, host="west")
