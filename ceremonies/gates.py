"""The next step of a ceremony for a key that several sites sign with, each through its gate. It is decided each time
from the state of the hosts, the table and the chain. Pure.

The order guarantees the following. If a host holds the key and something can be started there, the table admits its
gate. No gate is started below a position signed according to its host, the table or the chain. A gate loses its
admission before its host loses the key. Only declared sites hold the key, except the site that a move takes it from.
The key is never lost, unless it is retired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ceremonies.chain_rpc import Lock
from ceremonies.custody import MARGIN_BLOCKS, ChainView, Next, Refused, Sealed, Step, holders, public_key, readable_key
from ceremonies.observation import SignerObservation
from ceremonies.public_key import ConsensusKey
from configuration import gate_config
from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, spent
from coordinator.decision.position import Step as PositionStep
from coordinator.decision.records import Claim, Head
from coordinator.privval.canonical import voted_hash
from coordinator.table.items import CLOSED

LEAD_BLOCKS = 4 * MARGIN_BLOCKS
"""How far above the last signature a ceremony writes a watermark. The chain goes on while the hosts are raised, and the
row must be `MARGIN_BLOCKS` above it when it is written.
"""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The declaration's part. `gates`: the signers that sign, each through the gate of the same name."""

    gates: frozenset[str]
    generation: int


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The input of a decision.

    `signers`: observed before `row` was read, so that no watermark can be above a correct row. `row`: the key's row,
    `None` if there is none. `chain`: above `last_signed`, queried after the row; `None` if it was not asked or did not
    answer. `watched_from`: the chain's head when this run of the ceremony first saw all that it concerns stopped.
    `sealed`: by host, the content of the packages that could be opened. Only for a height that is taken over:
    `precommits`, all that were claimed in it, read after the row, and `lock`, that of the node that goes on; `None` if
    it does not say.
    """

    signers: Mapping[str, SignerObservation]
    declared: Declared
    row: Head | None
    chain: ChainView | None = None
    watched_from: int | None = None
    sealed: Mapping[str, Sealed]
    precommits: tuple[Claim, ...] = ()
    lock: Lock | None = None

    @property
    def admitted(self) -> frozenset[str]:
        return frozenset(gate for gate, _ in self.row.gates) if self.row else frozenset()


def _positions(signers: Mapping[str, SignerObservation], names: Iterable[str], row: Head | None) -> list[Position]:
    found = [row.position] if row else []
    for name in names:
        each = signers[name]
        found += [each.gate.floor.position] if each.gate.floor else []
        found += [each.state.position] if each.state else []
    return found


def _is_spent(position: Position) -> bool:
    """Whether a ceremony wrote it: no vote has its round number."""
    return position == spent(position.height)


def last_signed(signers: Mapping[str, SignerObservation], names: Iterable[str], row: Head | None) -> int:
    """The height above which the signers `names` have signed nothing, according to their state and the row.

    A position that a ceremony wrote is `LEAD_BLOCKS` above the last signature.
    """
    positions = _positions(signers, names, row)
    return max((each.height - LEAD_BLOCKS if _is_spent(each) else each.height for each in positions), default=0)


def _key(situation: Situation) -> ConsensusKey:
    signers = situation.signers.values()
    found = {each.key for each in signers} | {each.recorded for each in signers}
    found |= {ConsensusKey(each.gate.floor.public_key).base64 for each in signers if each.gate.floor}
    found |= {each.key for each in situation.sealed.values()}
    found.discard(None)
    if len(found) > 1:
        raise Refused(
            f"got {len(found)} different consensus keys on the signers ({', '.join(sorted(map(str, found)))}); a "
            "network must have one; find out which one is in the chain's validator set and remove the others, with the "
            "signers stopped"
        )
    key = public_key(situation.signers)
    if key is None:
        raise Refused("no signer holds a consensus key; make one first: bin/estate key generate")
    return key


def _only(situation: Situation, allowed: Iterable[str]) -> None:
    others = sorted(set(holders(situation.signers)) - set(allowed))
    if others:
        raise Refused(
            f"got the consensus key at {' and '.join(others)}; only {', '.join(sorted(allowed))} may hold it; stop "
            "and mask it there, find out whether it signed, and move or destroy that copy before anything else"
        )


def _open_row(situation: Situation) -> Head:
    row, declared = situation.row, situation.declared
    if row is None:
        raise Refused(
            "the table has no row for this key; a gate signs only by a row; if the key never signed through a gate: "
            "bin/estate key start; if the table was lost: bin/estate key renew-table"
        )
    if row.position == CLOSED:
        raise Refused("the table's row for this key is closed: it was retired, and nothing signs with it ever again")
    if row.generation != declared.generation:
        raise Refused(
            f"the table is at generation {row.generation}, the declaration at {declared.generation}; they must agree; "
            "if the table was lost or rolled back: bin/estate key renew-table; else put "
            f"signing.coordination.generation back to {row.generation}"
        )
    return row


def _not_gone_back(situation: Situation, names: Iterable[str]) -> None:
    """Refuses if a signer's watermark is above the table. One that a ceremony wrote may be above it at first."""
    row = situation.row
    for name in sorted(names):
        for each in _positions(situation.signers, [name], None):
            if row and each > row.position and not _is_spent(each):
                raise Refused(
                    f"the table is at {row.position.text}, but {name} has signed {each.text}; a table never goes back; "
                    "it was rolled back or replaced: bin/estate key renew-table"
                )


