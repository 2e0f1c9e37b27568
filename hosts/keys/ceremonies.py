"""The ceremonies themselves: observe, decide, act, write down; again until nothing is left to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from hosts.keys.custody import (
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
from hosts.keys.observation import SignerObservation
from hosts.keys.public_key import ConsensusKey

Progress = Callable[[str], None]
POLL_SECONDS = 2.0


class Signers(Protocol):
    """The signer hosts of a network, by name."""

    def observe(self) -> Mapping[str, SignerObservation]: ...
    def look_into(self, name: str) -> Sealed | None: ...
    def generate(self, name: str) -> None: ...
    def start(self, name: str) -> bool: ...
    def halt(self, name: str) -> None: ...
    def invite(self, name: str) -> None: ...
    def seal(self, source: str, target: str) -> None: ...
    def destroy(self, name: str) -> None: ...
    def unseal(self, name: str, expected: str) -> None: ...
    def tidy(self, name: str) -> None: ...
    def release(self, name: str) -> None: ...


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
    """Where the consensus key is. `holder`: the one host that holds it; `None`: nobody does. `problems`: what is not as
    it must be.
    """

    key: ConsensusKey | None
    holder: str | None
    running: bool
    signers: Mapping[str, SignerObservation]
    problems: tuple[str, ...]


def _problems(signers: Mapping[str, SignerObservation]) -> list[str]:
    holding = holders(signers)
    found = []
    if len(holding) > 1:
        found.append(f"{' and '.join(holding)} hold the consensus key; exactly one host may: stop and mask both now")
    for name, each in sorted(signers.items()):
        if each.key is not None and each.masked:
            found.append(f"{name} holds the key and is masked: a move has begun; finish it: bin/estate key move")
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
    """Where the key is, and whether it signs."""
    seen = signers.observe()
    holding = holders(seen)
    holder = holding[0] if len(holding) == 1 else None
    return KeyStatus(
        key=public_key(seen),
        holder=holder,
        running=holder is not None and seen[holder].signs_consensus,
        signers=seen,
        problems=tuple(_problems(seen)),
    )


def generate(signers: Signers, *, target: str, transcript: Transcript) -> ConsensusKey:
    """Makes a network's consensus key on `target`, where it stays, and starts tmkms if its configuration is for that
    key.

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
    started = signers.start(target)
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


def move(
    signers: Signers,
    chain: ChainPort,
    *,
    target: str,
    custody_declared: bool,
    transcript: Transcript,
    wait_seconds: float = 600,
    progress: Progress = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Step, ...]:
    """Brings the consensus key to `target`, from wherever it is, and returns the steps that were done.

    It starts nothing at a new place: that is a deploy's work, once the declaration gives that site the custody. Killed
    anywhere, it
    goes on from what it finds. Called for the host that holds the key, it undoes a move that has begun.

    Raises:
        Refused: the next step would not be safe.
        HostFailed: a host did not answer, or a step failed there.
    """
    done: list[Step] = []
    deadline = clock() + wait_seconds
    while True:
        situation = _situation(signers, chain, target, custody_declared=custody_declared)
        try:
            step = following(situation)
        except Refused as refusal:
            transcript.write(ceremony="move", target=target, refused=str(refusal))
            raise
        if step.step is Step.DONE:
            transcript.write(ceremony="move", target=target, step="done")
            return tuple(done)
        if step.step is Step.WAIT:
            if clock() > deadline:
                raise Refused(
                    f"the chain did not go past our last signature in {wait_seconds:.0f} s; it stands, or our nodes "
                    "do; nothing is lost: call again"
                )
            progress(f"{step.step}: head {situation.chain.head if situation.chain else '?'}")
            sleep(POLL_SECONDS)
            continue
        if done.count(step.step) >= 3:
            raise Refused(
                f"{step.host}: this step was done three times and is not done: {step.step}; look at that host"
            )
        progress(f"{step.host}: {step.step}")
        transcript.write(ceremony="move", target=target, host=step.host, step=str(step.step))
        _act(signers, step, situation)
        done.append(step.step)
