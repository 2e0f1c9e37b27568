"""Checks a log of every signing claim and released signature of one key against the signing invariants.

The audit is independent of the gates' decision code. ``Audit.see`` takes one event at a time, in the order in which the
events happened at each place (claims: in the order in which the table accepted them), in about constant time.

====  ================================================================================================
I1    at most one intent (block, nil, POL round) at a height, round and step
I2    at most one signature at a height, round and step
I3    what is released rises strictly, in the order of its claims
I4    a release has an earlier claim and an earlier claim row, both with the same bytes
I5    everything that is released at a height was claimed by one gate, until a ceremony gives the height to another
I6    a watermark is never above the row; an answer is given once it is at the row that the gate has seen
I7    a gate that got "unknown" releases nothing for that request; each request is answered in time, once
I8    an extension's signature is released only for the extension that was claimed
I9    each signature is by the key, over bytes of its chain
I10   only votes and proposals are signed
I11   a repeated request gets the same bytes or a refusal; a proposal is signed with the time that its node asked
I14   a missing, emptied or older state ends in a refusal
I16   of a height that was taken over, no precommit claimed before is ever released that the ceremony did not find: the
      block of the last one locks the key
====  ================================================================================================
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import NamedTuple

from coordinator.decision.effects import Cause
from coordinator.decision.position import Position, Step
from coordinator.decision.records import Claim

VOTE, PROPOSAL = 3, 5
"""The privval tags of SignVoteRequest and SignProposalRequest."""

Verify = Callable[[bytes, bytes], bool]
"""Whether the key made this signature over this message."""

BOTTOM = Position(-1, -1, -1)


class Started(NamedTuple):
    """A run of a gate started, from the watermark on its disk and the row; ``None``: there was none.

    In all events ``gate_id`` is the host of the event (two hosts with the same name are distinct here, but not in
    their claims). ``boot_id`` is unique to a run.
    """

    gate_id: str
    boot_id: str
    floor: Position | None
    head: Position | None


class Asked(NamedTuple):
    """A node asked a gate for a signature. ``request`` is the request's unique name."""

    gate_id: str
    request: str


class Claimed(NamedTuple):
    """The table wrote ``claim`` into the row, whose position was ``previous`` (``None``: there was no row)."""

    claim: Claim
    previous: Position | None


class Inserted(NamedTuple):
    """The table inserted the row of ``claim``."""

    claim: Claim


class HeadAt(NamedTuple):
    """A run of a gate read the row's position. A later ``Released`` is judged against it."""

    gate_id: str
    boot_id: str
    position: Position


class FloorWritten(NamedTuple):
    """A gate's watermark rose to ``position``, durably."""

    gate_id: str
    position: Position


class Doubted(NamedTuple):
    """While a gate handled ``request``, the outcome of an effect was unknown."""

    gate_id: str
    request: str


class Released(NamedTuple):
    """A signature left a gate.

    ``position``, ``intent`` and ``extension`` are those of the request. ``sign_bytes`` are the bytes that the signature
    covers (``b""``: not known; the claim's bytes are used). ``asked``: the bytes that the node asked for, with its own
    time (``b""``: not known). ``seconds``: since the request arrived.
    """

    gate_id: str
    boot_id: str
    request: str
    claim_id: str
    chain_id: str
    position: Position
    intent: bytes
    sign_bytes: bytes
    signature: bytes
    extension: bytes | None = None
    extension_signature: bytes | None = None
    replayed: bool = False
    tag: int = VOTE
    seconds: float = 0.0
    asked: bytes = b""


class Refused(NamedTuple):
    """A gate refused to sign, with its reason."""

    gate_id: str
    request: str
    cause: str
    seconds: float = 0.0


class Ended(NamedTuple):
    """A request ended: the gate took the next one (``crashed``: or the gate crashed)."""

    gate_id: str
    request: str
    crashed: bool = False


class RolledBack(NamedTuple):
    """A fault: the row was restored to an older state (``None``: removed), perhaps with the claim rows.

    A gate that had not seen the lost state cannot respect it, so I3 and I5 start over here. I1 and I2 hold over the
    whole log.
    """

    position: Position | None


class Replaced(NamedTuple):
    """A ceremony rewrote the row at ``position``, with a new ``generation``."""

    generation: int
    position: Position


class TakenOver(NamedTuple):
    """A ceremony gave ``height``, whose owner died, to ``gate_id``. What was claimed there before stays claimed.
    ``precommits``: the positions of those that it found.
    """

    height: int
    gate_id: str
    precommits: frozenset[Position] = frozenset()


