"""Signers and a chain that live in memory, and can be killed between any two of their smallest changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from ceremonies.chain_rpc import Lock
from ceremonies.custody import ChainView, Sealed
from ceremonies.observation import GateObservation, SignedState, SignerObservation, parse_state, spent_state
from ceremonies.public_key import ConsensusKey
from ceremonies.row import NotDone
from configuration.signer_config import CONSENSUS_KEY, STANDBY_KEY
from coordinator.decision.position import Position, spent
from coordinator.decision.records import Claim, Head, claimable
from coordinator.floor import Floor
from coordinator.table.items import CLOSED

KEY = "gdWIAs5AM37iilJSj1cz+jRqDhhYSwiIAhWmpHnls2I="
OTHER_KEY = "YKJfwJD7+C0MEguJwUVliU17MhP1oCOb2txPHQYue1U="
LAST_SIGNED = SignedState(height=100, round=0, step=2)


CHAIN = "x-1"


class Killed(Exception):
    """The ceremony's process ended here."""


@dataclass
class FakeSigners:
    """Signer hosts by name. `after` is called after every smallest change; it may raise `Killed`."""

    hosts: dict[str, SignerObservation]
    packages: dict[str, Sealed] = field(default_factory=dict)
    after: Callable[[FakeSigners], None] = lambda signers: None
    next_key: str = KEY
    changes: int = 0

    def _change(self, name: str, gate: Mapping[str, object] | None = None, **fields: object) -> None:
        here = self.hosts[name]
        self.hosts[name] = replace(here, gate=replace(here.gate, **gate or {}), **fields)
        self.changes += 1
        self.after(self)

    def observe(self, without: Collection[str] = ()) -> Mapping[str, SignerObservation]:
        return {name: each for name, each in self.hosts.items() if name not in without}

    def look_into(self, name: str) -> Sealed | None:
        host = self.hosts[name]
        return self.packages.get(name) if host.invited and host.sealed else None

    def generate(self, name: str) -> None:
        self._change(name, state=SignedState(height=0, round=0, step=0))
        self._change(name, key=self.next_key)
        self._change(name, recorded=self.next_key)

    def start(self, name: str) -> bool:
        if self.hosts[name].key_file != CONSENSUS_KEY:
            return False
        if self.hosts[name].gate.provisioned:
            self._change(name, {"active": True, "processes": 1, "enabled": True})
        self._change(name, active=True, processes=1, enabled=True)
        return True

    def halt(self, name: str) -> None:
        gated = self.hosts[name].gate.provisioned
        if gated:
            self._change(name, {"active": False, "processes": 0})
        self._change(name, active=False, processes=0)
        self._change(name, enabled=False)
        if gated:
            self._change(name, {"enabled": False})
            self._change(name, {"masked": True})
        self._change(name, masked=True)

    def invite(self, name: str) -> None:
        self.packages.pop(name, None)
        self._change(name, invited=False, sealed=False)
        self._change(name, invited=True)

    def seal(self, source: str, target: str, *, keep: bool = False) -> None:
        here = self.hosts[source]
        assert here.halted or keep, "the key left a host that may still sign"
        assert here.key and here.state and self.hosts[target].invited
        self._change(source, recorded=here.key)
        self.packages[target] = Sealed(key=here.key, state=here.state)
        self._change(target, sealed=True)

    def destroy(self, name: str) -> None:
        here = self.hosts[name]
        assert here.still, "a key was destroyed under a running signer"
        if here.key:
            self._change(name, recorded=here.key)
            self._change(name, key=None, remnant=True)
        self._change(name, remnant=False)

    def unseal(self, name: str, expected: str, *, keep_state: bool = False) -> None:
        package = self.look_into(name)
        assert package is not None and package.key == expected and self.hosts[name].key is None
        if not (keep_state and self.hosts[name].state):
            self._change(name, state=package.state)
        self._change(name, key=package.key)
        self._change(name, recorded=package.key)

    def tidy(self, name: str) -> None:
        self._change(name, invited=False)
        self.packages.pop(name, None)
        self._change(name, sealed=False)

    def free(self, name: str) -> None:
        self._change(name, {"masked": False})
        self._change(name, masked=False)

    def release(self, name: str) -> None:
        self.free(name)
        self.start(name)

    def raise_floor(self, name: str, key: ConsensusKey, height: int) -> None:
        here = self.hosts[name]
        assert here.still, "a floor was changed under a running gate"
        there = here.gate.floor or Floor(CHAIN, key.raw, spent(height))
        assert there.public_key == key.raw
        raised = replace(there, position=max(there.position, spent(height)))
        self._change(name, {"floor": raised, "damaged": False})
        assert here.state is None or here.state.height <= height
        self._change(name, state=parse_state(spent_state(height)), damaged=())

    def clear_halt(self, name: str) -> None:
        here = self.hosts[name]
        assert here.still and here.gate.floor
        self._change(name, {"floor": replace(here.gate.floor, halted=None)})

    def can_sign(self) -> tuple[str, ...]:
        """The hosts where the key is within tmkms's reach and nothing forbids to start it."""
        return tuple(name for name, each in self.hosts.items() if each.key and not each.masked)

    def is_kept(self) -> bool:
        """Whether the key still exists, in a place or in a package that opens."""
        return any(each.key for each in self.hosts.values()) or any(self.look_into(name) for name in self.hosts)


