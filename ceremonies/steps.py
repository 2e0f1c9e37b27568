"""Runs a ceremony: observe, decide, act, record, repeated until no step is left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from ceremonies.custody import Next, Refused, Step

Progress = Callable[[str], None]
S = TypeVar("S")
T = TypeVar("T")
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Transcript:
    """The record of a ceremony: one JSON object per line, appended to `file`. It contains no secret."""

    file: Path

    def write(self, **entry: object) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as handle:
            handle.write(json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}) + "\n")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a ceremony waits for the chain or the table, and the callback for each step."""

    wait_seconds: float = 600
    progress: Progress = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


WAITING = {
    Step.WAIT: "the chain did not go past our last signature",
    Step.AWAIT: (
        "the table did not go past the new gate's watermark, so no other gate signs (without one: key renew-table)"
    ),
}


def carry_out(
    observe: Callable[[], S],
    decide: Callable[[S], Next],
    act: Callable[[Next, S], None],
    write: Callable[..., None],
    pace: Pace,
) -> tuple[Next, ...]:
    """Observes, decides and acts until no step is left; returns the steps done. `write` appends to the record.

    Raises:
        Refused: the next step would not be safe.
    """
    done: list[Next] = []
    deadline = pace.clock() + pace.wait_seconds

    def refuse(reason: str) -> Refused:
        write(refused=reason)
        return Refused(reason)

    def recorded(action: Callable[..., T], *arguments: object) -> T:
        try:
            return action(*arguments)
        except Refused:
            raise
        except Exception as failure:
            write(failed=str(failure))
            raise

    while True:
        situation = recorded(observe)
        try:
            step = decide(situation)
        except Refused as refusal:
            raise refuse(str(refusal)) from None
        if step.step is Step.DONE:
            write(step="done")
            return tuple(done)
        if step.step in WAITING:
            if pace.clock() > deadline:
                raise refuse(
                    f"{WAITING[step.step]} in {pace.wait_seconds:.0f} s; it has halted, or our nodes have; nothing is "
                    "lost: run it again"
                )
            pace.progress(f"{step.host}: {step.step}")
            pace.sleep(POLL_SECONDS)
            continue
        if [(each.step, each.host) for each in done].count((step.step, step.host)) >= 3:
            raise refuse(f"{step.host}: this step was done three times without effect: {step.step}; inspect that host")
        pace.progress(f"{step.host}: {step.step}")
        write(host=step.host, step=str(step.step), **({"height": step.height} if step.height else {}))
        recorded(act, step, situation)
        done.append(step)
