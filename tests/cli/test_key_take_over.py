"""``bin/estate key take-over``: which hosts it is about, what it asks of the operator, what it says at the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ceremonies.custody import Next, Refused, Step
from ceremonies.gate_ceremonies import GateCeremonies
from ceremonies.reach import Reach
from ceremonies.remote import RemoteSigners
from ceremonies.steps import Transcript

Estate = Callable[..., tuple[int, str, str]]
ASH1 = frozenset({"cosmoshub-signer-ash1-01", "cosmoshub-signer-ash1-02"})
ZRH1 = frozenset({"cosmoshub-signer-zrh1-01", "cosmoshub-signer-zrh1-02"})
BLOCK = "AB" * 32


@dataclass
class Held:
    """The ceremonies that were held instead of real ones. `refuses`: with this text. `without`: of each lock."""

    refuses: str = ""
    taken_over: list[tuple[frozenset[str], str, str]] = field(default_factory=list)
    without: list[frozenset[str]] = field(default_factory=list)
    locked: bool = False


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Held:
    held = Held()

    @contextmanager
    def exclusive(self: RemoteSigners, without: Collection[str] = ()) -> Iterator[None]:
        held.without.append(frozenset(without))
        held.locked = True
        yield
        held.locked = False

    def take_over(
        self: GateCeremonies, dead: Collection[str], target: str, *, locked_block: str = ""
    ) -> tuple[Next, ...]:
        assert held.locked, "no other ceremony may run beside it"
        held.taken_over.append((frozenset(dead), target, locked_block))
        if held.refuses:
            raise Refused(held.refuses)
        return (Next(step=Step.TAKE_OVER, host=target),)

    def status(self: Reach) -> None:
        raise AssertionError("the site that died is asked")

    monkeypatch.setattr(RemoteSigners, "exclusive", exclusive)
    monkeypatch.setattr(GateCeremonies, "take_over", take_over)
    monkeypatch.setattr(Reach, "status", status)
    monkeypatch.setattr(Reach, "transcript", lambda self, name: Transcript(tmp_path / f"{name}.log"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return held


@pytest.fixture
def take_over(estate: Estate, tmp_path: Path) -> Estate:
    credentials = tmp_path / "credentials.json"
    credentials.write_text("{}")

    def run(*words: str, live: tuple[str, ...] = ("--live", "--yes")) -> tuple[int, str, str]:
        given = ("--credentials", str(credentials)) if live else ()
        return estate("key", "take-over", "cosmoshub", *live, *given, *words)

    return run


def test_a_height_is_taken_over_without_any_host_of_the_site_that_died(take_over: Estate, held: Held) -> None:
    code, said, _ = take_over("--from", "ash1", "--to", "zrh1")
    assert code == 0
    assert held.taken_over == [(ASH1, "cosmoshub-signer-zrh1-01", "")]
    assert held.without == [ASH1], "the lock of ceremonies is at a host that answers"
    assert "take-over: 1 steps" in said and "take-over.log" in said
    assert "now restart the node of zrh1" in said
    assert "ash1 is dismissed; once its host answers again: bin/estate key join ash1 cosmoshub --live" in said


def test_either_site_can_have_died(take_over: Estate, held: Held) -> None:
    assert take_over("--from", "zrh1", "--to", "ash1")[0] == 0
    assert held.taken_over == [(ZRH1, "cosmoshub-signer-ash1-01", "")]


def test_the_locked_block_reaches_the_ceremony_as_it_was_given(take_over: Estate, held: Held) -> None:
    assert take_over("--from", "ash1", "--to", "zrh1", "--locked-block", BLOCK)[0] == 0
    assert held.taken_over == [(ASH1, "cosmoshub-signer-zrh1-01", BLOCK)]


def test_a_refused_take_over_says_why_and_claims_nothing(take_over: Estate, held: Held) -> None:
    held.refuses = "ash1 precommitted a block"
    code, said, wrong = take_over("--from", "ash1", "--to", "zrh1")
    assert code != 0 and "ash1 precommitted a block" in wrong
    assert "dismissed" not in said and "restart" not in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--to", "zrh1"), "--from: got nothing; expected one of: ash1, zrh1"),
        (("--from", "ash1"), "--to: got nothing; expected one of: ash1, zrh1"),
        (("--from", "fra1", "--to", "zrh1"), "--from: got 'fra1'"),
        (("--from", "ash1", "--to", "fra1"), "--to: got 'fra1'"),
        (("--from", "ash1", "--to", "ash1"), "got ash1 both as the site that died and as the one that signs on"),
        (("--from", "ash1", "--to", "zrh1", "--locked-block", "AB12"), "--locked-block: got 'AB12'"),
        (("--from", "ash1", "--to", "zrh1", "--locked-block", "0x" + BLOCK[2:]), "64 hexadecimal digits"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_locked_or_asked(
    take_over: Estate, held: Held, words: tuple[str, ...], reason: str
) -> None:
    code, _, wrong = take_over(*words)
    assert code == 2 and reason in wrong
    assert held.taken_over == [] and held.without == []


def test_real_signers_need_a_yes(take_over: Estate, held: Held) -> None:
    code, _, wrong = take_over("--from", "ash1", "--to", "zrh1", live=("--live",))
    assert code == 1 and "nothing was changed" in wrong
    assert held.taken_over == [] and held.without == []
