"""The decision about one request.

A gate handles one request of a key at a time: ``handle`` is called for the next request with the ``Standing`` that the
last call returned. Safety does not depend on this memory. It depends on the row, the claim rows and the watermark on
disk.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from coordinator.decision.effects import (
    Answer,
    Cause,
    ClaimHead,
    Done,
    Effect,
    Granted,
    Halt,
    Lost,
    Missing,
    NotSent,
    Outcome,
    ReadHead,
    Record,
    Refused,
    Seen,
    Sign,
    Signing,
    Unknown,
    Won,
    WriteFloor,
)
from coordinator.decision.position import Position
from coordinator.decision.records import Claim, Gate, Head, Request

MOST_HEIGHTS_SAT_OUT = 8
"""A gate that claims and cannot sign costs the other gate that height. It skips at most this many before retrying."""

Verify = Callable[[bytes, bytes], bool]
"""Whether the key made this signature (64 bytes) over this message."""

Handling = Generator[Effect, Outcome, "Standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """The state that a gate carries from one request to the next.

    ``floor``: the watermark, the highest position at which this gate saw the row, as on its disk. ``highest_seen``: the
    same, on the disk or not. ``unsure``: the row is read before the next claim, because the outcome of the last one is
    unknown, or because it was not sent by a request that asked the table nothing else. ``burnt``: the number of
    consecutive claims without a signature. Below ``idle_below`` the gate claims no height except that of its watermark:
    if it owns it, no other gate can sign it. ``halted``: why it must not sign until a person has found the cause.
    """

    floor: Position
    highest_seen: Position
    unsure: bool = False
    burnt: int = 0
    idle_below: int = 0
    halted: Cause | None = None

    def having_seen(self, position: Position) -> Standing:
        return replace(self, highest_seen=max(self.highest_seen, position), unsure=False)

    def having_burnt(self, height: int) -> Standing:
        """After a claim without a signature: the first skips no height, the next ones skip 1, 2, 4, 8 heights."""
        idle = min(2 ** (self.burnt - 1), MOST_HEIGHTS_SAT_OUT) if self.burnt else 0
        return replace(self, burnt=min(self.burnt + 1, 5), idle_below=height + 1 + idle)


Raising = Generator[Effect, Outcome, tuple[Standing, tuple[Cause, str] | None]]
"""Returns why to refuse, if the watermark could not be raised."""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The gate must not sign. ``reason`` says what was found, the rule, and what to do."""

    cause: Cause
    reason: str


def start(gate: Gate, floor: Position, halted: Cause | None, seen: Seen | Missing | Unknown) -> Standing | NotStarted:
    """The first state of a run, from its watermark and from the row as read after it announced the run.

    The gate must raise the watermark on its disk to the ``floor`` of the result before it acts.
    """
    if halted:
        return NotStarted(
            Cause.HALTED, f"this key is halted here because of {halted}; find the cause, then clear it by ceremony"
        )
    if isinstance(seen, Missing):
        return NotStarted(
            Cause.TABLE_MISSING,
            "the table has no row for this key; a lost table must be replaced by ceremony, never by a new start",
        )
    if not isinstance(seen, Seen):
        return NotStarted(Cause.TABLE_UNKNOWN, f"the table did not answer: {seen.detail}")
    if not seen.head.speaks_for(gate):
        return NotStarted(
            Cause.FENCED,
            f"the table is at generation {seen.head.generation} and admits "
            f"{', '.join(name for name, _ in seen.head.gates) or 'no gate'}; this is {gate.gate_id} of generation "
            f"{gate.generation}; a gate signs only where a ceremony has admitted it",
        )
    if seen.head.position < floor:
        return NotStarted(
            Cause.TABLE_WENT_BACK,
            f"the table is at {seen.head.position.text}, below the watermark {floor.text} on this disk; the table was "
            "rolled back; replace it by ceremony",
        )
    return Standing(floor=seen.head.position, highest_seen=seen.head.position)


def _refuse(standing: Standing, cause: Cause, detail: str = "") -> Handling:
    yield Answer(Refused(cause, detail))
    return standing


