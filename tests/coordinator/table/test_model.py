"""The adapter and `claimable` agree: over random histories the table does what a row in memory would."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ceremonies.row import Ceremony, NotDone
from coordinator.decision.effects import Done, Lost, Missing, Seen, Unknown, Won
from coordinator.decision.position import MAX_ROUND, Position, Step, spent
from coordinator.decision.records import Claim, Gate, Head, Signed, claimable
from coordinator.table import items
from coordinator.table.client import Endpoint
from coordinator.table.credentials import CredentialsFile
from coordinator.table.items import CLOSED
from coordinator.table.store import Table
from lab.table import local
from tests.table_stack import CLAIMS, HEAD, HOST, claim_of, credentials_of, soon

pytestmark = pytest.mark.slow

NAMES = ("ash", "zrh.1", "forgotten")
gates = st.builds(
    Gate, st.sampled_from(NAMES), st.sampled_from(["boot1", "boot2"]), st.just("hub-4"), st.integers(1, 3)
)
heights = st.sampled_from([1, 2, 3, 9, 10, 11, 99, 100])
rounds = st.sampled_from([0, 1, 9, 10, MAX_ROUND])
positions = st.builds(Position, heights, rounds, st.sampled_from(list(map(int, Step))))
generations = st.integers(1, 3)
admitted = st.sets(st.sampled_from(NAMES))
extensions = st.none() | st.just(b"extension")


def machine(endpoint: Endpoint, credentials: CredentialsFile) -> type[RuleBasedStateMachine]:
    """Rules over the table behind `endpoint`."""

    class Histories(RuleBasedStateMachine):
        head: Head | None = None

        @initialize(begin=st.booleans(), names=admitted)
        def fresh(self, begin: bool, names: set[str]) -> None:
            self.key = items.key("hub-4", uuid.uuid4().bytes)
            self.rows: dict[Position, Claim] = {}
            self.ceremony = Ceremony([endpoint], HEAD, self.key, credentials)
            if begin:
                self.seed(spent(1), 1, names)

        def table(self, gate: Gate) -> Table:
            return Table([endpoint], HEAD, CLAIMS, self.key, gate, credentials)

        @rule(gate=gates, position=positions, extension=extensions, seen=st.none() | positions)
        def claim(self, gate: Gate, position: Position, extension: bytes | None, seen: Position | None) -> None:
            claim = replace(claim_of(gate, *position, extension=extension), not_below=seen or Position(0, 0, 0))
            outcome = self.table(gate).claim(claim, soon())
            if self.head is None:
                assert outcome == Missing()
            elif claimable(self.head, claim):
                assert outcome == Won(self.head.position)
                self.head = replace(self.head, position=position, claim=claim, signed=None)
            else:
                assert outcome == Lost(self.head)

        @rule(gate=gates)
        def announce(self, gate: Gate) -> None:
            outcome = self.table(gate).announce(soon())
            if self.head is None:
                assert outcome == Missing()
                return
            runs = dict(self.head.gates)
            if gate.generation == self.head.generation and gate.gate_id in runs:
                self.head = replace(self.head, gates=tuple(sorted((runs | {gate.gate_id: gate.boot_id}).items())))
            assert outcome == Seen(self.head)

        @rule(gate=gates, position=positions, extension=extensions)
        def insert(self, gate: Gate, position: Position, extension: bytes | None) -> None:
            claim = claim_of(gate, *position, extension=extension)
            assert self.table(gate).insert(claim, soon()) == self.rows.setdefault(position, claim)

        @precondition(lambda self: self.head and self.head.claim)
        @rule(gate=gates, fits=st.booleans())
        def record(self, gate: Gate, fits: bool) -> None:
            assert self.head
            assert self.head.claim
            claim = self.head.claim if fits else replace(self.head.claim, claim_id="other")
            signed = Signed(b"s" * 64, None if claim.extension is None else b"e" * 64)
            outcome = self.table(gate).record(claim, signed, soon())
            if fits and self.head.signed is None:
                assert outcome == Done()
                self.head = replace(self.head, signed=signed)
            else:
                assert isinstance(outcome, Unknown)

        @rule(position=positions, generation=generations, names=admitted)
        def seed(self, position: Position, generation: int, names: set[str]) -> None:
            wanted = Head(generation, position, tuple((name, "") for name in sorted(names)))
            self.attempt(lambda: self.ceremony.seed(position, generation, names), wanted, self.head is None)

        @rule(name=st.sampled_from(NAMES), generation=generations)
        def admit(self, name: str, generation: int) -> None:
            is_open = bool(self.head and self.head.generation == generation and self.head.position < CLOSED)
            wanted = self.with_gates({name: ""} | dict(self.head.gates)) if self.head else None
            self.attempt(lambda: self.ceremony.admit(name, generation), wanted, is_open)

        @rule(name=st.sampled_from(NAMES), generation=generations)
        def dismiss(self, name: str, generation: int) -> None:
            runs = {gate: run for gate, run in self.head.gates if gate != name} if self.head else {}
            is_it = bool(self.head and self.head.generation == generation)
            self.attempt(lambda: self.ceremony.dismiss(name, generation), self.with_gates(runs), is_it)

        @rule(old=generations, generation=generations, position=positions, names=admitted)
        def renew(self, old: int, generation: int, position: Position, names: set[str]) -> None:
            wanted = Head(generation, position, tuple((name, "") for name in sorted(names)))
            may = self.head is None or (self.head.generation == old and self.head.position <= position < CLOSED)
            call = lambda: self.ceremony.renew(old, generation, position, names)  # noqa: E731
            self.attempt(call, wanted, generation > old and may, repeatable=generation > old)

        @precondition(lambda self: self.head and self.head.position > Position(50, 0, 0))
        @rule(generation=generations)
        def close(self, generation: int) -> None:
            is_it = bool(self.head and self.head.generation == generation)
            self.attempt(lambda: self.ceremony.close(generation), Head(generation, CLOSED, ()), is_it)

        def with_gates(self, runs: dict[str, str]) -> Head | None:
            return replace(self.head, gates=tuple(sorted(runs.items()))) if self.head else None

        def attempt(self, call, wanted: Head | None, may: bool, repeatable: bool = True) -> None:
            """Either it is done, or the existing head is the requested one, or it is refused."""
            try:
                found = call()
            except NotDone:
                assert not may
                return
            if may:
                assert found == wanted
                self.head = found
            else:
                assert repeatable
                assert self.head
                assert wanted
                assert found == self.head
                assert (found.generation, [name for name, _ in found.gates]) == (
                    wanted.generation,
                    [name for name, _ in wanted.gates],
                )
                assert wanted.position <= found.position < CLOSED

        @invariant()
        def the_row_is_the_models(self) -> None:
            outcome = self.table(Gate("any", "any", "hub-4", 1)).read(soon())
            assert outcome == (Seen(self.head) if self.head else Missing())

    return Histories


def test_random_histories_agree_with_a_row_in_memory(
    local_table: local.Local, tmp_path_factory: pytest.TempPathFactory
) -> None:
    endpoint = Endpoint("us-east-1", HOST, "127.0.0.1", local_table.port, "http")
    credentials = credentials_of(tmp_path_factory.mktemp("model"), "GATEASH")
    case = machine(endpoint, credentials).TestCase
    case.settings = settings(
        max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case().runTest()
