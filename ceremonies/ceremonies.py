"""The ceremonies themselves: observe, decide, act, write down; again until nothing is left to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from ceremonies.custody import (
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
from ceremonies.observation import SignerObservation
from ceremonies.public_key import ConsensusKey

Progress = Callable[[str], None]
S = TypeVar("S")
T = TypeVar("T")
POLL_SECONDS = 2.0


class Signers(Protocol):
    """The signer hosts of a network, by name."""

    def observe(self) -> Mapping[str, SignerObservation]: ...
    def look_into(self, name: str) -> Sealed | None: ...
    def generate(self, name: str) -> None: ...
    def start(self, name: str) -> bool: ...
    def halt(self, name: str) -> None: ...
    def invite(self, name: str) -> None: ...
    def seal(self, source: str, target: str, *, keep: bool = False) -> None: ...
    def destroy(self, name: str) -> None: ...
    def unseal(self, name: str, expected: str, *, keep_state: bool = False) -> None: ...
    def tidy(self, name: str) -> None: ...
    def release(self, name: str) -> None: ...
    def free(self, name: str) -> None: ...
    def raise_floor(self, name: str, key: ConsensusKey, height: int) -> None: ...
    def clear_halt(self, name: str) -> None: ...


class ChainPort(Protocol):
    """The chain that the key signs for."""

    def view(self, address: str, above: int) -> ChainView | None: ...


@dataclass(frozen=True)
class Transcript:
    """What was done, one JSON object a line, appended to `file`. It holds nothing secret."""

    file: Path

    def write(self, **entry: object) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as handle:
            handle.write(json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}) + "\n")


@dataclass(frozen=True, kw_only=True)
class KeyStatus:
    """Where the consensus key is. `holders`: the hosts that hold it. `signing`: those of them whose tmkms runs with it.
    `problems`: what is not as it must be.
    """

    key: ConsensusKey | None
    holders: tuple[str, ...]
    signing: tuple[str, ...]
    signers: Mapping[str, SignerObservation]
    problems: tuple[str, ...]

    @classmethod
    def of(cls, seen: Mapping[str, SignerObservation], problems: Sequence[str]) -> KeyStatus:
        holding = holders(seen)
        return cls(
            key=public_key(seen),
            holders=holding,
            signing=tuple(name for name in holding if seen[name].signs_consensus),
            signers=seen,
            problems=tuple(problems),
        )


def leftovers(signers: Mapping[str, SignerObservation]) -> list[str]:
    """What a ceremony that was not finished left behind, and a key that cannot be used."""
    found = []
    for name, each in sorted(signers.items()):
        if each.sealed or each.invited:
            found.append(f"{name}: what a key move needs is still there; finish it: bin/estate key move")
        if each.remnant:
            found.append(
                f"{name}: a key is being destroyed there and is not yet gone; finish the move: bin/estate key move"
            )
        if each.key is not None and each.state is None:
            found.append(f"{name}: the key has no signing state; tmkms is not started without one")
    return found


def status(signers: Signers) -> KeyStatus:
    """Where the key is, and whether it signs, where one site does."""
    seen = signers.observe()
    holding = holders(seen)
    found = []
    if len(holding) > 1:
        found.append(f"{' and '.join(holding)} hold the consensus key; exactly one host may: stop and mask both now")
    for name in holding:
        if seen[name].masked:
            found.append(f"{name} holds the key and is masked: a move has begun; finish it: bin/estate key move")
    return KeyStatus.of(seen, [*found, *leftovers(seen)])


def generate(signers: Signers, *, target: str, transcript: Transcript, start: bool = True) -> ConsensusKey:
    """Makes a network's consensus key on `target`, where it stays, and starts tmkms if its configuration is for that
    key. A key that signs through a gate is not started here: that is a ceremony of its own.

    Raises:
        Refused: a key is, or was, on some signer.
    """
    may_generate(signers.observe(), target)
    transcript.write(ceremony="generate", host=target, step="make the key")
    signers.generate(target)
    seen = signers.observe()
    made = seen[target].key
    if made is None or holders(seen) != (target,):
        raise Refused(
            f"after making the key, {', '.join(holders(seen)) or 'nobody'} holds one; {target} alone must; nothing is "
            "started"
        )
    key = ConsensusKey.from_base64(made)
    started = start and signers.start(target)
    transcript.write(
        ceremony="generate", host=target, step="done", public_key=key.base64, address=key.address, started=started
    )
    return key


def _situation(signers: Signers, chain: ChainPort, target: str, *, custody_declared: bool) -> Situation:
    seen = signers.observe()
    sealed = signers.look_into(target) if seen[target].sealed else None
    key, holding = public_key(seen), holders(seen)
    source = seen[holding[0]] if len(holding) == 1 else None
    view = None
    if key and source and source.halted and source.state:
        view = chain.view(key.address, source.state.height)
    return Situation(signers=seen, target=target, sealed=sealed, chain=view, custody_declared=custody_declared)


def _act(signers: Signers, step: Next, situation: Situation) -> None:
    if step.step is Step.HALT:
        signers.halt(step.host)
    elif step.step is Step.INVITE:
        signers.invite(step.host)
    elif step.step is Step.SEAL:
        signers.seal(step.host, situation.target)
    elif step.step is Step.DESTROY:
        signers.destroy(step.host)
    elif step.step is Step.UNSEAL:
        assert situation.sealed is not None
        signers.unseal(step.host, situation.sealed.key)
    elif step.step is Step.TIDY:
        signers.tidy(step.host)
    elif step.step is Step.RELEASE:
        signers.release(step.host)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a ceremony waits for the chain or the table, and who is told what it does."""

    wait_seconds: float = 600
    progress: Progress = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