def _halt(standing: Standing, cause: Cause, detail: str) -> Handling:
    yield Halt(cause)
    yield Answer(Refused(cause, detail))
    return replace(standing, halted=cause)


def handle(
    gate: Gate, standing: Standing, request: Request, claim_id: str, signer_ready: bool, verify: Verify
) -> Handling:
    """Decides one request. Yields effects, receives their outcomes, returns the next ``Standing``.

    ``claim_id`` must never have been used before. ``signer_ready``: a signer with the right key is connected.
    """
    if standing.halted:
        return (yield from _refuse(standing, Cause.HALTED, standing.halted))
    if request.chain_id != gate.chain_id:
        return (yield from _refuse(standing, Cause.FOREIGN_CHAIN, request.chain_id))
    if request.position < standing.floor:
        return (yield from _refuse(standing, Cause.BELOW_FLOOR, standing.floor.text))

    looked = False
    idle = standing.floor.height < request.position.height < standing.idle_below
    if standing.unsure or idle or not signer_ready or _is_too_far(gate, standing, request):
        outcome = yield ReadHead()
        if not isinstance(outcome, Seen):
            return (yield from _no_row(replace(standing, unsure=True), outcome))
        if outcome.head.position < standing.highest_seen:
            return (yield from _went_back(standing, outcome.head))
        standing, refused = yield from _see(standing, outcome.head.position)
        if refused:
            return (yield from _refuse(standing, *refused))
        if outcome.head.position >= request.position:
            return (yield from _by_head(gate, standing, request, outcome.head, signer_ready, verify))
        if not signer_ready:
            return (yield from _refuse(standing, Cause.SIGNER_ABSENT))
        if idle:
            return (yield from _refuse(standing, Cause.SITTING_OUT, f"until height {standing.idle_below}"))
        if _is_too_far(gate, standing, request):
            return (yield from _refuse(standing, Cause.TOO_FAR, _too_far(gate, standing)))
        looked = True

    claim = Claim(
        position=request.position,
        generation=gate.generation,
        gate_id=gate.gate_id,
        boot_id=gate.boot_id,
        claim_id=claim_id,
        sign_bytes=request.sign_bytes,
        intent=request.intent,
        time_ns=request.time_ns,
        extension=request.extension,
        not_below=standing.highest_seen,
    )
    outcome = yield ClaimHead(claim)
    if isinstance(outcome, Won):
        if outcome.previous < standing.highest_seen:
            detail = f"it was at {outcome.previous.text}, after {standing.highest_seen.text}"
            return (yield from _halt(standing, Cause.TABLE_WENT_BACK, detail))
        return (yield from _sign(standing, claim, request, verify))
    if isinstance(outcome, Lost):
        if outcome.head.position < standing.highest_seen:
            return (yield from _went_back(standing, outcome.head))
        standing, refused = yield from _see(standing, outcome.head.position)
        if refused:
            return (yield from _refuse(standing, *refused))
        return (yield from _by_head(gate, standing, request, outcome.head, signer_ready, verify))
    if isinstance(outcome, NotSent):
        return (yield from _refuse(replace(standing, unsure=not looked), Cause.TABLE_UNKNOWN, outcome.detail))
    return (yield from _no_row(replace(standing, unsure=True), outcome))


def _is_too_far(gate: Gate, standing: Standing, request: Request) -> bool:
    return request.position.height > standing.highest_seen.height + gate.reach


def _too_far(gate: Gate, standing: Standing) -> str:
    return (
        f"the row is at height {standing.highest_seen.height}, and a claim may be at most {gate.reach} above it; if "
        "the chain is there, and the key has not signed for so long, begin a new generation by ceremony"
    )


def _no_row(standing: Standing, outcome: Outcome) -> Handling:
    if isinstance(outcome, Missing):
        return (yield from _refuse(standing, Cause.TABLE_MISSING))
    detail = outcome.detail if isinstance(outcome, Unknown) else type(outcome).__name__
    return (yield from _refuse(standing, Cause.TABLE_UNKNOWN, detail))


