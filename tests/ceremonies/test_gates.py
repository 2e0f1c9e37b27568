"""A key that several sites sign with is started, shared, moved, and its table replaced, only when it is safe."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from ceremonies import key_ceremonies
from ceremonies.chain_rpc import Lock
from ceremonies.custody import MARGIN_BLOCKS, ChainView, Refused, Step
from ceremonies.gate_ceremonies import GateCeremonies
from ceremonies.gates import Declared
from ceremonies.observation import GateObservation, SignedState, SignerObservation
from ceremonies.public_key import ConsensusKey
from ceremonies.row import NotDone
from ceremonies.steps import Pace, Transcript
from configuration.signer_config import STANDBY_KEY
from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, spent
from coordinator.decision.records import Claim, Head
from coordinator.floor import Floor
from coordinator.privval.canonical import vote_bytes
from coordinator.privval.votes import NIL, PRECOMMIT, BlockId, Vote
from coordinator.table.items import CLOSED
from tests.ceremonies.key_hosts import KEY, LAST_SIGNED, OTHER_KEY, READY, FakeSigners, GatedWorld, Killed, gated

ADDRESS = ConsensusKey.from_base64(KEY).address
Act = Callable[[GateCeremonies], object]


@pytest.fixture
def transcript(tmp_path: Path) -> Transcript:
    return Transcript(tmp_path / "transcript.jsonl")


class Site:
    """A world with the ceremonies that act on it, and what is declared of it."""

    def __init__(self, world: GatedWorld, transcript: Transcript, *gates: str, generation: int = 1) -> None:
        self.world, self.transcript = world, transcript
        self.declared = Declared(gates=frozenset(gates or ("ash", "zrh")), generation=generation)
        self.allowed = 2
        self.head_at_row = 0

    @property
    def ceremonies(self) -> GateCeremonies:
        ticks = iter(range(0, 1_000_000, 5))
        return GateCeremonies(
            signers=self.world.signers,
            chain=self.world,
            table=self.world.table,
            declared=self.declared,
            transcript=self.transcript,
            pace=Pace(sleep=lambda seconds: self.world.step(), clock=lambda: float(next(ticks)), progress=self._saw),
        )

    def _saw(self, what: str) -> None:
        if what.endswith((str(Step.SEED), str(Step.RENEW))):
            self.head_at_row = self.world.head

    def host(self, name: str, gate: dict[str, object] | None = None, **fields: object) -> None:
        here = self.world.signers.hosts[name]
        self.world.signers.hosts[name] = replace(here, gate=replace(here.gate, **gate or {}), **fields)

    def generate(self) -> None:
        key_ceremonies.generate(self.world.signers, target="ash", transcript=self.transcript, start=False)

    def watch(self, fatal: int = 0, chance: random.Random | None = None) -> Callable[[], int]:
        """Check after every smallest change; be killed after the change `fatal`. How many there were."""
        count = 0

        def after(*_: object) -> None:
            nonlocal count
            count += 1
            if chance is None or chance.random() < 0.5:
                self.world.step()
            self.world.check(self.allowed)
            if count == fatal:
                raise Killed

        self.world.signers.after = self.world.table.after = after
        return lambda: count

    def unwatched(self) -> None:
        self.world.signers.after = self.world.table.after = lambda *_: None


def fresh(transcript: Transcript) -> Site:
    site = Site(gated("ash", "zrh", "fra"), transcript)
    site.generate()
    return site


def started(transcript: Transcript) -> Site:
    site = fresh(transcript)
    site.ceremonies.start("ash")
    return site


def joined(transcript: Transcript) -> Site:
    site = started(transcript)
    site.ceremonies.join("zrh")
    for _ in range(3):
        site.world.step()
    return site


def moving(transcript: Transcript) -> Site:
    site = joined(transcript)
    site.declared = Declared(gates=frozenset({"ash", "fra"}), generation=1)
    site.allowed = 3
    return site


def table_lost(transcript: Transcript) -> Site:
    site = joined(transcript)
    site.world.table.row, site.world.lost = None, True
    site.declared = replace(site.declared, generation=2)
    return site


def rolled_back(transcript: Transcript) -> Site:
    site = joined(transcript)
    row = site.world.table.row
    assert row
    site.world.table.row = replace(row, position=Position(row.position.height - 2, 0, 3))
    site.declared = replace(site.declared, generation=2)
    return site


def retiring(transcript: Transcript) -> Site:
    site = joined(transcript)
    site.world.retired = True
    return site


def halted(transcript: Transcript) -> Site:
    site = joined(transcript)
    floor = site.world.signers.hosts["zrh"].gate.floor
    assert floor
    site.host("zrh", gate={"floor": replace(floor, halted=Cause.ROW_TAKEN)})
    return site


def signs_on(site: Site, *names: str) -> bool:
    """Whether the blocks above the row are signed, by these only."""
    row = site.world.table.row
    while row and row.position != CLOSED and site.world.head < row.position.height:
        site.world.step()
    before = set(site.world.signed)
    for each in range(4):
        for name in sorted(site.world.signers.hosts, reverse=bool(each % 2)):
            site.world.sign(name, Position(site.world.head + 1, 0, 3))
        site.world.step()
    return {site.world.signed[each] for each in set(site.world.signed) - before} == set(names)


ENDS: dict[str, tuple[Callable[[Transcript], Site], Act, tuple[str, ...]]] = {
    "start": (fresh, lambda each: each.start("ash"), ("ash",)),
    "join": (started, lambda each: each.join("zrh"), ("ash", "zrh")),
    "move": (moving, lambda each: each.move("zrh", "fra"), ("ash", "fra")),
    "renew a lost table": (table_lost, lambda each: each.renew_table(second_operator="bob"), ()),
    "renew a table that went back": (rolled_back, lambda each: each.renew_table(second_operator="bob"), ()),
    "retire": (retiring, lambda each: each.retire(ADDRESS), ()),
    "clear a halt": (halted, lambda each: each.clear_halt("zrh", Cause.ROW_TAKEN), ("ash", "zrh")),
}


def deployed(site: Site) -> None:
    """What a deploy does after a table was renewed: it pins the gates and starts what is not masked."""
    for name, here in site.world.signers.hosts.items():
        if here.key and not here.masked and not here.gate.masked:
            site.host(name, gate={"generation": site.declared.generation, "active": True}, active=True, processes=1)
    site.world.lost = False


def ended(site: Site, signing: tuple[str, ...]) -> None:
    if not site.world.retired and not signing:
        assert not signs_on(site, "ash", "zrh"), "a renewed table starts nothing by itself"
        deployed(site)
        signing = ("ash", "zrh")
    assert signs_on(site, *signing)


@pytest.mark.parametrize("name", ENDS)
def test_a_ceremony_ends_with_exactly_its_sites_signing(transcript: Transcript, name: str) -> None:
    prepare, act, signing = ENDS[name]
    site = prepare(transcript)
    site.watch()
    assert act(site.ceremonies), "there was something to do"
    assert act(site.ceremonies) == (), "and nothing more"
    site.unwatched()
    ended(site, signing)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
def test_killed_after_any_change_and_called_again_it_completes_and_is_safe_throughout(
    tmp_path: Path, name: str
) -> None:
    prepare, act, signing = ENDS[name]
    site = prepare(Transcript(tmp_path / "counted"))
    changes = site.watch()
    act(site.ceremonies)
    assert changes() >= 5
    for fatal in range(1, changes() + 1):
        site = prepare(Transcript(tmp_path / "killed"))
        site.watch(fatal)
        with pytest.raises(Killed):
            act(site.ceremonies)
        site.watch()
        act(site.ceremonies)
        site.unwatched()
        ended(site, signing)


@pytest.mark.slow
def test_a_key_is_safe_whatever_is_called_and_killed_in_whatever_order(tmp_path: Path) -> None:
    done = set()
    for seed in range(150):
        chance = random.Random(seed)
        site = fresh(Transcript(tmp_path / "transcript"))
        for _ in range(chance.randrange(2, 14)):
            what, act = chance.choice(
                [
                    ("start", lambda each: each.start("ash")),
                    ("join", lambda each: each.join("ash")),
                    ("join", lambda each: each.join("zrh")),
                    ("move", lambda each: each.move("ash", "zrh")),
                    ("move", lambda each: each.move("zrh", "ash")),
                    ("renew", lambda each: each.renew_table(second_operator="bob")),
                    ("clear", lambda each: each.clear_halt("zrh", Cause.DISK)),
                ]
            )
            if what == "renew" and chance.random() < 0.7:
                if site.world.table.row and chance.random() < 0.5:
                    site.world.table.row, site.world.lost = None, True
                site.declared = replace(site.declared, generation=site.declared.generation + 1)
            if chance.random() < 0.3:
                deployed_by_chance(site, chance)
            site.watch(fatal=chance.choice([0, chance.randrange(1, 25)]), chance=chance)
            try:
                act(site.ceremonies)
                done.add(what)
            except (Killed, Refused, NotDone):
                continue
            finally:
                site.unwatched()
    assert done >= {"start", "join", "move", "renew"}


def deployed_by_chance(site: Site, chance: random.Random) -> None:
    """A deploy at any moment: it pins gates, and starts those with key, state and watermark, unless masked."""
    for name, here in site.world.signers.hosts.items():
        if chance.random() < 0.8:
            site.host(name, gate={"generation": site.declared.generation})
        if here.key and here.state and here.gate.floor and not here.masked and not here.gate.masked:
            site.host(name, gate={"active": True, "processes": 1}, active=True, processes=1)


def test_a_first_start_is_above_the_chain_and_the_table_agrees_with_the_watermark(transcript: Transcript) -> None:
    site = fresh(transcript)
    head = site.world.head
    steps = [each.step for each in site.ceremonies.start("ash")]
    assert steps == [Step.HALT, Step.RAISE, Step.SEED, Step.RELEASE]
    assert site.world.table.row and [gate for gate, _ in site.world.table.row.gates] == ["ash"]
    assert min(site.world.signed, default=spent(10**6)) > spent(head + MARGIN_BLOCKS)


def test_a_key_that_has_signed_without_a_gate_starts_above_its_last_signature(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.host("ash", state=SignedState(height=500, round=0, step=2))
    site.world.head = 499
    site.ceremonies.start("ash")
    assert site.world.table.row and site.world.table.row.position >= spent(500 + MARGIN_BLOCKS)


def test_generating_a_key_for_a_gate_starts_nothing(transcript: Transcript) -> None:
    site = fresh(transcript)
    assert not site.world.signers.hosts["ash"].runs
    assert site.ceremonies.status().due and site.ceremonies.status().due.step is Step.SEED


def test_our_signature_in_recent_blocks_refuses_a_first_start(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.world.forged = (97, 98)
    with pytest.raises(Refused, match=r"heights 97, 98.*another signer holds this key"):
        site.ceremonies.start("ash")
    assert site.world.table.row is None


def test_a_chain_that_cannot_be_asked_refuses_a_first_start(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.world.reachable = False
    with pytest.raises(Refused, match="the chain did not answer"):
        site.ceremonies.start("ash")


@pytest.mark.parametrize("field", ["gate", "tmkms"])
@pytest.mark.parametrize("where", ["ash", "zrh"])
def test_a_first_start_is_refused_while_anything_runs(transcript: Transcript, field: str, where: str) -> None:
    site = fresh(transcript)
    site.host(where, gate={"active": True}) if field == "gate" else site.host(where, active=True)
    with pytest.raises(Refused, match=f"{where}: something runs there"):
        site.ceremonies.start("ash")
    assert site.world.table.row is None and not site.world.signers.hosts["ash"].masked


def test_a_key_does_not_start_while_two_hold_it(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.host("fra", key=KEY)
    with pytest.raises(Refused, match="ash and fra; a key starts on the only host that holds it"):
        site.ceremonies.start("ash")


def test_a_key_with_a_row_does_not_start_again(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.world.table.row = Head(1, spent(90), (("other", ""),))
    with pytest.raises(Refused, match="has a row for this key already"):
        site.ceremonies.start("ash")


def test_a_lost_table_is_not_started_again(transcript: Transcript) -> None:
    site = started(transcript)
    assert signs_on(site, "ash")
    site.world.table.row = None
    with pytest.raises(Refused, match="the table was lost"):
        site.ceremonies.start("ash")


def test_a_start_at_a_gate_of_another_generation_is_refused(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.declared = replace(site.declared, generation=3)
    with pytest.raises(Refused, match=r"pinned to generation 1, 3 is declared; deploy it first"):
        site.ceremonies.start("ash")


def test_a_key_joins_only_a_declared_site(transcript: Transcript) -> None:
    site = started(transcript)
    with pytest.raises(Refused, match="fra is not declared to sign"):
        site.ceremonies.join("fra")
    assert not site.world.signers.packages and not site.world.signers.hosts["fra"].invited


def test_a_site_joins_only_where_another_signs_through_its_gate(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("ash", gate={"active": False, "processes": 0})
    with pytest.raises(Refused, match="no site signs with this key through an admitted gate"):
        site.ceremonies.join("zrh")
    site.host("ash", gate={"active": True})
    assert site.world.table.row
    site.world.table.row = replace(site.world.table.row, gates=())
    with pytest.raises(Refused, match="no site signs with this key through an admitted gate"):
        site.ceremonies.join("zrh")


def test_a_site_joins_only_when_its_gate_is_deployed(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("zrh", gate={"active": True})
    with pytest.raises(Refused, match="zrh: something runs there without the key"):
        site.ceremonies.join("zrh")


def test_a_site_without_its_gate_does_not_join(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("zrh", gate={"provisioned": False})
    with pytest.raises(Refused, match="zrh: its gate is not set up there"):
        site.ceremonies.join("zrh")


def test_a_site_joins_above_what_the_table_shows_and_below_nothing_it_signed(transcript: Transcript) -> None:
    site = started(transcript)
    raised: list[tuple[Position, Position]] = []
    original = site.world.signers.raise_floor

    def raise_floor(name: str, key: ConsensusKey, height: int) -> None:
        original(name, key, height)
        assert site.world.table.row and site.world.signers.hosts[name].gate.floor
        raised.append((site.world.signers.hosts[name].gate.floor.position, site.world.table.row.position))

    site.world.signers.raise_floor = raise_floor  # type: ignore[method-assign]
    steps = [each.step for each in site.ceremonies.join("zrh")]
    order = [Step.HALT, Step.INVITE, Step.SEAL, Step.UNSEAL, Step.TIDY, Step.RAISE, Step.ADMIT, Step.RELEASE]
    assert steps == order
    assert all(floor > row for floor, row in raised)
    assert not site.world.signers.hosts["ash"].masked, "the first one signs all the while"


def test_a_site_that_comes_back_is_raised_over_the_heights_that_are_past_first(transcript: Transcript) -> None:
    site = moving(transcript)
    site.ceremonies.move("zrh", "fra")
    for _ in range(20):
        site.world.step()
    site.declared = Declared(gates=frozenset({"ash", "fra", "zrh"}), generation=1)
    row = site.world.table.row
    steps = [each.step for each in site.ceremonies.join("zrh")]
    assert steps.index(Step.RAISE) < steps.index(Step.ADMIT)
    floor = site.world.signers.hosts["zrh"].gate.floor
    assert row and floor and floor.position >= spent(row.position.height - 1)


def test_a_site_that_is_back_takes_the_height_back_in_which_it_died(transcript: Transcript) -> None:
    site = waiting(transcript)
    height, position = site.world.head + 1, Position(site.world.head + 1, 0, 2)
    assert taken_over(site) == [Step.TAKE_OVER]
    site.world.locks["ash"] = Lock(height=height, round=-1, block="")
    steps = [each.step for each in site.ceremonies.join("ash")]
    assert Step.RAISE not in steps, "above the row it could not release what it claimed in this height"
    assert steps[-2:] == [Step.ADMIT, Step.RELEASE]
    assert [each.step for each in site.ceremonies.take_over({"zrh"}, "ash")] == [Step.TAKE_OVER]
    row = site.world.table.row
    assert row and (row.owner, row.position, dict(row.gates).keys()) == ("ash", position, {"ash"})
    assert site.world.sign("ash", Position(height, 0, 3)), "it signs on in the same height"


def test_a_watermark_that_a_killed_join_wrote_above_the_row_is_given_to_tmkms_too(transcript: Transcript) -> None:
    site = joined(transcript)
    row, here = site.world.table.row, site.world.signers.hosts["zrh"]
    assert row and here.gate.floor
    site.world.table.row = replace(row, gates=tuple(each for each in row.gates if each[0] != "zrh"))
    above = spent(row.position.height + 20)
    site.host("zrh", gate={"floor": replace(here.gate.floor, position=above)})
    site.ceremonies.join("zrh")
    state = site.world.signers.hosts["zrh"].state
    assert state and state.position >= above


def test_a_key_at_a_host_that_is_not_declared_refuses_a_join_and_is_a_problem(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("fra", key=KEY, masked=True)
    with pytest.raises(Refused, match="got the consensus key at fra; only ash, zrh may hold it"):
        site.ceremonies.join("zrh")
    assert any("fra holds the consensus key and is not declared" in each for each in site.ceremonies.status().problems)


def test_the_gate_of_a_site_that_is_gone_is_a_problem_and_is_dismissed(transcript: Transcript) -> None:
    site = joined(transcript)
    del site.world.signers.hosts["zrh"]
    site.declared = Declared(gates=frozenset({"ash"}), generation=1)
    assert any("admits zrh, which is no signer of this network" in each for each in site.ceremonies.status().problems)
    assert [(each.step, each.host) for each in site.ceremonies.join("ash")] == [(Step.DISMISS, "zrh")]
    row = site.world.table.row
    assert row and [gate for gate, _ in row.gates] == ["ash"]
    assert site.ceremonies.status().problems == () and signs_on(site, "ash")


def test_two_different_keys_are_an_alarm(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("zrh", recorded=OTHER_KEY)
    with pytest.raises(Refused, match="2 different consensus keys"):
        site.ceremonies.join("zrh")


@pytest.mark.parametrize("act", [lambda each: each.join("zrh"), lambda each: each.clear_halt("ash", None)])
def test_a_table_below_a_watermark_refuses(transcript: Transcript, act: Act) -> None:
    site = rolled_back(transcript)
    site.declared = replace(site.declared, generation=1)
    with pytest.raises(Refused, match="rolled back"):
        act(site.ceremonies)


def test_a_lost_watermark_is_rebuilt_by_joining_again(transcript: Transcript) -> None:
    site = joined(transcript)
    site.host("zrh", gate={"floor": None, "damaged": True})
    assert any("damaged" in each for each in site.ceremonies.status().problems)
    site.watch()
    site.ceremonies.join("zrh")
    site.unwatched()
    assert signs_on(site, "ash", "zrh")


def test_a_move_dismisses_the_old_gate_before_its_key_is_destroyed(transcript: Transcript) -> None:
    site = moving(transcript)
    steps = [(each.step, each.host) for each in site.ceremonies.move("zrh", "fra")]
    assert steps[-4:] == [
        (Step.RELEASE, "fra"),
        (Step.HALT, "zrh"),
        (Step.DISMISS, "zrh"),
        (Step.DESTROY, "zrh"),
    ]


def test_a_key_leaves_a_site_when_the_chain_is_past_what_it_signed_there(transcript: Transcript) -> None:
    site = moving(transcript)
    gone_at: list[int] = []

    def after(signers: FakeSigners) -> None:
        if signers.hosts["zrh"].key is None and not gone_at:
            gone_at.append(site.world.head)

    site.declared = Declared(gates=frozenset({"ash", "zrh", "fra"}), generation=1)
    site.ceremonies.join("fra")
    site.world.signers.after = after
    assert site.world.sign("zrh", Position(site.world.head + 1, 0, 3))
    site.ceremonies.move("zrh", "fra")
    assert gone_at[0] >= site.world.last["zrh"].height + MARGIN_BLOCKS


def test_a_key_does_not_leave_for_where_it_is(transcript: Transcript) -> None:
    with pytest.raises(Refused, match="they must differ"):
        joined(transcript).ceremonies.move("zrh", "zrh")


def test_a_table_is_not_renewed_by_one_person(transcript: Transcript) -> None:
    site = table_lost(transcript)
    with pytest.raises(Refused, match="got no second operator"):
        site.ceremonies.renew_table(second_operator=" ")
    assert not site.world.signers.hosts["ash"].masked
    assert "no second operator" in transcript.file.read_text()


@pytest.mark.parametrize("generation", [1, 3])
def test_a_new_table_has_the_next_generation_and_no_other(transcript: Transcript, generation: int) -> None:
    site = table_lost(transcript)
    site.declared = replace(site.declared, generation=generation)
    with pytest.raises(Refused, match=r"signing.coordination.generation: 2,"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None and not site.world.signers.hosts["ash"].masked


@pytest.mark.parametrize("prepare", [table_lost, rolled_back])
def test_a_new_table_is_above_every_watermark_and_the_chain(
    transcript: Transcript, prepare: Callable[[Transcript], Site]
) -> None:
    site = prepare(transcript)
    floors = [each.gate.floor.position for each in site.world.signers.hosts.values() if each.gate.floor]
    steps = [each.step for each in site.ceremonies.renew_table(second_operator="bob")]
    order = [Step.HALT, Step.HALT, Step.RAISE, Step.RAISE, Step.RENEW, Step.FREE, Step.FREE]
    assert steps == order
    row = site.world.table.row
    assert row and row.generation == 2 and row.position >= max(*floors, spent(site.head_at_row + MARGIN_BLOCKS))
    assert [each.gate.floor.position for each in site.world.signers.hosts.values() if each.gate.floor] == [
        row.position,
        row.position,
    ]
    assert site.head_at_row > max(site.world.signed).height + MARGIN_BLOCKS, "the chain went on without us first"


def out_of_date(transcript: Transcript, blocks: int = 400) -> Site:
    """Zrh joined and never won a claim, so that its watermark is the ceremony's of long ago; then the site of ash,
    which signed all of the blocks, and the table were lost together.
    """
    site = joined(transcript)
    for _ in range(blocks):
        site.world.step()
    assert set(site.world.signed.values()) == {"ash"}
    del site.world.signers.hosts["ash"]
    site.world.table.row, site.world.lost = None, True
    site.declared = Declared(gates=frozenset({"zrh"}), generation=1)
    for _ in range(60):
        site.world.step()
    site.host("zrh", {"active": False, "processes": 0}, active=False, processes=0)
    return site


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("ceremony", ["start", "renew"])
def test_a_row_is_made_above_what_a_site_that_is_gone_signed_whatever_ceremony_went_before(
    transcript: Transcript, ceremony: str, masked: bool
) -> None:
    site = out_of_date(transcript)
    if masked:
        site.world.signers.halt("zrh")
    last = max(site.world.signed)
    if ceremony == "start":
        site.ceremonies.start("zrh")
    else:
        site.declared = replace(site.declared, generation=2)
        site.ceremonies.renew_table(second_operator="bob")
    row, here = site.world.table.row, site.world.signers.hosts["zrh"]
    assert row and row.position >= spent(max(last.height, site.head_at_row) + MARGIN_BLOCKS)
    assert here.gate.floor and here.state and here.gate.floor.position == here.state.position == row.position


@pytest.mark.parametrize("above", [-7, -1, 0, 1, 4, 5, 6, 12, 13, 14, 25, 40])
def test_a_watermark_of_an_older_ceremony_near_the_chains_head_makes_no_lower_row(
    transcript: Transcript, above: int
) -> None:
    site = table_lost(transcript)
    floor = spent(max(site.world.signed).height + above)
    site.host("zrh", {"floor": Floor("x-1", ConsensusKey.from_base64(KEY).raw, floor)})
    site.ceremonies.renew_table(second_operator="bob")
    row = site.world.table.row
    assert row and row.position >= spent(max(max(site.world.signed).height, site.head_at_row) + MARGIN_BLOCKS)
    assert row.position >= floor


def test_a_site_that_left_counts_with_what_it_signed(transcript: Transcript) -> None:
    site = table_lost(transcript)
    signed = SignedState(height=site.world.head + 27, round=0, step=2)
    site.host("fra", state=signed)
    site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row and site.world.table.row.position >= spent(signed.height + MARGIN_BLOCKS)


@pytest.mark.parametrize("height", [400, 10**6, 2**63 - 1])
@pytest.mark.parametrize("lost", [False, True])
def test_a_position_far_above_the_chain_is_explained_and_nothing_is_lowered(
    transcript: Transcript, height: int, lost: bool
) -> None:
    site = table_lost(transcript) if lost else rolled_back(transcript)
    floor = site.world.signers.hosts["ash"].gate.floor
    assert floor
    burnt = Position(height, 0, 2)
    row = site.world.table.row
    site.world.table.row = row and replace(row, position=burnt)
    site.host("ash", {"floor": replace(floor, position=burnt)})
    with pytest.raises(Refused, match=f"height {height} was signed, and the chain is at .*bin/estate key retire"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row == (row and replace(row, position=burnt))
    assert site.world.signers.hosts["ash"].gate.floor.position == burnt


def test_a_head_that_does_not_move_is_no_height_of_the_chain(transcript: Transcript) -> None:
    site = table_lost(transcript)
    stuck = ChainView(head=site.world.head)
    site.world.view = lambda address, above: stuck  # type: ignore[method-assign]
    with pytest.raises(Refused, match="the chain did not go past our last signature"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None


def test_a_chain_that_cannot_be_asked_refuses_a_new_table(transcript: Transcript) -> None:
    site = table_lost(transcript)
    site.world.reachable = False
    with pytest.raises(Refused, match="the chain did not answer"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None


def test_a_host_that_does_not_answer_refuses_a_new_table(transcript: Transcript) -> None:
    site = table_lost(transcript)

    def fails(without: str = "") -> dict[str, SignerObservation]:
        raise RuntimeError("no route to host")

    site.world.signers.observe = fails  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="no route"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None


def test_a_holder_without_any_record_of_what_it_signed_refuses_a_new_table(transcript: Transcript) -> None:
    site = table_lost(transcript)
    site.host("zrh", {"floor": None, "damaged": True}, state=None)
    with pytest.raises(Refused, match="zrh holds the key, and neither a watermark file nor tmkms's state"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None


def test_a_signature_of_ours_while_both_stand_refuses_a_new_table(transcript: Transcript) -> None:
    site = table_lost(transcript)
    site.world.forged = tuple(range(site.world.head + 1, site.world.head + 40))
    with pytest.raises(Refused, match="another signer holds this key"):
        site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None
    assert all(site.world.signers.hosts[name].still for name in ("ash", "zrh"))


def test_a_table_that_is_as_declared_is_not_renewed(transcript: Transcript) -> None:
    site = joined(transcript)
    assert site.ceremonies.renew_table(second_operator="bob") == ()
    assert signs_on(site, "ash", "zrh")


def test_a_gate_that_runs_without_the_key_is_stopped_too_before_a_table_is_renewed(transcript: Transcript) -> None:
    site = table_lost(transcript)
    site.host("fra", gate={"active": True, "processes": 1})
    assert (Step.HALT, "fra") in [(each.step, each.host) for each in site.ceremonies.renew_table(second_operator="bob")]


@pytest.mark.parametrize("prepare", [table_lost, fresh])
def test_a_signature_of_ours_within_the_margin_is_seen_too(
    transcript: Transcript, prepare: Callable[[Transcript], Site]
) -> None:
    site = prepare(transcript)
    site.world.forged = (site.world.head + 4,)
    with pytest.raises(Refused, match="another signer holds this key"):
        site.ceremonies.start("ash") if prepare is fresh else site.ceremonies.renew_table(second_operator="bob")
    assert site.world.table.row is None


def test_what_is_left_of_an_older_key_is_gone_before_the_key_comes_back(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("zrh", remnant=True)
    assert Step.DESTROY in [each.step for each in site.ceremonies.join("zrh")]
    assert not site.world.signers.hosts["zrh"].remnant and site.ceremonies.status().problems == ()


def test_the_second_operator_is_recorded(transcript: Transcript) -> None:
    table_lost(transcript).ceremonies.renew_table(second_operator="bob")
    entries = [json.loads(line) for line in transcript.file.read_text().splitlines()]
    assert all(each["second_operator"] == "bob" for each in entries if each["ceremony"] == "renew-table")


def test_a_key_is_retired_only_by_its_address(transcript: Transcript) -> None:
    site = retiring(transcript)
    with pytest.raises(Refused, match=f"the key's is {ADDRESS}"):
        site.ceremonies.retire("")
    assert site.world.signers.hosts["ash"].key and not site.world.signers.hosts["ash"].masked


def test_a_retired_key_is_gone_and_its_row_closed_for_ever(transcript: Transcript) -> None:
    site = retiring(transcript)
    site.ceremonies.retire(ADDRESS)
    assert not any(each.key or each.remnant for each in site.world.signers.hosts.values())
    assert site.world.table.row and site.world.table.row.position == CLOSED and not site.world.table.row.gates
    site.host("ash", key=KEY)
    for act in (lambda: site.ceremonies.start("ash"), lambda: site.ceremonies.join("ash")):
        with pytest.raises(Refused, match=r"closed|row for this key already"):
            act()


def test_a_key_that_never_started_is_retired_with_a_closed_row(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.world.retired = True
    site.ceremonies.retire(ADDRESS)
    assert site.world.table.row and site.world.table.row.position == CLOSED


@pytest.mark.parametrize("cause", [None, Cause.DISK])
def test_a_halt_is_cleared_only_by_who_names_its_cause(transcript: Transcript, cause: Cause | None) -> None:
    site = halted(transcript)
    with pytest.raises(Refused, match=r"zrh halted because of row-taken.*--cause row-taken"):
        site.ceremonies.clear_halt("zrh", cause)
    assert not site.world.signers.hosts["zrh"].masked


def test_status_of_two_sites_that_sign_has_no_problem_and_nothing_missing(transcript: Transcript) -> None:
    status = joined(transcript).ceremonies.status()
    assert status.holders == status.signing == ("ash", "zrh")
    assert status.problems == () and status.due is None


def test_status_names_the_ceremony_that_is_missing_also_after_a_kill(transcript: Transcript) -> None:
    site = fresh(transcript)
    for step, host in ((Step.SEED, "ash"), (Step.ADMIT, "zrh")):
        for fatal in (1, 5, 7, 9, 0):
            due = site.ceremonies.status().due
            assert due and (due.step, due.host) == (step, host)
            assert site.ceremonies.status().problems == () or fatal != 1
            site.watch(fatal)
            try:
                site.ceremonies.start(host) if step is Step.SEED else site.ceremonies.join(host)
                break
            except Killed:
                continue
    assert site.ceremonies.status().due is None


def test_a_failure_of_a_host_is_in_the_transcript(transcript: Transcript) -> None:
    site = started(transcript)

    def fails(name: str) -> None:
        raise RuntimeError("no route to host")

    site.world.signers.invite = fails  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        site.ceremonies.join("zrh")
    assert "no route to host" in transcript.file.read_text()


def test_a_standby_signer_may_run_beside_a_first_start(transcript: Transcript) -> None:
    site = fresh(transcript)
    site.world.signers.hosts["sin"] = replace(
        READY, standby=True, key_file=STANDBY_KEY, active=True, gate=GateObservation(), state=LAST_SIGNED
    )
    site.ceremonies.start("ash")
    assert site.world.signers.hosts["sin"].active


LOCK = "AB" * 32


def precommit(position: Position, block: str = LOCK, owner: str = "ash") -> Claim:
    block_id = BlockId(bytes.fromhex(block), 1, b"\x01" * 32) if block else NIL
    vote = Vote(PRECOMMIT, position.height, position.round, block_id, 1, b"\x02" * 20, 0)
    return Claim(position, 1, owner, f"{owner}-1", f"{owner}{position.text}", vote_bytes("x-1", vote, 1), b"", 1)


def waiting(
    transcript: Transcript,
    *precommits: tuple[int, str],
    at: tuple[int, int] = (0, 2),
    lock: tuple[int, str] | None = (-1, ""),
) -> Site:
    """`ash` died at the round and step `at` of the height that the chain waits for. `precommits`: its rounds and their
    blocks. `lock`: round and block that the node of `zrh` is locked on; `None`: it does not say.
    """
    site = joined(transcript)
    world, row = site.world, site.world.table.row
    assert row
    world.step = lambda: None  # type: ignore[method-assign]
    height = world.head + 1
    world.table.claims = [precommit(Position(height, round_, 3), block) for round_, block in precommits]
    last = Position(height, *at)
    claim = next((each for each in world.table.claims if each.position == last), precommit(last, ""))
    world.table.row = replace(row, position=last, claim=claim)
    if lock is not None:
        world.locks["zrh"] = Lock(height=height, round=lock[0], block=lock[1])
    site.host("ash", gate={"active": False, "processes": 0}, active=False, processes=0)
    return site


def taken_over(site: Site, locked_block: str = "") -> list[Step]:
    return [each.step for each in site.ceremonies.take_over({"ash", "ash-spare"}, "zrh", locked_block=locked_block)]


def test_a_height_whose_owner_died_is_taken_over_and_the_owner_is_fenced(transcript: Transcript) -> None:
    site = waiting(transcript)
    asked: list[frozenset[str]] = []
    observe = site.world.signers.observe

    def noted(without: Collection[str] = ()) -> object:
        asked.append(frozenset(without))
        return observe(without)

    site.world.signers.observe = noted  # type: ignore[assignment,method-assign]
    assert taken_over(site) == [Step.TAKE_OVER]
    assert set(asked) == {frozenset({"ash", "ash-spare"})}, "no host of the dead site is asked"
    row, height = site.world.table.row, site.world.head + 1
    assert row and row.owner == "zrh" and "ash" not in dict(row.gates) and row.position == Position(height, 0, 2)
    assert site.world.sign("zrh", Position(height, 0, 3)), "it signs on in the same height"
    site.host("ash", gate={"active": True, "processes": 1}, active=True, processes=1)
    assert not site.world.sign("ash", Position(height, 1, 2)), "the one that was dead is fenced"
    assert taken_over(site) == [], "called again, nothing is left to do"


LAST_PRECOMMITS = [
    (((0, "CD" * 32), (1, LOCK), (2, "")), (3, 2)),
    (((0, "CD" * 32), (1, LOCK)), (1, 3)),
    (((1, LOCK),), (1, 3)),
]
"""Precommits whose last for a block is for `LOCK`, in round 1."""


@pytest.mark.parametrize(("precommits", "at"), LAST_PRECOMMITS)
def test_a_height_is_taken_over_only_by_a_node_with_the_lock_of_its_owner(
    transcript: Transcript, precommits: tuple[tuple[int, str], ...], at: tuple[int, int]
) -> None:
    def site(lock: tuple[int, str] | None) -> Site:
        return waiting(transcript, *precommits, at=at, lock=lock)

    for lock, found in {
        (-1, ""): "no block",
        (1, "CD" * 32): f"block {'CD' * 32} since round 1",
        (3, "CD" * 32): f"block {'CD' * 32} since round 3",
        (0, LOCK): f"block {LOCK} since round 0",
    }.items():
        with pytest.raises(Refused, match=f"ash precommitted block {LOCK}.*is locked on {found}.*since round 1 or"):
            taken_over(site(lock), LOCK)
    with pytest.raises(Refused, match="does not say what it is locked on"):
        taken_over(site(None), LOCK)
    for given in ("", "CD" * 32):
        with pytest.raises(Refused, match=f"to confirm it: --locked-block {LOCK}"):
            taken_over(site((1, LOCK)), given)
    for round_ in (1, 2):
        assert taken_over(site((round_, LOCK)), LOCK.lower()) == [Step.TAKE_OVER]


def test_a_lock_of_another_height_is_no_lock(transcript: Transcript) -> None:
    site = waiting(transcript, (0, LOCK), at=(0, 3), lock=(0, LOCK))
    site.world.locks["zrh"] = replace(site.world.locks["zrh"], height=site.world.head)
    with pytest.raises(Refused, match="nothing is taken over"):
        taken_over(site, LOCK)


def test_the_claim_in_the_row_counts_before_its_own_row_is_there(transcript: Transcript) -> None:
    site = waiting(transcript, (0, LOCK), at=(0, 3))
    site.world.table.claims = []
    with pytest.raises(Refused, match=f"ash precommitted block {LOCK}"):
        taken_over(site)


@pytest.mark.parametrize("lock", [(-1, ""), None])
def test_precommits_for_nil_lock_nothing(transcript: Transcript, lock: tuple[int, str] | None) -> None:
    assert taken_over(waiting(transcript, (0, ""), at=(1, 2), lock=lock)) == [Step.TAKE_OVER]


def test_a_precommit_that_cannot_be_read_refuses_a_take_over(transcript: Transcript) -> None:
    site = waiting(transcript, (0, ""), at=(1, 2))
    site.world.table.claims = [replace(each, sign_bytes=b"\x05no") for each in site.world.table.claims]
    with pytest.raises(Refused, match="ash for .* cannot be read: .*bring the site back"):
        taken_over(site)


def test_a_claim_for_nothing_is_no_precommit(transcript: Transcript) -> None:
    site = waiting(transcript, (0, ""), at=(1, 2))
    site.world.table.claims = [replace(each, sign_bytes=b"") for each in site.world.table.claims]
    assert taken_over(site) == [Step.TAKE_OVER]


@pytest.mark.parametrize("blocks", [-1, 1])
def test_a_height_that_the_chain_does_not_wait_for_is_not_taken_over(transcript: Transcript, blocks: int) -> None:
    site = waiting(transcript)
    site.world.head += blocks
    with pytest.raises(Refused, match="a height is taken over only while the chain waits for it"):
        taken_over(site)


def test_a_chain_that_cannot_be_asked_refuses_a_take_over(transcript: Transcript) -> None:
    site = waiting(transcript)
    site.world.reachable = False
    with pytest.raises(Refused, match="the chain did not answer"):
        taken_over(site)


def test_only_a_site_that_signs_takes_over_and_only_from_the_owner(transcript: Transcript) -> None:
    site = waiting(transcript)
    site.host("zrh", active=False, processes=0)
    with pytest.raises(Refused, match="zrh does not sign through an admitted gate"):
        taken_over(site)
    site = waiting(transcript)
    site.host("ash", gate={"active": True, "processes": 1}, active=True, processes=1)
    with pytest.raises(Refused, match="belongs to ash, not to zrh"):
        site.ceremonies.take_over({"zrh"}, "ash")
    with pytest.raises(Refused, match="they must differ"):
        site.ceremonies.take_over({"ash", "zrh"}, "zrh")


def test_a_gate_that_could_not_sign_on_takes_nothing_over(transcript: Transcript) -> None:
    site = waiting(transcript)
    floor = site.world.signers.hosts["zrh"].gate.floor
    assert floor
    site.host("zrh", gate={"floor": replace(floor, halted=Cause.ROW_TAKEN)})
    with pytest.raises(Refused, match="zrh halted because of row-taken.*key clear-halt"):
        taken_over(site)
    site = waiting(transcript)
    site.host("zrh", gate={"floor": replace(floor, position=spent(site.world.head + 20))})
    with pytest.raises(Refused, match="it could not sign on in this height"):
        taken_over(site)
    site = waiting(transcript)
    state = site.world.signers.hosts["zrh"].state
    assert state
    site.host("zrh", state=replace(state, height=site.world.head + 20, round=2**31 - 1, step=2))
    with pytest.raises(Refused, match="it could not sign on in this height"):
        taken_over(site)


def test_another_gate_of_the_dead_site_is_dismissed_first(transcript: Transcript) -> None:
    site = waiting(transcript)
    row = site.world.table.row
    assert row
    site.world.table.row = replace(row, gates=(*row.gates, ("ash-spare", "")))
    assert taken_over(site) == [Step.DISMISS, Step.TAKE_OVER]
    assert site.world.table.row and dict(site.world.table.row.gates).keys() == {"zrh"}
    assert taken_over(site) == []


@pytest.mark.parametrize("killed", [1, 2])
def test_a_take_over_that_was_killed_after_any_step_goes_on(transcript: Transcript, killed: int) -> None:
    site = waiting(transcript)
    row = site.world.table.row
    assert row
    site.world.table.row = replace(row, gates=(*row.gates, ("ash-spare", "")))
    changes = iter([True] * (killed - 1) + [False, True])

    def after() -> None:
        if not next(changes):
            raise Killed

    site.world.table.after = after
    with pytest.raises(Killed):
        taken_over(site)
    site.unwatched()
    taken_over(site)
    row = site.world.table.row
    assert row and row.owner == "zrh" and dict(row.gates).keys() == {"zrh"}


def test_a_claim_that_came_meanwhile_is_not_taken_over(transcript: Transcript) -> None:
    site = waiting(transcript)
    read = site.world.table.precommits

    def meanwhile(key: ConsensusKey, position: Position) -> list[Claim]:
        row = site.world.table.row
        assert row
        later = precommit(Position(position.height, 0, 3))
        site.world.table.row = replace(row, position=later.position, claim=later)
        return read(key, position)

    site.world.table.precommits = meanwhile  # type: ignore[method-assign]
    with pytest.raises(NotDone, match="another claim"):
        taken_over(site)


def test_a_site_that_was_taken_over_from_comes_back_by_joining(transcript: Transcript) -> None:
    site = waiting(transcript)
    taken_over(site)
    del site.world.step
    site.ceremonies.join("ash")
    assert signs_on(site, "ash", "zrh")


def test_a_key_does_not_start_again_under_another_generation(transcript: Transcript) -> None:
    site = started(transcript)
    site.declared = replace(site.declared, generation=2)
    site.host("ash", gate={"generation": 2})
    with pytest.raises(Refused, match="a key starts once"):
        site.ceremonies.start("ash")


@pytest.mark.parametrize("masked", ["tmkms", "gate"])
def test_a_site_of_which_one_half_is_masked_is_released_by_joining_it(transcript: Transcript, masked: str) -> None:
    site = joined(transcript)
    if masked == "tmkms":
        site.host("zrh", masked=True)
    else:
        site.host("zrh", gate={"masked": True})
    assert [each.step for each in site.ceremonies.join("zrh")] == [Step.RELEASE]


def test_a_certificate_that_a_killed_join_left_is_removed(transcript: Transcript) -> None:
    site = joined(transcript)
    site.host("zrh", invited=True)
    assert Step.TIDY in [each.step for each in site.ceremonies.join("zrh")]
    assert not site.world.signers.hosts["zrh"].invited


def test_it_is_said_what_is_not_set_up(transcript: Transcript) -> None:
    site = started(transcript)
    site.host("zrh", provisioned=False)
    with pytest.raises(Refused, match="zrh: tmkms is not set up there"):
        site.ceremonies.join("zrh")
    site.host("zrh", gate={"provisioned": False}, provisioned=True)
    with pytest.raises(Refused, match="zrh: its gate is not set up there"):
        site.ceremonies.join("zrh")


def noted(transcript: Transcript, ceremony: str) -> list[dict[str, object]]:
    """What was recorded of a ceremony, without the time."""
    entries = [json.loads(line) for line in transcript.file.read_text().splitlines()]
    return [{key: each[key] for key in each if key != "time"} for each in entries if each.get("ceremony") == ceremony]


RECORDED: dict[str, tuple[Callable[[Transcript], Site], Act, dict[str, object]]] = {
    "start": (fresh, ENDS["start"][1], {}),
    "join": (started, ENDS["join"][1], {}),
    "move": (moving, ENDS["move"][1], {}),
    "take-over": (
        lambda transcript: waiting(transcript, (0, LOCK), at=(0, 3), lock=(0, LOCK)),
        lambda each: each.take_over({"ash"}, "zrh", locked_block=LOCK),
        {"locked_block": LOCK},
    ),
    "renew-table": (table_lost, ENDS["renew a lost table"][1], {"second_operator": "bob"}),
    "retire": (retiring, ENDS["retire"][1], {"address": ADDRESS}),
    "clear-halt": (halted, ENDS["clear a halt"][1], {"cause": "row-taken"}),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_ceremony_records_its_name_and_what_it_was_given_with_each_step(transcript: Transcript, name: str) -> None:
    make, act, given = RECORDED[name]
    site = make(transcript)
    done = act(site.ceremonies)
    assert isinstance(done, tuple) and done
    steps = [
        {"ceremony": name, **given, "host": each.host, "step": str(each.step)}
        | ({"height": each.height} if each.height else {})
        for each in done
    ]
    assert noted(transcript, name) == [*steps, {"ceremony": name, **given, "step": "done"}]


def test_a_ceremony_of_one_person_is_recorded_as_refused(transcript: Transcript) -> None:
    site = table_lost(transcript)
    with pytest.raises(Refused) as refused:
        site.ceremonies.renew_table(second_operator="")
    assert noted(transcript, "renew-table") == [{"ceremony": "renew-table", "refused": str(refused.value)}]


def test_who_died_does_not_sign_on(transcript: Transcript) -> None:
    with pytest.raises(Refused, match="got zrh both as a signer that died and as the one that signs on"):
        waiting(transcript).ceremonies.take_over({"ash", "zrh"}, "zrh")


def test_status_shows_what_is_not_as_it_must_be_of_hosts_and_table(transcript: Transcript) -> None:
    site = joined(transcript)
    site.host("zrh", invited=True)
    site.world.signers.hosts["fra"] = replace(site.world.signers.hosts["fra"], remnant=True)
    status = site.ceremonies.status()
    assert [each.split(":")[0] for each in status.problems] == ["fra", "zrh"]
    assert status.key and status.key.base64 == KEY and set(status.signers) == {"ash", "zrh", "fra"}
    assert status.situation.row == site.world.table.row
