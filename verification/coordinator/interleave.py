"""``python -m verification.coordinator.interleave [--doubts D] [--crashes C] [SCENARIO …]``: walks every schedule of
each scenario with at most that many faults, and prints how many there are. Ends with 1 if one breaks a promise.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from verification.coordinator.interleavings import Faults, Scripts, Walk, walk
from verification.coordinator.world import Core, World, wish


class Scenario(NamedTuple):
    """The requests of some hosts' nodes. ``gates``: host → name of its gate, where they differ. ``dismissed``: a gate
    that is no longer admitted but still runs.
    """

    scripts: Scripts
    gates: dict[str, str] = {}
    dismissed: str = ""


SCENARIOS = {
    "one height, other blocks and times": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(10, 0, 3), wish(11, 0, 2)),
            "zrh": (wish(10, 0, 2, "nil", 2), wish(10, 0, 3, time_ns=3), wish(11, 0, 2, time_ns=7)),
        }
    ),
    "heights that overlap": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(10, 0, 3), wish(11, 0, 2)),
            "zrh": (wish(11, 0, 2, "nil"), wish(11, 0, 3), wish(12, 0, 2)),
        }
    ),
    "rounds that jump": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(10, 1, 1, "mine"), wish(10, 1, 2)),
            "zrh": (wish(10, 2**31 - 2, 2, "nil"), wish(10, 1, 1, "its"), wish(11, 0, 2)),
        }
    ),
    "a node that was rolled back": Scenario(
        {
            "ash": (wish(12, 0, 2), wish(10, 0, 2, "nil"), wish(12, 0, 2, "nil")),
            "zrh": (wish(10, 0, 2), wish(11, 0, 2), wish(12, 0, 2)),
        }
    ),
    "extensions that differ": Scenario(
        {
            "ash": (wish(10, 0, 3, extension=b"1"), wish(10, 0, 3, extension=b"2"), wish(11, 0, 3, extension=b"1")),
            "zrh": (wish(10, 0, 3, extension=b"2"), wish(11, 0, 3), wish(11, 0, 3, extension=b"1")),
        }
    ),
    "the same asked again": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(10, 0, 2, time_ns=2), wish(10, 0, 2, "nil")),
            "zrh": (wish(10, 0, 2, time_ns=3), wish(10, 0, 2), wish(10, 0, 3)),
        }
    ),
    "two gates of one name": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(10, 0, 3), wish(11, 0, 2)),
            "twin": (wish(10, 0, 2, "nil", 2), wish(10, 0, 3, time_ns=3), wish(11, 0, 2, "nil")),
        },
        {"twin": "ash"},
    ),
    "three gates, one of them forgotten": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(10, 0, 3)),
            "zrh": (wish(10, 0, 2, "nil"), wish(11, 0, 2)),
            "third": (wish(10, 0, 2, "other"), wish(11, 0, 2, "other")),
        },
        dismissed="third",
    ),
    "three gates of two names": Scenario(
        {
            "ash": (wish(10, 0, 2), wish(11, 0, 2)),
            "zrh": (wish(10, 0, 2, "nil"), wish(11, 0, 2)),
            "twin": (wish(10, 0, 2, "other"), wish(11, 0, 2, "other")),
        },
        {"twin": "ash"},
    ),
}
"""Two gates with three requests each, and three gates with two each."""


def walk_scenario(name: str, faults: Faults, reduced: bool = True, core: Core | None = None, regions: int = 1) -> Walk:
    """Walks one of ``SCENARIOS``, from where all its gates have started."""
    scenario = SCENARIOS[name]
    hosts = {host: scenario.gates.get(host) for host in scenario.scripts}
    world = World(core or Core(), hosts, ("ash", "zrh", "third"), regions, replayed=True)
    for host in hosts:
        world.start(host)
    world.dismiss(scenario.dismissed)
    return walk(world, scenario.scripts, faults, reduced)


def told(name: str, faults: Faults, found: Walk, seconds: float) -> str:
    """One line about a walk."""
    return (
        f"{name}: {found.schedules:,} schedules, {found.states:,} states, {found.moves:,} moves with at most "
        f"{faults.doubts} unknown and {faults.crashes} crashes, {found.most_signed} signed at most, {seconds:.1f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.interleave", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="default: all")
    parser.add_argument("--doubts", type=int, default=1, help="unknown outcomes, at most")
    parser.add_argument("--crashes", type=int, default=0, help="crashes, at most")
    given = parser.parse_args()
    faults, broken = Faults(given.doubts, given.crashes), False
    for name in given.scenarios or SCENARIOS:
        begun = time.process_time()
        found = walk_scenario(name, faults)
        print(told(name, faults, found, time.process_time() - begun), flush=True)
        if found.broken:
            broken = True
            print(*found.broken[0], *found.broken[1], sep="\n", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