Event = (
    Started
    | Asked
    | Claimed
    | Inserted
    | HeadAt
    | FloorWritten
    | Doubted
    | Released
    | Refused
    | Ended
    | RolledBack
    | Replaced
    | TakenOver
)


class Violation(NamedTuple):
    """Invariant ``promise`` (``"I1"`` …) was broken by event number ``at`` (from 0)."""

    promise: str
    at: int
    detail: str

    def __str__(self) -> str:
        return f"{self.promise} at event {self.at}: {self.detail}"


class _Accepted(NamedTuple):
    order: int
    claim: Claim
    missing: bool
    stale: bool


class Audit:
    """The invariants of one key, checked event by event. ``violations`` lists those that were broken.

    ``verify``: if given, each released signature is verified (I9). ``deadline_seconds``: if given, each answer must
    come within it (I7). ``rows``, ``floors``: whether the log contains row inserts and watermark writes; if not, that
    half of I4 or I6 is not checked.
    """

    __slots__ = (
        "_accepted",
        "_answered",
        "_asked",
        "_chain_id",
        "_count",
        "_deadline",
        "_doubtful",
        "_ever",
        "_floors",
        "_floors_told",
        "_inserted",
        "_known",
        "_looked",
        "_own",
        "_owners",
        "_released",
        "_rising",
        "_rows_told",
        "_seen",
        "_taken",
        "_verify",
        "violations",
    )

    def __init__(
        self,
        chain_id: str,
        *,
        verify: Verify | None = None,
        deadline_seconds: float | None = None,
        rows: bool = True,
        floors: bool = True,
    ) -> None:
        self._chain_id, self._verify, self._deadline = chain_id, verify, deadline_seconds
        self._rows_told, self._floors_told = rows, floors
        self._count = 0
        self._accepted: dict[str, _Accepted] = {}
        self._inserted: dict[str, Claim] = {}
        self._released: dict[Position, tuple[bytes, bytes, bytes | None]] = {}
        self._rising: list[tuple[int, Position]] = []
        self._owners: dict[tuple[int, int], str] = {}
        self._taken: dict[int, tuple[int, ...]] = {}
        self._known: dict[int, tuple[frozenset[Position], ...]] = {}
        self._seen: dict[str, Position] = {}
        self._looked: dict[str, Position] = {}
        self._own: dict[str, Position] = {}
        self._floors: dict[str, Position] = {}
        self._ever = BOTTOM
        self._doubtful: set[str] = set()
        self._asked: set[str] = set()
        self._answered: set[str] = set()
        self.violations: list[Violation] = []

    @property
    def signed(self) -> int:
        """The number of positions at which a signature was released."""
        return len(self._released)

    @property
    def highest(self) -> Position:
        """The highest position at which a signature was released."""
        return max(self._released, default=BOTTOM)

    def copy(self) -> Audit:
        """An independent copy of this audit."""
        twin = object.__new__(Audit)
        for name in Audit.__slots__:
            value = getattr(self, name)
            setattr(twin, name, value.copy() if isinstance(value, dict | set | list) else value)
        return twin

    def key(self) -> tuple[object, ...]:
        """The state on which the verdicts about later events depend; hashable."""
        accepted = self._accepted.items()
        return (
            tuple((name, claim.sign_bytes, claim.extension, *told) for name, (_, claim, *told) in accepted),
            frozenset(self._inserted),
            frozenset(self._released.items()),
            tuple(self._rising),
            frozenset(self._owners.items()),
            frozenset(self._taken.items()),
            frozenset(self._known.items()),
            frozenset(self._seen.items()),
            frozenset(self._looked.items()),
            frozenset(self._own.items()),
            frozenset(self._floors.items()),
            self._ever,
            frozenset(self._doubtful),
            frozenset(self._asked),
            frozenset(self._answered),
        )

    def see(self, event: Event) -> None:
        """Judges the next event."""
        _JUDGES[type(event)](self, event)
        self._count += 1

    def _broken(self, promise: str, detail: str) -> None:
        self.violations.append(Violation(promise, self._count, detail))

    def _started(self, event: Started) -> None:
        if event.floor is None or event.head is None:
            self._broken("I14", f"{event.gate_id} began to act without its {'floor' if event.head else 'row'}")
            return
        if event.head < max(self._own.get(event.gate_id, BOTTOM), event.floor):
            self._broken("I14", f"{event.gate_id} began to act on a row at {event.head.text}, older than what it knows")
        self._seen[event.boot_id] = event.head
        if self._floors_told:
            self._floors[event.gate_id] = event.floor
            if event.floor < event.head:
                self._broken("I6", f"{event.gate_id} began to act with its floor below the row")

    def _was_asked(self, event: Asked) -> None:
        self._asked.add(event.request)

    def _claimed(self, event: Claimed) -> None:
        claim, previous = event
        stale = previous is not None and previous < self._seen.get(claim.boot_id, BOTTOM)
        self._accepted[claim.claim_id] = _Accepted(len(self._accepted), claim, previous is None, stale)
        self._ever = max(self._ever, claim.position)

    def _was_inserted(self, event: Inserted) -> None:
        self._inserted[event.claim.claim_id] = event.claim

    def _head_at(self, event: HeadAt) -> None:
        self._seen[event.boot_id] = max(self._seen.get(event.boot_id, BOTTOM), event.position)
        self._looked[event.gate_id] = max(self._looked.get(event.gate_id, BOTTOM), event.position)

    def _floor_written(self, event: FloorWritten) -> None:
        self._floors[event.gate_id] = event.position
        if event.position > self._ever:
            self._broken("I6", f"{event.gate_id} raised its floor to {event.position.text}, above the row")

    def _doubted(self, event: Doubted) -> None:
        self._doubtful.add(event.request)

    def _refused(self, event: Refused) -> None:
        self._answer(event.request, event.seconds)
        looked = self._looked.pop(event.gate_id, BOTTOM)
        if event.cause not in (Cause.DISK, Cause.TABLE_WENT_BACK):
            self._floor_is_at(event.gate_id, looked)

    def _floor_is_at(self, gate_id: str, looked: Position) -> None:
        if self._floors_told and self._floors.get(gate_id, BOTTOM) < looked:
            self._broken("I6", f"{gate_id} answered, having seen the row at {looked.text}, with its floor below")

    def _answer(self, request: str, seconds: float) -> None:
        if request in self._answered:
            self._broken("I7", f"request {request} was answered twice")
        if self._deadline is not None and seconds > self._deadline:
            self._broken("I7", f"request {request} was answered after {seconds:.3f} s of {self._deadline:.3f} s")
        self._answered.add(request)

    def _ended(self, event: Ended) -> None:
        if event.request in self._asked and event.request not in self._answered and not event.crashed:
            self._broken("I7", f"request {event.request} was never answered")
        self._asked.discard(event.request)
        self._answered.discard(event.request)
        self._doubtful.discard(event.request)

    def _rolled_back(self, event: RolledBack) -> None:
        self._rising, self._owners = [], {}

    def _taken_over(self, event: TakenOver) -> None:
        times = (*self._taken.get(event.height, ()), len(self._accepted))
        self._taken[event.height] = times
        self._owners[event.height, len(times)] = event.gate_id
        self._known[event.height] = (*self._known.get(event.height, ()), event.precommits)
        for position in self._released:
            if position.height == event.height:
                self._was_found(position, 0)

    def _was_found(self, position: Position, order: int) -> None:
        """A release at ``position``, of the claim that was accepted as number ``order``."""
        known = zip(self._taken.get(position.height, ()), self._known.get(position.height, ()), strict=True)
        if position.step == Step.PRECOMMIT and any(order < taken and position not in found for taken, found in known):
            self._broken("I16", f"{position.text} was released, unknown to who took the height over")

    def _replaced(self, event: Replaced) -> None:
        self._ever = max(self._ever, event.position)

    def _was_released(self, event: Released) -> None:
        self._answer(event.request, event.seconds)
        self._floor_is_at(event.gate_id, self._looked.pop(event.gate_id, BOTTOM))
        where = event.position.text
        if event.request in self._doubtful:
            self._broken("I7", f"{event.gate_id} signed {where} though an outcome was unknown to it")
        if event.tag not in (VOTE, PROPOSAL):
            self._broken("I10", f"{event.gate_id} signed for a message of tag {event.tag}")
        if event.chain_id != self._chain_id:
            self._broken("I9", f"{event.gate_id} signed {where} for {event.chain_id}, with the key of {self._chain_id}")
        accepted = self._accepted.get(event.claim_id)
        if accepted is None:
            self._broken("I4", f"{event.gate_id} signed {where} with no claim {event.claim_id} before it")
            claim = None
        else:
            claim = accepted.claim
            self._by_claim(event, accepted)
        sign_bytes = event.sign_bytes or (claim.sign_bytes if claim else b"")
        self._once(event)
        if self._verify is not None:
            self._verified(self._verify, event, sign_bytes)

    def _by_claim(self, event: Released, accepted: _Accepted) -> None:
        claim, where = accepted.claim, event.position.text
        if claim.position != event.position or (event.sign_bytes and event.sign_bytes != claim.sign_bytes):
            self._broken("I4", f"{event.gate_id} signed {where}, not what {claim.claim_id} claimed")
        if self._rows_told:
            row = self._inserted.get(claim.claim_id)
            if row is None or row.sign_bytes != claim.sign_bytes:
                self._broken("I4", f"{event.gate_id} signed {where} without a row of its claim {claim.claim_id}")
        if event.intent != claim.intent:
            self._broken("I11", f"{event.gate_id} answered {where} with a signature for something else")
        if event.position.step == Step.PROPOSAL and event.asked not in (b"", claim.sign_bytes):
            self._broken("I11", f"{event.gate_id} answered {where} with a proposal of another time than was asked")
        if event.extension != claim.extension:
            self._broken("I8", f"{event.gate_id} answered {where} for an extension that was not claimed")
        if (event.extension_signature is None) != (claim.extension is None):
            self._broken("I8", f"{event.gate_id} answered {where} with half an answer about its extension")
        height = claim.position.height
        self._was_found(event.position, accepted.order)
        reign = sum(accepted.order >= each for each in self._taken.get(height, ()))
        owner = self._owners.setdefault((height, reign), claim.gate_id)
        if owner != claim.gate_id:
            self._broken("I5", f"{owner} and {claim.gate_id} both signed at height {height}")
        if accepted.missing or (accepted.stale and event.boot_id == claim.boot_id):
            self._broken("I14", f"{event.gate_id} signed {where} on a row that was missing or older than it had seen")
        if not event.replayed:
            if self._floors_told and self._floors.get(event.gate_id, BOTTOM) < claim.position:
                self._broken("I6", f"{event.gate_id} signed {where} before its floor was there")
            self._own[event.gate_id] = max(self._own.get(event.gate_id, BOTTOM), claim.position)
        self._rises(event, (accepted.order, claim.position))

    def _rises(self, event: Released, entry: tuple[int, Position]) -> None:
        rising = self._rising
        index = bisect_left(rising, entry)
        if rising[index : index + 1] == [entry]:
            return
        rising.insert(index, entry)
        for lower, higher in ((index - 1, index), (index, index + 1)):
            if lower >= 0 and higher < len(rising) and rising[lower][1] >= rising[higher][1]:
                detail = f"{rising[higher][1].text} was claimed after {rising[lower][1].text}, and both were released"
                self._broken("I3", detail)

    def _once(self, event: Released) -> None:
        where = event.position.text
        intent, signature, extension_signature = self._released.setdefault(
            event.position, (event.intent, event.signature, event.extension_signature)
        )
        if intent != event.intent:
            self._broken("I1", f"{where} was signed for two different things")
        if signature != event.signature or extension_signature != event.extension_signature:
            self._broken("I2", f"{where} has two signatures")

    def _verified(self, verify: Verify, event: Released, sign_bytes: bytes) -> None:
        where = event.position.text
        if not verify(event.signature, sign_bytes):
            self._broken("I9", f"the signature that {event.gate_id} released for {where} does not verify")
        if event.extension_signature is not None and not verify(event.extension_signature, event.extension or b""):
            self._broken("I9", f"the extension's signature that {event.gate_id} released for {where} does not verify")


_JUDGES: dict[type[Event], Callable[..., None]] = {
    Started: Audit._started,
    Asked: Audit._was_asked,
    Claimed: Audit._claimed,
    Inserted: Audit._was_inserted,
    HeadAt: Audit._head_at,
    FloorWritten: Audit._floor_written,
    Doubted: Audit._doubted,
    Released: Audit._was_released,
    Refused: Audit._refused,
    Ended: Audit._ended,
    RolledBack: Audit._rolled_back,
    Replaced: Audit._replaced,
    TakenOver: Audit._taken_over,
}


def violations(
    events: Iterable[Event],
    chain_id: str,
    *,
    verify: Verify | None = None,
    deadline_seconds: float | None = None,
    rows: bool = True,
    floors: bool = True,
) -> list[Violation]:
    """The violations in a whole log. The options are those of ``Audit``."""
    audit = Audit(chain_id, verify=verify, deadline_seconds=deadline_seconds, rows=rows, floors=floors)
    for event in events:
        audit.see(event)
    return audit.violations