def _deployed(situation: Situation, name: str) -> None:
    here, generation = situation.signers[name], situation.declared.generation
    if name not in situation.declared.gates:
        raise Refused(
            f"{name} is not declared to sign; only {', '.join(sorted(situation.declared.gates))} is; add its site to "
            "signing.coordination.sites and deploy"
        )
    if not here.provisioned or not here.gate.provisioned:
        what = "its gate" if here.provisioned else "tmkms"
        raise Refused(
            f"{name}: {what} is not set up there; a key goes only where it can be used; deploy it first: pyinfra … "
            f"--limit {name}"
        )
    if here.gate.generation != generation:
        raise Refused(
            f"{name}: its gate is pinned to generation {here.gate.generation}, {generation} is declared; deploy it "
            f"first: pyinfra … --limit {name}"
        )


def _gone(situation: Situation) -> list[str]:
    """The gates that the table admits and that are no host of ours any more."""
    return sorted(situation.admitted - set(situation.signers))


def _signs(situation: Situation, name: str) -> bool:
    each = situation.signers[name]
    return bool(each.key and each.runs and each.gate.runs and name in situation.admitted)


def _running(here: SignerObservation, name: str) -> Next:
    masked = here.masked or here.gate.masked
    return Next(step=Step.DONE if here.runs and here.gate.runs and not masked else Step.RELEASE, host=name)


def _halted(situation: Situation, names: Iterable[str]) -> Next | None:
    for name in sorted(names):
        if not situation.signers[name].still:
            return Next(step=Step.HALT, host=name)
    return None


def _seen_chain(situation: Situation) -> ChainView:
    if situation.chain is None:
        raise Refused(
            "the chain did not answer; its height, and that no other host signs with this key, must be verified first; "
            "make one of our nodes reachable"
        )
    return situation.chain


