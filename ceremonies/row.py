"""An operator's calls for a head. Each is a conditional write, and may be repeated until it succeeds.

These calls need permissions that no gate has: to read a head (GetItem) and to create one (PutItem).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from coordinator.decision.position import Position, Step
from coordinator.decision.records import Claim, Head
from coordinator.table import items
from coordinator.table.client import Accepted, Client, ConditionFailed, Endpoint, Unclear
from coordinator.table.credentials import CredentialsFile
from coordinator.table.items import CLOSED, Change, Damaged
from coordinator.table.store import put, update
from estate.errors import ExpectedError

SECONDS = 5.0
"""How long a call may take."""

MOST_ROUNDS = 1000
"""Of a height that is taken over. Each has its own call, and a chain that waits for a key begins no new round."""

SPENT = "taken-over"
"""The run in a claim for nothing."""


class NotDone(ExpectedError):
    """The table refused the call, or its outcome is unknown. The text says which, and why."""


class Ceremony:
    """An operator's calls for the head of one key. ``head`` is the table's name, ``key`` is ``items.key``."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        head: str,
        key: str,
        credentials: CredentialsFile,
        ca_file: Path | None = None,
    ) -> None:
        self._client = Client(endpoints, credentials, ca_file)
        self._table, self._key = head, key

    def read(self) -> Head | None:
        """The head as it is now, None if there is none. Raises NotDone."""
        body = {"TableName": self._table, "Key": {"pk": items.text(self._key)}, "ConsistentRead": True}
        outcome = self._call("GetItem", body)
        if not isinstance(outcome, Accepted):
            raise NotDone(f"a read of the head in {self._table} was refused as if it were a write; look at the table")
        return self._head(outcome.answer["Item"]) if "Item" in outcome.answer else None

    def seed(self, position: Position, generation: int, gates: Iterable[str]) -> Head:
        """Create the first head of a key: nothing at or below ``position`` will be signed. Raises NotDone.

        It is done already if a head of this generation admits these gates and is at ``position`` or above.
        """
        head = _fresh(position, generation, gates)
        return self._put(head)

    def admit(self, gate_id: str, generation: int) -> Head:
        """Admit a gate, which may then announce itself and claim. Raises NotDone."""
        _named([gate_id])
        return self._update(
            items.admitting(gate_id, generation),
            f"gate {gate_id} is not admitted: only an open head of generation {generation} admits one",
        )

    def dismiss(self, gate_id: str, generation: int) -> Head:
        """Remove a gate's admission; no run of it can claim any more. Raises NotDone."""
        return self._update(
            items.dismissing(gate_id, generation),
            f"gate {gate_id} is not dismissed: only a head of generation {generation} was to be changed",
        )

    def precommits(self, claims: str, position: Position) -> list[Claim]:
        """The signing claims for a precommit in the height of ``position``, up to it. Raises NotDone.

        ``claims``: the name of their table. A signature that left a gate has a claim there.
        """
        if position.round > MOST_ROUNDS:
            raise NotDone(
                f"the row is at round {position.round} of height {position.height}; the claims of at most "
                f"{MOST_ROUNDS} rounds are looked at one by one; find out how the chain, or a faulty node, came there"
            )
        found = []
        for at in _precommits(position):
            row_key = {"pk": items.text(self._key), "hrs": items.text(at.text)}
            outcome = self._call("GetItem", {"TableName": claims, "Key": row_key, "ConsistentRead": True})
            if not isinstance(outcome, Accepted):
                raise NotDone(f"a read of {claims} was refused as if it were a write; look at the table")
            if "Item" in outcome.answer:
                try:
                    found.append(items.read_claim(self._key, at, outcome.answer["Item"]))
                except Damaged as error:
                    raise NotDone(f"{claims} holds an item that is not a claim of this key: {error}") from None
        return found

    def take_over(self, claims: str, head: Head, gate_id: str, precommits: Iterable[Claim]) -> Head:
        """Give the height of ``head`` to another admitted gate, and dismiss its owner. Raises NotDone.

        ``precommits``: what ``precommits`` found. Where it found none, below the head, a claim for nothing takes the
        place first: a run of the owner that hung between its claim and the claim's row then cannot release a precommit
        of which nobody knows.
        """
        if head.claim is None or head.owner == gate_id:
            raise NotDone(f"nothing is taken over: the height of {head.position.text} belongs to no other gate")
        known = {each.position for each in precommits}
        for at in _precommits(head.position):
            if at < head.position and at not in known:
                self._spend(claims, Claim(at, head.generation, gate_id, SPENT, _unique(), b"", bytes(32), 0))
        return self._update(
            items.taking_over(head, gate_id),
            f"the height of {head.position.text} is not taken over: {head.owner} must still own it, with the same "
            f"claim, and {gate_id} must be admitted",
        )

    def renew(self, old_generation: int, generation: int, position: Position, gates: Iterable[str]) -> Head:
        """Begin a new generation at ``position``: in the table of the old one, or in a new, empty table.

        ``position`` must be above everything that was ever signed: the caller must have stopped the gates and checked
        their watermarks and the chain. Every gate must announce itself again. Raises NotDone.
        """
        if generation <= old_generation:
            raise NotDone(f"generation {generation} does not come after {old_generation}; generations only rise")
        head = _fresh(position, generation, gates)
        present = self.read()
        if present is None:
            return self._put(head)
        if _holds(present, head):
            return present
        return self._update(
            items.renewing(old_generation, head),
            f"generation {generation} is not begun: it may take the place only of an open head of generation "
            f"{old_generation} that is no higher than {position.text}",
        )

    def close(self, generation: int) -> Head:
        """Retire the key permanently: nothing can be claimed for it again. Raises NotDone."""
        return self._update(
            items.closing(generation),
            f"the key is not retired: only a head of generation {generation} was to be closed",
        )

    def _spend(self, claims: str, claim: Claim) -> None:
        outcome = self._call("PutItem", put(claims, items.claim_item(self._key, claim), items.inserting()))
        if not isinstance(outcome, Accepted):
            raise NotDone(f"a claim for {claim.position.text} came meanwhile; nothing is taken over; call it again")

    def _put(self, head: Head) -> Head:
        outcome = self._call("PutItem", put(self._table, items.head_item(self._key, head), items.inserting()))
        if isinstance(outcome, Accepted):
            return head
        present = self._head(outcome.item)
        if _holds(present, head):
            return present
        raise NotDone(f"{self._table} already has a head for this key ({_described(present)}); it is never replaced")

    def _update(self, change: Change, refusal: str) -> Head:
        outcome = self._call("UpdateItem", update(self._table, self._key, change, "ALL_NEW"))
        if isinstance(outcome, Accepted):
            return self._head(outcome.answer.get("Attributes"))
        found = "has no head for this key" if outcome.item is None else f"has {_described(self._head(outcome.item))}"
        raise NotDone(f"{refusal}; {self._table} {found}")

    def _call(self, operation: str, body: dict[str, Any]) -> Accepted | ConditionFailed:
        outcome = self._client.call(operation, body, time.monotonic() + SECONDS)
        if isinstance(outcome, Unclear):
            raise NotDone(
                f"{self._table}: the outcome is unknown, so it may or may not be done; repeat it: {outcome.detail}"
            )
        return outcome

    def _head(self, item: object) -> Head:
        try:
            return items.read_head(self._key, item)
        except Damaged as error:
            raise NotDone(f"{self._table} holds an item that is not a head of this key: {error}") from None


