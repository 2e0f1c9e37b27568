"""A key moves whole, once, and only when it is safe, wherever the ceremony is killed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ceremonies import key_ceremonies
from ceremonies.custody import MARGIN_BLOCKS, Refused, Sealed, Step
from ceremonies.observation import SignedState
from ceremonies.steps import Pace, Transcript
from configuration.signer_config import CONSENSUS_KEY, Duty
from hosts.operations.signer import verdict
from tests.ceremonies.key_hosts import KEY, LAST_SIGNED, OTHER_KEY, FakeChain, FakeSigners, Killed, estate

FULL_MOVE = (Step.HALT, Step.INVITE, Step.SEAL, Step.DESTROY, Step.UNSEAL, Step.TIDY)


@pytest.fixture
def transcript(tmp_path: Path) -> Transcript:
    return Transcript(tmp_path / "transcript.jsonl")


def move(
    signers: FakeSigners,
    transcript: Transcript,
    *,
    target: str = "east",
    chain: FakeChain | None = None,
    declared: bool = False,
) -> tuple[Step, ...]:
    return key_ceremonies.move(
        signers,
        chain or FakeChain(),
        target=target,
        custody_declared=declared,
        transcript=transcript,
        pace=Pace(sleep=lambda seconds: None),
    )


def safe(signers: FakeSigners) -> None:
    """What must hold after every smallest change, also if a deploy ran at that moment with either site's custody."""
    assert len(signers.can_sign()) <= 1, f"{' and '.join(signers.can_sign())} could both sign"
    assert signers.is_kept(), "the key is lost"
    for custody in ("west", "east"):
        running = []
        for name in ("west", "east"):
            duty = Duty.CONSENSUS if name == custody else Duty.STANDBY
            decided = verdict(duty, signers.hosts[name], custody)
            assert not (decided.unmask and signers.hosts[name].key), (
                "a deploy would free a halted signer that holds the key"
            )
            if decided.run and duty is Duty.CONSENSUS:
                running.append(name)
        assert len(running) <= 1


def test_a_move_goes_through_its_steps_in_order(transcript: Transcript) -> None:
    signers = estate()
    assert move(signers, transcript) == FULL_MOVE
    assert signers.hosts["east"].key == KEY
    assert signers.hosts["east"].state == LAST_SIGNED, "the new place knows what the old one signed"
    west = signers.hosts["west"]
    assert west.key is None and west.masked and west.recorded == KEY
    assert not signers.hosts["east"].invited and not signers.hosts["east"].sealed


def test_a_move_starts_nothing_at_the_new_place(transcript: Transcript) -> None:
    signers = estate()
    move(signers, transcript)
    assert not signers.hosts["east"].signs_consensus, "that is the deploy's work, once the custody is declared"


def test_a_move_that_is_done_does_nothing_more(transcript: Transcript) -> None:
    signers = estate()
    move(signers, transcript)
    before = dict(signers.hosts)
    assert move(signers, transcript) == ()
    assert signers.hosts == before


def _changes_of_a_whole_move(tmp_path: Path) -> int:
    signers = estate()
    move(signers, Transcript(tmp_path / "counted"))
    return signers.changes


def test_killed_anywhere_and_called_again_it_completes_and_is_safe_throughout(tmp_path: Path) -> None:
    total = _changes_of_a_whole_move(tmp_path)
    assert total > 12
    for fatal in range(1, total + 1):
        signers = estate()

        def after(each: FakeSigners, fatal: int = fatal) -> None:
            safe(each)
            if each.changes == fatal:
                raise Killed

        signers.after = after
        with pytest.raises(Killed):
            move(signers, Transcript(tmp_path / f"killed-{fatal}"))
        move(signers, Transcript(tmp_path / f"killed-{fatal}"))
        assert signers.hosts["east"].key == KEY, f"killed after change {fatal}"
        assert signers.hosts["west"].key is None
        assert signers.hosts["east"].state == LAST_SIGNED


@pytest.mark.slow
def test_killed_twice_anywhere_it_still_completes(tmp_path: Path) -> None:
    total = _changes_of_a_whole_move(tmp_path)
    for first in range(1, total + 1):
        for gap in range(1, 5):
            signers = estate()
            fatal = {first, first + gap}

            def after(each: FakeSigners, fatal: set[int] = fatal) -> None:
                safe(each)
                if each.changes in fatal:
                    raise Killed

            signers.after = after
            for _ in range(3):
                try:
                    move(signers, Transcript(tmp_path / "transcript"))
                except Killed:
                    continue
                break
            assert signers.hosts["east"].key == KEY