def _went_back(standing: Standing, head: Head) -> Handling:
    detail = f"it is at {head.position.text}, after {standing.highest_seen.text}"
    return (yield from _halt(standing, Cause.TABLE_WENT_BACK, detail))


def _see(standing: Standing, position: Position) -> Raising:
    """The row is at ``position``. Whoever won it, the watermark rises to it: after a restart too, this gate acts on no
    older row.
    """
    standing = standing.having_seen(position)
    if position <= standing.floor:
        return standing, None
    outcome = yield WriteFloor(position)
    if isinstance(outcome, Done):
        return replace(standing, floor=position), None
    return standing, (Cause.DISK, outcome.detail if isinstance(outcome, Unknown) else type(outcome).__name__)


def _by_head(
    gate: Gate, standing: Standing, request: Request, head: Head, signer_ready: bool, verify: Verify
) -> Handling:
    """The row was not replaced, or must not be. Decides from what the row holds."""
    if not head.speaks_for(gate):
        return (yield from _refuse(standing, Cause.FENCED, f"generation {head.generation}"))
    if head.position > request.position:
        return (yield from _refuse(standing, Cause.BELOW_HEAD, head.position.text))
    if head.position < request.position:
        return (yield from _refuse(standing, Cause.NOT_OWNER, head.owner))
    if head.claim is None or not head.claim.matches(request):
        return (yield from _refuse(standing, Cause.CONFLICT, head.owner))
    if not head.claim.serves(request):
        times = f"with the time {head.claim.time_ns}, and the node asked for the time {request.time_ns}"
        return (yield from _refuse(standing, Cause.OTHER_TIME, f"{head.owner} claimed this proposal {times}"))
    if head.signed is not None:
        if not _covers(head.claim, head.signed.signature, head.signed.extension_signature, verify):
            return (yield from _refuse(standing, Cause.BAD_SIGNATURE, "the signature in the table does not verify"))
        yield Answer(Granted(head.claim, head.signed, replayed=True))
        return standing
    if head.owner != gate.gate_id:
        return (yield from _refuse(standing, Cause.NOT_YET_SIGNED, head.owner))
    if not signer_ready:
        return (yield from _refuse(standing, Cause.SIGNER_ABSENT))
    return (yield from _sign(standing, head.claim, request, verify))


def _sign(standing: Standing, claim: Claim, request: Request, verify: Verify) -> Handling:
    """This gate's claim is in the row: write the watermark, insert the claim row, sign, then answer."""
    standing, refused = yield from _see(standing, claim.position)
    if refused:
        return (yield from _refuse(standing.having_burnt(claim.position.height), *refused))

    outcome = yield Sign(claim, request)
    burnt = standing.having_burnt(claim.position.height)
    if not isinstance(outcome, Signing) or outcome.row is None:
        detail = outcome.detail if isinstance(outcome, Signing | Unknown) else type(outcome).__name__
        return (yield from _refuse(replace(burnt, unsure=True), Cause.TABLE_UNKNOWN, detail))
    if (outcome.row.claim_id, outcome.row.digest) != (claim.claim_id, claim.digest):
        detail = f"{outcome.row.gate_id} claimed {claim.position.text} with {outcome.row.claim_id}"
        return (yield from _halt(standing, Cause.ROW_TAKEN, detail))
    if outcome.signed is None:
        return (yield from _refuse(burnt, Cause.SIGNER_FAILED, outcome.detail))
    if not _covers(claim, outcome.signed.signature, outcome.signed.extension_signature, verify):
        return (yield from _refuse(burnt, Cause.BAD_SIGNATURE, "the signer's signature does not verify"))
    yield Answer(Granted(claim, outcome.signed, replayed=False))
    yield Record(claim, outcome.signed)
    return replace(standing, burnt=0, idle_below=0)


def _covers(claim: Claim, signature: bytes, extension_signature: bytes | None, verify: Verify) -> bool:
    """Whether there is exactly one valid signature for the vote or proposal and one for its extension, if any."""
    if not verify(signature, claim.sign_bytes):
        return False
    if claim.extension is None or extension_signature is None:
        return claim.extension is extension_signature
    return verify(extension_signature, claim.extension)
