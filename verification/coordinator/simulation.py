"""A whole run from one number: two nodes that vote, gates, table, disks, signers, faults; then healing, then signing.

``Simulation(seed).run()`` always does the same for the same seed. First everything may go wrong; the promises are
judged all the time. Then the faults end, and the gates must sign again by themselves (after a loss of state: after the
ceremony, and not before), and then with a slow table too; at last the owner of a height is killed, and at most one
height may be missed.
"""

from __future__ import annotations

from random import Random
from typing import Any

from coordinator.decision.effects import Cause, ClaimHead, Granted, ReadHead, Refused
from coordinator.decision.position import Step
from coordinator.decision.records import Request
from verification.coordinator.world import Core, World, wish

HEIGHTS_TO_RESUME = 10
"""A gate whose claims stayed unsigned skips at most 8 heights; one more may be needed to detect the recovery."""

CALLS_IN_TIME = 2
"""With a slow table: how many calls of one request are in time. A claim is sent only if its row's call is too."""

LOSSES = (
    ("floor", "head", "rolled back", "rolled back"),
    ("floor", "head", "snapshot"),
    ("head", "restored", "restored", "restored"),
)
"""What one seed may lose. A watermark and the rows above it are never lost together: no state that remains would tell
that past from the present.
"""

PLAIN = Core()
MOST_STEPS = 100_000


class Broken(AssertionError):
    """A promise that did not hold in a seed."""