WAITING = {
    Step.WAIT: "the chain did not go past our last signature",
    Step.AWAIT: "the table did not go past the new gate's floor, so no other gate signs (without one: key renew-table)",
}


def carry_out(
    observe: Callable[[], S],
    decide: Callable[[S], Next],
    act: Callable[[Next, S], None],
    write: Callable[..., None],
    pace: Pace,
) -> tuple[Next, ...]:
    """Observes, decides and acts until nothing is left to do; the steps that were done. `write`: into the transcript.

    Raises:
        Refused: the next step would not be safe.
    """
    done: list[Next] = []
    deadline = pace.clock() + pace.wait_seconds

    def refuse(reason: str) -> Refused:
        write(refused=reason)
        return Refused(reason)

    def told(action: Callable[..., T], *arguments: object) -> T:
        try:
            return action(*arguments)
        except Refused:
            raise
        except Exception as failure:
            write(failed=str(failure))
            raise

    while True:
        situation = told(observe)
        try:
            step = decide(situation)
        except Refused as refusal:
            raise refuse(str(refusal)) from None
        if step.step is Step.DONE:
            write(step="done")
            return tuple(done)
        if step.step in WAITING:
            if pace.clock() > deadline:
                raise refuse(
                    f"{WAITING[step.step]} in {pace.wait_seconds:.0f} s; it stands, or our nodes do; nothing is lost: "
                    "call again"
                )
            pace.progress(f"{step.host}: {step.step}")
            pace.sleep(POLL_SECONDS)
            continue
        if [(each.step, each.host) for each in done].count((step.step, step.host)) >= 3:
            raise refuse(f"{step.host}: this step was done three times and is not done: {step.step}; look at that host")
        pace.progress(f"{step.host}: {step.step}")
        write(host=step.host, step=str(step.step), **({"height": step.height} if step.height else {}))
        told(act, step, situation)
        done.append(step)


def move(
    signers: Signers,
    chain: ChainPort,
    *,
    target: str,
    custody_declared: bool,
    transcript: Transcript,
    pace: Pace = Pace(),
) -> tuple[Step, ...]:
    """Brings the consensus key to `target`, from wherever it is, and returns the steps that were done.

    It starts nothing at a new place: that is a deploy's work, once the declaration gives that site the custody. Killed
    anywhere, it goes on from what it finds. Called for the host that holds the key, it undoes a move that has begun.

    Raises:
        Refused: the next step would not be safe.
        HostFailed: a host did not answer, or a step failed there.
    """
    done = carry_out(
        lambda: _situation(signers, chain, target, custody_declared=custody_declared),
        following,
        lambda step, situation: _act(signers, step, situation),
        partial(transcript.write, ceremony="move", target=target),
        pace,
    )
    return tuple(each.step for each in done)
