"""Whether a node must be restarted so that it dials its own peers anew. Pure.

CometBFT redials a persistent peer twenty times, for about two minutes, then after ten pauses that grow threefold, and
then never again (`Switch.reconnectToPeer`, v0.38). Its RPC can be told to dial (`dial_peers`) only with all unsafe
methods open. A start dials every persistent peer at once.

A restart is decided only where it can help: a peer that is not connected must have accepted connections at its port
for minutes. Of a peer that is down, or behind a link that is cut, a restart would bring nothing back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a restart is due.

    `patience_seconds`: for how long a peer must have accepted connections without being connected. CometBFT's own
    dialling has then had its twenty tries, or is in a pause longer than that.
    `unseen_seconds`: an absence counts only while it is watched; after a longer time without a look it counts anew.
    `pause_seconds`: the least time between two restarts. It doubles with each restart that did not bring a peer back.
    `restarts`: the most restarts for one absence of a peer; if they did not help, another one will not.
    `slot_seconds`, `window_seconds`: time is divided into slots that belong to the hosts of a network in turn. A host
    restarts its node only in the first seconds of its own slot; the rest is for the node to come back.
    """

    patience_seconds: float = 120
    unseen_seconds: float = 90
    pause_seconds: float = 900
    restarts: int = 4
    slot_seconds: float = 60
    window_seconds: float = 25


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the host stands among the hosts of its network.

    `turn` of `turns`: its slot. `only_alone`: its node is restarted only while it is connected with nobody. That is for
    validators: one without any peer signs nothing that anybody sees, so its restart costs no signature, whatever other
    hosts do at that time. The sentries, which dial it too, repair the rest.
    """

    turn: int
    turns: int
    only_alone: bool


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen at a time, in seconds since 1970. `node`: what the node said, `None` if it did not answer.
    `accepting`: those of the own peers, by name, that accepted a connection at their port.
    """

    at: float
    node: Node | None
    accepting: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Node:
    """What a node says of itself. `connected`: node ids of its peers, ours and others. `catching_up`: also of a
    node that was started while it had nobody to learn the height from.
    """

    connected: frozenset[str]
    catching_up: bool


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A peer that is not connected. `since`: since when it has been seen to accept connections all the same; `None` if
    it did not when it was last tried. `restarts`: how many did not bring it back.
    """

    since: float | None = None
    restarts: int = 0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is remembered between looks. `absences`: by name of the peer. `restarted_at`: when a restart was decided
    here last.
    """

    looked_at: float | None = None
    restarted_at: float | None = None
    absences: Mapping[str, Absence] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`restart`: whether the node is to be restarted now. `why`: in words, empty if there is nothing to say."""

    memory: Memory
    restart: bool = False
    why: str = ""


def decide(peers: Mapping[str, str], place: Place, limits: Limits, memory: Memory, look: Look) -> Verdict:
    """What follows from one look. `peers`: node ids of the node's own persistent peers, by name."""
    absences = _absences(peers, limits, memory, look)
    seen = Memory(looked_at=look.at, restarted_at=_not_after(memory.restarted_at, look.at), absences=absences)
    if look.node is None or (look.node.catching_up and look.node.connected):
        return Verdict(memory=seen)
    due = [name for name, absence in absences.items() if _is_due(absence, limits, seen, look.at)]
    if not due:
        return Verdict(memory=seen)
    said = f"not connected, though reachable: {', '.join(due)}"
    if place.only_alone and look.node.connected:
        return Verdict(memory=seen, why=f"{said}; a validator with another peer is not restarted: its peers dial it")
    if not _has_turn(place, limits, look.at):
        return Verdict(memory=seen, why=f"{said}; this host waits for its turn to restart")
    dialled = {
        name: Absence(restarts=absence.restarts + (absence.since is not None)) for name, absence in absences.items()
    }
    after = Memory(looked_at=look.at, restarted_at=look.at, absences=dialled)
    return Verdict(memory=after, restart=True, why=f"{said}; the node is restarted, so that it dials them")


def _absences(peers: Mapping[str, str], limits: Limits, memory: Memory, look: Look) -> dict[str, Absence]:
    """The absent peers after a look. A node that does not answer may be connected with all: no absence goes on then."""
    found = {}
    watched = memory.looked_at is not None and 0 <= look.at - memory.looked_at <= limits.unseen_seconds
    for name, node_id in peers.items():
        known = memory.absences.get(name, Absence())
        if look.node is None:
            found[name] = Absence(restarts=known.restarts)
        elif node_id not in look.node.connected:
            since = known.since if watched and known.since is not None else look.at
            found[name] = Absence(since=since if name in look.accepting else None, restarts=known.restarts)
    return found


def _is_due(absence: Absence, limits: Limits, memory: Memory, now: float) -> bool:
    if absence.since is None or now - absence.since < limits.patience_seconds or absence.restarts >= limits.restarts:
        return False
    pause = limits.pause_seconds * 2**absence.restarts
    return memory.restarted_at is None or now - memory.restarted_at >= pause


def _has_turn(place: Place, limits: Limits, now: float) -> bool:
    slot, within = divmod(now, limits.slot_seconds)
    return int(slot) % place.turns == place.turn and within < limits.window_seconds


def _not_after(then: float | None, now: float) -> float | None:
    """A time of the past; the clock may have been put back since."""
    return None if then is None else min(then, now)


def repaired(before: Memory, after: Memory) -> bool:
    """Whether a peer is back for which restarts were counted: they must not count in its next absence, even if the
    watch is started anew in it.
    """
    return any(each.restarts and name not in after.absences for name, each in before.absences.items())


def remembered(memory: Memory) -> dict[str, Any]:
    """As a JSON document."""
    return {
        "looked_at": memory.looked_at,
        "restarted_at": memory.restarted_at,
        "absences": {name: {"since": each.since, "restarts": each.restarts} for name, each in memory.absences.items()},
    }


def recalled(document: Any) -> Memory:
    """Reads what `remembered` made.

    Raises:
        ValueError: it is anything else.
    """
    try:
        return Memory(
            looked_at=_time(document["looked_at"]),
            restarted_at=_time(document["restarted_at"]),
            absences={
                str(name): Absence(since=_time(each["since"]), restarts=int(each["restarts"]))
                for name, each in document["absences"].items()
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not what the watch remembers: {error!r}") from error


def _time(value: Any) -> float | None:
    return None if value is None else float(value)