def test_a_move_that_has_begun_can_be_undone_until_the_key_is_destroyed(tmp_path: Path) -> None:
    undone = 0
    for fatal in range(1, _changes_of_a_whole_move(tmp_path) + 1):
        signers = estate()

        def after(each: FakeSigners, fatal: int = fatal) -> None:
            safe(each)
            if each.changes == fatal:
                raise Killed

        signers.after = after
        with pytest.raises(Killed):
            move(signers, Transcript(tmp_path / "transcript"))
        if signers.hosts["west"].key is None:
            break
        move(signers, Transcript(tmp_path / "transcript"), target="west", declared=True)
        west = signers.hosts["west"]
        assert west.key == KEY and not west.masked
        assert not any(each.invited or each.sealed for each in signers.hosts.values())
        undone += 1
    assert undone > 5


def test_a_key_stays_until_the_chain_is_past_its_last_signature(transcript: Transcript) -> None:
    signers, chain = estate(), FakeChain(head=LAST_SIGNED.height - 1)
    destroyed_at: list[int] = []

    def after(each: FakeSigners) -> None:
        if each.hosts["west"].key is None and not destroyed_at:
            destroyed_at.append(chain.head)

    signers.after = after
    move(signers, transcript, chain=chain)
    assert destroyed_at[0] >= LAST_SIGNED.height + MARGIN_BLOCKS


def test_a_signature_of_our_key_after_the_halt_stops_the_move(transcript: Transcript) -> None:
    signers = estate()
    with pytest.raises(Refused, match=r"heights 102, 103.*another signer holds this key"):
        move(signers, transcript, chain=FakeChain(head=120, signed_since=(102, 103)))
    assert signers.hosts["west"].key == KEY and signers.hosts["west"].masked, "it stays, and stays halted"


def test_without_an_answer_of_the_chain_nothing_moves(transcript: Transcript) -> None:
    signers = estate()
    with pytest.raises(Refused, match="the chain did not answer"):
        move(signers, transcript, chain=FakeChain(reachable=False))
    assert signers.hosts["west"].key == KEY
    assert not signers.hosts["east"].invited


def test_a_halted_chain_is_not_waited_for_for_ever(transcript: Transcript) -> None:
    class Standing(FakeChain):
        def view(self, address: str, above: int) -> object:  # type: ignore[override]
            self.head -= 1
            return super().view(address, above)

    ticks = iter(range(0, 10_000, 60))
    with pytest.raises(Refused, match="did not go past our last signature"):
        key_ceremonies.move(
            estate(),
            Standing(head=101),
            target="east",
            custody_declared=False,
            transcript=transcript,
            pace=Pace(sleep=lambda seconds: None, clock=lambda: float(next(ticks))),
        )


