"""When a node is restarted for its peers, and when not, on a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from peerwatch import __main__ as watching
from peerwatch.decision import Absence, Limits, Look, Memory, Node, Place, decide, recalled, remembered, repaired

LIMITS = Limits()
STEP = 20.0
START = 1_000_000 * LIMITS.slot_seconds
PEERS = {"one": "1" * 40, "two": "2" * 40}
ALWAYS = Place(turn=0, turns=1, only_alone=False)
VALIDATOR = Place(turn=0, turns=1, only_alone=True)
OTHER = "f" * 40

Seen = Callable[[float], Look]


def look(
    at: float, *, absent: Iterable[str] = (), accepting: Iterable[str] = (), catching_up: bool = False, others: int = 0
) -> Look:
    connected = {PEERS[name] for name in PEERS if name not in set(absent)} | {
        OTHER[:-1] + str(n) for n in range(others)
    }
    node = Node(connected=frozenset(connected), catching_up=catching_up)
    return Look(at=at, node=node, accepting=frozenset(accepting))


def back(at: float) -> Look:
    """`two` can be reached and is not connected."""
    return look(at, absent=["two"], accepting=["two"])


def alone(at: float) -> Look:
    return look(at, absent=PEERS, accepting=PEERS)


def silent(at: float) -> Look:
    return Look(at=at, node=None, accepting=frozenset(PEERS))


def restarts(
    seen: Seen, hours: float = 1, place: Place = ALWAYS, memory: Memory | None = None, step: float = STEP
) -> list[float]:
    """The times of the restarts, in seconds since the start, of a watch that sees this."""
    memory, found, at = memory or Memory(), [], START
    while at < START + hours * 3600:
        verdict = decide(PEERS, place, LIMITS, memory, seen(at))
        memory = recalled(json.loads(json.dumps(remembered(verdict.memory))))
        if verdict.restart:
            found.append(at - START)
        at += step
    return found


def test_a_peer_that_can_be_reached_for_minutes_and_is_not_connected_is_dialled_by_a_restart() -> None:
    first = restarts(back)[0]
    assert LIMITS.patience_seconds <= first <= LIMITS.patience_seconds + LIMITS.slot_seconds


def test_a_peer_that_is_down_for_good_causes_no_restart() -> None:
    assert restarts(lambda at: look(at, absent=["two"]), hours=24) == []
    assert restarts(lambda at: look(at, absent=PEERS), hours=24, place=VALIDATOR) == []


def test_a_node_with_all_its_peers_is_left_alone() -> None:
    assert restarts(look, hours=24) == []


def test_a_node_that_does_not_answer_is_not_one_without_peers() -> None:
    assert restarts(silent, hours=24) == []
    half = LIMITS.patience_seconds / 2
    seen = restarts(lambda at: silent(at) if at == START + 2 * half // STEP * STEP - STEP else back(at), hours=0.2)
    assert seen[0] >= 2 * half - STEP + LIMITS.patience_seconds, (
        "the absence counts anew after a look that told nothing"
    )


def test_an_absence_counts_only_while_it_is_watched() -> None:
    assert restarts(back, hours=24, step=LIMITS.unseen_seconds + 1) == [], "a clock that jumped, or a watch that slept"


def test_a_peer_that_accepts_now_and_then_is_not_back() -> None:
    flapping = lambda at: back(at) if (at - START) % 120 else look(at, absent=["two"])  # noqa: E731
    assert restarts(flapping, hours=24) == []


def test_a_node_that_catches_up_is_not_interrupted() -> None:
    assert restarts(lambda at: look(at, absent=["two"], accepting=["two"], catching_up=True), hours=24) == []


def test_a_node_that_was_started_without_any_peer_says_that_it_catches_up_and_needs_the_restart_all_the_same() -> None:
    assert restarts(lambda at: look(at, absent=PEERS, accepting=PEERS, catching_up=True))


def test_a_validator_is_restarted_only_while_it_has_nobody() -> None:
    assert restarts(back, hours=24, place=VALIDATOR) == [], "it may be the one that signs"
    assert restarts(lambda at: look(at, absent=PEERS, accepting=PEERS, others=1), hours=24, place=VALIDATOR) == []
    assert restarts(alone, place=VALIDATOR)


def test_restarts_that_bring_nothing_back_grow_rare_and_end() -> None:
    times = restarts(back, hours=72)
    assert len(times) == LIMITS.restarts
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] >= LIMITS.pause_seconds
    assert all(later >= 1.9 * earlier for earlier, later in pairwise(gaps)), gaps


def test_a_peer_that_was_connected_again_is_absent_anew() -> None:
    day = 24 * 3600
    seen = lambda at: look(at) if day <= at - START < day + 60 else back(at)  # noqa: E731
    assert len(restarts(seen, hours=72)) == 2 * LIMITS.restarts


def test_another_peer_that_comes_back_is_not_kept_waiting_by_one_for_which_restarts_do_nothing() -> None:
    day = 24 * 3600
    seen = lambda at: alone(at) if at - START >= day else back(at)  # noqa: E731
    assert [time for time in restarts(seen, hours=25) if time >= day]


def test_after_a_restart_the_node_has_its_two_minutes_again() -> None:
    verdict = decide(PEERS, ALWAYS, LIMITS, Memory(looked_at=START - 20, absences=long_absent()), back(START))
    assert verdict.restart and "two" in verdict.why and "one" not in verdict.why
    assert verdict.memory.absences == {"two": Absence(since=None, restarts=1)}
    assert verdict.memory.restarted_at == START


def test_a_restart_counts_only_for_peers_that_could_be_reached() -> None:
    memory = Memory(looked_at=START - STEP, absences=long_absent())
    verdict = decide(PEERS, ALWAYS, LIMITS, memory, look(START, absent=PEERS, accepting=["two"]))
    assert verdict.restart
    assert {name: each.restarts for name, each in verdict.memory.absences.items()} == {"one": 0, "two": 1}


def long_absent() -> dict[str, Absence]:
    return {"two": Absence(since=START - 10 * LIMITS.patience_seconds)}


@pytest.mark.parametrize("turns", [1, 2, 13, 60])
def test_no_two_hosts_restart_at_the_same_time_and_each_gets_its_turn(turns: int) -> None:
    """Every host of a network sees its peers absent from the same moment, each looks at its own seconds, and none comes
    back.
    """
    times: list[tuple[float, int]] = []
    hours = 0.3 + turns * LIMITS.slot_seconds / 3600
    for turn in range(turns):
        place = Place(turn=turn, turns=turns, only_alone=False)
        offset = 7 * turn % STEP
        found = restarts(lambda at, offset=offset: back(at + offset), hours=hours, place=place)
        assert found, f"host {turn} never had its turn"
        times += [(time + offset, turn) for time in found]
    for (earlier, one), (later, other) in pairwise(sorted(times)):
        assert one == other or later - earlier >= LIMITS.slot_seconds - LIMITS.window_seconds


def test_a_clock_that_was_put_back_locks_nothing() -> None:
    future = Memory(looked_at=START + 9e6, restarted_at=START + 9e6, absences=long_absent())
    assert restarts(back, memory=future), "the last restart seems to be in the future"
    first = restarts(back, memory=Memory(looked_at=START + 9e6, absences=long_absent()))[0]
    assert first >= LIMITS.patience_seconds, "what was seen before the clock was put back counts no more"


def test_what_is_said_names_the_peer_and_what_is_waited_for() -> None:
    waiting = Place(turn=1, turns=2, only_alone=False)
    memory = Memory(looked_at=START - 20, absences=long_absent())
    assert "two; this host waits for its turn" in decide(PEERS, waiting, LIMITS, memory, back(START)).why
    assert "its peers dial it" in decide(PEERS, VALIDATOR, LIMITS, memory, back(START)).why
    assert decide(PEERS, ALWAYS, LIMITS, Memory(), look(START)).why == ""


@pytest.mark.parametrize(
    "damaged",
    [None, [], {}, 7, {"looked_at": "x", "restarted_at": None, "absences": {}}]
    + [{"looked_at": 1, "restarted_at": 2, "absences": absences} for absences in ([], {"a": 1}, {"a": {"since": 1}})],
    ids=repr,
)
def test_a_memory_that_is_damaged_is_refused(damaged: object) -> None:
    with pytest.raises(ValueError, match="."):
        recalled(damaged)


def test_restarts_that_were_counted_are_forgotten_for_good_once_the_peer_is_back() -> None:
    tried = Memory(looked_at=START - STEP, absences={"two": Absence(restarts=LIMITS.restarts)})
    assert repaired(tried, decide(PEERS, ALWAYS, LIMITS, tried, look(START)).memory)
    for seen in (back(START), silent(START), look(START, absent=["two"])):
        assert not repaired(tried, decide(PEERS, ALWAYS, LIMITS, tried, seen).memory)
    untried = Memory(looked_at=START - STEP, absences={"two": Absence()})
    assert not repaired(untried, decide(PEERS, ALWAYS, LIMITS, untried, look(START)).memory)


def test_the_watch_keeps_on_disk_that_a_peer_is_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    watching.remember(file, Memory(looked_at=START - STEP, absences={"two": Absence(restarts=LIMITS.restarts)}))
    rows = [f'{name} = "{node_id}@10.0.0.1:26656"' for name, node_id in PEERS.items()]
    lines = ['rpc = "127.0.0.1:26657"', "turn = 0", "turns = 1", "only_alone = false", "[peers]", *rows]
    monkeypatch.setattr(watching, "look", lambda _: look(START))

    def ends(_: float) -> None:
        raise InterruptedError

    monkeypatch.setattr(watching.time, "sleep", ends)
    with pytest.raises(InterruptedError):
        watching.run(watching.read("\n".join(lines)), file)
    assert watching.recall(file).absences == {}
