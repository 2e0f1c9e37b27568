"""Gates at the front: what it permits, how it fails, what it logs; and the table that must never be signed by."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ceremonies.row import Ceremony, NotDone
from coordinator.decision.effects import Lost, Missing, NotSent, Seen, Unknown, Won
from coordinator.decision.position import spent
from coordinator.table.client import Client, Unclear
from coordinator.table.store import Table
from lab.table import fronted, local
from lab.table.rules import Fault, Kind
from tests.lab.table.conftest import REGIONS, Fronted
from tests.table_stack import ASH, CLAIMS, HEAD, ZRH, claim_of, credentials_of, soon

pytestmark = pytest.mark.slow

ASH_KEY, ZRH_KEY = "GATEASH", "GATEZRH"
PERMISSIONS = [
    *fronted.gate_permissions(ASH_KEY, HEAD, CLAIMS, "hub-4|*"),
    *fronted.gate_permissions(ZRH_KEY, HEAD, CLAIMS, "hub-4|*"),
    *fronted.operator_permissions("OPERATOR", HEAD, "hub-4|*"),
    {"access_key": "OPERATOR", "actions": ["CreateTable"], "table": "*", "leading_keys": [""]},
]


@pytest.fixture(scope="module")
def running(start: Callable[..., Fronted]) -> Fronted:
    return start()


@pytest.fixture
def front(running: Fronted) -> Fronted:
    running.files.permit(PERMISSIONS)
    running.files.fail()
    time.sleep(0.25)
    return running


@pytest.fixture
def ash(front: Fronted, key: str) -> Table:
    """Seeded at height 10, announced, connected to the first region."""
    front.ceremony(key).seed(spent(10), 1, [ASH.gate_id, ZRH.gate_id])
    table = front.table(key, ASH, ASH_KEY)
    assert isinstance(table.announce(soon()), Seen)
    return table


def detail(outcome: object) -> str:
    assert isinstance(outcome, Unknown), outcome
    return outcome.detail


def eventually(done: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether ``done`` comes true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def claimed(front: Fronted, key: str) -> bool:
    """Whether any gate has claimed since the key was seeded."""
    front.files.fail()
    head = front.ceremony(key).read()
    assert head
    return head.claim is not None


def test_both_regions_have_one_table(front: Fronted, key: str, ash: Table) -> None:
    claim = claim_of(ASH, 11)
    assert isinstance(ash.claim(claim, soon()), Won)
    head = front.ceremony(key, REGIONS[1]).read()
    assert head
    assert head.claim == claim


def test_a_call_is_logged_with_all_that_it_was(front: Fronted, key: str, ash: Table) -> None:
    claim = claim_of(ASH, 11)
    ash.claim(claim, soon())
    ash.insert(claim, soon())
    logged = front.last(key=key, operation="UpdateItem")
    assert (logged["access_key"], logged["region"], logged["table"]) == (ASH_KEY, REGIONS[0], HEAD)
    assert (logged["status"], logged["error"], logged["reached"], logged["fault"]) == (200, None, True, None)
    assert "gates.#gate = :boot_id" in logged["condition"]
    assert logged["values"][":claim_id"] == {"S": claim.claim_id}
    row = front.last(key=key, operation="PutItem", table=CLAIMS)
    assert (row["hrs"], row["condition"]) == (claim.position.text, "attribute_not_exists(pk)")


def test_a_gate_makes_no_other_calls_than_it_was_permitted(front: Fronted, key: str, ash: Table) -> None:
    claim = claim_of(ASH, 11)
    ash.read(soon())
    ash.claim(claim, soon())
    ash.insert(claim, soon())
    made = {(call["operation"], call["table"]) for call in front.files.calls() if call["access_key"] == ASH_KEY}
    assert made == {("UpdateItem", HEAD), ("PutItem", CLAIMS)}


@pytest.mark.parametrize(
    ("operation", "table", "leading_key"),
    [
        ("GetItem", HEAD, "hub-4|x"),
        ("PutItem", HEAD, "hub-4|x"),
        ("DeleteItem", HEAD, "hub-4|x"),
        ("UpdateItem", CLAIMS, "hub-4|x"),
        ("UpdateItem", HEAD, "terra-1|x"),
        ("Scan", HEAD, ""),
        ("DeleteTable", HEAD, ""),
    ],
)
def test_what_a_gate_may_not_do_is_denied(operation: str, table: str, leading_key: str, front: Fronted) -> None:
    client = Client(front.reached(REGIONS[:1]), credentials_of(front.files.directory, ASH_KEY), front.authority)
    outcome = client.call(operation, {"TableName": table, "Key": {"pk": {"S": leading_key}}}, soon())
    assert isinstance(outcome, Unclear)
    assert "400 AccessDeniedException" in outcome.detail
    assert front.last(operation=operation, access_key=ASH_KEY)["reached"] is False


def test_an_unknown_access_key_is_denied(front: Fronted, key: str) -> None:
    assert "AccessDeniedException" in detail(front.table(key, ASH, "FORGOTTEN").claim(claim_of(ASH, 11), soon()))
    with pytest.raises(NotDone, match="AccessDeniedException"):
        Ceremony(
            front.reached(REGIONS[:1]), HEAD, key, credentials_of(front.files.directory, ASH_KEY), front.authority
        ).read()


def test_a_permission_that_is_taken_away_is_gone_at_once(front: Fronted, ash: Table) -> None:
    assert isinstance(ash.read(soon()), Seen)
    front.files.permit([])
    assert "AccessDeniedException" in detail(ash.read(soon()))


@pytest.mark.parametrize("name", ["dynamodb.us-west-2.amazonaws.com", "127.0.0.1"])
def test_another_name_than_the_certificates_is_not_believed(name: str, front: Fronted, key: str) -> None:
    endpoint = replace(front.endpoints[0], host=name)
    credentials = credentials_of(front.files.directory, ASH_KEY)
    table = Table([endpoint], HEAD, CLAIMS, key, ASH, credentials, front.authority)
    assert "certificate verify failed" in detail(table.read(soon()))


def test_a_name_that_is_another_regions_is_refused(front: Fronted, key: str) -> None:
    endpoint = replace(front.endpoints[0], host=front.endpoints[1].host)
    credentials = credentials_of(front.files.directory, ASH_KEY)
    table = Table([endpoint], HEAD, CLAIMS, key, ASH, credentials, front.authority)
    assert "not a signed call" in detail(table.read(soon()))


FAULTS = {
    Kind.SERVER_ERROR: ("500 InternalServerError", False),
    Kind.SERVER_ERROR_AFTER: ("500 InternalServerError", True),
    Kind.THROTTLE: ("400 ThrottlingException", False),
    Kind.DROP_BEFORE: ("us-east-1: ", False),
    Kind.DROP_AFTER: ("us-east-1: ", True),
    Kind.LATE: ("us-east-1: ", True),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_an_unknown_outcome_that_was_or_was_not_written(
    kind: Kind, front: Fronted, key: str, ash: Table
) -> None:
    reason, written = FAULTS[kind]
    front.files.fail([Fault(f"{kind}-{key}", kind, count=1, access_key=ASH_KEY, table=HEAD)])
    claim = claim_of(ASH, 11)
    assert reason in detail(ash.claim(claim, soon()))
    assert front.last(key=key)["fault"] == [f"{kind}-{key}", kind]
    assert claimed(front, key) is written
    seen = ash.read(soon())
    assert isinstance(seen, Seen)
    assert (seen.head.claim == claim) is written, "a read decides"


def test_a_conflict_between_regions_is_overcome(front: Fronted, key: str, ash: Table) -> None:
    front.files.fail([Fault(f"conflict-{key}", Kind.CONFLICT, count=2, access_key=ASH_KEY, table=HEAD)])
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Won)


def test_a_conflict_between_regions_that_does_not_end_is_unknown(front: Fronted, key: str, ash: Table) -> None:
    front.files.fail([Fault(f"conflict-{key}", Kind.CONFLICT, access_key=ASH_KEY, table=HEAD)])
    assert "us-east-1: " in detail(ash.claim(claim_of(ASH, 11), soon(0.5)))
    assert claimed(front, key) is False


def test_a_fault_affects_only_the_gate_that_it_names(front: Fronted, key: str, ash: Table) -> None:
    zrh = front.table(key, ZRH, ZRH_KEY)
    front.files.fail([Fault(f"one-{key}", Kind.THROTTLE, access_key=ZRH_KEY)])
    assert "ThrottlingException" in detail(zrh.announce(soon()))
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Won)


@pytest.mark.parametrize("kind", [Kind.DELAY_BEFORE, Kind.DELAY_AFTER])
def test_a_delay_beyond_the_deadline_is_unknown_and_the_claim_lands(
    kind: Kind, front: Fronted, key: str, ash: Table
) -> None:
    front.files.fail([Fault(f"{kind}-{key}", kind, seconds=0.6, count=1)])
    assert "timed out" in detail(ash.claim(claim_of(ASH, 11), soon(0.2)))
    assert eventually(lambda: claimed(front, key))


def test_a_delay_within_the_deadline_is_only_slow(front: Fronted, key: str, ash: Table) -> None:
    front.files.fail([Fault(f"slow-{key}", Kind.DELAY_BEFORE, seconds=0.2, count=1)])
    assert isinstance(ash.claim(claim_of(ASH, 11), soon()), Won)


def test_a_claim_that_lands_late_is_refused_if_another_came_first(front: Fronted, key: str, ash: Table) -> None:
    zrh = front.table(key, ZRH, ZRH_KEY)
    zrh.announce(soon())
    front.files.fail([Fault(f"late-{key}", Kind.LATE, seconds=0.8, count=1, access_key=ASH_KEY)])
    assert "timed out" in detail(ash.claim(claim_of(ASH, 11), soon(0.1)))
    first = claim_of(ZRH, 11)
    assert isinstance(zrh.claim(first, soon(0.6)), Won)
    time.sleep(1.2)
    logged = front.last(key=key, access_key=ASH_KEY, operation="UpdateItem")
    assert (logged["fault"], logged["reached"]) == ([f"late-{key}", Kind.LATE], True)
    row = front.ceremony(key).read()
    assert row is not None
    assert ash.claim(claim_of(ASH, 11), soon()) == Lost(row)


def test_a_lost_region_is_left_for_the_other_and_without_another_nothing_is_claimed(front: Fronted, key: str) -> None:
    front.ceremony(key).seed(spent(10), 1, [ASH.gate_id])
    both, one = front.table(key, ASH, ASH_KEY, REGIONS), front.table(key, ASH, ASH_KEY)
    assert isinstance(both.announce(soon()), Seen)
    assert isinstance(one.read(soon()), Seen)
    front.files.fail(lost=REGIONS[:1])
    time.sleep(0.5)
    assert isinstance(both.claim(claim_of(ASH, 11), soon()), Won)
    assert front.last(key=key, operation="UpdateItem", status=200)["region"] == REGIONS[1]
    unsent = one.claim(claim_of(ASH, 12), soon(1.0))
    assert isinstance(unsent, NotSent) and "no connection" in unsent.detail
    front.files.fail()
    time.sleep(0.5)
    assert isinstance(one.claim(claim_of(ASH, 12), soon()), Won)


def test_two_regions_of_last_writers_both_win_one_position(start: Callable[..., Fronted], key: str) -> None:
    """The control that must fail: a table of this kind gives one position to both gates, and forgets one of them."""
    front = start(last_writer_wins_after_seconds=0.3)
    front.files.permit(PERMISSIONS)
    operator = Client(front.reached(REGIONS[:1]), credentials_of(front.files.directory, "OPERATOR"), front.authority)
    for name, keys in ((HEAD, {"pk": "HASH"}), (CLAIMS, {"pk": "HASH", "hrs": "RANGE"})):
        operator.call("CreateTable", local.table_form(name, keys), soon())
    front.ceremony(key).seed(spent(10), 1, [ASH.gate_id, ZRH.gate_id])
    ash, zrh = front.table(key, ASH, ASH_KEY), front.table(key, ZRH, ZRH_KEY, REGIONS[1:])
    assert zrh.read(soon()) == Missing(), "a replica knows of a write only later"
    time.sleep(1.0)
    for table in (ash, zrh):
        assert isinstance(table.announce(soon()), Seen)
        time.sleep(1.0)
    claims = claim_of(ASH, 11), claim_of(ZRH, 11)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda table, claim: table.claim(claim, soon()), (ash, zrh), claims))
    assert outcomes == [Won(spent(10)), Won(spent(10))]
    time.sleep(1.0)
    first, second = ash.read(soon()), zrh.read(soon())
    assert first == second, "the replicas agree in the end"
    assert isinstance(first, Seen)
    assert first.head.claim in claims