def _settle(situation: Situation, names: tuple[str, ...]) -> Next | int:
    """Stops the signers `names` and raises them; then the height of a new row, at which all of them rest.

    It is at least `MARGIN_BLOCKS` above every signature that any signer, the row or the chain's head shows, whatever
    ceremony went before: a watermark says nothing about a gate that is gone, and only the chain does. The chain was
    watched for as many blocks with everything stopped, so that its head is no stalled node's.
    """
    if step := _halted(situation, names):
        return step
    chain, signers = _seen_chain(situation), situation.signers
    if chain.signed_since:
        raise Refused(
            f"got signatures of our key at heights {', '.join(map(str, chain.signed_since))}; our last known "
            f"signature is at {last_signed(signers, names, situation.row)}, and our signers are stopped; another "
            "signer holds this key; find it before anything else"
        )
    for name in names:
        if signers[name].gate.floor is None and signers[name].state is None:
            raise Refused(
                f"{name} holds the key, and neither a watermark file nor tmkms's state there can be read; what it "
                "signed is unknown, and a row is made only above all that is known; restore tmkms's state file, or "
                "write one above the chain's height"
            )
    if situation.watched_from is None or chain.head < situation.watched_from + MARGIN_BLOCKS:
        return Next(step=Step.WAIT, host=names[0])
    positions = _positions(signers, signers, situation.row)
    top = max(positions, default=spent(0))
    signed = max((each.height for each in positions if not _is_spent(each)), default=0)
    if signed > chain.head + LEAD_BLOCKS:
        raise Refused(
            f"height {signed} was signed, and the chain is at {chain.head}; no row is made below a signature, no "
            "watermark is ever lowered, and above it nothing can be signed before the chain is there; find the node "
            "that asked for it, and wait until the chain has passed it; if that takes too long, another key must take "
            "this one's place: bin/estate key retire"
        )
    is_above = _is_spent(top) and top.height >= max(chain.head + MARGIN_BLOCKS, signed + LEAD_BLOCKS)
    height = top.height if is_above else max(chain.head, signed) + LEAD_BLOCKS
    for name in names:
        floor, state = signers[name].gate.floor, signers[name].state
        if not floor or not state or not floor.position == state.position == spent(height):
            return Next(step=Step.RAISE, host=name, height=height)
    return height


def starting(situation: Situation, target: str) -> Next:
    """The next step towards the first signature through a gate, at `target`.

    Raises:
        Refused: it would not be safe.
    """
    _key(situation)
    _deployed(situation, target)
    holding, here, row = holders(situation.signers), situation.signers[target], situation.row
    readable_key(target, here)
    if holding != (target,):
        raise Refused(
            f"got the consensus key at {' and '.join(holding) or 'no signer'}; a key starts on the only host "
            f"that holds it, at {target}; name the site that holds it, or make one: bin/estate key generate"
        )
    if row is not None:
        if situation.admitted != {target} or row.position == CLOSED or row.generation != situation.declared.generation:
            raise Refused(
                f"the table has a row for this key already, of generation {row.generation} at {row.position.text}; a "
                "key starts once; add a site: bin/estate key join; replace the table: bin/estate key renew-table"
            )
        _not_gone_back(situation, [target])
        if here.gate.floor is None or here.gate.floor.position > row.position:
            raise Refused(
                f"{target}: the table is at {row.position.text}, and its watermark is "
                f"{here.gate.floor.position.text if here.gate.floor else 'lost'}; the two must agree; replace the "
                "table: bin/estate key renew-table"
            )
        return _running(here, target)
    if here.gate.damaged or (here.gate.floor and not _is_spent(here.gate.floor.position)):
        raise Refused(
            f"{target}: its gate has a watermark of its own, so it has signed, and the table has no row; the table was "
            "lost: bin/estate key renew-table"
        )
    for name, each in sorted(situation.signers.items()):
        if each.gate.runs or (each.runs and (each.key or name in situation.declared.gates)):
            raise Refused(
                f"{name}: something runs there that may sign; a key starts only where everything is stopped; stop it: "
                "systemctl stop tmkms signing-gate"
            )
        if each.sealed or each.invited:
            return Next(step=Step.TIDY, host=name)
    settled = _settle(situation, (target,))
    return settled if isinstance(settled, Next) else Next(step=Step.SEED, host=target, height=settled)


