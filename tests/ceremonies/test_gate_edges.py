"""The decisions about a key that several sites sign with, at their edges: what is due, what is wrong, what is next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ceremonies import gates
from ceremonies.custody import MARGIN_BLOCKS, ChainView, Next, Refused, Sealed, Step
from ceremonies.gates import Declared, Situation
from ceremonies.observation import GateObservation, SignedState, SignerObservation
from ceremonies.public_key import ConsensusKey
from configuration.signer_config import CONSENSUS_KEY
from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, spent
from coordinator.decision.records import Head
from coordinator.floor import Floor
from coordinator.table.items import CLOSED
from tests.ceremonies.key_hosts import CHAIN, KEY, OTHER_KEY, READY

RAW = ConsensusKey.from_base64(KEY).raw
ADDRESS = ConsensusKey.from_base64(KEY).address
AT = Position(100, 0, 3)
STATE = SignedState(height=100, round=0, step=2)
GATE = GateObservation(provisioned=True, generation=1)
DEPLOYED = replace(READY, key_file=CONSENSUS_KEY, gate=GATE)
FLOOR = Floor(CHAIN, RAW, AT)
SIGNS = replace(
    DEPLOYED,
    key=KEY,
    recorded=KEY,
    state=STATE,
    active=True,
    processes=1,
    gate=replace(GATE, active=True, processes=1, floor=FLOOR),
)
STILL = replace(SIGNS, active=False, processes=0, masked=True, gate=replace(GATE, masked=True, floor=FLOOR))
ROW = Head(1, AT, (("ash", "a"), ("zrh", "z")))


def gate(of: SignerObservation, **changed: object) -> SignerObservation:
    return replace(of, gate=replace(of.gate, **changed))


def seen(
    ash: SignerObservation = SIGNS,
    zrh: SignerObservation = SIGNS,
    row: Head | None = ROW,
    *,
    sealed: Sealed | None = None,
    declared: tuple[str, ...] = ("ash", "zrh"),
    generation: int = 1,
    **more: SignerObservation,
) -> Situation:
    return Situation(
        signers={"ash": ash, "zrh": zrh, **more},
        declared=Declared(gates=frozenset(declared), generation=generation),
        row=row,
        chain=None,
        sealed={"zrh": sealed} if sealed else {},
    )


SEED, JOIN = Next(step=Step.SEED, host="ash"), Next(step=Step.ADMIT, host="zrh")
FRESH = gate(STILL, floor=replace(FLOOR, position=spent(150)))
ONLY_ASH = Head(1, spent(150), (("ash", ""),))
DUE: dict[str, tuple[Situation, Next | None]] = {
    "all sign": (seen(), None),
    "a new key": (seen(gate(SIGNS, floor=None), DEPLOYED, None), SEED),
    "a new key with the watermark of a ceremony": (seen(FRESH, DEPLOYED, None), SEED),
    "a key that has signed and lost its table": (seen(SIGNS, DEPLOYED, None), None),
    "a key with a damaged watermark and no table": (seen(gate(SIGNS, floor=None, damaged=True), DEPLOYED, None), None),
    "two that hold a new key": (seen(gate(SIGNS, floor=None), gate(SIGNS, floor=None), None), None),
    "a new key at a host that is not declared": (
        seen(DEPLOYED, DEPLOYED, None, fra=gate(SIGNS, floor=None)),
        None,
    ),
    "a start that was killed after its row": (seen(FRESH, DEPLOYED, ONLY_ASH), SEED),
    "the same with the signer alone masked": (seen(gate(FRESH, masked=False), DEPLOYED, ONLY_ASH), SEED),
    "the same with the gate alone masked": (seen(replace(FRESH, masked=False), DEPLOYED, ONLY_ASH), SEED),
    "the same with nothing masked": (seen(gate(replace(FRESH, masked=False), masked=False), DEPLOYED, ONLY_ASH), None),
    "a row that admits another": (seen(FRESH, DEPLOYED, replace(ONLY_ASH, gates=(("zrh", ""),))), None),
    "a row that admits two": (seen(FRESH, DEPLOYED, replace(ROW, position=spent(150))), None),
    "a row of another generation": (seen(FRESH, DEPLOYED, replace(ONLY_ASH, generation=2)), None),
    "a closed row": (seen(FRESH, DEPLOYED, Head(1, CLOSED, (("ash", ""),))), None),
    "a site without the key": (seen(zrh=DEPLOYED), JOIN),
    "a site that is not admitted": (seen(row=replace(ROW, gates=(("ash", "a"),))), JOIN),
    "a site whose signer is masked": (seen(zrh=replace(SIGNS, masked=True)), JOIN),
    "a site whose gate is masked": (seen(zrh=gate(SIGNS, masked=True)), JOIN),
    "a site without a watermark": (seen(zrh=gate(SIGNS, floor=None)), JOIN),
    "nobody signs": (seen(STILL, STILL), None),
    "another generation is declared": (seen(zrh=DEPLOYED, generation=2), None),
    "a closed table": (seen(zrh=DEPLOYED, row=Head(1, CLOSED, ())), None),
}


@pytest.mark.parametrize("case", DUE)
def test_what_is_due(case: str) -> None:
    situation, step = DUE[case]
    assert gates.due(situation) == step


HALTED = gate(SIGNS, floor=replace(FLOOR, halted=Cause.ROW_TAKEN))
PROBLEMS: dict[str, tuple[Situation, list[str]]] = {
    "none": (seen(), []),
    "a key where it is not declared": (
        seen(fra=SIGNS),
        ["fra holds the consensus key and is not declared", "fra holds the key and is not admitted"],
    ),
    "a gate that is gone": (
        seen(row=replace(ROW, gates=(*ROW.gates, ("gone", "")))),
        ["the table admits gone, which is no signer of this network"],
    ),
    "an admitted site without a key": (
        seen(fra=DEPLOYED, row=replace(ROW, gates=(*ROW.gates, ("fra", "")))),
        ["the table admits fra, which holds no key"],
    ),
    "a halt": (seen(zrh=HALTED), ["zrh halted because of row-taken"]),
    "a damaged watermark": (
        seen(gate(STILL, damaged=True, floor=None), STILL),
        ["ash: its watermark file is damaged", "ash holds the key and is masked", "zrh holds the key and is masked"],
    ),
    "a lost watermark": (
        seen(gate(SIGNS, active=False, processes=0, floor=None), gate(SIGNS, active=False, processes=0)),
        ["ash holds the key and has no watermark file"],
    ),
    "a table below a watermark": (
        seen(row=replace(ROW, position=Position(99, 0, 3))),
        ["the table is at", "the table is at"],
    ),
    "a lost table": (seen(row=None), ["the table has no row for this key"]),
    "no table for a new key": (seen(gate(SIGNS, floor=None), DEPLOYED, None), []),
    "another generation": (seen(generation=2), ["the table is at generation 1, the declaration at 2"]),
    "another generation, closed": (
        seen(STILL, STILL, Head(1, CLOSED, ()), generation=2),
        [
            "ash holds the key and is masked",
            "ash holds the key and is not admitted",
            "zrh holds the key and is masked",
            "zrh holds the key and is not admitted",
        ],
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_wrong(case: str) -> None:
    situation, said = PROBLEMS[case]
    found = gates.problems(situation)
    assert len(found) == len(said) and all(map(str.startswith, found, said)), found


@pytest.mark.parametrize("masked", ["signer", "gate"])
def test_one_masked_half_of_a_site_is_a_problem_once_nobody_signs(masked: str) -> None:
    stopped = gate(replace(SIGNS, active=False, processes=0), active=False, processes=0)
    half = replace(stopped, masked=True) if masked == "signer" else gate(stopped, masked=True)
    (problem,) = gates.problems(seen(half, stopped))
    assert problem.startswith("ash holds the key and is masked")


INVITED = replace(DEPLOYED, masked=True, invited=True, gate=replace(GATE, masked=True))
RIGHT = Sealed(key=KEY, state=STATE)
STEPS: dict[str, tuple[Situation, Next]] = {
    "a stopped host is invited": (seen(zrh=replace(INVITED, invited=False)), Next(step=Step.INVITE, host="zrh")),
    "an invited host gets the package": (seen(zrh=INVITED), Next(step=Step.SEAL, host="ash")),
    "the package is installed": (
        seen(zrh=replace(INVITED, sealed=True), sealed=RIGHT),
        Next(step=Step.UNSEAL, host="zrh"),
    ),
    "what is left of an older key is destroyed first": (
        seen(zrh=replace(INVITED, remnant=True)),
        Next(step=Step.DESTROY, host="zrh"),
    ),
    "what was left elsewhere is removed first": (
        seen(zrh=INVITED, fra=replace(READY, sealed=True)),
        Next(step=Step.TIDY, host="fra"),
    ),
    "an invitation elsewhere is removed first": (
        seen(zrh=INVITED, fra=replace(READY, invited=True)),
        Next(step=Step.TIDY, host="fra"),
    ),
    "a host that runs a standby key is stopped": (
        seen(zrh=replace(DEPLOYED, standby=True, processes=1)),
        Next(step=Step.HALT, host="zrh"),
    ),
    "a site that signs has joined": (seen(), Next(step=Step.DONE, host="zrh")),
    "a site that rests is released": (seen(zrh=STILL), Next(step=Step.RELEASE, host="zrh")),
    "a package that was opened is removed": (
        seen(zrh=replace(STILL, sealed=True)),
        Next(step=Step.TIDY, host="zrh"),
    ),
    "an admitted site above the table waits": (
        seen(zrh=gate(STILL, floor=replace(FLOOR, position=spent(150)))),
        Next(step=Step.AWAIT, host="zrh"),
    ),
    "a site at the row is admitted": (
        seen(zrh=STILL, row=replace(ROW, gates=(("ash", "a"),))),
        Next(step=Step.ADMIT, host="zrh"),
    ),
    "a site a little below the row is admitted": (
        seen(zrh=STILL, row=Head(1, Position(100 + gates.LEAD_BLOCKS, 0, 1), (("ash", "a"),))),
        Next(step=Step.ADMIT, host="zrh"),
    ),
    "a site far below the row is raised over the heights before it": (
        seen(zrh=STILL, row=Head(1, Position(101 + gates.LEAD_BLOCKS, 0, 1), (("ash", "a"),))),
        Next(step=Step.RAISE, host="zrh", height=100 + gates.LEAD_BLOCKS),
    ),
    "a gate that is gone is dismissed first": (
        seen(row=replace(ROW, gates=(*ROW.gates, ("gone", "")))),
        Next(step=Step.DISMISS, host="gone"),
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_next_step_of_a_join(case: str) -> None:
    situation, step = STEPS[case]
    assert gates.joining(situation, "zrh") == step


@pytest.mark.parametrize("runs", [{"active": True}, {"processes": 1}])
def test_no_key_comes_to_a_host_where_something_runs_without_one(runs: dict[str, object]) -> None:
    for here in (replace(DEPLOYED, **runs), gate(DEPLOYED, **runs)):
        with pytest.raises(Refused, match="zrh: something runs there without the key"):
            gates.joining(seen(zrh=here), "zrh")


def test_a_package_with_another_key_is_an_alarm() -> None:
    with pytest.raises(Refused, match="2 different consensus keys"):
        gates.joining(seen(zrh=replace(INVITED, sealed=True), sealed=replace(RIGHT, key=OTHER_KEY)), "zrh")


CLOSED_ROW = Head(1, CLOSED, ())
GONE = replace(DEPLOYED, masked=True, recorded=KEY, gate=replace(GATE, masked=True))
RETIRING: dict[str, tuple[Situation, Next]] = {
    "a holder is stopped": (seen(zrh=STILL), Next(step=Step.HALT, host="ash")),
    "a gate without a key is stopped": (
        seen(STILL, gate(GONE, masked=False, active=True), CLOSED_ROW),
        Next(step=Step.HALT, host="zrh"),
    ),
    "a half-destroyed key's host is stopped": (
        seen(STILL, replace(GONE, remnant=True, masked=False), CLOSED_ROW),
        Next(step=Step.HALT, host="zrh"),
    ),
    "an admitted host is stopped": (seen(STILL, replace(DEPLOYED, processes=1)), Next(step=Step.HALT, host="zrh")),
    "the row is closed": (seen(STILL, STILL), Next(step=Step.CLOSE, host="ash")),
    "a missing row is made, at what was signed": (
        seen(STILL, STILL, None),
        Next(step=Step.SEED, host="ash", height=100),
    ),
    "a package is removed": (seen(replace(STILL, sealed=True), STILL, CLOSED_ROW), Next(step=Step.TIDY, host="ash")),
    "an invitation is removed": (
        seen(replace(STILL, invited=True), STILL, CLOSED_ROW),
        Next(step=Step.TIDY, host="ash"),
    ),
    "the key is destroyed": (seen(STILL, STILL, CLOSED_ROW), Next(step=Step.DESTROY, host="ash")),
    "what is left of it is destroyed": (
        seen(GONE, replace(GONE, remnant=True), CLOSED_ROW),
        Next(step=Step.DESTROY, host="zrh"),
    ),
    "nothing is left": (seen(GONE, GONE, CLOSED_ROW), Next(step=Step.DONE, host="ash")),
}


@pytest.mark.parametrize("case", RETIRING)
def test_the_next_step_of_a_retirement(case: str) -> None:
    situation, step = RETIRING[case]
    assert gates.retiring(situation, ADDRESS) == step


HALT = gate(STILL, floor=replace(FLOOR, halted=Cause.ROW_TAKEN))
CLEARING: dict[str, tuple[Situation, Next | str]] = {
    "a running gate is stopped": (seen(zrh=HALTED), Next(step=Step.HALT, host="zrh")),
    "a stopped one is cleared": (seen(zrh=HALT), Next(step=Step.CLEAR, host="zrh")),
    "a cleared one is released": (seen(zrh=STILL), Next(step=Step.RELEASE, host="zrh")),
    "one that runs is done": (seen(), Next(step=Step.DONE, host="zrh")),
    "no key": (seen(zrh=GONE), "zrh has not the key"),
    "no watermark": (seen(zrh=gate(STILL, floor=None)), "zrh has not a readable watermark file"),
    "no admission": (seen(zrh=HALT, row=replace(ROW, gates=(("ash", "a"),))), "zrh has not its admission"),
    "a lower table": (seen(zrh=HALT, row=replace(ROW, position=Position(99, 0, 3))), "a halt is not cleared over that"),
}


@pytest.mark.parametrize("case", CLEARING)
def test_the_next_step_of_clearing_a_halt(case: str) -> None:
    situation, expected = CLEARING[case]
    if isinstance(expected, Next):
        assert gates.clearing(situation, "zrh", Cause.ROW_TAKEN) == expected
    else:
        with pytest.raises(Refused, match=expected):
            gates.clearing(situation, "zrh", Cause.ROW_TAKEN)


ZRH_ONLY = Head(1, AT, (("zrh", "z"),))


def leaving(ash: SignerObservation, row: Head = ZRH_ONLY, head: int | None = None) -> Situation:
    situation = seen(ash, SIGNS, row, declared=("zrh",))
    return situation if head is None else replace(situation, chain=ChainView(head=head))


MOVING: dict[str, tuple[Situation, Next]] = {
    "who leaves is stopped": (leaving(SIGNS, ROW), Next(step=Step.HALT, host="ash")),
    "the chain is not past its last signature": (
        leaving(STILL, ROW, 100 + MARGIN_BLOCKS - 1),
        Next(step=Step.WAIT, host="ash"),
    ),
    "it is dismissed before its key is destroyed": (
        leaving(STILL, ROW, 100 + MARGIN_BLOCKS),
        Next(step=Step.DISMISS, host="ash"),
    ),
    "it is dismissed though it has no key": (leaving(GONE, ROW), Next(step=Step.DISMISS, host="ash")),
    "its key is destroyed": (leaving(STILL, head=100 + MARGIN_BLOCKS), Next(step=Step.DESTROY, host="ash")),
    "what is left of its key is destroyed": (leaving(replace(GONE, remnant=True)), Next(step=Step.DESTROY, host="ash")),
    "an invitation of it is removed": (leaving(replace(GONE, invited=True)), Next(step=Step.TIDY, host="ash")),
    "a package of it is removed": (leaving(replace(GONE, sealed=True)), Next(step=Step.TIDY, host="ash")),
    "nothing is left of it": (leaving(GONE), Next(step=Step.DONE, host="zrh")),
}


@pytest.mark.parametrize("case", MOVING)
def test_the_next_step_of_a_move(case: str) -> None:
    situation, step = MOVING[case]
    assert gates.moving(situation, "ash", "zrh") == step


def test_a_key_leaves_no_host_while_the_chain_does_not_answer() -> None:
    with pytest.raises(Refused, match="the chain did not answer"):
        gates.moving(leaving(STILL), "ash", "zrh")