@dataclass
class FakeChain:
    """A chain that is one block further each time it is asked."""

    head: int = 103
    signed_since: tuple[int, ...] = ()
    reachable: bool = True

    def view(self, address: str, above: int) -> ChainView | None:
        if not self.reachable:
            return None
        self.head += 1
        return ChainView(head=self.head, signed_since=self.signed_since)

    def lock(self, signer: str) -> Lock | None:
        return None


READY = SignerObservation(installed=True, provisioned=True)


def estate() -> FakeSigners:
    """Two sites: `west` signs with the consensus key, `east` with a standby key; each has a spare."""
    return FakeSigners(
        hosts={
            "west": replace(
                READY,
                key=KEY,
                recorded=KEY,
                state=LAST_SIGNED,
                key_file=CONSENSUS_KEY,
                active=True,
                enabled=True,
                processes=1,
            ),
            "west-spare": READY,
            "east": replace(READY, standby=True, key_file=STANDBY_KEY, active=True, enabled=True, processes=1),
            "east-spare": READY,
        }
    )


@dataclass
class FakeTable:
    """The table, as the operator's ceremonies and the gates' claims change it; `after` each change, which may raise."""

    row: Head | None = None
    after: Callable[[], None] = lambda: None
    claims: list[Claim] = field(default_factory=list)

    def _put(self, row: Head) -> None:
        self.row = row
        self.after()

    def _open(self, generation: int) -> Head:
        if self.row is None or self.row.generation != generation:
            raise NotDone("the head is missing or of another generation")
        return self.row

    def read(self, key: ConsensusKey) -> Head | None:
        return self.row

    def seed(self, key: ConsensusKey, position: Position, generation: int, gates: Collection[str]) -> None:
        if self.row is not None:
            raise NotDone("a head is there")
        self._put(Head(generation, position, tuple((gate, "") for gate in sorted(gates))))

    def admit(self, key: ConsensusKey, gate: str, generation: int) -> None:
        row = self._open(generation)
        if row.position == CLOSED:
            raise NotDone("closed")
        self._put(replace(row, gates=tuple(sorted({gate: "", **dict(row.gates)}.items()))))

    def dismiss(self, key: ConsensusKey, gate: str, generation: int) -> None:
        row = self._open(generation)
        self._put(replace(row, gates=tuple(each for each in row.gates if each[0] != gate)))

    def precommits(self, key: ConsensusKey, position: Position) -> list[Claim]:
        return [each for each in self.claims if each.position.height == position.height and each.position <= position]

    def take_over(self, key: ConsensusKey, head: Head, gate: str, precommits: Collection[Claim]) -> None:
        assert self.row and head.claim
        if self.row.claim != head.claim or self.row.owner == gate or gate not in dict(self.row.gates):
            raise NotDone("the head has another claim")
        gates = tuple(each for each in self.row.gates if each[0] != head.owner)
        self._put(replace(self.row, gates=gates, claim=replace(head.claim, gate_id=gate)))

    def renew(self, key: ConsensusKey, old: int, generation: int, position: Position, gates: Collection[str]) -> None:
        assert generation > old
        if self.row is not None and (self._open(old).position > position):
            raise NotDone("the head stands higher")
        self._put(Head(generation, position, tuple((gate, "") for gate in sorted(gates))))

    def close(self, key: ConsensusKey, generation: int) -> None:
        self._put(replace(self._open(generation), position=CLOSED, gates=(), claim=None, signed=None))


