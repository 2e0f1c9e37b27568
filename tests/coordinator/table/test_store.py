"""A gate's calls on DynamoDB Local: every branch of the condition, every outcome."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ceremonies.row import Ceremony
from coordinator.decision.effects import Done, Lost, Missing, NotSent, Seen, Unknown, Won
from coordinator.decision.position import MAX_HEIGHT, MAX_ROUND, Position, spent
from coordinator.decision.records import Claim, Gate, Head, Signed, claimable
from coordinator.table import items
from coordinator.table.client import KEPT_TIMES, Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.store import Table
from lab.table import local
from tests.table_stack import ASH, CLAIMS, HEAD, HOST, ZRH, claim_of, soon

pytestmark = pytest.mark.slow

BOTH = ((ASH.gate_id, ASH.boot_id), (ZRH.gate_id, ZRH.boot_id))


@pytest.fixture
def seeded(ceremony: Ceremony, ash: Table, zrh: Table) -> Ceremony:
    """Seeded at height 10, both gates admitted and announced."""
    ceremony.seed(spent(10), 1, [ASH.gate_id, ZRH.gate_id])
    assert isinstance(ash.announce(soon()), Seen)
    assert isinstance(zrh.announce(soon()), Seen)
    return ceremony


def put_raw(local_table: local.Local, table: str, item: dict) -> None:
    assert local.call("127.0.0.1", local_table.port, "PutItem", {"TableName": table, "Item": item}) == {}


def test_a_claim_above_the_head_wins_and_is_then_the_head(seeded: Ceremony, ash: Table) -> None:
    claim = claim_of(ASH, 11, extension=b"extension")
    assert ash.claim(claim, soon()) == Won(spent(10))
    assert ash.read(soon()) == Seen(Head(1, claim.position, BOTH, claim))


def test_a_claim_without_a_head_is_missing(ash: Table, ceremony: Ceremony) -> None:
    assert ash.claim(claim_of(ASH, 11), soon()) == Missing()
    assert ceremony.read() is None, "nothing is made by a claim"


def test_every_call_without_a_head_is_missing(ash: Table) -> None:
    assert ash.read(soon()) == Missing()
    assert ash.announce(soon()) == Missing()
    assert isinstance(ash.record(claim_of(ASH, 11), Signed(b"s" * 64), soon()), Unknown)


FIRST = claim_of(ASH, 11, 1, 2)
REFUSED = {
    "the same position": replace(FIRST, claim_id="again"),
    "a lower step": claim_of(ASH, 11, 1, 1),
    "a lower round": claim_of(ASH, 11, 0, 3),
    "a lower height": claim_of(ASH, 10, 5, 3),
    "the first height of all": claim_of(ASH, 0, 0, 0),
    "another generation, later": replace(claim_of(ASH, 12), generation=2),
    "another generation, earlier": replace(claim_of(ASH, 12), generation=0),
    "another run of the gate": replace(claim_of(ASH, 12), boot_id="boot-other"),
    "a run of nobody": replace(claim_of(ASH, 12), boot_id=""),
    "another gate's run": replace(claim_of(ASH, 12), boot_id=ZRH.boot_id),
    "a gate that nobody admitted": replace(claim_of(ASH, 12), gate_id="forgotten"),
    "a row lower than its gate has seen": replace(claim_of(ASH, 12), not_below=Position(11, 1, 3)),
    "the other gate in the owner's height": claim_of(ZRH, 11, 1, 3),
    "the other gate in the owner's height, later": claim_of(ZRH, 11, MAX_ROUND, 3),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_claim_is_refused_and_shown_the_head(case: str, seeded: Ceremony, ash: Table) -> None:
    head = Head(1, FIRST.position, BOTH, FIRST)
    assert ash.claim(FIRST, soon()) == Won(spent(10))
    assert not claimable(head, REFUSED[case])
    assert ash.claim(REFUSED[case], soon()) == Lost(head)
    assert ash.read(soon()) == Seen(head), "nothing was written"


WINNING = {
    "the next step of the own height": claim_of(ASH, 11, 1, 3),
    "a later round of the own height": claim_of(ASH, 11, 2, 1),
    "the next height": claim_of(ASH, 12),
    "a row exactly as its gate has seen it": replace(claim_of(ASH, 12), not_below=FIRST.position),
    "a row higher than its gate has seen it": replace(claim_of(ZRH, 12), not_below=spent(10)),
    "the next height, by the other gate": claim_of(ZRH, 12),
    "the highest position of all but one": claim_of(ZRH, MAX_HEIGHT, MAX_ROUND, 2),
    "a height with more digits": claim_of(ZRH, 100, 0, 1),
}


@pytest.mark.parametrize("case", WINNING)
def test_a_claim_wins(case: str, seeded: Ceremony, ash: Table) -> None:
    assert ash.claim(FIRST, soon()) == Won(spent(10))
    assert claimable(Head(1, FIRST.position, BOTH, FIRST), WINNING[case])
    assert ash.claim(WINNING[case], soon()) == Won(FIRST.position)
    assert ash.read(soon()) == Seen(Head(1, WINNING[case].position, BOTH, WINNING[case]))


def test_what_was_signed_for_one_claim_is_gone_with_the_next(seeded: Ceremony, ash: Table) -> None:
    first, second = claim_of(ASH, 11, extension=b"extension"), claim_of(ASH, 12)
    ash.claim(first, soon())
    assert ash.record(first, Signed(b"s" * 64, b"e" * 64), soon()) == Done()
    assert ash.read(soon()) == Seen(Head(1, first.position, BOTH, first, Signed(b"s" * 64, b"e" * 64)))
    assert ash.claim(second, soon()) == Won(first.position)
    assert ash.read(soon()) == Seen(Head(1, second.position, BOTH, second))


def test_a_signature_is_recorded_once(seeded: Ceremony, ash: Table) -> None:
    claim = claim_of(ASH, 11)
    ash.claim(claim, soon())
    assert ash.record(claim, Signed(b"s" * 64), soon()) == Done()
    assert isinstance(ash.record(claim, Signed(b"t" * 64), soon()), Unknown)
    seen = ash.read(soon())
    assert isinstance(seen, Seen)
    assert seen.head.signed == Signed(b"s" * 64)


@pytest.mark.parametrize("other", [{"claim_id": "other"}, {"sign_bytes": b"other"}, {"position": Position(11, 0, 2)}])
def test_a_signature_for_another_claim_is_not_recorded(other: dict, seeded: Ceremony, ash: Table) -> None:
    claim = claim_of(ASH, 11)
    ash.claim(claim, soon())
    assert ash.record(replace(claim, **other), Signed(b"s" * 64), soon()) == Unknown(
        "the row does not hold that unsigned claim"
    )
    assert ash.read(soon()) == Seen(Head(1, claim.position, BOTH, claim))


def test_a_row_is_inserted_once_and_the_existing_one_is_returned(ash: Table) -> None:
    first, second = claim_of(ASH, 11, extension=b"x"), claim_of(ASH, 11, sign_bytes=b"other")
    assert ash.insert(first, soon()) == first
    assert ash.insert(first, soon()) == first
    assert ash.insert(second, soon()) == first
    assert ash.insert(claim_of(ASH, 11, 0, 2), soon()) is not None


def test_a_damaged_row_is_not_known(ash: Table, local_table: local.Local, key: str) -> None:
    claim = claim_of(ASH, 11)
    put_raw(local_table, CLAIMS, items.claim_item(key, claim) | {"digest": items.binary(b"")})
    assert ash.insert(claim, soon()) is None


def test_a_damaged_head_is_unknown_to_every_call_that_shows_it(ash: Table, local_table: local.Local, key: str) -> None:
    head = Head(1, Position(20, 0, 1), BOTH, claim_of(ASH, 20))
    put_raw(local_table, HEAD, items.head_item(key, head) | {"sign_bytes": items.binary(b"")})
    for outcome in (ash.read(soon()), ash.announce(soon()), ash.claim(claim_of(ASH, 19), soon())):
        assert isinstance(outcome, Unknown)
        assert "not those of its digest" in outcome.detail


def test_a_claim_over_a_head_without_a_readable_position_is_unknown_or_refused(
    ash: Table, local_table: local.Local, key: str
) -> None:
    put_raw(local_table, HEAD, items.head_item(key, Head(1, Position(1, 0, 1), BOTH)) | {"hrs": {"S": "0"}})
    outcome = ash.claim(claim_of(ASH, 19), soon())
    assert isinstance(outcome, Unknown)
    assert "unreadable hrs" in outcome.detail


def test_an_announcement_fences_the_older_run(
    seeded: Ceremony, ash: Table, endpoint: Endpoint, key: str, credentials: CredentialsFile
) -> None:
    newer = replace(ASH, boot_id="boot-newer")
    seen = Table([endpoint], HEAD, CLAIMS, key, newer, credentials).announce(soon())
    assert isinstance(seen, Seen)
    assert seen.head.speaks_for(newer)
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Lost)
    assert isinstance(ash.claim(claim_of(newer, 11), soon()), Won)


@pytest.mark.parametrize("gate", [replace(ASH, gate_id="forgotten"), replace(ASH, generation=2)])
def test_an_announcement_that_is_not_admitted_changes_nothing(
    gate: Gate, seeded: Ceremony, endpoint: Endpoint, key: str, credentials: CredentialsFile
) -> None:
    seen = Table([endpoint], HEAD, CLAIMS, key, gate, credentials).announce(soon())
    assert seen == Seen(Head(1, spent(10), BOTH))
    assert not seen.head.speaks_for(gate)


def test_a_gate_without_a_run_of_its_own_is_refused(endpoint: Endpoint, key: str, credentials: CredentialsFile) -> None:
    with pytest.raises(ValueError, match="a gate id and a boot id"):
        Table([endpoint], HEAD, CLAIMS, key, replace(ASH, boot_id=""), credentials)


@pytest.mark.parametrize("call", ["read", "announce"])
def test_a_table_that_is_not_there_is_unknown(
    call: str, endpoint: Endpoint, key: str, credentials: CredentialsFile
) -> None:
    table = Table([endpoint], "no-head", "no-claims", key, ASH, credentials)
    outcome = getattr(table, call)(soon())
    assert isinstance(outcome, Unknown)
    assert "ResourceNotFoundException" in outcome.detail
    assert table.insert(claim_of(ASH, 11), soon()) is None
    assert isinstance(table.claim(claim_of(ASH, 11), soon()), Unknown)


def test_an_extension_too_large_for_an_item_is_refused_and_nothing_written(seeded: Ceremony, ash: Table) -> None:
    claim = claim_of(ASH, 11, extension=bytes(1 << 20))
    outcome = ash.claim(claim, soon())
    assert isinstance(outcome, Unknown)
    assert "ValidationException" in outcome.detail
    assert ash.insert(claim, soon()) is None
    assert ash.read(soon()) == Seen(Head(1, spent(10), BOTH))


def test_an_extension_of_many_kilobytes_is_kept(seeded: Ceremony, ash: Table) -> None:
    claim: Claim = claim_of(ASH, 11, extension=bytes(range(256)) * 1000)
    assert isinstance(ash.claim(claim, soon()), Won)
    assert ash.read(soon()) == Seen(Head(1, claim.position, BOTH, claim))


def test_with_expired_credentials_nothing_is_sent(endpoint: Endpoint, key: str, tmp_path: Path) -> None:
    path = tmp_path / "expired.json"
    path.write_text('{"AccessKeyId": "K", "SecretAccessKey": "s", "Expiration": "2020-01-01T00:00:00Z"}')
    outcome = Table([endpoint], HEAD, CLAIMS, key, ASH, CredentialsFile(path)).claim(claim_of(ASH, 11), soon())
    assert outcome == NotSent(f"the credentials in {path} expired at 2020-01-01T00:00:00+00:00")


def test_an_endpoint_that_is_not_there_is_unknown(key: str, credentials: CredentialsFile) -> None:
    endpoint = Endpoint("us-east-1", HOST, "127.0.0.1", local.free_port(), "http")
    outcome = Table([endpoint], HEAD, CLAIMS, key, ASH, credentials).read(soon())
    assert isinstance(outcome, Unknown)
    assert "no connection to 127.0.0.1" in outcome.detail


def test_a_claim_that_leaves_no_time_for_its_row_is_not_made(seeded: Ceremony, ash: Table) -> None:
    ash._client._took.extend([100.0] * KEPT_TIMES)
    before = ash.read(soon(90.0))
    ash._client._took.extend([100.0] * KEPT_TIMES)
    outcome = ash.claim(claim_of(ASH, 11), soon(199.0))
    assert isinstance(outcome, NotSent) and "not sent, because 2 calls take at least 200" in outcome.detail
    assert isinstance(before, Seen) and ash.read(soon(90.0)) == before
    ash._client._took.extend([100.0] * KEPT_TIMES)
    claim = claim_of(ASH, 11)
    assert ash.claim(claim, soon(201.0)) == Won(spent(10))
    ash._client._took.extend([100.0] * KEPT_TIMES)
    assert ash.insert(claim, soon(90.0)) == claim, "once claimed, all the time there is is used"
