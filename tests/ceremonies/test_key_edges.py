"""The ceremonies of a key that one site signs with, at their edges; how any ceremony is carried out and recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from ceremonies import key_ceremonies
from ceremonies.custody import (
    MARGIN_BLOCKS,
    ChainView,
    Next,
    Refused,
    Sealed,
    Situation,
    Step,
    following,
    holders,
    may_generate,
    public_key,
)
from ceremonies.observation import SignedState, SignerObservation
from ceremonies.public_key import ConsensusKey
from ceremonies.steps import POLL_SECONDS, Pace, Transcript, carry_out
from configuration.signer_config import CONSENSUS_KEY
from tests.ceremonies.key_hosts import KEY, LAST_SIGNED, OTHER_KEY, READY, FakeChain, FakeSigners, estate

HALTED = replace(READY, key=KEY, recorded=KEY, state=LAST_SIGNED, masked=True)
PACKED = Sealed(key=KEY, state=LAST_SIGNED)


def situation(
    hosts: dict[str, SignerObservation],
    *,
    target: str = "east",
    sealed: Sealed | None = None,
    chain: ChainView | None = None,
    declared: bool = False,
) -> Situation:
    return Situation(signers=hosts, target=target, sealed=sealed, chain=chain, custody_declared=declared)


def past(blocks: int = MARGIN_BLOCKS, *signed: int) -> ChainView:
    return ChainView(head=LAST_SIGNED.height + blocks, signed_since=signed)


DECISIONS: dict[str, tuple[Situation, Next]] = {
    "a signer that only runs is halted": (
        situation({"west": replace(HALTED, masked=False), "east": READY}),
        Next(step=Step.HALT, host="west"),
    ),
    "a masked signer that still runs is halted": (
        situation({"west": replace(HALTED, processes=1), "east": READY}),
        Next(step=Step.HALT, host="west"),
    ),
    "one block before the margin is waited for": (
        situation({"west": HALTED, "east": READY}, chain=past(MARGIN_BLOCKS - 1)),
        Next(step=Step.WAIT, host="west"),
    ),
    "at the margin the key is invited": (
        situation({"west": HALTED, "east": READY}, chain=past()),
        Next(step=Step.INVITE, host="east"),
    ),
    "an invited key is sealed": (
        situation({"west": HALTED, "east": replace(READY, invited=True)}, chain=past()),
        Next(step=Step.SEAL, host="west"),
    ),
    "a package with another key is sealed again": (
        situation(
            {"west": replace(HALTED, recorded=None, key=OTHER_KEY), "east": replace(READY, invited=True, sealed=True)},
            chain=past(),
            sealed=Sealed(key=OTHER_KEY, state=replace(LAST_SIGNED, step=1)),
        ),
        Next(step=Step.SEAL, host="west"),
    ),
    "the right package lets the key be destroyed": (
        situation({"west": HALTED, "east": replace(READY, invited=True, sealed=True)}, chain=past(), sealed=PACKED),
        Next(step=Step.DESTROY, host="west"),
    ),
    "what another host was invited for is removed first": (
        situation({"west": HALTED, "east": READY, "spare": replace(READY, invited=True)}, chain=past()),
        Next(step=Step.TIDY, host="spare"),
    ),
    "a package at another host is removed first, before anything is halted": (
        situation({"west": replace(HALTED, masked=False), "east": READY, "spare": replace(READY, sealed=True)}),
        Next(step=Step.TIDY, host="spare"),
    ),
    "what is left of a destroyed key is destroyed before it is installed": (
        situation(
            {"west": replace(HALTED, key=None, remnant=True), "east": replace(READY, invited=True, sealed=True)},
            sealed=PACKED,
        ),
        Next(step=Step.DESTROY, host="west"),
    ),
    "a destroyed key is installed": (
        situation(
            {"west": replace(HALTED, key=None), "east": replace(READY, invited=True, sealed=True)}, sealed=PACKED
        ),
        Next(step=Step.UNSEAL, host="east"),
    ),
    "a state as high as the package's is no obstacle": (
        situation({"west": READY, "east": replace(READY, invited=True, sealed=True, state=LAST_SIGNED)}, sealed=PACKED),
        Next(step=Step.UNSEAL, host="east"),
    ),
    "a package is removed once the key has arrived": (
        situation({"east": replace(HALTED, sealed=True), "west": READY}, declared=True),
        Next(step=Step.TIDY, host="east"),
    ),
    "an invitation elsewhere is removed once the key has arrived": (
        situation({"east": HALTED, "west": replace(READY, invited=True)}, declared=True),
        Next(step=Step.TIDY, host="west"),
    ),
    "a halted signer with the custody is started again": (
        situation({"east": HALTED, "west": READY}, declared=True),
        Next(step=Step.RELEASE, host="east"),
    ),
    "without the custody nothing is started": (
        situation({"east": HALTED, "west": READY}),
        Next(step=Step.DONE, host="east"),
    ),
    "a signer that is not masked is left as it is": (
        situation({"east": replace(HALTED, masked=False), "west": READY}, declared=True),
        Next(step=Step.DONE, host="east"),
    ),
}


@pytest.mark.parametrize("case", DECISIONS)
def test_the_next_step(case: str) -> None:
    given, step = DECISIONS[case]
    assert following(given) == step


REFUSALS: dict[str, tuple[Situation, str]] = {
    "nothing to move": (
        situation({"west": READY, "east": READY}),
        "east has no package for it; there is nothing to move; restore it from its backup",
    ),
    "a package that does not open": (
        situation({"west": READY, "east": replace(READY, sealed=True)}),
        "east has a package that it cannot open",
    ),
    "a package elsewhere": (
        situation({"west": replace(READY, sealed=True), "east": READY, "spare": replace(READY, sealed=True)}),
        "a package for it is at spare, west: move it there first",
    ),
    "the record of another key": (
        situation({"west": HALTED, "east": replace(READY, recorded=OTHER_KEY)}),
        "got 2 different consensus keys",
    ),
    "a package with another key": (
        situation({"west": HALTED, "east": READY}, sealed=Sealed(key=OTHER_KEY, state=LAST_SIGNED)),
        "got 2 different consensus keys",
    ),
    "signatures since": (
        situation({"west": HALTED, "east": READY}, chain=past(MARGIN_BLOCKS, 101)),
        "signatures of our key at heights 101, after west last signed 100",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_refused(case: str) -> None:
    given, text = REFUSALS[case]
    with pytest.raises(Refused) as refused:
        following(given)
    assert text in str(refused.value)


def test_the_holders_are_in_order_and_the_key_is_that_of_any_host_or_record() -> None:
    assert holders({"b": HALTED, "c": READY, "a": HALTED}) == ("a", "b")
    assert public_key({"a": READY}) is None
    found = public_key({"a": READY, "b": replace(READY, recorded=KEY)})
    assert isinstance(found, ConsensusKey) and found.base64 == KEY


@pytest.mark.parametrize("left", [{"sealed": True}, {"invited": True}])
def test_no_key_is_made_beside_what_is_left_of_a_move(left: dict[str, bool]) -> None:
    with pytest.raises(Refused, match="east: a move of the key to it has begun"):
        may_generate({"west": READY, "east": replace(READY, **left)}, "west")
    may_generate({"west": READY, "east": replace(READY, provisioned=False)}, "west")
    with pytest.raises(Refused, match="west: tmkms is not set up there"):
        may_generate({"west": replace(READY, provisioned=False)}, "west")


def test_status_lists_every_leftover_and_whether_the_key_can_be_used() -> None:
    signers = estate()
    running = signers.hosts["west"]
    for found, said in (
        ({"west": replace(running, masked=True)}, ["west holds the key and is masked"]),
        ({"east": replace(READY, sealed=True)}, ["east: what a key move needs is still there"]),
        ({"east": replace(READY, invited=True)}, ["east: what a key move needs is still there"]),
        ({"east": replace(READY, remnant=True)}, ["east: a key is being destroyed there"]),
        ({"west": replace(running, state=None)}, ["west: the key has no signing state"]),
        ({"east": replace(READY, state=None)}, []),
        (
            {"east": replace(READY, invited=True, remnant=True), "east-spare": replace(READY, sealed=True)},
            ["east: what a key move", "east: a key is being", "east-spare: what a key move"],
        ),
    ):
        problems = key_ceremonies.status(FakeSigners(hosts=signers.hosts | found)).problems
        assert len(problems) == len(said) and all(map(str.startswith, problems, said)), problems
    status = key_ceremonies.status(
        FakeSigners(hosts=signers.hosts | {"west": replace(running, processes=0, active=False)})
    )
    assert (status.holders, status.signing, status.problems) == (("west",), (), ())
    assert status.key and status.key.base64 == KEY and set(status.signers) == set(signers.hosts)


def test_a_key_that_signs_through_a_gate_is_made_and_not_started(tmp_path: Path) -> None:
    ready = replace(READY, key_file=CONSENSUS_KEY)
    for start in (True, False):
        signers = FakeSigners(hosts={"west": ready, "east": READY})
        transcript = Transcript(tmp_path / f"{start}" / "deep" / "record")
        made = key_ceremonies.generate(signers, target="west", transcript=transcript, start=start)
        assert signers.hosts["west"].runs is start
        first, last = map(json.loads, transcript.file.read_text().splitlines())
        assert {name: first[name] for name in ("ceremony", "host", "step")} == {
            "ceremony": "generate",
            "host": "west",
            "step": "generate the key",
        }
        assert {name: last[name] for name in last if name != "time"} == {
            "ceremony": "generate",
            "host": "west",
            "step": "done",
            "public_key": KEY,
            "address": made.address,
            "started": start,
        }


@pytest.mark.parametrize(
    ("after", "reason"), [(None, "no host holds one; only west must"), ("east", "east, west holds one; only west must")]
)
def test_a_key_that_is_not_where_it_was_made_is_not_started(after: str | None, reason: str, tmp_path: Path) -> None:
    class Faulty(FakeSigners):
        def generate(self, name: str) -> None:
            if after:
                super().generate(name)
                super().generate(after)

    signers = Faulty(hosts={"west": replace(READY, key_file=CONSENSUS_KEY), "east": READY})
    with pytest.raises(Refused, match=reason):
        key_ceremonies.generate(signers, target="west", transcript=Transcript(tmp_path / "record"))
    assert not signers.hosts["west"].runs


def test_the_chain_is_asked_only_about_a_halted_key_and_above_its_last_signature(tmp_path: Path) -> None:
    asked = []

    class Asked(FakeChain):
        def view(self, address: str, above: int) -> ChainView | None:
            asked.append((address, above))
            return super().view(address, above)

    signers = estate()
    key_ceremonies.move(
        signers,
        Asked(),
        target="east",
        custody_declared=True,
        transcript=Transcript(tmp_path / "record"),
        pace=Pace(sleep=lambda _: None),
    )
    assert set(asked) == {(ConsensusKey.from_base64(KEY).address, LAST_SIGNED.height)}
    assert signers.hosts["east"].signs_consensus is False, "its key file is not the consensus key's yet"
    assert not signers.hosts["east"].masked


@dataclass
class Carried:
    """A ceremony with these decisions in turn, in a time of its own."""

    decisions: list[Next | Refused]
    fails: Exception | None = None
    now: float = 0.0
    acted: list[Next] = field(default_factory=list)
    written: list[dict[str, object]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def decide(self, seen: object) -> Next:
        found = self.decisions.pop(0) if len(self.decisions) > 1 else self.decisions[0]
        if isinstance(found, Refused):
            raise found
        return found

    def act(self, step: Next, seen: object) -> None:
        self.acted.append(step)
        if self.fails:
            raise self.fails

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def run(self, wait_seconds: float = 10, observe: Callable[[], object] = object) -> tuple[Next, ...]:
        pace = Pace(wait_seconds=wait_seconds, progress=self.said.append, sleep=self.sleep, clock=lambda: self.now)
        return carry_out(observe, self.decide, self.act, lambda **entry: self.written.append(entry), pace)


HALT, WAIT, DONE = (Next(step=step, host="west") for step in (Step.HALT, Step.WAIT, Step.DONE))
RAISE = Next(step=Step.RAISE, host="east", height=7)


def test_each_step_is_told_recorded_and_done_and_then_the_end_is_recorded() -> None:
    carried = Carried([HALT, WAIT, RAISE, DONE])
    assert carried.run() == (HALT, RAISE)
    assert carried.acted == [HALT, RAISE] and carried.slept == [POLL_SECONDS]
    assert carried.said == [f"{each.host}: {each.step}" for each in (HALT, WAIT, RAISE)]
    assert carried.written == [
        {"host": "west", "step": str(Step.HALT)},
        {"host": "east", "step": str(Step.RAISE), "height": 7},
        {"step": "done"},
    ]


def test_a_refusal_is_recorded_and_ends_it() -> None:
    carried = Carried([HALT, Refused("not safe")])
    with pytest.raises(Refused, match="not safe"):
        carried.run()
    assert carried.written[1:] == [{"refused": "not safe"}] and carried.acted == [HALT]


def test_a_failure_is_recorded_and_ends_it() -> None:
    carried = Carried([HALT], fails=OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        carried.run()
    assert carried.written == [{"host": "west", "step": str(Step.HALT)}, {"failed": "gone"}]

    def unseen() -> object:
        raise OSError("silent")

    carried = Carried([HALT])
    with pytest.raises(OSError, match="silent"):
        carried.run(observe=unseen)
    assert carried.written == [{"failed": "silent"}] and carried.acted == []


def test_a_refusal_of_an_act_is_not_recorded_as_a_failure() -> None:
    carried = Carried([HALT], fails=Refused("not now"))
    with pytest.raises(Refused, match="not now"):
        carried.run()
    assert carried.written == [{"host": "west", "step": str(Step.HALT)}]


def test_the_chain_is_waited_for_until_the_time_is_over_and_not_beyond() -> None:
    carried = Carried([WAIT])
    with pytest.raises(Refused, match="did not go past our last signature in 10 s"):
        carried.run(wait_seconds=10)
    assert carried.slept == [POLL_SECONDS] * 6, "at the end of the time it is looked at once more"
    assert carried.acted == []
    carried = Carried([Next(step=Step.AWAIT, host="west")])
    with pytest.raises(Refused, match="the table did not go past the new gate's watermark.*in 1 s"):
        carried.run(wait_seconds=1)


def test_a_step_without_effect_is_done_three_times_and_then_a_person_is_called() -> None:
    carried = Carried([HALT])
    with pytest.raises(Refused, match="west: this step was done three times without effect"):
        carried.run()
    assert carried.acted == [HALT] * 3
    other = replace(HALT, host="east")
    carried = Carried([HALT, other, HALT, other, HALT, other, DONE])
    assert len(carried.run()) == 6, "each host by itself"


def test_a_signed_state_is_ordered_by_height_round_and_step() -> None:
    states = [SignedState(height=h, round=r, step=s) for h in (1, 2) for r in (0, 1) for s in (0, 1, 2)]
    assert all(low < high for low, high in pairwise(states))
