"""An operator's calls on DynamoDB Local: conditional, repeatable, refused with a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ceremonies.row import MOST_ROUNDS, Ceremony, NotDone
from coordinator.decision.effects import Lost, Seen, Won
from coordinator.decision.position import MAX_HEIGHT, Position, spent
from coordinator.decision.records import Head
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.items import CLOSED
from coordinator.table.store import Table
from lab.table import local
from tests.table_stack import ASH, CLAIMS, HEAD, ZRH, claim_of, soon

pytestmark = pytest.mark.slow

GATES = [ASH.gate_id, ZRH.gate_id]
NOBODY = ((ASH.gate_id, ""), (ZRH.gate_id, ""))


def test_a_seed_is_the_first_head_and_may_be_repeated(ceremony: Ceremony) -> None:
    assert ceremony.read() is None
    head = Head(1, spent(10), NOBODY)
    assert ceremony.seed(spent(10), 1, GATES) == head
    assert ceremony.seed(spent(10), 1, reversed(GATES)) == head
    assert ceremony.read() == head


def test_a_seed_that_is_repeated_after_the_gates_went_on_changes_nothing(ceremony: Ceremony, ash: Table) -> None:
    ceremony.seed(spent(10), 1, GATES)
    ash.announce(soon())
    claim = claim_of(ASH, 11)
    assert isinstance(ash.claim(claim, soon()), Won)
    assert ceremony.seed(spent(10), 1, GATES).claim == claim
    assert ash.read(soon()) == Seen(Head(1, claim.position, ((ASH.gate_id, ASH.boot_id), (ZRH.gate_id, "")), claim))


@pytest.mark.parametrize(
    ("position", "generation", "gates"),
    [(spent(11), 1, GATES), (spent(10), 2, GATES), (spent(10), 1, GATES[:1]), (spent(10), 1, [])],
)
def test_a_seed_never_takes_the_place_of_another_head(
    position: Position, generation: int, gates: list[str], ceremony: Ceremony
) -> None:
    head = ceremony.seed(spent(10), 1, GATES)
    with pytest.raises(NotDone, match="already has a head for this key .generation 1, at 0+10"):
        ceremony.seed(position, generation, gates)
    assert ceremony.read() == head


@pytest.mark.parametrize(
    ("position", "generation", "gates", "reason"),
    [
        (CLOSED, 1, GATES, "there is no position above"),
        (spent(10), 0, GATES, "the first is 1"),
        (spent(10), 1, [""], "empty gate id"),
    ],
)
def test_a_seed_that_makes_no_sense_is_refused(
    position: Position, generation: int, gates: list[str], reason: str, ceremony: Ceremony
) -> None:
    with pytest.raises(NotDone, match=reason):
        ceremony.seed(position, generation, gates)
    assert ceremony.read() is None


def test_an_admitted_gate_may_announce_itself_and_keeps_its_run(ceremony: Ceremony, ash: Table) -> None:
    ceremony.seed(spent(10), 1, [])
    assert ash.announce(soon()) == Seen(Head(1, spent(10), ()))
    assert ceremony.admit(ASH.gate_id, 1).gates == ((ASH.gate_id, ""),)
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Lost), "admitted, and not announced yet"
    ash.announce(soon())
    assert ceremony.admit(ASH.gate_id, 1).gates == ((ASH.gate_id, ASH.boot_id),)
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Won)


def test_a_dismissed_gate_claims_nothing_until_it_is_admitted_and_announced_again(
    ceremony: Ceremony, ash: Table
) -> None:
    ceremony.seed(spent(10), 1, GATES)
    ash.announce(soon())
    for _ in range(2):
        assert ceremony.dismiss(ASH.gate_id, 1).gates == ((ZRH.gate_id, ""),)
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Lost)
    ceremony.admit(ASH.gate_id, 1)
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Lost)
    ash.announce(soon())
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Won)


def test_a_renewed_head_fences_every_gate(ceremony: Ceremony, ash: Table) -> None:
    ceremony.seed(spent(10), 1, GATES)
    ash.announce(soon())
    ash.claim(claim_of(ASH, 11), soon())
    fresh = Head(2, spent(100), NOBODY)
    for _ in range(2):
        assert ceremony.renew(1, 2, spent(100), GATES) == fresh
    assert ash.claim(claim_of(ASH, 101), soon()) == Lost(fresh)
    assert ash.announce(soon()) == Seen(fresh), "a gate of the old generation is not announced"


def test_a_new_generation_begins_in_an_empty_table(ceremony: Ceremony) -> None:
    for _ in range(2):
        assert ceremony.renew(1, 2, spent(100), GATES) == Head(2, spent(100), NOBODY)


def test_a_renewal_repeated_after_the_gates_went_on_changes_nothing(
    ceremony: Ceremony, endpoint: Endpoint, key: str, credentials: CredentialsFile
) -> None:
    ceremony.seed(spent(10), 1, GATES)
    ceremony.renew(1, 2, spent(100), GATES)
    second = replace(ASH, generation=2)
    table = Table([endpoint], HEAD, CLAIMS, key, second, credentials)
    table.announce(soon())
    claim = claim_of(second, 101)
    assert isinstance(table.claim(claim, soon()), Won)
    assert ceremony.renew(1, 2, spent(100), GATES).claim == claim


@pytest.mark.parametrize(
    ("old", "generation", "position", "reason"),
    [
        (1, 1, spent(100), "does not come after 1"),
        (2, 1, spent(100), "does not come after 2"),
        (2, 3, spent(100), "only of an open head of generation 2"),
        (1, 2, spent(9), "no higher than"),
        (1, 2, CLOSED, "there is no position above"),
    ],
)
def test_a_renewal_is_refused(old: int, generation: int, position: Position, reason: str, ceremony: Ceremony) -> None:
    head = ceremony.seed(spent(10), 1, GATES)
    with pytest.raises(NotDone, match=reason):
        ceremony.renew(old, generation, position, GATES)
    assert ceremony.read() == head


def test_a_retired_key_is_retired_for_ever(ceremony: Ceremony, ash: Table) -> None:
    ceremony.seed(spent(10), 1, GATES)
    ash.announce(soon())
    ash.claim(claim_of(ASH, 11), soon())
    closed = Head(1, CLOSED, ())
    for _ in range(2):
        assert ceremony.close(1) == closed
    assert ash.claim(claim_of(ASH, MAX_HEIGHT, 0, 1), soon()) == Lost(closed)
    assert ash.announce(soon()) == Seen(closed)
    with pytest.raises(NotDone, match="only an open head.*closed, admitting no gate"):
        ceremony.admit(ASH.gate_id, 1)
    with pytest.raises(NotDone, match="only of an open head"):
        ceremony.renew(1, 2, spent(100), GATES)
    with pytest.raises(NotDone, match="already has a head"):
        ceremony.seed(spent(10), 1, [])
    assert ceremony.read() == closed


@pytest.mark.parametrize("call", ["admit", "dismiss", "close"])
def test_a_ceremony_of_another_generation_or_on_no_head_is_refused(call: str, ceremony: Ceremony) -> None:
    arguments = [] if call == "close" else [ASH.gate_id]
    with pytest.raises(NotDone, match=f"{HEAD} has no head for this key"):
        getattr(ceremony, call)(*arguments, 1)
    head = ceremony.seed(spent(10), 2, GATES)
    with pytest.raises(NotDone, match="has generation 2, at"):
        getattr(ceremony, call)(*arguments, 1)
    assert ceremony.read() == head


def test_a_damaged_head_is_reported(ceremony: Ceremony, local_table: local.Local, key: str) -> None:
    item = items.head_item(key, Head(1, spent(10), ())) | {"generation": {"S": "1"}}
    local.call("127.0.0.1", local_table.port, "PutItem", {"TableName": HEAD, "Item": item})
    for call in (ceremony.read, lambda: ceremony.seed(spent(10), 1, []), lambda: ceremony.close(1)):
        with pytest.raises(NotDone, match="holds an item that is not a head"):
            call()


def test_an_unknown_outcome_is_reported_as_unknown(key: str, credentials: CredentialsFile, endpoint: Endpoint) -> None:
    with pytest.raises(NotDone, match="may or may not be done; repeat it.*ResourceNotFoundException"):
        Ceremony([endpoint], "no-such-table", key, credentials).seed(spent(10), 1, [])


def test_claims_survive_every_ceremony(ceremony: Ceremony, ash: Table) -> None:
    ceremony.seed(spent(10), 1, GATES)
    claim = claim_of(ASH, 11)
    ash.insert(claim, soon())
    ceremony.renew(1, 2, spent(100), GATES)
    ceremony.close(2)
    assert ash.insert(replace(claim, claim_id="other"), soon()) == claim, CLAIMS


def test_a_height_is_taken_over_with_its_claim_and_the_owner_is_dismissed(
    ceremony: Ceremony, ash: Table, zrh: Table
) -> None:
    ceremony.seed(spent(10), 1, GATES)
    for each in (ash, zrh):
        each.announce(soon())
    first, last = claim_of(ASH, 11, 0, 3), claim_of(ASH, 11, 1, 2)
    for claim in (first, last):
        assert isinstance(ash.claim(claim, soon()), Won)
        assert ash.insert(claim, soon()) == claim
    assert ceremony.precommits(CLAIMS, last.position) == [first]
    head = ceremony.read()
    assert head
    taken = ceremony.take_over(CLAIMS, head, ZRH.gate_id, [first])
    assert taken.owner == ZRH.gate_id and dict(taken.gates) == {ZRH.gate_id: ZRH.boot_id}
    assert taken.claim and taken.claim.sign_bytes == last.sign_bytes and taken.position == last.position
    assert isinstance(ash.claim(claim_of(ASH, 11, 1, 3), soon()), Lost)
    assert ash.insert(last, soon()) == last, "what the owner has claimed may still be signed, with the same bytes"
    with pytest.raises(NotDone, match="is not taken over"):
        ceremony.take_over(CLAIMS, head, ZRH.gate_id, [first])
    assert isinstance(zrh.claim(claim_of(ZRH, 11, 1, 3), soon()), Won)


def test_a_height_is_not_taken_over_by_a_gate_that_is_not_admitted_or_from_another_claim(
    ceremony: Ceremony, ash: Table
) -> None:
    head = ceremony.seed(spent(10), 1, GATES)
    with pytest.raises(NotDone, match="belongs to no other gate"):
        ceremony.take_over(CLAIMS, head, ZRH.gate_id, [])
    ash.announce(soon())
    ash.claim(claim_of(ASH, 11, 0, 2), soon())
    found = ceremony.read()
    assert found
    with pytest.raises(NotDone, match="belongs to no other gate"):
        ceremony.take_over(CLAIMS, found, ASH.gate_id, [])
    with pytest.raises(NotDone, match="must be admitted"):
        ceremony.take_over(CLAIMS, found, "third", [])
    ash.claim(claim_of(ASH, 11, 0, 3), soon())
    with pytest.raises(NotDone, match="with the same claim"):
        ceremony.take_over(CLAIMS, found, ZRH.gate_id, [])


def test_a_row_of_a_claim_that_comes_after_a_take_over_finds_its_place_taken(
    ceremony: Ceremony, ash: Table, zrh: Table
) -> None:
    ceremony.seed(spent(10), 1, GATES)
    for each in (ash, zrh):
        each.announce(soon())
    hung, found, last = claim_of(ASH, 11, 0, 3), claim_of(ASH, 11, 1, 3), claim_of(ASH, 11, 2, 3)
    for claim in (hung, found, last):
        assert isinstance(ash.claim(claim, soon()), Won)
    assert ash.insert(found, soon()) == found
    head = ceremony.read()
    assert head
    precommits = ceremony.precommits(CLAIMS, head.position)
    assert precommits == [found]
    assert ceremony.take_over(CLAIMS, head, ZRH.gate_id, precommits).owner == ZRH.gate_id
    taken = ash.insert(hung, soon())
    assert taken and taken.claim_id != hung.claim_id and taken.sign_bytes == b"", "the gate halts on that, unsigned"
    assert ash.insert(found, soon()) == found and ash.insert(last, soon()) == last, "what was known may be signed"
    after = ceremony.precommits(CLAIMS, head.position)
    assert [each.claim_id for each in after] == [taken.claim_id, found.claim_id, last.claim_id]
    assert len({taken.claim_id, *(each.claim_id for each in after)}) == 3


def test_a_precommit_that_comes_while_a_height_is_taken_over_stops_it(ceremony: Ceremony, ash: Table) -> None:
    ceremony.seed(spent(10), 1, GATES)
    ash.announce(soon())
    late, last = claim_of(ASH, 11, 0, 3), claim_of(ASH, 11, 1, 2)
    for claim in (late, last):
        assert isinstance(ash.claim(claim, soon()), Won)
    head = ceremony.read()
    assert head and ceremony.precommits(CLAIMS, head.position) == []
    assert ash.insert(late, soon()) == late
    with pytest.raises(NotDone, match="came meanwhile; nothing is taken over; call it again"):
        ceremony.take_over(CLAIMS, head, ZRH.gate_id, [])
    assert ceremony.read() == head


def test_the_rounds_of_a_height_that_is_taken_over_are_bounded(ceremony: Ceremony) -> None:
    with pytest.raises(NotDone, match="at most 1000 rounds"):
        ceremony.precommits(CLAIMS, Position(11, MOST_ROUNDS + 1, 2))