def joining(situation: Situation, target: str, *, leaving: str | None = None) -> Next:
    """The next step towards `target` signing too. `leaving`: a host that may hold the key yet, though undeclared.

    A host that has lost its watermark or comes new gets one above the row. One that has its own is raised only over the
    heights before the row's: what it claimed in that height nobody else may want, and the chain may wait for it.

    Raises:
        Refused: it would not be safe.
    """
    key = _key(situation)
    _deployed(situation, target)
    row, here, floor = _open_row(situation), situation.signers[target], situation.signers[target].gate.floor
    allowed = situation.declared.gates | ({leaving} if leaving else set())
    readable_key(target, here)
    _only(situation, allowed)
    _not_gone_back(situation, allowed)
    if gone := _gone(situation):
        return Next(step=Step.DISMISS, host=gone[0])
    admitted, carried = target in situation.admitted, here.invited or here.sealed
    if here.key and floor and here.state and admitted and not carried:
        if floor.position <= row.position:
            return _running(here, target)
        if here.still:
            return Next(step=Step.AWAIT, host=target)
    if here.key is None and (here.gate.runs or (here.runs and not here.standby)):
        raise Refused(
            f"{target}: something runs there without the key; a key comes only to a host where everything is stopped; "
            "stop it: systemctl stop tmkms signing-gate"
        )
    if step := _halted(situation, [target]):
        return step
    if here.key is None:
        return _carry(situation, target, key, leaving)
    if carried:
        return Next(step=Step.TIDY, host=target)
    half_raised = floor and here.state and here.state.position < row.position < floor.position
    if not floor or not here.state or (not admitted and half_raised):
        heights = [each.height for each in _positions(situation.signers, [target], None)]
        return Next(step=Step.RAISE, host=target, height=max([row.position.height + LEAD_BLOCKS, *heights]))
    lowest = min(floor.position, here.state.position).height
    if not admitted and lowest + LEAD_BLOCKS < row.position.height:
        return Next(step=Step.RAISE, host=target, height=max(row.position.height - 1, here.state.height))
    return Next(step=Step.ADMIT, host=target)


def _carry(situation: Situation, target: str, key: ConsensusKey, leaving: str | None) -> Next:
    """Copies the key to `target`, where everything is stopped, from a host that signs through its gate and keeps it."""
    here = situation.signers[target]
    sources = [name for name in holders(situation.signers) if _signs(situation, name)]
    if not sources:
        raise Refused(
            f"no site signs with this key through an admitted gate, so none can share it with {target}; start it "
            "first: bin/estate key start; or see the state of all: bin/estate key status"
        )
    if here.remnant:
        return Next(step=Step.DESTROY, host=target)
    for name, each in sorted(situation.signers.items()):
        if name != target and (each.sealed or each.invited):
            return Next(step=Step.TIDY, host=name)
    if not here.invited:
        return Next(step=Step.INVITE, host=target)
    package = situation.sealed.get(target)
    if package is None or package.key != key.base64:
        return Next(step=Step.SEAL, host=leaving if leaving in sources else sources[0])
    return Next(step=Step.UNSEAL, host=target)


def moving(situation: Situation, leaving: str, target: str) -> Next:
    """The next step towards `target` signing and `leaving` not signing, in this order.

    Raises:
        Refused: it would not be safe.
    """
    step = joining(situation, target, leaving=leaving)
    if step.step is not Step.DONE:
        return step
    here = situation.signers[leaving]
    if not (here.key or here.remnant or here.sealed or here.invited or leaving in situation.admitted):
        return step
    if halt := _halted(situation, [leaving]):
        return halt
    if here.key and _seen_chain(situation).head < last_signed(situation.signers, [leaving], None) + MARGIN_BLOCKS:
        return Next(step=Step.WAIT, host=leaving)
    if leaving in situation.admitted:
        return Next(step=Step.DISMISS, host=leaving)
    if here.key or here.remnant:
        return Next(step=Step.DESTROY, host=leaving)
    return Next(step=Step.TIDY, host=leaving)


