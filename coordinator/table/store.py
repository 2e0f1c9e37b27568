"""A gate's calls to the table. Fails closed: an unexpected response is ``Unknown``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coordinator.decision.effects import Done, Lost, Missing, NotSent, Seen, Unknown, Won
from coordinator.decision.records import Claim, Gate, Signed
from coordinator.table import items
from coordinator.table.client import Accepted, Client, ConditionFailed, Endpoint, Unclear, Unsent
from coordinator.table.credentials import CredentialsFile
from coordinator.table.items import Change, Damaged, Item


def update(table: str, pk: str, change: Change, returning: str) -> dict[str, Any]:
    """The body of an UpdateItem that returns the existing item if its condition fails."""
    body: dict[str, Any] = {"TableName": table, "Key": {"pk": items.text(pk)}, "ReturnValues": returning}
    if change.update:
        body["UpdateExpression"] = change.update
    return body | _conditional(change)


def put(table: str, item: Item, change: Change) -> dict[str, Any]:
    """The body of a PutItem that returns the existing item if its condition fails."""
    return {"TableName": table, "Item": item} | _conditional(change)


def _conditional(change: Change) -> dict[str, Any]:
    body: dict[str, Any] = {
        "ConditionExpression": change.condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if change.values:
        body["ExpressionAttributeValues"] = change.values
    if change.names:
        body["ExpressionAttributeNames"] = change.names
    return body


class Table:
    """The head and the claims of one key, for one run of one gate. Thread-safe.

    ``head`` and ``claims`` are the tables' names, ``key`` is ``items.key``. Each call returns by ``deadline``, in the
    time of ``time.monotonic()``. Only a write that the table has rejected is sent again.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        head: str,
        claims: str,
        key: str,
        gate: Gate,
        credentials: CredentialsFile,
        ca_file: Path | None = None,
    ) -> None:
        if not (gate.gate_id and gate.boot_id):
            raise ValueError("a gate needs a gate id and a boot id")
        self._client = Client(endpoints, credentials, ca_file)
        self._head, self._claims, self._key, self._gate = head, claims, key, gate

    def announce(self, deadline: float) -> Seen | Missing | Unknown:
        """Make this run the gate's current run, if a ceremony has admitted the gate. Returns the row after the write.

        Only the row shows whether the announcement took effect: see ``Head.speaks_for``.
        """
        change = items.announcing(self._gate)
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "ALL_NEW"), deadline)
        if isinstance(outcome, Accepted):
            return self._seen(outcome.answer.get("Attributes"))
        return self._standing(outcome)

    def read(self, deadline: float) -> Seen | Missing | Unknown:
        """The row, strongly consistent: by a write that is always refused, so that a gate needs no read permission."""
        change = items.never()
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "NONE"), deadline)
        return self._standing(outcome)

    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | NotSent | Unknown:
        """Write ``claim`` into the row if ``records.claimable``, atomically.

        Not sent when there is no time left for the insertion of its claim row: nobody else may sign in the height of a
        claim, so that one which gets no signature costs every gate that height.
        """
        body = update(self._head, self._key, items.claiming(claim), "UPDATED_OLD")
        outcome = self._client.call("UpdateItem", body, deadline, calls_after=1)
        if isinstance(outcome, Accepted):
            try:
                return Won(items.read_position(outcome.answer.get("Attributes")))
            except Damaged as error:
                return Unknown(str(error))
        if isinstance(outcome, Unsent):
            return NotSent(outcome.detail)
        standing = self._standing(outcome)
        return Lost(standing.head) if isinstance(standing, Seen) else standing

    def insert(self, claim: Claim, deadline: float) -> Claim | None:
        """Insert the claim row if its position has none. Returns the row at that position; None: unknown."""
        item = items.claim_item(self._key, claim)
        outcome = self._client.call("PutItem", put(self._claims, item, items.inserting()), deadline)
        if isinstance(outcome, Accepted):
            return claim
        if isinstance(outcome, Unclear) or outcome.item is None:
            return None
        try:
            return items.read_claim(self._key, claim.position, outcome.item)
        except Damaged:
            return None

    def record(self, claim: Claim, signed: Signed, deadline: float) -> Done | Unknown:
        """Write the signatures beside the claim, if the row still holds that claim without signatures."""
        change = items.recording(claim, signed)
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "NONE"), deadline)
        if isinstance(outcome, Accepted):
            return Done()
        return Unknown(outcome.detail if isinstance(outcome, Unclear) else "the row does not hold that unsigned claim")

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _standing(self, outcome: Accepted | ConditionFailed | Unclear) -> Seen | Missing | Unknown:
        """The outcome of a refused write."""
        if isinstance(outcome, Unclear):
            return Unknown(outcome.detail)
        if isinstance(outcome, Accepted):
            return Unknown("the table accepted a write whose condition cannot hold")
        if outcome.item is None:
            return Missing()
        return self._seen(outcome.item)

    def _seen(self, item: object) -> Seen | Unknown:
        try:
            return Seen(items.read_head(self._key, item))
        except Damaged as error:
            return Unknown(str(error))
