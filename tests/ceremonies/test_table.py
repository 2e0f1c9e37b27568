"""The ceremonies on a real table: what the in-memory one of the other tests does, DynamoDB Local does too."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ceremonies import key_ceremonies
from ceremonies.custody import Refused
from ceremonies.gate_ceremonies import GateCeremonies
from ceremonies.gates import Declared
from ceremonies.observation import SignedState
from ceremonies.public_key import ConsensusKey
from ceremonies.row import NotDone
from ceremonies.steps import Pace, Transcript
from ceremonies.table import OperatorTable
from coordinator.decision.effects import Won
from coordinator.decision.position import Position, spent
from coordinator.decision.records import Claim, Gate, Head
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.items import CLOSED
from coordinator.table.store import Table
from estate.declaration import load
from lab.table import local
from tests.ceremonies.key_hosts import CHAIN, FakeTable, GatedWorld, gated
from tests.table_stack import CLAIMS, HEAD, credentials, credentials_of, endpoint, local_table, soon

__all__ = ["credentials", "endpoint", "local_table"]


class Claiming(GatedWorld):
    """Gates that claim in a real table."""

    way: tuple[Endpoint, CredentialsFile]
    operator: OperatorTable

    def row_key(self) -> str:
        return items.key(CHAIN, base64.b64decode(self.signers.next_key))

    def sign(self, name: str, position: Position) -> bool:
        here = self.signers.hosts[name]
        if not (here.key and here.runs and here.gate.runs and here.gate.floor):
            return False
        gate = Gate(name, f"{name}-{here.gate.generation}", CHAIN, here.gate.generation or 0)
        table = Table([self.way[0]], HEAD, CLAIMS, self.row_key(), gate, self.way[1])
        table.announce(soon())
        claim = Claim(
            position, gate.generation, name, gate.boot_id, f"{name}{position.text}{time.time_ns()}", b"x", bytes(32), 1
        )
        won = isinstance(table.claim(claim, soon()), Won)
        table.close()
        if won:
            state = SignedState(height=position.height, round=position.round, step=position.step - 1)
            floor = replace(here.gate.floor, position=position)
            self.signers.hosts[name] = replace(here, state=state, gate=replace(here.gate, floor=floor))
            self.signed[position] = name
        return won


@pytest.fixture
def world(endpoint: Endpoint, tmp_path: Path) -> Claiming:
    made = gated("ash", "zrh")
    world = Claiming(made.signers)
    world.signers.next_key = base64.b64encode(os.urandom(32)).decode()
    world.way = endpoint, credentials_of(tmp_path, "GATE")
    credentials_of(tmp_path, "OPERATOR")
    world.operator = OperatorTable(
        endpoints=[endpoint], head=HEAD, claims=CLAIMS, chain_id=CHAIN, credentials=tmp_path / "OPERATOR.json"
    )
    return world


def ceremony(world: Claiming, tmp_path: Path, generation: int = 1) -> GateCeremonies:
    return GateCeremonies(
        signers=world.signers,
        chain=world,
        table=world.operator,
        declared=Declared(gates=frozenset({"ash", "zrh"}), generation=generation),
        transcript=Transcript(tmp_path / "transcript.jsonl"),
        pace=Pace(sleep=lambda seconds: world.step()),
    )


def row(world: Claiming) -> Head:
    found = world.operator.read(ConsensusKey.from_base64(world.signers.next_key))
    assert found
    return found


@pytest.mark.slow
def test_a_key_lives_its_life_in_a_real_table(
    world: Claiming, local_table: local.Local, endpoint: Endpoint, tmp_path: Path
) -> None:
    act = ceremony(world, tmp_path)
    key = key_ceremonies.generate(world.signers, target="ash", transcript=act.transcript, start=False)
    act.start("ash")
    assert row(world).position.height > 100 and dict(row(world).gates) == {"ash": ""}
    act.join("zrh")
    for _ in range(2):
        world.step()
    assert dict(row(world).gates) == {"ash": "ash-1", "zrh": "zrh-1"} and world.signed
    assert act.status().problems == () and act.status().due is None

    local.call(
        endpoint.address, endpoint.port, "DeleteItem", {"TableName": HEAD, "Key": {"pk": items.text(world.row_key())}}
    )
    assert any("renew-table" in each for each in act.status().problems)
    with pytest.raises(Refused):
        act.start("ash")
    act = ceremony(world, tmp_path, generation=2)
    act.renew_table(second_operator="bob")
    top = max(world.signed)
    assert row(world).generation == 2 and row(world).position > top
    assert not world.sign("ash", Position(10**6, 0, 1)), "a gate of the old generation claims nothing"
    for name in ("ash", "zrh"):
        here = world.signers.hosts[name]
        gate = replace(here.gate, generation=2, active=True)
        world.signers.hosts[name] = replace(here, active=True, gate=gate)
    for _ in range(row(world).position.height - world.head + 1):
        world.step()
    assert max(world.signed) > top

    act.retire(key.address)
    assert row(world).position == CLOSED and row(world).gates == ()
    with pytest.raises(NotDone):
        world.operator.admit(key, "ash", 2)


@pytest.mark.slow
def test_the_table_in_memory_answers_as_a_real_one(world: Claiming) -> None:
    key = ConsensusKey.from_base64(world.signers.next_key)
    calls = [
        ("admit", "ash", 1),
        ("close", 1),
        ("seed", spent(10), 1, ["ash"]),
        ("admit", "zrh", 1),
        ("admit", "zrh", 2),
        ("dismiss", "ash", 1),
        ("dismiss", "ash", 1),
        ("renew", 1, 2, spent(9), ["ash"]),
        ("renew", 1, 2, spent(20), ["ash"]),
        ("close", 1),
        ("close", 2),
        ("admit", "ash", 2),
    ]
    answers = []
    for table in (world.operator, FakeTable()):
        told = []
        for name, *arguments in calls:
            try:
                getattr(table, name)(key, *arguments)
                told.append("done")
            except NotDone:
                told.append("refused")
            told.append(table.read(key))
        answers.append(told)
    assert answers[0] == answers[1]


def test_a_table_is_reached_as_it_is_declared_and_from_where_the_way_begins(tmp_path: Path, stack_file: Path) -> None:
    entered = []

    @contextmanager
    def within() -> Iterator[None]:
        entered.append("in")
        yield
        entered.append("out")

    network = load.read(stack_file)
    table = OperatorTable.of(network, tmp_path / "none.json", within=within)
    declared = network.signing.coordination
    assert declared and [(each.region, each.address, each.scheme) for each in table.endpoints] == [
        (region, str(network.services[service].address), "https") for region, service in declared.replicas.items()
    ]
    assert table.head == f"{network.name}-signing-head"
    with pytest.raises(NotDone, match="none.json cannot be read"):
        table.read(ConsensusKey(bytes(32)))
    assert entered == ["in"], "left again, whatever happened"
