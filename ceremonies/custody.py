"""The next step of a key move. It is decided each time from the state of the hosts and the chain, so that a killed
ceremony continues where it stopped. Pure.

The order guarantees two things. Two hosts can never sign with the key: it is destroyed on the old host, and its absence
verified, before it is installed on the new one. The key is never lost: before it is destroyed, the new host has shown
that it can open the package with the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ceremonies.observation import SignedState, SignerObservation
from ceremonies.public_key import ConsensusKey
from configuration.signer_config import CONSENSUS_KEY, CONSENSUS_PUBLIC
from estate.errors import ExpectedError

MARGIN_BLOCKS = 5
"""The number of blocks after our last signature, none of them signed by us, before a key leaves its host."""


class Step(StrEnum):
    """One step of a ceremony; each can be done again."""

    HALT = "stop, disable and mask the signer"
    WAIT = "wait until the chain has gone past the last signature"
    INVITE = "create an ephemeral certificate on the new host"
    SEAL = "copy the key there, encrypted to that certificate"
    DESTROY = "destroy the key on the old host"
    UNSEAL = "install the key, with its signing state as the watermark"
    TIDY = "remove the ephemeral key and the package"
    RELEASE = "start the signer that holds the key again"
    RAISE = "make sure that nothing is signed there up to this height"
    SEED = "create the key's row in the table"
    ADMIT = "admit the gate in the table"
    AWAIT = "wait until the table has gone past the new gate's watermark"
    DISMISS = "remove the gate's admission from the table"
    TAKE_OVER = "give the height of the dead owner to this gate, and dismiss the owner"
    RENEW = "begin a new generation in the table"
    CLOSE = "close the key's row in the table permanently"
    FREE = "unmask the signer, so that the next deployment can start it"
    CLEAR = "let the gate sign again"
    DONE = "nothing is left to do"


class Refused(ExpectedError):
    """The ceremony refuses to continue. The text says what was found, the rule, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """The content of the package on the new host, as that host opened it: public key in base64, state."""

    key: str
    state: SignedState


@dataclass(frozen=True, kw_only=True)
class ChainView:
    """The chain's head, and the heights above our last signed one at which a final commit has our key's
    signature.
    """

    head: int
    signed_since: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The input of a decision.

    `signers`: the state of every signer host of the network, by name. `target`: the key's new host. `sealed`: the
    content of the target's package, if it could be opened. `chain`: `None` if it did not answer. `custody_declared`:
    the target's site has the custody in the declaration.
    """

    signers: Mapping[str, SignerObservation]
    target: str
    sealed: Sealed | None
    chain: ChainView | None
    custody_declared: bool


@dataclass(frozen=True, kw_only=True)
class Next:
    """The step and its host. `height`: after the step, nothing at or below it is signed."""

    step: Step
    host: str
    height: int = 0


def holders(signers: Mapping[str, SignerObservation]) -> tuple[str, ...]:
    """The hosts that hold a consensus key, or a file in its place that cannot be read."""
    return tuple(sorted(name for name, each in signers.items() if each.key is not None or each.key_damaged))


def readable_key(name: str, here: SignerObservation) -> None:
    """Refuses a host with a file in the key's place that is no key. No ceremony decides by what it cannot read."""
    if here.key_damaged:
        raise Refused(
            f"{name}: {CONSENSUS_KEY} is damaged; whether that host can sign with the key again is unknown, and "
            "nothing is decided by it; stop and mask the signer there, keep the file elsewhere, "
            "remove it, then call this again"
        )


def _same_key(situation: Situation) -> None:
    keys = {each.key for each in situation.signers.values() if each.key} | {
        each.recorded for each in situation.signers.values() if each.recorded
    }
    keys |= {situation.sealed.key} if situation.sealed else set()
    if len(keys) > 1:
        raise Refused(
            f"got {len(keys)} different consensus keys on the signers ({', '.join(sorted(keys))}); a network must have "
            "one; find out which one is in the chain's validator set "
            f"and remove the others, with the signers stopped"
        )


def _never_gated(situation: Situation) -> None:
    gated = sorted(name for name, each in situation.signers.items() if each.gate.used)
    if gated:
        raise Refused(
            f"{' and '.join(gated)} signed, or was to sign, through a gate, and signing.coordination is not declared; "
            "tmkms's state at one site does not say what another site has signed since; declare signing.coordination "
            "again: with one site if only one is to sign, or to end the key with bin/estate key retire"
        )


def following(situation: Situation) -> Next:
    """The next step towards the key being at the target.

    Raises:
        Refused: it would not be safe, or no ceremony leads to the observed state.
    """
    _same_key(situation)
    _never_gated(situation)
    for name, each in sorted(situation.signers.items()):
        readable_key(name, each)
    target = situation.target
    there = situation.signers[target]
    if not there.provisioned:
        raise Refused(
            f"{target}: tmkms is not set up there; a key goes only where it can be used; deploy it first: pyinfra … "
            f"--limit {target}"
        )
    holding = holders(situation.signers)
    if there.damaged_state and holding != (target,):
        raise Refused(
            f"{target}: {there.damaged_state} is damaged; it may say that more was signed there than the key's own "
            "state does, and it would be replaced; find out from the chain what was signed last, then move the file "
            "away, and call this again"
        )
    if len(holding) > 1:
        raise Refused(
            f"got the consensus key at {' and '.join(holding)}; exactly one host may hold it; no ceremony does this: "
            "stop and mask both now, find out "
            f"which signed last, and destroy the other copy"
        )
    if not holding:
        return _unseal(situation)
    source = holding[0]
    if source == target:
        return _arrived(situation)
    return _leave(situation, source)


