"""A simulated world around the decision: table, disks, signers and the gates' runs, moved one step at a time.

Each effect that a gate yields is applied (``do``, ``sign``) and its outcome delivered (``tell``) in separate moves, so
that anything may happen between. ``doubt`` delivers "unknown", whether the effect was applied or not; an effect that
was not applied may be applied late. ``unsent`` delivers that a claim never left the gate. Nothing here is random and
nothing waits: the caller chooses the next move.

The implementation is a parameter (``Core``), so that a broken one can be put in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from coordinator.audit import (
    Asked,
    Audit,
    Claimed,
    Doubted,
    Ended,
    FloorWritten,
    HeadAt,
    Inserted,
    Refused,
    Released,
    Replaced,
    RolledBack,
    Started,
    TakenOver,
)
from coordinator.decision import handle as decided
from coordinator.decision.effects import (
    Answer,
    Cause,
    ClaimHead,
    Done,
    Granted,
    Halt,
    Lost,
    Missing,
    NotSent,
    ReadHead,
    Record,
    Seen,
    Sign,
    Signing,
    Unknown,
    Won,
    WriteFloor,
)
from coordinator.decision.position import Position, Step, spent
from coordinator.decision.records import Claim, Gate, Head, Request, Signed, claimable

CHAIN = "lab-1"
ORIGIN = spent(9)
"""The watermarks and the row of a new world: the first height to be signed is 10."""

KEY = b"the key that all signers hold"
PENDING, CHECKED = object(), object()


def signature(message: bytes) -> bytes:
    """Deterministic, as Ed25519 is; 64 bytes."""
    return blake2b(message, key=KEY).digest()


def verify(given: bytes, message: bytes) -> bool:
    return given == signature(message)


def wish(
    height: int, round: int, step: int, what: str = "block", time_ns: int = 1, extension: bytes | None = None
) -> Request:
    """What a node asks for: ``what`` is voted for or proposed."""
    position = Position(height, round, step)
    intent = f"{height}/{round}/{step} {what}".encode()
    return Request(CHAIN, position, _bytes(intent, time_ns), intent, time_ns, extension)


def _bytes(intent: bytes, time_ns: int) -> bytes:
    return b"%s @%d" % (intent, time_ns)


def row_is_free(row: Claim | None, claim: Claim) -> bool:
    """The condition of a claim's row: there is none yet."""
    return row is None


def still_holds(head: Head | None, claim: Claim) -> bool:
    """The condition under which a signature is recorded: the row still holds that claim."""
    return head is not None and head.claim is not None and head.claim.claim_id == claim.claim_id


@dataclass(frozen=True, slots=True)
class Core:
    """What is under test. ``synced``: the watermark is on disk when it is reported; ``atomic``: the table checks and
    writes in one step; ``kept``: how many claims' rows are kept (``None``: all); ``spends``: a ceremony that takes a
    height over leaves no room for the row of a precommit that it did not find."""

    handle: Callable[..., Any] = decided.handle
    start: Callable[..., Any] = decided.start
    claimable: Callable[[Head | None, Claim], bool] = claimable
    insertable: Callable[[Claim | None, Claim], bool] = row_is_free
    recordable: Callable[[Head | None, Claim], bool] = still_holds
    synced: bool = True
    atomic: bool = True
    kept: int | None = None
    spends: bool = True


class Table:
    """One copy of the head's row and the claims' rows."""

    __slots__ = ("core", "head", "rows", "written")

    def __init__(self, core: Core, head: Head | None) -> None:
        self.core, self.head, self.written = core, head, 0
        self.rows: dict[Position, Claim] = {}

    def copy(self) -> Table:
        twin = object.__new__(Table)
        twin.core, twin.head, twin.written, twin.rows = self.core, self.head, self.written, self.rows.copy()
        return twin

    def read(self) -> Seen | Missing:
        return Missing() if self.head is None else Seen(self.head)

    def announce(self, gate: Gate) -> Seen | Missing:
        head = self.head
        if head is None:
            return Missing()
        if head.generation == gate.generation and any(name == gate.gate_id for name, _ in head.gates):
            gates = tuple((name, gate.boot_id if name == gate.gate_id else boot) for name, boot in head.gates)
            self.head = replace(head, gates=gates)
        return Seen(self.head)

    def put(self, claim: Claim) -> Won:
        """Writes the head, whatever stands there."""
        head = self.head or Head(claim.generation, Position(0, 0, 0), ((claim.gate_id, claim.boot_id),))
        self.head = Head(head.generation, claim.position, head.gates, claim)
        return Won(head.position)

    def insert(self, claim: Claim) -> Claim:
        row = self.rows.get(claim.position)
        if self.core.insertable(row, claim):
            self.rows[claim.position] = row = claim
            if self.core.kept is not None:
                for position in sorted(self.rows)[: -self.core.kept]:
                    del self.rows[position]
        return row

    def record(self, claim: Claim, signed: Signed) -> None:
        if self.core.recordable(self.head, claim):
            self.head = replace(self.head, signed=signed)