class Node:
    """A validator node: what it asks, height by height, whatever the other one does."""

    __slots__ = ("extensions", "height", "last", "mood", "plan", "rng")

    def __init__(self, rng: Random, mood: str, extensions: bool) -> None:
        self.rng, self.mood, self.extensions = rng, mood, extensions
        self.height, self.last = 10, None
        self.plan: list[Request] = []

    def next(self, chain: int) -> Request:
        """The next request; ``chain`` is the height that the chain is at."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.06 and self.last is not None:
            return self.last
        if chance < 0.09:
            self.height = max(10, self.height - rng.randrange(1, 6))
            self.plan = []
        elif chance < 0.11 or self.height < chain - 3:
            self.height = chain + rng.randrange(0, 2)
            self.plan = []
        if not self.plan:
            self.plan = self._votes()
            self.height += 1
        self.last = self.plan.pop()
        return self.last

    def _votes(self) -> list[Request]:
        rng, height = self.rng, self.height
        plan: list[Request] = []
        round = 0 if rng.random() < 0.85 else rng.choice((1, 2, 2**31 - 2))
        for each in range(round, round + (1 if rng.random() < 0.8 else 2)):
            what = rng.choice(("block", "block", "block", "nil", self.mood))
            if rng.random() < 0.15:
                plan.append(wish(height, each, Step.PROPOSAL, what, rng.randrange(4)))
            plan.append(wish(height, each, Step.PREVOTE, what, rng.randrange(4)))
            extension = None
            if self.extensions and what != "nil":
                extension = rng.choice((b"price", b"price", self.mood.encode()))
            plan.append(wish(height, each, Step.PRECOMMIT, what, rng.randrange(4), extension))
        plan.reverse()
        return plan


class Simulation:
    """One seed. ``trace``: all that happened, if asked for. ``requests``: how many were handled."""

    def __init__(self, seed: int, core: Core = PLAIN, regions: int = 1, trace: bool = False) -> None:
        self.seed, self.rng = seed, Random(seed)
        self.trace: list[Any] | None = [] if trace else None
        rng = self.rng
        hosts: dict[str, str | None] = {"ash": None, "zrh": None}
        other = rng.random()
        if other < 0.1:
            hosts["twin"] = "ash"
        elif other < 0.2:
            hosts["stranger"] = None
        self.world = World(core, hosts, regions=regions, trace=self.trace)
        extensions = rng.random() < 0.3
        self.nodes = {name: Node(rng, f"by {name}", extensions) for name in hosts}
        self.loses_state = rng.random() < 0.1
        self.losses = rng.choice(LOSSES)
        self.fault_rate = rng.choice((0.0, 0.01, 0.03, 0.1))
        self.weights = {name: rng.choice((1, 1, 3)) for name in hosts}
        self.requests = 0
        self.chain = 10
        self.heads: list[Any] = []
        self.lost = False

    def run(self, requests: int = 50) -> Simulation:
        """Raises:
        Broken: a promise did not hold.
        """
        world = self.world
        for name in world.hosts:
            self._start(name)
        for _ in range(MOST_STEPS):
            if self.requests >= requests:
                break
            self._anything()
        self._judge()
        self._heal()
        self._resume()
        self._resume_slowly()
        self._kill_the_owner()
        return self

    def _judge(self) -> None:
        if self.world.audit.violations:
            raise Broken(f"seed {self.seed}: {'; '.join(map(str, self.world.audit.violations))}")

    def _note(self, *what: Any) -> None:
        if self.trace is not None:
            self.trace.append(what)

    def _start(self, name: str, told: str = "seen") -> bool:
        self._note("start", name, told)
        return self.world.start(name, told)

    def _anything(self) -> None:
        world, rng = self.world, self.rng
        name = rng.choices(tuple(self.weights), tuple(self.weights.values()))[0]
        if rng.random() < self.fault_rate:
            self._fault(name)
            return
        host = world.hosts[name]
        if host.run is None:
            if rng.random() < 0.2:
                self._start(name, "seen" if rng.random() < 0.8 else rng.choice(("unknown", "lost")))
        elif host.run.course is None:
            self._ask(name, self.nodes[name].next(self.chain))
        else:
            for _ in range(rng.choice((1, 1, 2, 4, 12))):
                if not (moves := world.moves(name)):
                    break
                self._step(name, moves[0] if len(moves) == 1 else rng.choice(moves))
            if world.hosts[name].run.course is None:
                self._afterwards(name)
        if world.late and rng.random() < 0.05:
            index = rng.randrange(len(world.late))
            self._note("arrives", index, world.late[index])
            world.arrive(index)
        if len(world.tables) > 1 and rng.random() < 0.02:
            self._note("merge")
            world.merge()

    def _ask(self, name: str, request: Request) -> None:
        self.requests += 1
        self.chain = max(self.chain, request.position.height)
        self._note("ask", name, request)
        self.world.ask(name, request)

    def _step(self, name: str, move: str) -> None:
        run = self.world.hosts[name].run
        if self.trace is not None:
            self._note(name, move, type(run.course.effect).__name__)
        self.world.step(name, move)

    def _afterwards(self, name: str) -> None:
        """A fenced gate ends itself. It may be restarted, which announces it again."""
        run = self.world.hosts[name].run
        answer = self.world.answers.pop(run.name, None)
        if answer.__class__ is Refused and answer.cause is Cause.FENCED:
            self._note("fenced", name)
            self.world.crash(name)
        if self.loses_state and len(self.heads) < 40:
            table = self.world.tables[0]
            self.heads.append((table.head, table.rows.copy()))
        self._judge()

    def _fault(self, name: str) -> None:
        world, rng = self.world, self.rng
        chance = rng.random()
        if chance < 0.45:
            if faults := world.faults(name):
                self._step(name, faults[0] if len(faults) == 1 else rng.choice(faults))
        elif chance < 0.7:
            power = rng.random() < 0.5
            self._note("crash", name, power)
            world.crash(name, power)
        elif chance < 0.95:
            mood = rng.choice(("good", "good", "good", "absent", "fails", "wrong", "forgets"))
            self._note("signer", name, mood)
            world.signer(name, mood)
        elif self.loses_state:
            self._lose_state(name)

    def _lose_state(self, name: str) -> None:
        """A disk, the row, or both tables are lost or restored to an older state.

        Both tables are restored to a row that each admitted gate has seen exceeded: a gate that has seen no later row
        cannot know of one. A gate that lost each claim has seen what the others won.
        """
        world, rng = self.world, self.rng
        what = rng.choice(self.losses)
        self._note("loses", what, name)
        if what == "floor":
            world.crash(name)
            world.lose_floor(name)
        elif what == "snapshot":
            world.crash(name)
            world.lower_floor(name)
        elif what == "head":
            world.roll_back(None)
        elif what == "restored":
            seen = min(world.hosts[each].seen for each in world.hosts if each != "stranger")
            older = [each for each in self.heads if each[0] is not None and each[0].position < seen]
            if not older:
                return
            world.restore(*rng.choice(older))
        else:
            world.roll_back(rng.choice(self.heads)[0] if self.heads else world.tables[0].head)
        self.lost = self.lost or what != "snapshot"

    def _heal(self) -> None:
        """The faults end, late effects arrive or never do, other gates stop; a ceremony replaces lost state."""
        world, rng = self.world, self.rng
        self._note("heals")
        for name in ("twin", "stranger"):
            if name in world.hosts:
                world.crash(name)
        while world.late:
            world.arrive(rng.randrange(len(world.late)))
        for name in ("ash", "zrh"):
            while moves := world.moves(name):
                self._step(name, moves[0])
            world.signer(name, "good")
        self._judge()
        halted = [name for name in ("ash", "zrh") if world.hosts[name].halted]
        if halted and not self.lost:
            raise Broken(f"seed {self.seed}: {halted} halted though no state was lost")
        if self.lost:
            world.replace_table()
            self.chain = max(self.chain, world.tables[0].head.position.height)

    def _running(self, name: str) -> None:
        if self.world.hosts[name].run is None and not self._start(name):
            raise Broken(f"seed {self.seed}: {name} does not start after healing")

    def _vote(self, name: str, height: int, step: Step = Step.PRECOMMIT) -> bool:
        """One request, handled to its end; whether it was granted."""
        self._running(name)
        self._ask(name, wish(height, 0, step))
        answer = self.world.finish(name)
        self._judge_and_end(name, answer)
        return answer.__class__ is Granted

    def _judge_and_end(self, name: str, answer: Any) -> None:
        self._judge()
        if answer.__class__ is Refused and answer.cause is Cause.FENCED:
            self.world.crash(name)

    def _resume(self) -> None:
        """Each gate alone signs again within ``HEIGHTS_TO_RESUME``; then, with both, each height is signed."""
        height = self.chain
        for name in ("ash", "zrh"):
            for _ in range(HEIGHTS_TO_RESUME):
                height += 1
                if self._vote(name, height):
                    break
            else:
                raise Broken(f"seed {self.seed}: {name} does not sign again within {HEIGHTS_TO_RESUME} heights")
        for _ in range(2):
            height += 1
            both = [self._vote(name, height) for name in self.rng.sample(("ash", "zrh"), 2)]
            if not all(both):
                raise Broken(f"seed {self.seed}: height {height} was not signed for both nodes")
        self.chain = height

    def _resume_slowly(self) -> None:
        """A gate that does not know the outcome of its last claims reads before it claims again. It signs again though
        the table is so slow that a request has no time for a read, a claim and the row of that claim.
        """
        world, rng = self.world, self.rng
        for name in ("ash", "zrh"):
            for after_a_read in (False, True)[: rng.randrange(1, 3)]:
                self._begin(name)
                if after_a_read:
                    self._look_first(name)
                self._step(name, rng.choice(("doubt", "do")))
                if "doubt" in world.faults(name):
                    self._step(name, "doubt")
                self._judge_and_end(name, world.finish(name))
            self._begin(name)
            self._look_first(name)
            if self._in_time(name, calls=1):
                raise Broken(f"seed {self.seed}: {name} signed with a call that was not in time")
            self._begin(name)
            if not self._in_time(name, CALLS_IN_TIME):
                raise Broken(f"seed {self.seed}: {name} does not sign with a slow table")
            while world.late and rng.random() < 0.5:
                world.arrive(rng.randrange(len(world.late)))
            world.late = ()
            self._judge()

    def _begin(self, name: str) -> None:
        """A request for the next height."""
        self.chain += 1
        self._running(name)
        self._ask(name, wish(self.chain, 0, Step.PRECOMMIT))

    def _look_first(self, name: str) -> None:
        """The row is read, and then something is claimed."""
        course = self.world.hosts[name].run.course
        if course.effect.__class__ is not ReadHead:
            raise Broken(f"seed {self.seed}: {name} does not know the outcome of its last claim, and does not read")
        while self.world.hosts[name].run.course.effect.__class__ is not ClaimHead:
            self._step(name, self.world.moves(name)[0])

    def _in_time(self, name: str, calls: int) -> bool:
        """Handles a request whose first ``calls`` calls to the table are in time; returns whether it was granted.

        A claim that leaves no time for the call after it is not sent.
        """
        world = self.world
        while moves := world.moves(name):
            kind = world.hosts[name].run.course.effect.__class__
            if kind is ClaimHead and "unsent" in world.faults(name) and calls < CALLS_IN_TIME:
                self._step(name, "unsent")
                continue
            calls -= moves[0] == "do" and kind in (ReadHead, ClaimHead)
            self._step(name, moves[0])
        answer = world.answers.get(world.hosts[name].run.name)
        self._judge_and_end(name, answer)
        return answer.__class__ is Granted

    def _kill_the_owner(self) -> None:
        """The owner dies at any point of a height; the other one signs the next."""
        world, height = self.world, self.chain + 1
        owner, other = self.rng.sample(("ash", "zrh"), 2)
        if owner == "ash" and "twin" in world.hosts:
            self._hang_the_owner(height)
            return
        self._ask(owner, wish(height, 0, Step.PREVOTE))
        for _ in range(self.rng.randrange(9)):
            if moves := world.moves(owner):
                self._step(owner, moves[0])
        self._note("kill", owner)
        world.crash(owner)
        if self.rng.random() < 0.5:
            self._take_over(owner, other, height)
        self._vote(other, height)
        if not self._vote(other, height + 1):
            raise Broken(f"seed {self.seed}: {other} missed a second height after {owner} was killed")
        self._judge()

    def _hang_the_owner(self, height: int) -> None:
        """The run of a gate hangs in a precommit, another run of the same gate goes on in the next round, and the
        height is taken over from it. Then the first one goes on.
        """
        world, rng = self.world, self.rng
        self._running("ash")
        self._ask("ash", wish(height, 0, Step.PRECOMMIT))
        for _ in range(rng.randrange(9)):
            if moves := world.moves("ash"):
                self._step("ash", moves[0])
        self._note("hangs")
        if self._start("twin"):
            self._ask("twin", wish(height, 1, Step.PREVOTE))
            world.finish("twin")
            if world.take_over("ash", "zrh"):
                self._note("taken over from a run that hangs")
            world.finish("ash")
            self._judge()
        world.crash("ash")
        if not self._vote("zrh", height + 1):
            raise Broken(f"seed {self.seed}: zrh missed the height after a take-over from a run that hung")

    def _take_over(self, owner: str, other: str, height: int) -> None:
        """The chain waits for this key, and ``other`` signs on in the height: in the next round at once, and what the
        owner had claimed as the owner would have signed it, or not at all. The owner may not be dead, and is fenced.
        """
        world, head = self.world, self.world.tables[0].head
        if head.position.height < height:
            return
        self._note("taken over", owner, other)
        alive = self.rng.random() < 0.5 and self._start(owner)
        if alive:
            self._ask(owner, wish(height, 0, Step.PRECOMMIT))
            for _ in range(self.rng.randrange(9)):
                if moves := world.moves(owner):
                    self._step(owner, moves[0])
        if not world.take_over(owner, other):
            raise Broken(f"seed {self.seed}: height {height} could not be taken over from {owner}")
        while world.late and self.rng.random() < 0.8:
            world.arrive(self.rng.randrange(len(world.late)))
        for round in (0, 1):
            self._running(other)
            self._ask(other, wish(height, round, Step.PREVOTE))
            answer = world.finish(other)
            self._judge_and_end(other, answer)
        if answer.__class__ is not Granted:
            raise Broken(f"seed {self.seed}: {other} took over height {height} and does not sign in it: {answer}")
        if alive and world.hosts[owner].run:
            if world.hosts[owner].run.course:
                world.finish(owner)
                self._judge()
            if self._vote(owner, height, Step.PRECOMMIT):
                raise Broken(f"seed {self.seed}: {owner} signs on in the height that was taken over")
            world.crash(owner)