def taking_over(situation: Situation, dead: Collection[str], target: str, locked_block: str) -> Next:
    """The next step towards `target` signing on in the height in which its owner, one of `dead`, died, where the chain
    makes no block without this key.

    The table fences the owner: from then on it claims nothing, and what it has claimed is not signed otherwise by
    anyone. What the table cannot keep is CometBFT's lock: an owner that precommitted a block votes for no other in
    this height, unless a later round shows it one, and `target`'s node may not know that block. `locked_block`: the
    hash of the block on which `target`'s node is locked, as the operator confirms it; empty: none.

    Raises:
        Refused: it would not be safe, or there is nothing to take over.
    """
    _key(situation)
    _deployed(situation, target)
    row = _open_row(situation)
    _not_gone_back(situation, [target])
    if not _signs(situation, target):
        raise Refused(
            f"{target} does not sign through an admitted gate; only one that does can take over: bin/estate key join, "
            "where the chain goes on; see the state of all: bin/estate key status"
        )
    fallen = sorted(situation.admitted.intersection(dead))
    if row.claim is not None and row.owner == target and not fallen:
        return Next(step=Step.DONE, host=target)
    if row.claim is None or row.owner not in dead:
        raise Refused(
            f"the row's height {row.position.height} belongs to {row.owner or 'no gate'}, not to "
            f"{' or '.join(sorted(dead))}; any admitted gate may claim the next height; a gate that is gone is "
            "dismissed by bin/estate key join"
        )
    _can_sign_on(situation, target, row)
    chain = _seen_chain(situation)
    if chain.head != row.position.height - 1:
        raise Refused(
            f"the chain is at height {chain.head}, and {row.owner} owns height {row.position.height}; a height is "
            "taken over only while the chain waits for it; if the chain is past it, every gate may claim the next one"
        )
    if precommitted := _last_precommit((*situation.precommits, row.claim)):
        _same_lock(situation, target, row, *precommitted, locked_block)
    others = [name for name in fallen if name != row.owner]
    return Next(step=Step.DISMISS, host=others[0]) if others else Next(step=Step.TAKE_OVER, host=target)


def _can_sign_on(situation: Situation, target: str, row: Head) -> None:
    """Refuses a target that could not sign above the row, which would then belong to a gate that signs nothing."""
    floor = situation.signers[target].gate.floor
    if floor and floor.halted:
        raise Refused(
            f"{target} halted because of {floor.halted}; a halted gate signs nothing; find the cause, then: bin/estate "
            "key clear-halt"
        )
    top = max(_positions(situation.signers, [target], None), default=row.position)
    if top > row.position:
        raise Refused(
            f"{target} signs nothing at or below {top.text}, and the row is at {row.position.text}; it could not sign "
            "on in this height; let another site take over"
        )


def _last_precommit(claims: Iterable[Claim]) -> tuple[Position, str] | None:
    """The last precommit for a block, with the block's hash, among `claims`. Those for nothing have no bytes."""
    found = {}
    for each in claims:
        if each.position.step == PositionStep.PRECOMMIT and each.sign_bytes:
            try:
                block = voted_hash(each.sign_bytes).hex().upper()
            except ValueError as error:
                raise Refused(
                    f"the claim of {each.gate_id} for {each.position.text} cannot be read: {error}; what this key "
                    "precommitted is unknown; bring the site back"
                ) from None
            if block:
                found[each.position] = block
    return max(found.items(), default=None)


def _same_lock(situation: Situation, target: str, row: Head, position: Position, block: str, locked_block: str) -> None:
    """Refuses unless `target`'s node is locked as the node of the owner was. The round counts as well as the block: a
    node that locked the same block earlier may vote for one of a round between, which the owner's would not.
    """
    says = (
        f"{row.owner} precommitted block {block} at {position.text}; after that, this key must vote for no other block "
        f"in this height, or the chain can fork; the node of {target}"
    )
    lock = situation.lock
    if lock is None:
        raise Refused(f"{says} does not say what it is locked on; make its RPC reachable, and call this again")
    if (lock.height, lock.block) != (row.position.height, block) or lock.round < position.round:
        found = f"block {lock.block} since round {lock.round}" if lock.block else "no block"
        raise Refused(
            f"{says} is locked on {found}, at height {lock.height}, not on {block} since round {position.round} or "
            "later; nothing is taken over; bring the site back that died, or wait until that node is locked on it"
        )
    if locked_block.upper() != block:
        raise Refused(
            f"{says} is locked on it too, since round {lock.round}, and "
            f"{f'the locked block given is {locked_block}' if locked_block else 'no locked block was given'}; "
            f"to confirm it: --locked-block {block}"
        )