class Course:
    """A request being handled: the effect that is asked for now or, at the end, the standing that results."""

    __slots__ = ("_generator", "effect", "standing")

    def __init__(self, generator: Any) -> None:
        self._generator, self.standing = generator, None
        self.effect = next(generator)

    def tell(self, outcome: Any) -> Course:
        try:
            self.effect = self._generator.send(outcome)
        except StopIteration as end:
            self.effect, self.standing = None, end.value
        return self


class Replayed:
    """A course that can be continued with different outcomes from one point: the handling is repeated up to there.

    Two courses with the same outcomes are one object, so that they are cheap to compare.
    """

    __slots__ = ("_begin", "_next", "_told", "effect", "standing")

    def __init__(self, begin: Callable[[], Any], told: tuple[Any, ...] = ()) -> None:
        self._begin, self._told, self._next = begin, told, {}
        course = Course(begin())
        for outcome in told:
            course.tell(outcome)
        self.effect, self.standing = course.effect, course.standing

    def tell(self, outcome: Any) -> Replayed:
        if outcome not in self._next:
            self._next[outcome] = Replayed(self._begin, (*self._told, outcome))
        return self._next[outcome]


class Run:
    """One run of a gate's process: its ``Standing``, and the request that it handles, if any."""

    __slots__ = ("asked", "course", "first", "gate", "name", "request", "second", "seen", "standing")

    def __init__(self, gate: Gate, standing: Any) -> None:
        self.gate, self.standing = gate, standing
        self.asked = 0
        self.seen = ORIGIN
        self.course = self.request = None
        self.name = ""
        self.first = self.second = PENDING

    def copy(self) -> Run:
        twin = object.__new__(Run)
        for slot in Run.__slots__:
            setattr(twin, slot, getattr(self, slot))
        return twin

    def key(self) -> tuple[Any, ...]:
        return (self.gate.boot_id, self.standing, self.asked, self.course, self.first, self.second)


class Host:
    """A signer host: its disk, its signer and, while it is up, the run of its gate.

    ``floor`` is on the disk; ``unsynced`` was written but would be lost with the power. ``signer``: ``good``,
    ``absent``, ``fails`` (no signature) or ``wrong`` (one that does not verify). ``watermark``: the signer's own.
    ``seen``: the highest row with which its gate has started or answered a request.
    """

    __slots__ = ("boots", "floor", "gate_id", "generation", "halted", "name", "region", "run", "signer", "unsynced")
    __slots__ += ("seen", "watermark")

    def __init__(self, name: str, gate_id: str, region: int = 0) -> None:
        self.name, self.gate_id, self.region, self.generation = name, gate_id, region, 1
        self.floor: Position | None = ORIGIN
        self.seen = ORIGIN
        self.unsynced: Position | None = None
        self.halted = None
        self.boots = 0
        self.run: Run | None = None
        self.signer = "good"
        self.watermark: tuple[Position, bytes] | None = None

    def copy(self) -> Host:
        twin = object.__new__(Host)
        for slot in Host.__slots__:
            setattr(twin, slot, getattr(self, slot))
        twin.run = self.run and self.run.copy()
        return twin

    def key(self) -> tuple[Any, ...]:
        run = self.run and self.run.key()
        return (self.name, self.floor, self.unsynced, self.halted, self.boots, self.signer, self.watermark, run)

    def sign(self, claim: Claim, request: Request) -> Signed | None:
        """As in tmkms: never below its watermark, nothing else at it, over bytes that it encodes itself."""
        if self.signer in ("absent", "fails"):
            return None
        mark = (request.position, request.intent)
        if self.watermark and (
            mark[0] < self.watermark[0] or (mark[0] == self.watermark[0] and mark != self.watermark)
        ):
            return None
        self.watermark = mark
        if self.signer == "wrong":
            return Signed(b"\0" * 64, None)
        extension = request.extension
        return Signed(
            signature(_bytes(request.intent, claim.time_ns)), None if extension is None else signature(extension)
        )