@dataclass
class GatedWorld:
    """Signers, their gates, a table and a chain that go on while a ceremony acts.

    The gates claim as real ones do, by `claimable`. `signed`: by which host each position was signed. `forged`: heights
    with our signature in the chain by nobody whom we know. `lost`: the table was, by no ceremony. `retired`: the key
    may go. `locks`: by signer, what its node is locked on.
    """

    signers: FakeSigners
    table: FakeTable = field(default_factory=FakeTable)
    head: int = 100
    reachable: bool = True
    forged: tuple[int, ...] = ()
    signed: dict[Position, str] = field(default_factory=dict)
    last: dict[str, Position] = field(default_factory=dict)
    lost: bool = False
    retired: bool = False
    locks: dict[str, Lock] = field(default_factory=dict)

    def lock(self, signer: str) -> Lock | None:
        return self.locks.get(signer)

    def view(self, address: str, above: int) -> ChainView | None:
        self.step()
        if not self.reachable:
            return None
        ours = {each.height for each in self.signed} | set(self.forged)
        since = range(max(above + 1, self.head - 50), self.head)
        return ChainView(head=self.head, signed_since=tuple(height for height in since if height in ours))

    def step(self) -> None:
        """The chain is one block further, and every gate that can tries to precommit it."""
        self.head += 1
        for name in sorted(self.signers.hosts):
            self.sign(name, Position(self.head, 0, 3))

    def can_sign(self, name: str) -> bool:
        """All that signing takes is here, and can be started or runs."""
        here = self.signers.hosts[name]
        return bool(here.key and here.gate.floor and not here.masked and not here.gate.masked)

    def sign(self, name: str, position: Position) -> bool:
        """As a gate does: announce, compare with the watermark, claim, raise it, sign, raise tmkms's state."""
        here = self.signers.hosts[name]
        floor = here.gate.floor
        if not (here.key and here.runs and here.gate.runs and floor and here.state) or floor.halted:
            return False
        row, generation = self.table.row, here.gate.generation
        if row is None or row.generation != generation or name not in dict(row.gates) or row.position < floor.position:
            return False
        boot = f"{name}-1"
        row = replace(row, gates=tuple((gate, boot if gate == name else run) for gate, run in row.gates))
        claim = Claim(position, generation, name, boot, f"{name}{position.text}", b"", b"", 0)
        self.table.row = row
        if position <= floor.position or here.state.position >= position or not claimable(row, claim):
            return False
        self.table.row = replace(row, position=position, claim=claim)
        state = SignedState(height=position.height, round=position.round, step=position.step - 1)
        raised = replace(floor, position=position)
        self.signers.hosts[name] = replace(here, state=state, gate=replace(here.gate, floor=raised))
        assert position not in self.signed, f"{name} signed {position.text} after {self.signed[position]}"
        assert position > max(self.signed, default=Position(0, 0, 0)), "signed below what was signed"
        self.signed[position] = name
        self.last[name] = position
        return True

    def check(self, allowed: int) -> None:
        """What must hold after every smallest change. `allowed`: how many may hold the key."""
        hosts, row = self.signers.hosts, self.table.row
        holding = [name for name, each in hosts.items() if each.key]
        assert len(holding) <= allowed, f"{holding} hold the key"
        admitted = dict(row.gates) if row else {}
        for name, here in hosts.items():
            if self.can_sign(name) and not self.lost:
                assert name in admitted, f"{name} could sign and is not admitted"
            if name in self.last and self.can_sign(name):
                assert here.gate.floor and here.gate.floor.position >= self.last[name], f"{name}: floor below signed"
                assert here.state and here.state.position >= self.last[name], f"{name}: tmkms below signed"
        assert self.retired or self.signers.is_kept(), "the key is lost"


def gated(*names: str, generation: int = 1) -> GatedWorld:
    """Sites whose signers are deployed with their gates, stopped, and hold no key."""
    gate = GateObservation(provisioned=True, generation=generation)
    return GatedWorld(FakeSigners(hosts={name: replace(READY, key_file=CONSENSUS_KEY, gate=gate) for name in names}))
