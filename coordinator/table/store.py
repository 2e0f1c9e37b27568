"""What a gate does with the table. Fails closed: what is not understood is ``Unknown``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coordinator.decision.effects import Done, Lost, Missing, Seen, Unknown, Won
from coordinator.decision.records import Claim, Gate, Signed
from coordinator.table import items
from coordinator.table.client import Accepted, Client, ConditionFailed, Endpoint, Unclear
from coordinator.table.credentials import CredentialsFile
from coordinator.table.items import Change, Damaged, Item


def update(table: str, pk: str, change: Change, returning: str) -> dict[str, Any]:
    """The body of an UpdateItem whose refusal shows the item that is there."""
    body: dict[str, Any] = {"TableName": table, "Key": {"pk": items.text(pk)}, "ReturnValues": returning}
    if change.update:
        body["UpdateExpression"] = change.update
    return body | _conditional(change)


def put(table: str, item: Item, change: Change) -> dict[str, Any]:
    """The body of a PutItem whose refusal shows the item that is there."""
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
    """The head and the claims of one key, for one run of one gate. Any thread may call.

    ``head`` and ``claims`` are the tables' names, ``key`` is ``items.key``. Each call takes ``deadline``, in the time
    of ``time.monotonic()``, and has ended by then. Nothing is ever sent twice.
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
            raise ValueError("a gate needs an id, and one for this run of it")
        self._client = Client(endpoints, credentials, ca_file)
        self._head, self._claims, self._key, self._gate = head, claims, key, gate

    def announce(self, deadline: float) -> Seen | Missing | Unknown:
        """Make this run the one that speaks for the gate, if a ceremony has admitted the gate; the row after that.

        The row alone says whether it did: see ``Head.speaks_for``.
        """
        change = items.announcing(self._gate)
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "ALL_NEW"), deadline)
        if isinstance(outcome, Accepted):
            return self._seen(outcome.answer.get("Attributes"))
        return self._standing(outcome)

    def read(self, deadline: float) -> Seen | Missing | Unknown:
        """The row, strongly consistent: by a write that is always refused, so that a gate needs no right to read."""
        change = items.never()
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "NONE"), deadline)
        return self._standing(outcome)

    def claim(self, claim: Claim, deadline: float) -> Won | Lost | Missing | Unknown:
        """Put ``claim`` into the row, if ``records.claimable``, in one step."""
        change = items.claiming(claim)
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "UPDATED_OLD"), deadline)
        if isinstance(outcome, Accepted):
            try:
                return Won(items.read_position(outcome.answer.get("Attributes")))
            except Damaged as error:
                return Unknown(str(error))
        standing = self._standing(outcome)
        return Lost(standing.head) if isinstance(standing, Seen) else standing

    def insert(self, claim: Claim, deadline: float) -> Claim | None:
        """Add the claim's row, if there is none at its position. The row that is then there; None: not known."""
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
        """Write what was signed beside the claim, if the row still holds that claim and nothing is there yet."""
        change = items.recording(claim, signed)
        outcome = self._client.call("UpdateItem", update(self._head, self._key, change, "NONE"), deadline)
        if isinstance(outcome, Accepted):
            return Done()
        return Unknown(outcome.detail if isinstance(outcome, Unclear) else "the row does not hold that claim unsigned")

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _standing(self, outcome: Accepted | ConditionFailed | Unclear) -> Seen | Missing | Unknown:
        """What a refusal shows."""
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