def _arrived(situation: Situation) -> Next:
    for name, each in sorted(situation.signers.items()):
        if each.sealed or each.invited:
            return Next(step=Step.TIDY, host=name)
    if situation.signers[situation.target].masked and situation.custody_declared:
        return Next(step=Step.RELEASE, host=situation.target)
    return Next(step=Step.DONE, host=situation.target)


def _unseal(situation: Situation) -> Next:
    there = situation.signers[situation.target]
    remnants = sorted(name for name, each in situation.signers.items() if each.remnant)
    if remnants and situation.sealed is None:
        raise Refused(
            f"{remnants[0]}: the key is being destroyed there, and {situation.target} has no package that opens; what "
            f"is left of it may be the last copy; nothing is touched; look at it and at every package before "
            f"anything else"
        )
    if remnants:
        return Next(step=Step.DESTROY, host=remnants[0])
    elsewhere = sorted(name for name, each in situation.signers.items() if each.sealed and name != situation.target)
    if situation.sealed is None:
        where = (
            f"a package for it is at {', '.join(elsewhere)}: move it there first"
            if elsewhere
            else "restore it from its backup"
        )
        found = "a package that it cannot open" if there.sealed else "no package for it"
        raise Refused(
            f"no signer holds a consensus key, and {situation.target} has {found}; there is nothing to move; {where}"
        )
    if there.state is not None and there.state > situation.sealed.state:
        raise Refused(
            f"{situation.target}: its state file says that height {there.state.height} was signed, the package says "
            f"{situation.sealed.state.height}; "
            f"something signed after the key was packed; find out what, and put the higher state into place by hand"
        )
    return Next(step=Step.UNSEAL, host=situation.target)


def _leave(situation: Situation, source: str) -> Next:
    here, target = situation.signers[source], situation.target
    strays = sorted(
        name for name, each in situation.signers.items() if (each.sealed or each.invited) and name != target
    )
    if strays:
        return Next(step=Step.TIDY, host=strays[0])
    if not here.halted:
        return Next(step=Step.HALT, host=source)
    if here.state is None:
        raise Refused(
            f"{source}: the key has {'a damaged' if here.damaged_state else 'no'} signing state"
            f"{f' ({here.damaged_state})' if here.damaged_state else ''}; what it last signed is unknown, so no "
            "watermark can go with it; restore the state file"
        )
    chain = situation.chain
    if chain is None:
        raise Refused(
            "the chain did not answer; before the key moves, the chain must show that no other host signs with it; "
            "make one of our nodes reachable"
        )
    if chain.signed_since:
        heights = ", ".join(map(str, chain.signed_since))
        raise Refused(
            f"got signatures of our key at heights {heights}, after {source} last signed {here.state.height}; another "
            "signer holds this key; "
            f"nothing is moved; find the other signer before anything else"
        )
    if chain.head < here.state.height + MARGIN_BLOCKS:
        return Next(step=Step.WAIT, host=source)
    there = situation.signers[target]
    if not there.invited:
        return Next(step=Step.INVITE, host=target)
    if situation.sealed is None or situation.sealed != Sealed(key=here.key or "", state=here.state):
        return Next(step=Step.SEAL, host=source)
    return Next(step=Step.DESTROY, host=source)


def may_generate(signers: Mapping[str, SignerObservation], target: str) -> None:
    """Whether a network's first key may be made at `target`.

    Raises:
        Refused: a key is, or was, somewhere; or the target is not ready.
    """
    for name, each in sorted(signers.items()):
        readable_key(name, each)
        if CONSENSUS_PUBLIC in each.damaged:
            raise Refused(
                f"{name}: {CONSENSUS_PUBLIC} is damaged; it is the record of a key that this network had, which a new "
                "one must not replace; restore that key from its backup; if there never was one, move the file away"
            )
        if each.key is not None:
            raise Refused(
                f"{name} holds the consensus key {each.key}; a network has one key for life; move it instead: "
                "bin/estate key move"
            )
        if each.sealed or each.invited:
            raise Refused(f"{name}: a move of the key to it has begun; finish it first: bin/estate key move")
        if each.recorded is not None:
            raise Refused(
                f"{name} once held the consensus key {each.recorded}; a validator keeps its key for life, and a new "
                "one would be another validator; "
                f"restore it from its backup"
            )
    if not signers[target].provisioned:
        raise Refused(f"{target}: tmkms is not set up there; deploy it first: pyinfra … --limit {target}")
    if damaged := signers[target].damaged_state:
        raise Refused(
            f"{target}: {damaged} is damaged; tmkms would not start with it, and a state is never replaced here; find "
            "out what wrote it, move it away, then call this again"
        )


def public_key(signers: Mapping[str, SignerObservation]) -> ConsensusKey | None:
    """The network's consensus key, wherever it is or was recorded."""
    for each in signers.values():
        if text := each.key or each.recorded:
            return ConsensusKey.from_base64(text)
    return None