def renewing(situation: Situation) -> Next:
    """The next step towards a new generation in the table, in place of one that was lost or rolled back.

    Raises:
        Refused: it would not be safe.
    """
    _key(situation)
    declared, row, holding = situation.declared, situation.row, holders(situation.signers)
    _only(situation, declared.gates)
    if not holding:
        raise Refused("no signer holds the consensus key; there is nothing to renew the table for")
    if row is not None and row.position == CLOSED:
        raise Refused("the table's row for this key is closed: it was retired, and nothing signs with it ever again")
    for name in sorted(declared.gates):
        if gate_config.CONFIG in situation.signers[name].damaged:
            raise Refused(
                f"{name}: {gate_config.CONFIG} is damaged; the generation that its gate is pinned to is unknown; "
                "deploy that host as it was before this generation was declared, then call this again: pyinfra … "
                f"--limit {name}"
            )
    pinned = [situation.signers[name].gate.generation or 0 for name in declared.gates]
    old = max([row.generation if row else 0, *pinned])
    top = max(_positions(situation.signers, situation.signers, None), default=spent(0))
    if row is not None and row.generation == declared.generation and top <= row.position:
        for name in sorted(situation.admitted.intersection(holding)):
            if situation.signers[name].masked or situation.signers[name].gate.masked:
                return Next(step=Step.FREE, host=name)
        return Next(step=Step.DONE, host=holding[0])
    if declared.generation != old + 1:
        raise Refused(
            f"generation {declared.generation} is declared, and {old} is in use; a new table has the next one; write "
            f"signing.coordination.generation: {old + 1}, call this again, and deploy only after it"
        )
    running = [name for name, each in situation.signers.items() if each.gate.runs]
    if step := _halted(situation, running):
        return step
    settled = _settle(situation, holding)
    return settled if isinstance(settled, Next) else Next(step=Step.RENEW, host=holding[0], height=settled)


def retiring(situation: Situation, address: str) -> Next:
    """The next step towards retiring the key. `address`: as the operator wrote it.

    Raises:
        Refused: the address is not the key's.
    """
    key, signers, row = _key(situation), situation.signers, situation.row
    if address != key.address:
        raise Refused(
            f"got address {address!r}, the key's is {key.address}; a retired key cannot be restored, so its address "
            f"must be given; to retire this key: --yes-retire {key.address}"
        )
    holding = holders(signers)
    concerned = {name for name, each in signers.items() if name in holding or each.remnant or each.gate.runs}
    if step := _halted(situation, concerned | (situation.admitted & set(signers))):
        return step
    here = min(concerned | situation.declared.gates)
    if row is None:
        height = max((each.height for each in _positions(signers, concerned, None)), default=0)
        return Next(step=Step.SEED, host=here, height=height)
    if row.position != CLOSED:
        return Next(step=Step.CLOSE, host=here)
    for name, each in sorted(signers.items()):
        if each.sealed or each.invited:
            return Next(step=Step.TIDY, host=name)
        if name in holding or each.remnant:
            return Next(step=Step.DESTROY, host=name)
    return Next(step=Step.DONE, host=here)