def _precommits(position: Position) -> Iterator[Position]:
    """Of the height of ``position``: one in each round up to its own."""
    return (Position(position.height, each, Step.PRECOMMIT) for each in range(position.round + 1))


def _unique() -> str:
    return f"{SPENT}-{uuid.uuid4().hex}"


def _fresh(position: Position, generation: int, gates: Iterable[str]) -> Head:
    names = sorted(set(gates))
    _named(names)
    if generation < 1:
        raise NotDone(f"got generation {generation}; the first is 1")
    if position >= CLOSED:
        raise NotDone("there is no position above that one; to end a key, use the ceremony that retires it")
    return Head(generation=generation, position=position, gates=tuple((name, "") for name in names))


def _named(gates: Iterable[str]) -> None:
    if not all(gates):
        raise NotDone("got an empty gate id; a gate is admitted by its name")


def _holds(present: Head, head: Head) -> bool:
    """Whether the requested head exists already, perhaps with gates that have announced themselves since."""
    return (
        present.generation == head.generation
        and head.position <= present.position < CLOSED
        and [name for name, _ in present.gates] == [name for name, _ in head.gates]
    )


def _described(head: Head) -> str:
    gates = ", ".join(name for name, _ in head.gates) or "no gate"
    where = "closed" if head.position == CLOSED else f"at {head.position.text}"
    return f"generation {head.generation}, {where}, admitting {gates}"
