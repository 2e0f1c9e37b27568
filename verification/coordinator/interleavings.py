"""Every interleaving of the moves of a few gates, with every choice of a bounded number of faults.

The whole space is walked. Paths that lead to the same state continue once from there (``World.key``), and the schedules
that they represent are counted. With ``reduced``, a gate whose next moves touch only its own host makes them before the
others continue: they commute with all moves of the others, and the judgement does not depend on that order (a
persistent set, in Godefroid's term), so no state that could break a promise is lost.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from coordinator.decision.records import Request
from verification.coordinator.world import World

Move = tuple[Any, ...]
Scripts = dict[str, tuple[Request, ...]]


class Faults(NamedTuple):
    """The maximum of each fault in one schedule. ``doubts``: effects reported as unknown, before or after they were
    applied (an effect that was not applied arrives at any later moment or never), or claims as never sent. ``crashes``:
    of a gate, at any moment; what it had sent arrives late or never. The gate then restarts and its node repeats the
    request.
    """

    doubts: int = 0
    crashes: int = 0


@dataclass(slots=True)
class Walk:
    """What was walked: ``states``, ``moves`` between them, and ``schedules``, the number of paths from begin to end.

    ``broken``: the first path that broke a promise, with what it broke. ``most_signed``: at how many positions a
    signature was released at an end, at most. ``ends``: the states in which nothing more can happen, by name.
    """

    states: int = 0
    moves: int = 0
    schedules: int = 0
    broken: tuple[list[Move], list[str]] | None = None
    most_signed: int = 0
    ends: set[Any] = field(default_factory=set)


def _of(world: World, name: str, places: dict[str, int], scripts: Scripts, faults: Faults) -> list[tuple[Move, Faults]]:
    """The moves of one host."""
    run = world.hosts[name].run
    if run is None or run.course is None:
        what = "ask" if run else "start"
        return [((what, name), faults)] if places[name] < len(scripts[name]) else []
    found = [((move, name), faults) for move in world.moves(name)]
    if faults.doubts:
        found += [((move, name), faults._replace(doubts=faults.doubts - 1)) for move in world.faults(name)]
    if faults.crashes:
        found.append((("crash", name), faults._replace(crashes=faults.crashes - 1)))
    return found


def _next(
    world: World, places: dict[str, int], scripts: Scripts, faults: Faults, reduced: bool
) -> list[tuple[Move, Faults]]:
    found: list[tuple[Move, Faults]] = []
    for name in world.hosts:
        moves = _of(world, name, places, scripts, faults)
        if reduced and moves and world.is_local(name):
            return moves
        found += moves
    return found + [(("arrive", index), faults) for index in range(len(world.late))]


def play(world: World, places: dict[str, int], scripts: Scripts, move: Move) -> None:
    """Makes one move in this world. A gate that does not start again gets no more requests."""
    what, who = move
    if what == "ask":
        world.ask(who, scripts[who][places[who]])
        places[who] += 1
    elif what == "start":
        if not world.start(who):
            places[who] = len(scripts[who])
    elif what == "crash":
        places[who] -= 1
        world.crash(who)
    elif what == "arrive":
        world.arrive(who)
    else:
        world.step(who, what)


def walk(world: World, scripts: Scripts, faults: Faults = Faults(), reduced: bool = True) -> Walk:
    """Walks all schedules of ``scripts`` (for each host the requests of its node, one after the other) from here, until
    one breaks a promise. ``world`` must be a replayed one."""
    found = Walk()
    counts: dict[tuple[int, ...], int] = {}
    path: list[Move] = []

    def named(world: World, places: dict[str, int], faults: Faults) -> tuple[int, ...]:
        return (*world.key(), *places.values(), *faults)

    def onward(world: World, places: dict[str, int], faults: Faults) -> int:
        key = named(world, places, faults)
        known = counts.get(key)
        if known is not None:
            return known
        found.states += 1
        total = 0
        for move, left in _next(world, places, scripts, faults, reduced):
            there, at = world.copy(), places.copy()
            play(there, at, scripts, move)
            path.append(move)
            found.moves += 1
            if there.audit.violations:
                found.broken = (path.copy(), [str(each) for each in there.audit.violations])
                return 0
            total += onward(there, at, left)
            if found.broken:
                return 0
            path.pop()
        if not total:
            total = 1
            found.ends.add(world.end())
            found.most_signed = max(found.most_signed, world.audit.signed)
        counts[key] = total
        return total

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
    found.schedules = onward(world, dict.fromkeys(world.hosts, 0), faults)
    return found