def clearing(situation: Situation, target: str, cause: Cause | None) -> Next:
    """The next step towards the gate of `target` signing again after a halt. `cause`: as found by the operator.

    Raises:
        Refused: it would not be safe.
    """
    _key(situation)
    _deployed(situation, target)
    row, here, floor = _open_row(situation), situation.signers[target], situation.signers[target].gate.floor
    if not here.key or floor is None or target not in situation.admitted:
        lacks = "the key" if not here.key else "a readable watermark file" if floor is None else "its admission"
        raise Refused(f"{target} has not {lacks}; a gate without it does not sign: bin/estate key join")
    top = max(_positions(situation.signers, [target], None))
    if top > row.position:
        raise Refused(
            f"the table is at {row.position.text}, {target} at {top.text}; a table below a watermark was rolled back "
            "or replaced; a halt is not cleared over that: bin/estate key renew-table"
        )
    if floor.halted is None:
        return _running(here, target)
    if cause is not floor.halted:
        given = f"--cause {cause}" if cause else "no cause"
        raise Refused(
            f"{target} halted because of {floor.halted}, at {floor.position.text}; got {given}; a person must have "
            f"looked why; if that was done: bin/estate key clear-halt … --cause {floor.halted}"
        )
    return _halted(situation, [target]) or Next(step=Step.CLEAR, host=target)


def due(situation: Situation) -> Next | None:
    """Which ceremony is missing: `SEED` where the key has to be started, `ADMIT` where a site has to join."""
    row, declared, holding = situation.row, situation.declared, holders(situation.signers)
    if len(holding) == 1 and holding[0] in declared.gates:
        here = situation.signers[holding[0]]
        fresh = not here.gate.damaged and (here.gate.floor is None or _is_spent(here.gate.floor.position))
        begun = row is not None and situation.admitted == {holding[0]} and (here.masked or here.gate.masked)
        if fresh and (row is None or (begun and row.position != CLOSED and row.generation == declared.generation)):
            return Next(step=Step.SEED, host=holding[0])
    if row is None or row.position == CLOSED or row.generation != declared.generation:
        return None
    if not any(_signs(situation, name) for name in holding):
        return None
    for name in sorted(declared.gates):
        each = situation.signers[name]
        if not each.key or name not in situation.admitted or each.masked or each.gate.masked or not each.gate.floor:
            return Next(step=Step.ADMIT, host=name)
    return None


def problems(situation: Situation) -> list[str]:
    """Problems other than the missing ceremony that `due` names."""
    row, declared, holding = situation.row, situation.declared, holders(situation.signers)
    missing = due(situation)
    found = []
    for name in sorted(set(holding) - declared.gates):
        found.append(f"{name} holds the consensus key and is not declared to sign: stop and mask it now")
    for name in _gone(situation):
        found.append(
            f"the table admits {name}, which is no signer of this network any more; whoever has its key and "
            "credentials could sign: bin/estate key join, of any site, dismisses it"
        )
    for name in sorted(situation.admitted - set(holding) - set(_gone(situation))):
        found.append(f"the table admits {name}, which holds no key; finish it: bin/estate key join or move")
    for name in holding:
        each = situation.signers[name]
        floor = each.gate.floor
        if each.gate.damaged:
            found.append(f"{name}: its watermark file is damaged; its gate refuses to sign: bin/estate key join")
        if floor and floor.halted:
            found.append(f"{name} halted because of {floor.halted}: look why, then: bin/estate key clear-halt")
        if missing and missing.host == name:
            continue
        if each.masked or each.gate.masked:
            found.append(f"{name} holds the key and is masked: a ceremony has begun there; call it again")
        if floor is None and not each.gate.damaged:
            found.append(f"{name} holds the key and has no watermark file: bin/estate key join")
        if row and floor and floor.position > row.position:
            found.append(
                f"the table is at {row.position.text}, below the watermark of {name}: bin/estate key renew-table"
            )
        if row and name not in situation.admitted:
            found.append(f"{name} holds the key and is not admitted in the table: bin/estate key join")
    if row is None and holding and not missing:
        found.append("the table has no row for this key, which has signed: bin/estate key renew-table")
    if row and row.position != CLOSED and row.generation != declared.generation:
        found.append(
            f"the table is at generation {row.generation}, the declaration at {declared.generation}: after "
            "bin/estate key renew-table, deploy"
        )
    return found
