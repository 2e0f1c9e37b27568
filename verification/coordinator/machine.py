"""The simulated world as a Hypothesis state machine: it searches for the shortest path to a broken promise.

python -m verification.coordinator.machine --examples 100000
"""

from __future__ import annotations

import argparse
import time

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from coordinator.decision.effects import Granted
from coordinator.decision.position import Step
from verification.coordinator.world import Core, World, wish

COMMON = {"stateful_step_count": 50, "deadline": None, "suppress_health_check": list(HealthCheck)}
EACH_RUN = settings(max_examples=300, derandomize=True, database=None, **COMMON)

hosts = st.sampled_from(("ash", "zrh", "twin", "third"))
requests = st.builds(
    wish,
    st.integers(10, 13),
    st.sampled_from((0, 0, 1, 2**31 - 1)),
    st.sampled_from(tuple(map(int, Step))),
    st.sampled_from(("block", "nil", "other")),
    st.integers(1, 3),
)
TROUBLES = ("doubt", "unsent", "crash", "power", "absent", "fails", "wrong", "forgets", "good")
extensions = st.sampled_from((None, None, b"price", b"other price"))


class Gates(RuleBasedStateMachine):
    """Two gates, one more that was given the name of the first, and one that is not admitted."""

    core = Core()
    regions = 1

    @initialize()
    def begin(self) -> None:
        self.world = World(self.core, {"ash": None, "zrh": None, "twin": "ash", "third": None}, regions=self.regions)
        for name in ("ash", "zrh"):
            self.world.start(name)
        self.older = [self.world.tables[0].head]

    @rule(name=hosts, request=requests, extension=extensions)
    def ask(self, name: str, request, extension: bytes | None) -> None:
        run = self.world.hosts[name].run
        if run is not None and run.course is None:
            if request.position.step == Step.PRECOMMIT and not request.intent.endswith(b"nil"):
                position, what = request.position, request.intent.decode().split()[1]
                request = wish(*position, what, request.time_ns, extension)
            self.world.ask(name, request)

    @rule(name=hosts, second=st.booleans(), count=st.integers(1, 12))
    def go_on(self, name: str, second: bool, count: int) -> None:
        for _ in range(count):
            if moves := self.world.moves(name):
                self.world.step(name, moves[-1 if second else 0])

    @rule(request=requests, other=st.sampled_from(("block", "nil")), order=st.lists(st.booleans(), max_size=16))
    def contend(self, request, other: str, order: list[bool]) -> None:
        """Both nodes send requests for one position, and their gates proceed in any order."""
        self.ask("ash", request, None)
        self.ask("zrh", wish(*request.position, other, 2), None)
        for first in order:
            self.go_on("ash" if first else "zrh", False, 1)

    @rule(name=hosts, request=requests)
    def vote(self, name: str, request) -> None:
        """A request is handled to its end."""
        self.ask(name, request, None)
        self.go_on(name, False, 30)

    @rule(name=hosts, what=st.sampled_from(TROUBLES))
    def trouble(self, name: str, what: str) -> None:
        """A fault on one host, or its repair."""
        if what in ("doubt", "unsent"):
            if what in self.world.faults(name):
                self.world.step(name, what)
        elif what in ("crash", "power"):
            self.world.crash(name, what == "power")
        else:
            self.world.signer(name, what)

    @rule(name=hosts, told=st.sampled_from(("seen", "seen", "unknown", "lost")))
    def start(self, name: str, told: str) -> None:
        if self.world.hosts[name].run is None:
            self.world.start(name, told)

    @precondition(lambda self: self.world.late)
    @rule(which=st.integers(0, 99))
    def arrive(self, which: int) -> None:
        self.world.arrive(which % len(self.world.late))

    @rule(what=st.sampled_from(("remember", "remember", "missing", "older", "ceremony")), which=st.integers(0, 99))
    def state(self, what: str, which: int) -> None:
        """The row is lost or restored to an older state, or a ceremony replaces it."""
        head = self.world.tables[0].head
        if what == "ceremony":
            self.world.replace_table()
            self.older = [self.world.tables[0].head]
        elif what != "remember":
            self.world.roll_back(None if what == "missing" else self.older[which % len(self.older)])
        elif head is not None:
            self.older.append(head)

    @rule()
    def merge(self) -> None:
        if self.regions > 1:
            self.world.merge()

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "world"):
            assert self.world.audit.violations == []

    def teardown(self) -> None:
        """After the ceremony both gates sign again, each in its turn."""
        if not hasattr(self, "world") or self.world.audit.violations:
            return
        self.world.late = ()
        self.world.replace_table()
        height = self.world.tables[0].head.position.height
        for offset, name in enumerate(("ash", "zrh", "ash")):
            self.world.signer(name, "good")
            if self.world.hosts[name].run is None:
                assert self.world.start(name), name
            self.world.ask(name, wish(height + 1 + offset, 0, int(Step.PREVOTE)))
            assert isinstance(self.world.finish(name), Granted), name
        assert self.world.audit.violations == []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.machine", description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000, help="each of 50 steps")
    given = parser.parse_args()
    begun = time.monotonic()
    run_state_machine_as_test(Gates, settings=settings(max_examples=given.examples, database=None, **COMMON))
    print(f"{given.examples} examples of 50 steps in {time.monotonic() - begun:.0f} s: every promise held")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
