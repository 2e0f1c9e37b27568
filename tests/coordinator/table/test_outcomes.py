"""What a gate and an operator make of each outcome of a call, and what they ask: with a client that answers at will."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ceremonies.row import MOST_ROUNDS, SECONDS, SPENT, Ceremony, NotDone
from coordinator.decision.effects import Done, Missing, NotSent, Unknown
from coordinator.decision.position import Position, spent
from coordinator.decision.records import Claim, Head, Signed
from coordinator.table import items
from coordinator.table.client import Accepted, ConditionFailed, Endpoint, Unclear, Unsent
from coordinator.table.credentials import CredentialsFile
from coordinator.table.store import Table
from tests.table_stack import ASH, CLAIMS, HEAD, HOST, ZRH, claim_of

KEY = items.key("hub-4", bytes(32))
BOTH = ((ASH.gate_id, ASH.boot_id), (ZRH.gate_id, ZRH.boot_id))
ENDPOINT = Endpoint("us-east-1", HOST, "127.0.0.1")
Outcome = Accepted | ConditionFailed | Unclear


@dataclass
class Answering:
    """In the place of a client: gives these outcomes in turn, the last one again and again, and keeps the calls."""

    outcomes: list[Outcome]
    calls: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)
    closed: int = 0

    def call(self, operation: str, body: dict[str, Any], deadline: float, calls_after: int = 0) -> Outcome:
        self.calls.append((operation, body, deadline))
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]

    def close(self) -> None:
        self.closed += 1


def of_gate(credentials: CredentialsFile, *outcomes: Outcome) -> tuple[Table, Answering]:
    table, answering = Table([ENDPOINT], HEAD, CLAIMS, KEY, ASH, credentials), Answering(list(outcomes))
    table._client = answering  # type: ignore[assignment]
    return table, answering


def of_operator(credentials: CredentialsFile, *outcomes: Outcome) -> tuple[Ceremony, Answering]:
    ceremony, answering = Ceremony([ENDPOINT], HEAD, KEY, credentials), Answering(list(outcomes))
    ceremony._client = answering  # type: ignore[assignment]
    return ceremony, answering


CLAIM = claim_of(ASH, 11)
CALLS: dict[str, tuple[Callable[[Table], object], str, str, str | None]] = {
    "announce": (lambda table: table.announce(7.5), "UpdateItem", HEAD, "ALL_NEW"),
    "read": (lambda table: table.read(7.5), "UpdateItem", HEAD, "NONE"),
    "claim": (lambda table: table.claim(CLAIM, 7.5), "UpdateItem", HEAD, "UPDATED_OLD"),
    "insert": (lambda table: table.insert(CLAIM, 7.5), "PutItem", CLAIMS, None),
    "record": (lambda table: table.record(CLAIM, Signed(b"s" * 64), 7.5), "UpdateItem", HEAD, "NONE"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_gate_changes_its_own_item_of_its_own_table_conditionally_by_its_deadline(
    name: str, credentials: CredentialsFile
) -> None:
    call, operation, of, returning = CALLS[name]
    table, answering = of_gate(credentials, Unclear("x"))
    call(table)
    ((done, body, deadline),) = answering.calls
    assert (done, body["TableName"], body.get("ReturnValues"), deadline) == (operation, of, returning, 7.5)
    assert body.get("Key", body.get("Item"))["pk"] == {"S": KEY}
    assert body["ConditionExpression"] and body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    table.close()
    assert answering.closed == 1


@pytest.mark.parametrize("name", ["announce", "read", "claim", "record"])
def test_an_unclear_outcome_is_unknown_with_its_reason(name: str, credentials: CredentialsFile) -> None:
    table, _ = of_gate(credentials, Unclear("us-east-1: silence"))
    assert CALLS[name][0](table) == Unknown("us-east-1: silence")


@pytest.mark.parametrize("name", ["announce", "read", "claim", "record"])
def test_only_a_claim_tells_that_it_was_not_sent(name: str, credentials: CredentialsFile) -> None:
    table, _ = of_gate(credentials, Unsent("no connection"))
    assert CALLS[name][0](table) == (NotSent if name == "claim" else Unknown)("no connection")


@pytest.mark.parametrize("name", ["announce", "read", "claim"])
def test_a_condition_that_failed_without_an_item_shows_that_there_is_none(
    name: str, credentials: CredentialsFile
) -> None:
    table, _ = of_gate(credentials, ConditionFailed(None))
    assert CALLS[name][0](table) == Missing()


def test_a_claim_that_was_accepted_without_a_readable_place_is_unknown(credentials: CredentialsFile) -> None:
    for attributes, reason in (
        ({}, "is no map"),
        ({"Attributes": {}}, "hrs that is not of type S"),
        ({"Attributes": {"hrs": {"S": "0"}}}, "unreadable hrs"),
    ):
        table, _ = of_gate(credentials, Accepted(attributes))
        outcome = table.claim(CLAIM, 7.5)
        assert isinstance(outcome, Unknown) and reason in outcome.detail


def test_a_read_that_was_accepted_as_a_write_is_unknown(credentials: CredentialsFile) -> None:
    table, _ = of_gate(credentials, Accepted({}))
    assert table.read(7.5) == Unknown("the table accepted a write whose condition cannot hold")
    outcome = table.announce(7.5)
    assert isinstance(outcome, Unknown) and "is no map" in outcome.detail


def test_a_row_is_known_only_if_it_was_inserted_or_shown(credentials: CredentialsFile) -> None:
    other = replace(CLAIM, claim_id="other")
    for outcome, row in (
        (Accepted({}), CLAIM),
        (ConditionFailed(items.claim_item(KEY, other)), other),
        (ConditionFailed(None), None),
        (ConditionFailed({"pk": {"S": KEY}}), None),
        (ConditionFailed(items.claim_item(KEY, claim_of(ASH, 12))), None),
        (Unclear("x"), None),
    ):
        table, _ = of_gate(credentials, outcome)
        assert table.insert(CLAIM, 7.5) == row


def test_a_record_is_done_only_if_it_was_accepted(credentials: CredentialsFile) -> None:
    table, _ = of_gate(credentials, Accepted({}), ConditionFailed(None))
    assert table.record(CLAIM, Signed(b"s" * 64), 7.5) == Done()
    assert table.record(CLAIM, Signed(b"s" * 64), 7.5) == Unknown("the row does not hold that unsigned claim")


@pytest.mark.parametrize("wrong", [{"gate_id": ""}, {"boot_id": ""}])
def test_a_gate_without_a_name_or_a_run_has_no_table(wrong: dict[str, str], credentials: CredentialsFile) -> None:
    with pytest.raises(ValueError, match="a gate id and a boot id"):
        Table([ENDPOINT], HEAD, CLAIMS, KEY, replace(ASH, **wrong), credentials)


def test_an_operator_reads_the_newest_head_and_waits_a_fixed_time(
    credentials: CredentialsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    head = Head(1, spent(10), BOTH)
    ceremony, answering = of_operator(credentials, Accepted({"Item": items.head_item(KEY, head)}), Accepted({}))
    assert ceremony.read() == head and ceremony.read() is None
    body = {"TableName": HEAD, "Key": {"pk": {"S": KEY}}, "ConsistentRead": True}
    assert answering.calls == [("GetItem", body, 100.0 + SECONDS)] * 2


def test_a_read_that_is_refused_as_a_write_stops_a_ceremony(credentials: CredentialsFile) -> None:
    ceremony, _ = of_operator(credentials, ConditionFailed(None))
    with pytest.raises(NotDone, match=f"a read of the head in {HEAD} was refused"):
        ceremony.read()
    with pytest.raises(NotDone, match=f"a read of {CLAIMS} was refused"):
        ceremony.precommits(CLAIMS, Position(11, 0, 3))


def test_an_operator_looks_for_the_precommit_of_every_round_and_reads_the_newest(credentials: CredentialsFile) -> None:
    found = claim_of(ASH, 11, 1, 3)
    items_of = [Accepted({}), Accepted({"Item": items.claim_item(KEY, found)}), Accepted({})]
    ceremony, answering = of_operator(credentials, *items_of)
    assert ceremony.precommits(CLAIMS, Position(11, 2, 1)) == [found]
    assert [body for _, body, _ in answering.calls] == [
        {
            "TableName": CLAIMS,
            "Key": {"pk": {"S": KEY}, "hrs": {"S": Position(11, each, 3).text}},
            "ConsistentRead": True,
        }
        for each in range(3)
    ]
    damaged = items.claim_item(KEY, claim_of(ASH, 12, 0, 3))
    ceremony, _ = of_operator(credentials, Accepted({"Item": damaged}))
    with pytest.raises(NotDone, match="an item that is not a claim of this key.*at another position"):
        ceremony.precommits(CLAIMS, Position(11, 0, 3))


def test_as_many_rounds_are_looked_at_as_are_allowed(credentials: CredentialsFile) -> None:
    ceremony, answering = of_operator(credentials, Accepted({}))
    assert ceremony.precommits(CLAIMS, Position(11, MOST_ROUNDS, 3)) == []
    assert len(answering.calls) == MOST_ROUNDS + 1
    with pytest.raises(NotDone, match=f"round {MOST_ROUNDS + 1} of height 11"):
        ceremony.precommits(CLAIMS, Position(11, MOST_ROUNDS + 1, 1))


def test_what_takes_the_place_of_unknown_precommits_signs_nothing(credentials: CredentialsFile) -> None:
    owned = Head(3, Position(11, 2, 3), BOTH, replace(claim_of(ASH, 11, 2, 3), generation=3))
    known = claim_of(ASH, 11, 1, 3)
    ceremony, answering = of_operator(
        credentials, Accepted({}), Accepted({"Attributes": items.head_item(KEY, owned)}), Unclear("none")
    )
    assert ceremony.take_over(CLAIMS, owned, ZRH.gate_id, [known]) == owned
    (put, body, _), (change, of_head, _) = answering.calls
    taken = items.read_claim(KEY, Position(11, 0, 3), body["Item"])
    nothing = Claim(Position(11, 0, 3), 3, ZRH.gate_id, SPENT, taken.claim_id, b"", bytes(32), 0)
    assert taken == nothing and taken.claim_id.startswith(f"{SPENT}-")
    assert (put, body["TableName"], body["ConditionExpression"]) == ("PutItem", CLAIMS, "attribute_not_exists(pk)")
    assert (change, of_head["TableName"], of_head["ReturnValues"]) == ("UpdateItem", HEAD, "ALL_NEW")


def test_whatever_the_outcome_of_a_change_is_not_accepted_or_refused_it_is_to_be_repeated(
    credentials: CredentialsFile,
) -> None:
    ceremony, _ = of_operator(credentials, Unclear("silence"))
    for call in (
        ceremony.read,
        lambda: ceremony.seed(spent(10), 1, []),
        lambda: ceremony.admit("x", 1),
        lambda: ceremony.dismiss("x", 1),
        lambda: ceremony.renew(1, 2, spent(10), []),
        lambda: ceremony.close(1),
        lambda: ceremony.precommits(CLAIMS, Position(11, 0, 3)),
    ):
        with pytest.raises(NotDone, match=f"{HEAD}: the outcome is unknown.*repeat it: silence"):
            call()


def test_a_change_whose_answer_shows_no_head_is_reported(credentials: CredentialsFile) -> None:
    ceremony, _ = of_operator(credentials, Accepted({}))
    with pytest.raises(NotDone, match="an item that is not a head of this key"):
        ceremony.admit("x", 1)
    with pytest.raises(NotDone, match="got an empty gate id"):
        ceremony.admit("", 1)


def test_a_refusal_describes_the_head_that_is_there(credentials: CredentialsFile) -> None:
    names = f"{ASH.gate_id}, {ZRH.gate_id}"
    for head, described in (
        (Head(3, spent(10), BOTH), f"generation 3, at {spent(10).text}, admitting {names}"),
        (Head(3, items.CLOSED, ()), "generation 3, closed, admitting no gate"),
    ):
        ceremony, _ = of_operator(credentials, ConditionFailed(items.head_item(KEY, head)))
        with pytest.raises(NotDone) as refused:
            ceremony.dismiss(ASH.gate_id, 2)
        assert str(refused.value).endswith(f"was to be changed; {HEAD} has {described}")
        with pytest.raises(NotDone) as refused:
            ceremony.seed(spent(11), 2, [])
        assert f"already has a head for this key ({described})" in str(refused.value)
