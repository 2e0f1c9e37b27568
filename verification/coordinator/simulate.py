"""``python -m verification.coordinator.simulate --seeds N [--from S] [--jobs J]``: many runs; ``--seed S --trace``:
one run, with its trace.

Prints the number of requests handled per core second. Ends with 1 if a promise was broken, and prints the seeds: the
same seed and the same commit give the same run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from verification.coordinator.simulation import Simulation

SEEDS_AT_ONCE = 500


class Tally(NamedTuple):
    """The result of some seeds: ``cpu_seconds`` of one core, and the broken promises, by seed."""

    seeds: int
    requests: int
    cpu_seconds: float
    broken: tuple[str, ...]

    def __add__(self, other: Tally) -> Tally:  # type: ignore[override]
        return Tally(*(mine + its for mine, its in zip(self, other, strict=True)))


NOTHING = Tally(0, 0, 0.0, ())


def simulate(seeds: Iterable[int]) -> Tally:
    """Runs the seeds, one after the other."""
    begun = time.process_time()
    count = requests = 0
    broken: list[str] = []
    for seed in seeds:
        one = Simulation(seed)
        try:
            one.run()
        except Exception as error:
            broken.append(str(error) if str(error).startswith("seed") else f"seed {seed}: {error!r}")
        count, requests = count + 1, requests + one.requests
    return Tally(count, requests, time.process_time() - begun, tuple(broken))


def simulate_all(first: int, seeds: int, jobs: int, progress: bool = False) -> Tally:
    """Runs ``seeds`` seeds from ``first`` on, in ``jobs`` processes."""
    parts = [range(at, min(at + SEEDS_AT_ONCE, first + seeds)) for at in range(first, first + seeds, SEEDS_AT_ONCE)]
    total = NOTHING
    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(simulate, parts):
            total += part
            if progress and total.seeds % (20 * SEEDS_AT_ONCE) == 0:
                print(told(total), flush=True)
    return total


def told(tally: Tally) -> str:
    rate = tally.requests / tally.cpu_seconds if tally.cpu_seconds else 0
    return (
        f"{tally.seeds:,} seeds, {tally.requests:,} requests, {len(tally.broken)} broken; "
        f"{rate:,.0f} requests/s/core, {rate * 2 * 12 * 3600:,.0f} in 12 h on 2 cores"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="S", help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: print everything that happens")
    given = parser.parse_args()
    if given.seed is not None:
        one = Simulation(given.seed, trace=given.trace)
        try:
            one.run()
        finally:
            for event in one.trace or ():
                print(event)
        print(f"seed {given.seed}: {one.requests} requests, every promise held")
        return 0
    tally = simulate_all(given.first, given.seeds, given.jobs, progress=True)
    print(told(tally))
    for broken in tally.broken[:20]:
        print(broken)
    return 1 if tally.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