def test_a_key_without_a_state_does_not_move(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["west"] = replace(signers.hosts["west"], state=None)
    with pytest.raises(Refused, match="no signing state"):
        move(signers, transcript)
    assert signers.hosts["west"].key == KEY


def test_a_key_in_two_places_is_an_alarm_and_not_a_move(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["east-spare"] = replace(signers.hosts["east-spare"], key=KEY)
    with pytest.raises(Refused, match="east-spare and west; exactly one host"):
        move(signers, transcript)
    assert signers.changes == 0


def test_two_different_keys_are_an_alarm(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["east"] = replace(signers.hosts["east"], recorded=OTHER_KEY)
    with pytest.raises(Refused, match="2 different consensus keys"):
        move(signers, transcript)


def test_a_key_goes_only_where_it_can_be_used(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["east"] = replace(signers.hosts["east"], provisioned=False)
    with pytest.raises(Refused, match="deploy it first"):
        move(signers, transcript)
    assert not signers.hosts["west"].masked, "nothing is halted for a move that cannot end"


def test_a_package_of_an_older_state_is_made_again(transcript: Transcript) -> None:
    signers = estate()
    old = SignedState(height=90, round=0, step=2)
    signers.packages["east"] = Sealed(key=KEY, state=old)
    signers.hosts["east"] = replace(signers.hosts["east"], invited=True, sealed=True)
    assert Step.SEAL in move(signers, transcript)
    assert signers.hosts["east"].state == LAST_SIGNED


def test_a_package_never_lowers_what_its_new_place_has_signed(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["west"] = replace(signers.hosts["west"], key=None, masked=True, active=False, processes=0)
    signers.packages["east"] = Sealed(key=KEY, state=LAST_SIGNED)
    higher = SignedState(height=101, round=0, step=1)
    signers.hosts["east"] = replace(signers.hosts["east"], invited=True, sealed=True, state=higher)
    with pytest.raises(Refused, match="put the higher state into place"):
        move(signers, transcript)


def test_a_half_destroyed_key_is_not_touched_while_no_package_opens(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["west"] = replace(
        signers.hosts["west"], key=None, remnant=True, masked=True, active=False, processes=0
    )
    with pytest.raises(Refused, match="may be the last copy"):
        move(signers, transcript)
    assert signers.hosts["west"].remnant


def test_a_key_moves_to_the_other_server_of_its_site_too(transcript: Transcript) -> None:
    signers = estate()
    move(signers, transcript, target="west-spare")
    assert signers.hosts["west-spare"].key == KEY and signers.hosts["west"].key is None


def test_a_transcript_tells_the_steps_and_no_secret(transcript: Transcript) -> None:
    move(estate(), transcript)
    entries = [json.loads(line) for line in transcript.file.read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [*map(str, FULL_MOVE), "done"]
    assert all(entry["target"] == "east" and entry["time"] for entry in entries)


def test_a_first_key_is_made_once_and_started(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["west"] = replace(signers.hosts["east-spare"], key_file=CONSENSUS_KEY)
    key = key_ceremonies.generate(signers, target="west", transcript=transcript)
    assert key.base64 == KEY
    assert signers.hosts["west"].signs_consensus
    with pytest.raises(Refused, match="west holds the consensus key"):
        key_ceremonies.generate(signers, target="west", transcript=transcript)


@pytest.mark.parametrize("elsewhere", ["west-spare", "east", "east-spare"])
def test_no_second_key_is_made_while_any_signer_holds_or_held_one(transcript: Transcript, elsewhere: str) -> None:
    for field in ("key", "recorded"):
        signers = estate()
        signers.hosts["west"] = replace(signers.hosts["west"], key=None, recorded=None)
        signers.hosts[elsewhere] = replace(signers.hosts[elsewhere], **{field: KEY})
        with pytest.raises(Refused, match=elsewhere):
            key_ceremonies.generate(signers, target="west", transcript=transcript)
        assert signers.changes == 0


def test_no_key_is_made_while_one_is_under_way(transcript: Transcript) -> None:
    signers = estate()
    signers.hosts["west"] = replace(signers.hosts["west"], key=None, recorded=None)
    signers.hosts["east"] = replace(signers.hosts["east"], invited=True)
    with pytest.raises(Refused, match="has begun"):
        key_ceremonies.generate(signers, target="west", transcript=transcript)


def test_status_says_what_is_not_as_it_must_be() -> None:
    signers = estate()
    assert key_ceremonies.status(signers).problems == ()
    assert key_ceremonies.status(signers).holders == key_ceremonies.status(signers).signing == ("west",)
    signers.hosts["east"] = replace(signers.hosts["east"], key=KEY)
    report = key_ceremonies.status(signers)
    assert report.holders == ("east", "west")
    assert any("exactly one host may" in problem for problem in report.problems)


def test_a_key_that_signed_through_a_gate_is_not_moved_without_one(transcript: Transcript) -> None:
    signers = estate()
    west = signers.hosts["east-spare"]
    signers.hosts["east-spare"] = replace(west, gate=replace(west.gate, written=True))
    before = dict(signers.hosts)
    with pytest.raises(Refused, match="east-spare signed, or was to sign, through a gate.*bin/estate key retire"):
        move(signers, transcript)
    assert signers.hosts == before
    assert key_ceremonies.status(signers).problems == (), "it holds no key"
    signers.hosts["west"] = replace(signers.hosts["west"], gate=replace(west.gate, written=True))
    assert any(
        "west signed, or was to sign, through a gate" in each for each in key_ceremonies.status(signers).problems
    )
