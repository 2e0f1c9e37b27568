"""``bin/estate test --long [PART …]``: the long versions of what a commit's tests check in short.

Each part is one command that also works alone. None stops the others; the end shows the minutes of each and the last
line that it printed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engine.progress import Progress
from estate.errors import UsageError

BESIDE = 2
"""How many of the parts that use one processor run at a time."""


@dataclass(frozen=True)
class Long:
    """``words`` follow the interpreter. ``alone``: uses both processors, or its deadlines need a quiet machine."""

    name: str
    words: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True)
class Ended:
    name: str
    status: int
    seconds: float
    last_line: str


WHOLE_ESTATE = "tests/drills/test_whole_estate.py"
_COORDINATOR = "verification.coordinator"
_ORACLES = "verification.oracles"

LONG = (
    Long("interleavings", ("-m", f"{_COORDINATOR}.interleave")),
    Long("interleavings-crashes", ("-m", f"{_COORDINATOR}.interleave", "--doubts", "0", "--crashes", "1")),
    Long("bugs", ("-m", f"{_COORDINATOR}.bugs")),
    Long("mutation", ("-m", f"{_COORDINATOR}.mutation")),
    Long("mutation-outside", ("-m", f"{_COORDINATOR}.mutation_outside")),
    Long("fuzz", ("-m", f"{_COORDINATOR}.fuzz", "--inputs", "20000000")),
    Long("state-machine", ("-m", f"{_COORDINATOR}.machine", "--examples", "100000")),
    Long("kernel", ("-m", "verification.kernel", "--rulesets", "1200", "--packets", "1200000")),
    Long("life", ("-m", "verification.life.worlds", "--samples", "20000")),
    Long("life-replay", ("-m", "verification.life.replay", "--samples", "4000", "--kept", "1500")),
    Long("mutants", ("-m", f"{_ORACLES}.mutants")),
    Long("concealed", ("-m", f"{_ORACLES}.concealed", "--estates", "4000")),
    Long("rewritten", ("-m", f"{_ORACLES}.rewritten", "--estates", "4000")),
    Long("elsewhere", ("-m", f"{_ORACLES}.elsewhere", "--estates", "2000")),
    Long("z3", ("-m", f"{_ORACLES}.compare", "--estates", "10000")),
    Long("simulation", ("-m", f"{_COORDINATOR}.simulate", "--seeds", "1000000", "--jobs", "2"), alone=True),
    Long("own-peers", ("-m", "pytest", "-q", "--long", "tests/peerwatch/test_on_nodes.py")),
    Long("killed-first-uses", ("-m", "pytest", "-q", "--long", "-k", "first_use", "tests/tools/test_bootstrap.py")),
    Long("race", ("-m", "pytest", "-q", "--long", "tests/coordinator/table/test_race.py"), alone=True),
    Long("every-network", ("-m", "pytest", "-q", "--long", "tests/components/test_engine.py"), alone=True),
    Long("killed-ups", ("-m", "pytest", "-q", "--long", "-k", "killed_up or down", WHOLE_ESTATE), alone=True),
    Long("chaos", ("-m", "cli", "drill", "chaos", "--faults", "1000", "--heights", "20000"), alone=True),
)


def chosen(names: Sequence[str], words: Sequence[str]) -> list[Long]:
    """The parts of these names, all for none.

    Raises:
        UsageError: a part is unknown, or there are words for pytest.
    """
    if words:
        raise UsageError(f"--long takes no words for pytest, but got {' '.join(words)}: leave --long out")
    known = {part.name: part for part in LONG}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{', '.join(unknown)}: not a long part; expected one of: {', '.join(known)}")
    return [known[name] for name in names] or list(LONG)


def run(checkout: Path, parts: Sequence[Long], progress: Progress) -> int:
    """Returns 1 if a part failed."""
    shown = Shown(progress)
    with ThreadPoolExecutor(BESIDE) as pool:
        ended = list(pool.map(lambda part: shown.run(part, checkout), [part for part in parts if not part.alone]))
    ended += [shown.run(part, checkout) for part in parts if part.alone]
    for line in summary(ended):
        progress.console.print(line, markup=False)
    return 1 if any(each.status for each in ended) else 0


def summary(ended: Sequence[Ended]) -> list[str]:
    failed = sum(each.status != 0 for each in ended)
    rows = [
        f"{'failed' if each.status else 'passed'}  {each.name:<21} {int(each.seconds) // 60:4d} min "
        f"{int(each.seconds) % 60:02d} s  {each.last_line}"
        for each in ended
    ]
    return ["", *rows, f"{len(ended) - failed} passed, {failed} failed, 0 skipped"]


class Shown:
    """Runs parts and prints their lines as they come, each with the name of its part before it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()

    def run(self, part: Long, checkout: Path) -> Ended:
        begun, last = time.monotonic(), ""
        self._say(part, f"python {' '.join(part.words)}")
        with subprocess.Popen(
            [sys.executable, "-u", *part.words],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip():
                    last = line.rstrip()
                    self._say(part, last)
        return Ended(part.name, process.returncode, time.monotonic() - begun, last)

    def _say(self, part: Long, line: str) -> None:
        with self._lock:
            self._progress.console.print(f"{part.name}: {line}", markup=False)
