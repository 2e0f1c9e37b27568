"""Every point at which a gate can crash. The points are the effects that it yields, so new effects are covered too.

While a request is handled, the gate crashes at each effect: before it is applied, after it is applied, or while the
table has received but not applied it (it is applied later, or never).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from coordinator.decision.records import Request
from verification.coordinator.world import World


class Crash(NamedTuple):
    """The gate died in the course of its request: at effect number ``at`` (from 0), named ``effect``.

    ``moment``: ``before``, ``after`` or ``late``. ``moves``: what was done until then.
    """

    at: int
    effect: str
    moment: str
    moves: tuple[str, ...]


def crashes(world: World, name: str, request: Request, doubted: bool = False) -> Iterator[tuple[Crash, World]]:
    """Every crash of ``name`` while it handles ``request``, each with the world in which it just happened.

    ``doubted``: one earlier effect was reported as unknown, in each possible way, or as never sent.
    """
    begun = world.copy()
    begun.ask(name, request)
    yield from _along(begun, name, (), 0, doubted)


def _along(
    world: World, name: str, moves: tuple[str, ...], at: int, doubted: bool, seen: set[object] | None = None
) -> Iterator[tuple[Crash, World]]:
    seen = set() if seen is None else seen
    run = world.hosts[name].run
    if run.course is None or (key := world.key()) in seen:
        return
    seen.add(key)
    effect = type(run.course.effect).__name__
    possible = world.moves(name)
    for power in (False, True):
        dead = world.copy()
        dead.crash(name, power)
        if len(dead.late) > len(world.late):
            gone = dead.copy()
            gone.late = world.late
            yield Crash(at, effect, "before", moves), gone
            yield Crash(at, effect, "late", moves), dead
        else:
            yield Crash(at, effect, "after" if "tell" in possible else "before", moves), dead
    faults = world.faults(name) if doubted else ()
    onward = (*possible, *faults)
    for move in onward:
        there = world.copy()
        there.step(name, move)
        step = at + 1 if move == "tell" else at
        yield from _along(there, name, (*moves, f"{move} {effect}"), step, doubted and move not in faults, seen)