class World:
    """The whole state at one moment. ``copy`` makes an independent one; worlds with the same ``key`` behave alike.

    ``admitted``: the gates that the row admits. ``hosts``: name → name of its gate (``None``: the same). ``regions``:
    more than one makes the table a last-writer-wins one, each host using its own region's copy until ``merge``.
    ``replayed``: the runs can be copied in the midst of a request.
    """

    def __init__(
        self,
        core: Core = Core(),
        hosts: dict[str, str | None] | None = None,
        admitted: tuple[str, ...] = ("ash", "zrh"),
        regions: int = 1,
        replayed: bool = False,
        trace: list[Any] | None = None,
    ) -> None:
        self.core, self.trace = core, trace
        self.courses: dict[Any, Replayed] | None = {} if replayed else None
        head = Head(1, ORIGIN, tuple((name, "") for name in admitted))
        self.tables = [Table(core, head) for _ in range(regions)]
        hosts = hosts or {"ash": None, "zrh": None}
        self.hosts = {
            name: Host(name, gate or name, index % regions) for index, (name, gate) in enumerate(hosts.items())
        }
        self.late: tuple[tuple[int, Any], ...] = ()
        self.audit = Audit(CHAIN, verify=verify)
        self.audit.see(Replaced(1, ORIGIN))
        self.answers: dict[str, Any] = {}
        self._shared: set[Any] = set()
        self._keys: dict[Any, int] = {}
        self._names: dict[Any, int] = {}

    def copy(self) -> World:
        """An independent world; parts are copied when one of the two changes them."""
        twin = object.__new__(World)
        twin.core, twin.trace, twin.courses = self.core, self.trace, self.courses
        twin.tables, twin.hosts, twin.audit = self.tables.copy(), self.hosts.copy(), self.audit
        twin.late, twin.answers = self.late, self.answers
        parts = ("audit", "answers", *range(len(self.tables)), *self.hosts)
        self._shared, twin._shared = set(parts), set(parts)
        twin._keys, twin._names = self._keys.copy(), self._names
        return twin

    def key(self) -> tuple[int, ...]:
        """Equal for two copies of one world if and only if whatever can happen to one can happen to the other."""
        keys, names = self._keys, self._names
        for name, host in self.hosts.items():
            if name not in keys:
                keys[name] = names.setdefault(host.key(), len(names))
        for index, table in enumerate(self.tables):
            if index not in keys:
                keys[index] = names.setdefault((table.head, frozenset(table.rows.values())), len(names))
        if "audit" not in keys:
            keys["audit"] = names.setdefault(self.audit.key(), len(names))
        late = names.setdefault(frozenset(self.late), len(names))
        return (late, keys["audit"], *[keys[name] for name in self.hosts], *[keys[i] for i in range(len(self.tables))])

    def end(self) -> tuple[Any, ...]:
        """The identity of a final state: rows, disks and the audit's state."""
        return (
            tuple((table.head, frozenset(table.rows.values())) for table in self.tables),
            tuple((host.floor, host.halted, host.boots) for host in self.hosts.values()),
            self.audit.key(),
        )

    def _host(self, name: str) -> Host:
        """The host, to be changed."""
        if name in self._shared:
            self._shared.discard(name)
            self.hosts[name] = self.hosts[name].copy()
        self._keys.pop(name, None)
        return self.hosts[name]

    def _table(self, index: int) -> Table:
        """The region's copy of the table, to be changed."""
        if index in self._shared:
            self._shared.discard(index)
            self.tables[index] = self.tables[index].copy()
        self._keys.pop(index, None)
        return self.tables[index]

    def _see(self, event: Any) -> None:
        if "audit" in self._shared:
            self._shared.discard("audit")
            self.audit = self.audit.copy()
        self._keys.pop("audit", None)
        self.audit.see(event)
        if self.trace is not None:
            self.trace.append(event)

    def start(self, name: str, told: str = "seen") -> bool:
        """Starts the gate's process, which announces itself; ``told``: ``seen``, ``unknown`` (it was written) or
        ``lost`` (it was not). Returns whether it acts."""
        host = self._host(name)
        host.boots += 1
        gate = Gate(host.gate_id, f"{name}#{host.boots}", CHAIN, host.generation)
        host.run = None
        if host.floor is None:
            return False
        seen: Any = Unknown("lost")
        if told != "lost":
            seen = self._table(host.region).announce(gate)
            seen = seen if told == "seen" else Unknown("no answer")
        else:
            self.late += ((host.region, gate),)
        standing = self.core.start(gate, host.floor, host.halted, seen)
        if isinstance(standing, decided.NotStarted):
            return False
        if standing.floor > host.floor:
            self._raise_floor(host, standing.floor)
        position = seen.head.position if isinstance(seen, Seen) else None
        self._see(Started(name, gate.boot_id, standing.floor, position))
        host.seen = max(host.seen, position or host.seen)
        host.run = Run(gate, standing)
        return True

    def ask(self, name: str, request: Request) -> None:
        """The node asks; the gate begins to handle it."""
        host = self._host(name)
        run = host.run
        run.asked += 1
        run.name = f"{run.gate.boot_id}/{run.asked}"
        run.request, run.first, run.second = request, PENDING, PENDING
        ready = host.signer != "absent"
        given = (run.gate, run.standing, request, run.name, ready, verify)
        if self.courses is None:
            run.course = Course(self.core.handle(*given))
        elif (course := self.courses.get(given)) is not None:
            run.course = course
        else:
            run.course = self.courses[given] = Replayed(lambda: self.core.handle(*given))
        self._see(Asked(name, run.name))

    def crash(self, name: str, power: bool = True) -> None:
        """The process dies; with the ``power``, writes that were not synced go too. What it sent may still arrive."""
        host = self._host(name)
        run = host.run
        if run is not None and run.course is not None:
            self._send_late(host, run)
            self._see(Ended(name, run.name, crashed=True))
        if not power and host.unsynced is not None:
            host.floor = host.unsynced
        host.unsynced = None
        host.run = None

    def signer(self, name: str, mood: str) -> None:
        """The signer of this host is ``good``, ``absent``, ``fails``, is ``wrong``, or is good and ``forgets`` its own
        watermark (one that does not sync its state)."""
        host = self._host(name)
        if mood == "forgets":
            host.watermark = None
        host.signer = "good" if mood == "forgets" else mood

    def lose_floor(self, name: str) -> None:
        """The watermark file is gone, or cannot be read."""
        self._host(name).floor = None

    def lower_floor(self, name: str) -> None:
        """The disk is put back to an older state."""
        host = self._host(name)
        host.floor = host.floor and ORIGIN

    def roll_back(self, head: Head | None) -> None:
        """The head is put back to an older state; the claims' rows stay."""
        for table in map(self._table, range(len(self.tables))):
            table.head = head
        self._see(RolledBack(head and head.position))

    def restore(self, head: Head, rows: dict[Position, Claim]) -> None:
        """Both tables are put back together to one older state."""
        for table in map(self._table, range(len(self.tables))):
            table.head, table.rows = head, rows.copy()
        self._see(RolledBack(head and head.position))

    def dismiss(self, gate_id: str) -> None:
        """A ceremony takes a gate out of the row; the gate may be running still."""
        for table in map(self._table, range(len(self.tables))):
            table.head = replace(table.head, gates=tuple(each for each in table.head.gates if each[0] != gate_id))

    def take_over(self, dead: str, gate_id: str) -> bool:
        """A ceremony gives the height of the row, which ``dead`` owns, to another gate, and dismisses ``dead``, which
        may be running still. Returns whether the table did it.
        """
        head = self.tables[0].head
        if head is None or head.owner != dead or gate_id not in dict(head.gates):
            return False
        gates = tuple(each for each in head.gates if each[0] != dead)
        rounds = [Position(head.position.height, each, Step.PRECOMMIT) for each in range(head.position.round + 1)]
        found = frozenset(each for each in rounds if each == head.position or each in self.tables[0].rows)
        for table in map(self._table, range(len(self.tables))):
            for each in rounds if self.core.spends else ():
                if each < head.position and each not in found:
                    nothing = Claim(
                        each, head.generation, gate_id, "taken over", f"taken over {each.text}", b"", b"", 0
                    )
                    table.rows.setdefault(each, nothing)
            table.head = replace(head, gates=gates, claim=replace(head.claim, gate_id=gate_id))
        self._see(TakenOver(head.position.height, gate_id, found))
        return True

    def replace_table(self, margin: int = 2) -> None:
        """The ceremony after a loss: all gates stopped, a new row above all that is known, a new generation.

        What was released is known from the chain.
        """
        generation = 1 + max(host.generation for host in self.hosts.values())
        floors = [host.floor for host in self.hosts.values() if host.floor is not None]
        rows = [position for table in self.tables for position in table.rows]
        heads = [table.head.position for table in self.tables if table.head]
        position = spent(max([ORIGIN, *floors, *rows, *heads, self.audit.highest]).height + margin)
        admitted = tuple(dict.fromkeys((host.gate_id, "") for host in self.hosts.values()))
        for name in self.hosts:
            self.crash(name)
            host = self._host(name)
            host.generation, host.floor, host.halted = generation, position, None
        for table in map(self._table, range(len(self.tables))):
            table.head = Head(generation, position, admitted)
        self._see(Replaced(generation, position))

    def merge(self) -> None:
        """Last writer wins: the copies become one."""
        newest = max(self.tables, key=lambda table: table.written)
        rows = {position: claim for table in self.tables for position, claim in table.rows.items()} | newest.rows
        for table in map(self._table, range(len(self.tables))):
            table.head, table.written, table.rows = newest.head, newest.written, rows.copy()

    def moves(self, name: str) -> tuple[str, ...]:
        """What can happen next to the request that this host's gate handles, without any fault."""
        run = self.hosts[name].run
        if run is None or run.course is None:
            return ()
        if run.course.effect.__class__ is Sign:
            if run.first is PENDING:
                return ("do", "sign") if run.second is PENDING else ("do",)
            return ("sign",) if run.second is PENDING else ("tell",)
        return ("do",) if run.first is PENDING or run.first is CHECKED else ("tell",)

    def faults(self, name: str) -> tuple[str, ...]:
        """What can go wrong with what this host's gate now waits for."""
        run = self.hosts[name].run
        if run is None or run.course is None or run.course.effect.__class__ in (Answer, Halt):
            return ()
        if isinstance(run.first, Unknown | NotSent):
            return ()
        if run.course.effect.__class__ is ClaimHead and run.first is PENDING:
            return ("doubt", "unsent")
        return ("doubt",)

    def is_local(self, name: str) -> bool:
        """Whether the next moves of this host, faults among them, touch nothing that another host can see or move."""
        run = self.hosts[name].run
        if run is None:
            return False
        if run.course is None or run.course.effect.__class__ in (WriteFloor, Answer, Halt):
            return True
        return run.first is not PENDING and run.first is not CHECKED

    def step(self, name: str, move: str) -> None:
        """One of ``moves``, or a fault: ``doubt``, the outcome is unknown, and an effect not yet applied is sent late;
        ``unsent``, it was never sent.
        """
        host = self._host(name)
        run = host.run
        if move == "do":
            run.first = _APPLY[run.course.effect.__class__](self, host, run, run.course.effect)
        elif move == "sign":
            run.second = host.sign(run.course.effect.claim, run.course.effect.request)
        elif move == "doubt":
            self._send_late(host, run)
            run.first = Unknown("no answer")
        elif move == "unsent":
            run.first = NotSent("no time")
        else:
            self._tell(name, run)

    def finish(self, name: str) -> Any:
        """The request is handled to its end without any fault; what was answered."""
        run = self.hosts[name].run
        while moves := self.moves(name):
            self.step(name, moves[0])
        return self.answers.get(run.name)

    def arrive(self, index: int) -> None:
        """What was sent late reaches the table after all."""
        region, effect = self.late[index]
        self.late = self.late[:index] + self.late[index + 1 :]
        table = self._table(region)
        if effect.__class__ is Gate:
            table.announce(effect)
        elif effect.__class__ is ClaimHead:
            self._claim(table, effect.claim)
        elif effect.__class__ is Sign:
            self._insert(table, effect.claim)
        else:
            table.record(effect.claim, effect.signed)

    def _send_late(self, host: Host, run: Run) -> None:
        effect = run.course.effect
        if run.first is PENDING or run.first is CHECKED:
            if effect.__class__ in (ClaimHead, Sign, Record):
                self.late += ((host.region, effect),)
            elif effect.__class__ is WriteFloor:
                host.unsynced = effect.position

    def _tell(self, name: str, run: Run) -> None:
        effect, first = run.course.effect, run.first
        kind = effect.__class__
        if first.__class__ is Unknown and kind is not Record:
            self._see(Doubted(name, run.name))
        elif first.__class__ in (Seen, Lost, Won):
            position = effect.claim.position if first.__class__ is Won else first.head.position
            self._see(HeadAt(name, run.gate.boot_id, position))
            run.seen = max(run.seen, position)
        if kind is Sign:
            outcome: Any = Signing(first if first.__class__ is Claim else None, run.second)
        else:
            outcome = first
        run.course = run.course.tell(outcome)
        run.first = run.second = PENDING
        if run.course.effect is None:
            run.standing, run.course = run.course.standing, None
            self._see(Ended(name, run.name))

    def _claim(self, table: Table, claim: Claim) -> Any:
        head = table.head
        if not self.core.claimable(head, claim):
            return table.read() if head is None else Lost(head)
        return self._put(table, claim)

    def _put(self, table: Table, claim: Claim) -> Won:
        previous = table.head and table.head.position
        won = table.put(claim)
        table.written = 1 + max(each.written for each in self.tables)
        self._see(Claimed(claim, previous))
        return won

    def _insert(self, table: Table, claim: Claim) -> Claim:
        row = table.insert(claim)
        if row is claim:
            self._see(Inserted(claim))
        return row

    def _do_read(self, host: Host, run: Run, effect: ReadHead) -> Any:
        return self.tables[host.region].read()

    def _do_claim(self, host: Host, run: Run, effect: ClaimHead) -> Any:
        table = self._table(host.region)
        if self.core.atomic:
            return self._claim(table, effect.claim)
        if run.first is CHECKED:
            return self._put(table, effect.claim)
        if self.core.claimable(table.head, effect.claim):
            return CHECKED
        return table.read() if table.head is None else Lost(table.head)

    def _do_floor(self, host: Host, run: Run, effect: WriteFloor) -> Done:
        self._raise_floor(host, effect.position)
        return Done()

    def _raise_floor(self, host: Host, position: Position) -> None:
        if self.core.synced:
            host.floor, host.unsynced = position, None
            self._see(FloorWritten(host.name, position))
        else:
            host.unsynced = position

    def _do_insert(self, host: Host, run: Run, effect: Sign) -> Claim:
        return self._insert(self._table(host.region), effect.claim)

    def _do_answer(self, host: Host, run: Run, effect: Answer) -> Done:
        reply, request = effect.reply, run.request
        if "answers" in self._shared:
            self._shared.discard("answers")
            self.answers = self.answers.copy()
        self.answers[run.name] = reply
        if reply.__class__ is Granted or reply.cause not in (Cause.DISK, Cause.TABLE_WENT_BACK):
            host.seen = max(host.seen, run.seen)
        if reply.__class__ is not Granted:
            self._see(Refused(host.name, run.name, reply.cause))
            return Done()
        claim, signed = reply.claim, reply.signed
        self._see(
            Released(
                host.name,
                run.gate.boot_id,
                run.name,
                claim.claim_id,
                request.chain_id,
                request.position,
                request.intent,
                claim.sign_bytes,
                signed.signature,
                request.extension,
                signed.extension_signature,
                reply.replayed,
                asked=request.sign_bytes,
            )
        )
        return Done()

    def _do_record(self, host: Host, run: Run, effect: Record) -> Done:
        self._table(host.region).record(effect.claim, effect.signed)
        return Done()

    def _do_halt(self, host: Host, run: Run, effect: Halt) -> Done:
        host.halted = effect.cause
        return Done()


_APPLY = {
    ReadHead: World._do_read,
    ClaimHead: World._do_claim,
    WriteFloor: World._do_floor,
    Sign: World._do_insert,
    Answer: World._do_answer,
    Record: World._do_record,
    Halt: World._do_halt,
}
