"""What may be done next with a consensus key: decided again each time from what the hosts and the chain show, so that a
ceremony that was killed at any point goes on where it stopped. Pure.

The order keeps two promises. At no moment can two hosts sign with the key: it is destroyed at its old place, and seen
to be gone, before it is put in place at the new one. At no moment is it lost: before it is destroyed, the new place has
shown that it can open the package that carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ceremonies.observation import SignedState, SignerObservation
from ceremonies.public_key import ConsensusKey
from estate.errors import ExpectedError

MARGIN_BLOCKS = 5
"""How many blocks the chain must have gone past our last signature, none of them signed by us, before a key leaves its
place.
"""


class Step(StrEnum):
    """One step of a ceremony; each can be done again."""

    HALT = "stop, disable and mask the signer"
    WAIT = "wait until the chain has gone past the last signature"
    INVITE = "make an ephemeral certificate where the key goes"
    SEAL = "carry the key there, encrypted to that certificate"
    DESTROY = "destroy the key where it was"
    UNSEAL = "put the key in its place, with the state as its watermark"
    TIDY = "remove the ephemeral key and the package"
    RELEASE = "let the signer that holds the key run again"
    RAISE = "make sure that nothing is signed there up to this height"
    SEED = "make the key's row in the table"
    ADMIT = "admit the gate in the table"
    AWAIT = "wait until the table has gone past the new gate's watermark"
    DISMISS = "take the gate's admission out of the table"
    RENEW = "begin a new generation in the table"
    CLOSE = "close the key's row in the table for ever"
    FREE = "let the signer be started by the next deploy"
    CLEAR = "let the gate sign again"
    DONE = "nothing is left to do"


class Refused(ExpectedError):
    """A ceremony does not go on. It says what was found, the rule, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """What is in the package at the key's new place, as that place opened it: public key in base64, state."""

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
    """Everything that a decision rests on.

    `signers`: what every signer host of the network holds, by name. `target`: where the key will be. `sealed`: what
    the target's package holds, if it could be opened. `chain`: `None` if it could not be asked. `custody_declared`: the
    target's site has the custody in the declaration.
    """

    signers: Mapping[str, SignerObservation]
    target: str
    sealed: Sealed | None
    chain: ChainView | None
    custody_declared: bool


@dataclass(frozen=True, kw_only=True)
class Next:
    """The step to do, and the host that it is about. `height`: up to which nothing is signed any more after it."""

    step: Step
    host: str
    height: int = 0


def holders(signers: Mapping[str, SignerObservation]) -> tuple[str, ...]:
    """The hosts that hold a consensus key."""
    return tuple(sorted(name for name, each in signers.items() if each.key is not None))


def _same_key(situation: Situation) -> None:
    keys = {each.key for each in situation.signers.values() if each.key} | {
        each.recorded for each in situation.signers.values() if each.recorded
    }
    keys |= {situation.sealed.key} if situation.sealed else set()
    if len(keys) > 1:
        raise Refused(
            f"got {len(keys)} different consensus keys on the signers ({', '.join(sorted(keys))}); a network has one; "
            "find out which the chain knows "
            f"and remove the others, with the signers stopped"
        )


def following(situation: Situation) -> Next:
    """The next step towards the key being at the target.

    Raises:
        Refused: it would not be safe, or what is found cannot come from a ceremony.
    """
    _same_key(situation)
    target = situation.target
    there = situation.signers[target]
    if not there.provisioned:
        raise Refused(
            f"{target}: tmkms is not set up there; a key goes only where it can be used; deploy it first: pyinfra … "
            f"--limit {target}"
        )
    holding = holders(situation.signers)
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
            f"{source}: the key has no signing state; what it last signed is unknown, so no watermark can go with it; "
            "restore the state file"
        )
    chain = situation.chain
    if chain is None:
        raise Refused(
            "the chain cannot be asked; that nobody else signs with this key must be seen before it moves; make one of "
            "our nodes reachable"
        )
    if chain.signed_since:
        heights = ", ".join(map(str, chain.signed_since))
        raise Refused(
            f"got signatures of our key at heights {heights}, after {source} last signed {here.state.height}; someone "
            "else holds this key; "
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


def public_key(signers: Mapping[str, SignerObservation]) -> ConsensusKey | None:
    """The network's consensus key, wherever it is or was recorded."""
    for each in signers.values():
        if text := each.key or each.recorded:
            return ConsensusKey.from_base64(text)
    return None
