"""Seeds each bug into the decision, the table or the disk, and reports which checks find it, and how soon.

``python -m verification.coordinator.bugs [NAME …]`` tries all checks on each (or on these):

==============  ======================================================================================================
interleavings   every schedule of the scenarios without faults, then of one of them with an unknown outcome; a promise
                is broken, or fewer positions are signed than could be
lost state      every older state of the row (or none) × of the watermarks × restarts, after each of some requests;
                a gate that lost both cannot detect it, so I14 is judged only for gates that kept their watermark
crash points    each point of a request at which a gate dies
simulation      the first ``SEEDS`` seeds: safety, and signing again after the faults
unit tests      of the decision
==============  ======================================================================================================
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from verification.coordinator.bugs_seeded import BUGS, Check
from verification.coordinator.variants import CRASHES, INTERLEAVE, SIMULATION, UNITS, WORLD, Change, first_failure, load

SEEDS = 300
DOUBTED = "one height, other blocks and times"
POWERSET = ((), ("ash",), ("zrh",), ("ash", "zrh"))


class Noticed(NamedTuple):
    """How a check noticed a bug: ``soon`` counts what had passed before, ``why`` is what was found."""

    check: Check
    soon: str
    why: str


def _interleavings(modules: dict[str, Any]) -> Noticed | None:
    interleave = modules[INTERLEAVE]
    for name, doubts in [*((name, 0) for name in interleave.SCENARIOS), (DOUBTED, 1)]:
        found = interleave.walk_scenario(name, interleave.Faults(doubts))
        where = f"{name}, {doubts} unknown, after {found.moves} moves"
        if found.broken:
            moves, what = found.broken
            return Noticed(Check.INTERLEAVINGS, f"{where}, by a schedule of {len(moves)}", what[0])
        if found.most_signed < most_signed(name):
            return Noticed(Check.INTERLEAVINGS, where, f"at most {found.most_signed} signed")
    return None


def _lost_state(modules: dict[str, Any]) -> Noticed | None:
    world_of, wish = modules[WORLD].World, modules[WORLD].wish
    history = [("ash", wish(10, 0, 2)), ("ash", wish(10, 0, 3)), ("zrh", wish(11, 0, 2)), ("ash", wish(12, 0, 2))]
    tried = 0
    for happened in range(1, len(history) + 1):
        world = world_of(replayed=True)
        for name in world.hosts:
            world.start(name)
        heads = [None]
        for name, request in history[:happened]:
            heads.append(world.tables[0].head)
            world.ask(name, request)
            world.finish(name)
        for older, floors, restarted in product(heads, POWERSET, POWERSET):
            for order in (("ash", "zrh"), ("zrh", "ash")):
                tried += 1
                lost = world.copy()
                lost.roll_back(older)
                for name in floors:
                    lost.lower_floor(name)
                for name in restarted:
                    lost.crash(name)
                    lost.start(name)
                for name, (_, request) in product(order, history[:happened]):
                    if lost.hosts[name].run is not None:
                        lost.ask(name, wish(*request.position, what=f"by {name}"))
                        lost.finish(name)
                broken = [each for each in lost.audit.violations if not (floors and each.promise == "I14")]
                if broken:
                    what = f"row at {older and older.position.text}, floors lost {floors}, restarted {restarted}"
                    return Noticed(Check.LOST_STATE, f"{what}, {tried} tried", str(broken[0]))
    return None


def _crash_points(modules: dict[str, Any]) -> Noticed | None:
    failed = first_failure(modules[CRASHES])
    return failed and Noticed(Check.CRASH_POINTS, f"{failed.test}, {failed.passed} passed", failed.why)


def _simulation(modules: dict[str, Any]) -> Noticed | None:
    for seed in range(SEEDS):
        try:
            modules[SIMULATION].Simulation(seed).run()
        except Exception as error:
            return Noticed(Check.SIMULATION, f"seed {seed}", f"{type(error).__name__}: {error}")
    return None


def _unit_tests(modules: dict[str, Any]) -> Noticed | None:
    passed = 0
    for name in UNITS:
        failed = first_failure(modules[name])
        if failed:
            return Noticed(Check.UNIT_TESTS, f"{failed.test}, {passed + failed.passed} passed", failed.why)
    return None


CHECKS: dict[Check, Callable[[dict[str, Any]], Noticed | None]] = {
    Check.INTERLEAVINGS: _interleavings,
    Check.LOST_STATE: _lost_state,
    Check.CRASH_POINTS: _crash_points,
    Check.SIMULATION: _simulation,
    Check.UNIT_TESTS: _unit_tests,
}


@cache
def most_signed(scenario: str) -> int:
    """The number of positions that can be signed in a scenario without a bug."""
    interleave = load()[INTERLEAVE]
    signed: int = interleave.walk_scenario(scenario, interleave.Faults()).most_signed
    return signed


def notices(changes: tuple[Change, ...], checks: tuple[Check, ...] = tuple(Check)) -> list[Noticed]:
    """Which of ``checks`` find these changes."""
    modules = load(*changes)
    with contextlib.redirect_stdout(io.StringIO()):
        found = [CHECKS[check](modules) for check in checks]
    return [each for each in found if each]


def summary(tried: int, missed: list[str]) -> str:
    """One line. ``missed``: the names of those that no check noticed."""
    names = f": {', '.join(missed)}" if missed else ""
    return f"{tried - len(missed)} of {tried} bugs found, {len(missed)} missed{names}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.bugs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    given = parser.parse_args()
    missed: list[str] = []
    tried = [bug for bug in BUGS if not given.names or bug.name in given.names]
    if unknown := set(given.names) - {bug.name for bug in tried}:
        parser.error(f"there is no bug {', '.join(sorted(unknown))}; there are {', '.join(bug.name for bug in BUGS)}")
    for bug in tried:
        found = notices(bug.changes)
        if not found:
            missed.append(bug.name)
        print(f"{bug.name}: {bug.story}" if found else f"{bug.name}: NOT NOTICED", flush=True)
        for each in found:
            print(f"    {each.check}: {each.soon}: {each.why}"[:240], flush=True)
    print(summary(len(tried), missed))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
