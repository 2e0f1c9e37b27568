"""The ceremonies of a key that one site at a time signs with: generate it, move it, show where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ceremonies.custody import Next, Refused, Situation, Step, following, holders, may_generate, public_key
from ceremonies.observation import SignerObservation
from ceremonies.ports import ChainPort, Signers
from ceremonies.public_key import ConsensusKey
from ceremonies.steps import Pace, Transcript, carry_out
from configuration import gate_config
from configuration.signer_config import CONSENSUS_KEY, CONSENSUS_PUBLIC


@dataclass(frozen=True, kw_only=True)
class KeyStatus:
    """Where the consensus key is. `holders`: the hosts that hold it. `signing`: the holders whose tmkms runs with it.
    `problems`: one sentence each.
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


def _mended(path: str, here: SignerObservation) -> str:
    """What a damaged file keeps from happening, and what mends it."""
    if path == CONSENSUS_KEY:
        return "nothing signs with it, and no ceremony decides by it: keep it elsewhere, and bring the key again"
    if path == CONSENSUS_PUBLIC:
        return "it is only the record that the key was here: move it away; the next ceremony with the key writes it"
    if path == gate_config.CONFIG:
        return "its gate does not start with it: deploy that host"
    gated = "; bin/estate key join writes it anew, above the watermark and the table" if here.gate.provisioned else ""
    alone = "" if gated else ": restore it, or write one above the chain's height"
    return f"tmkms is not started with it, because what was signed there is unknown{gated}{alone}"


def leftovers(signers: Mapping[str, SignerObservation]) -> list[str]:
    """Remnants of an unfinished ceremony, and keys that cannot be used."""
    found = []
    for name, each in sorted(signers.items()):
        if each.sealed or each.invited:
            found.append(f"{name}: what a key move needs is still there; finish it: bin/estate key move")
        if each.remnant:
            found.append(
                f"{name}: a key is being destroyed there and is not yet gone; finish the move: bin/estate key move"
            )
        if each.key is not None and each.state is None and not each.damaged_state:
            found.append(f"{name}: the key has no signing state; tmkms is not started without one")
        found += [f"{name}: {path} is damaged; {_mended(path, each)}" for path in each.damaged]
    return found


def status(signers: Signers) -> KeyStatus:
    """The custody of a key that one site signs with."""
    seen = signers.observe()
    holding = holders(seen)
    found = []
    if len(holding) > 1:
        found.append(f"{' and '.join(holding)} hold the consensus key; exactly one host may: stop and mask both now")
    for name in holding:
        if seen[name].gate.used:
            found.append(
                f"{name} signed, or was to sign, through a gate, and signing.coordination is not declared; it must not "
                "sign directly: declare signing.coordination again, with one site if only one is to sign"
            )
        if seen[name].masked:
            found.append(f"{name} holds the key and is masked: a move has begun; finish it: bin/estate key move")
    return KeyStatus.of(seen, [*found, *leftovers(seen)])


def generate(signers: Signers, *, target: str, transcript: Transcript, start: bool = True) -> ConsensusKey:
    """Generates a network's consensus key on `target` and starts tmkms if it is configured for that key. A key that
    signs through a gate is not started here: that is another ceremony.

    Raises:
        Refused: a key is, or was, on some signer.
    """
    may_generate(signers.observe(), target)
    transcript.write(ceremony="generate", host=target, step="generate the key")
    signers.generate(target)
    seen = signers.observe()
    made = seen[target].key
    if made is None or holders(seen) != (target,):
        raise Refused(
            f"after generating the key, {', '.join(holders(seen)) or 'no host'} holds one; only {target} must; "
            "nothing is started"
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


def move(
    signers: Signers,
    chain: ChainPort,
    *,
    target: str,
    custody_declared: bool,
    transcript: Transcript,
    pace: Pace = Pace(),
) -> tuple[Step, ...]:
    """Moves the consensus key to `target`, and returns the steps that were done.

    It starts nothing on a new host: a deployment does, once the declaration gives that site the custody. If it is
    killed, the next call continues. Called for the host that holds the key, it reverts a move that has begun.

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
