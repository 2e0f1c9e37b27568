"""``bin/estate test``: every check of a commit, part by part, with the minutes of each part at the end.

==============  =======================================================================================================
part            holds
==============  =======================================================================================================
lint, format    ruff over the whole tree
types           mypy --strict over the product packages
whole estate    a whole network's lab, from a killed ``up`` to ``down``, and its drills, one after the other
chaos           the drills on the fast chain. Gates have 0.4 s for an answer there: nothing runs beside them
engine and lab  the tests that run the Pulumi engine, make namespaces or boot machines; two files at a time
unit            the tests that need neither the engine nor the lab, two at a time
computations    unit tests that wait for nothing: beside the parts above, on the processor time that these leave, and
                paused where nothing may run beside
==============  =======================================================================================================

The longest part goes first. ``--fast`` is lint, format and the unit tests that are not marked ``slow``, with fewer
examples; tests of every declared network take the smallest. Its last line says how many tests it left out.
``--long`` is in `cli.night`. Words after ``--`` go to one plain run of pytest.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from cli import night
from cli.beside import Beside
from engine.progress import Progress
from tools import cache, debian, parts

SLOWEST = 25
FAST = "not engine and not lab and not slow"
UNIT = "not engine and not lab"
DRILLS = "tests/drills"

NEEDED_BY_UNIT = ("dynamodb-local", "privval-judge", "quint", "tm-signer-harness", "tmkms", "wasmd", "yubihsm-mock")
NEEDED_BY_LAB = ("pulumi", "cometbft")

COLLECTED_NOTHING = 5

LEFT_OUT = "ESTATE_LEFT_OUT"
"""The environment variable with the file to which a run of pytest writes how many tests its marks exclude."""


@dataclass(frozen=True)
class Part:
    """``words`` follow the interpreter. ``pytest``: its tests are counted; otherwise the part counts as one check.

    ``alone``: nothing runs beside it.
    """

    name: str
    words: tuple[str, ...]
    pytest: bool = True
    alone: bool = False


@dataclass
class Outcome:
    """What a part did. ``took``: seconds of each of its tests, by name. ``left_out``: tests that its marks exclude.
    ``note``: why it failed, beside its tests.
    """

    name: str
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    took: dict[str, float] = field(default_factory=dict)
    left_out: int = 0
    note: str = ""


def of_pytest(name: str, *words: str, workers: str = "", alone: bool = False) -> Part:
    """``workers``: how xdist gives out the tests to two processes; without, they run in one."""
    beside = ("-n", "2", "--dist", workers) if workers else ()
    return Part(name, ("-m", "pytest", "-q", "--no-header", *beside, *words), alone=alone)


def fast() -> list[Part]:
    return [*_style(), of_pytest("unit", "-m", FAST, "--hypothesis-profile=fast", workers="worksteal")]


def whole() -> list[Part]:
    types = ("-m", "mypy", "--cache-dir", str(cache.root() / "mypy"))
    return [
        *_style(),
        Part("types", types, pytest=False),
        of_pytest("whole estate", f"{DRILLS}/test_whole_estate.py"),
        of_pytest("chaos", DRILLS, f"--ignore={DRILLS}/test_whole_estate.py", alone=True),
        of_pytest("engine and lab", "-m", "engine or lab", f"--ignore={DRILLS}", workers="loadfile"),
        of_pytest("unit", "-m", UNIT, "--only", "waiting", workers="worksteal"),
    ]


def computations() -> Part:
    return of_pytest("computations", "-m", UNIT, "--only", "computing", workers="worksteal")


def _style() -> list[Part]:
    return [
        Part("lint", ("-m", "ruff", "check", "."), pytest=False),
        Part("format", ("-m", "ruff", "format", "--check", "--quiet", "."), pytest=False),
    ]


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    """Returns 1 if anything failed, was missing or crashed."""
    words = [word for word in arguments.words if word != "--"]
    progress = Progress()
    if arguments.long is not None:
        chosen = night.chosen(arguments.long, words)
        set_up(progress)
        return night.run(checkout, chosen, progress)
    if words:
        if not arguments.fast:
            set_up(progress)
        command = [sys.executable, "-m", "pytest", *(["-m", FAST] if arguments.fast else []), *words]
        return subprocess.call(command, cwd=checkout)
    if arguments.fast:
        outcomes = [execute(part, checkout, progress) for part in fast()]
        tell(outcomes, progress, left_out=sum(each.left_out for each in outcomes))
    else:
        set_up(progress)
        outcomes = execute_beside(computations(), whole(), checkout, progress)
        tell(outcomes, progress)
    return 1 if any(each.failed for each in outcomes) else 0


def set_up(progress: Progress) -> None:
    """Builds or downloads what the tests need, so that none is skipped or waits for a build."""
    if os.geteuid() != 0 or platform.system() != "Linux":
        progress.console.print("[yellow]not root on Linux: the tests that boot machines will be reported as skipped[/]")
        return
    with progress.stage("parts: what the tests need on this machine"):
        debian.ensure(debian.LAB, progress.say)
        parts.ensure_all((*NEEDED_BY_LAB, *NEEDED_BY_UNIT), progress.say)


def execute(part: Part, checkout: Path, progress: Progress) -> Outcome:
    progress.console.rule(f"[bold]{part.name}", align="left")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="estate-test-") as scratch:
        report, left_out = Path(scratch) / "report.xml", Path(scratch) / "left_out"
        words = (*part.words, f"--junitxml={report}") if part.pytest else part.words
        environment = {**os.environ, LEFT_OUT: str(left_out)}
        status = subprocess.call([sys.executable, *words], cwd=checkout, env=environment)
        seconds = time.monotonic() - begun
        if not part.pytest:
            return checked(part.name, seconds, status)
        found = counted(part.name, seconds, status, report)
        found.left_out = int(left_out.read_text()) if left_out.exists() else 0
        return found


def execute_beside(background: Part, parts: Sequence[Part], checkout: Path, progress: Progress) -> list[Outcome]:
    """``background`` runs while ``parts`` do. Its time is what is left of it after them."""
    with tempfile.TemporaryDirectory(prefix="estate-test-") as scratch:
        report, log = Path(scratch) / "report.xml", Path(scratch) / "output.log"
        with Beside([sys.executable, *background.words, f"--junitxml={report}"], checkout, log) as running:
            outcomes = []
            for part in parts:
                with running.paused() if part.alone else nullcontext():
                    outcomes.append(execute(part, checkout, progress))
            begun = time.monotonic()
            status = running.wait()
        progress.console.rule(f"[bold]{background.name}", align="left")
        print(log.read_text(errors="replace"), end="", flush=True)
        return [*outcomes, counted(background.name, time.monotonic() - begun, status, report)]


def checked(name: str, seconds: float, status: int) -> Outcome:
    if status == 0:
        return Outcome(name, seconds, passed=1)
    return Outcome(name, seconds, failed=1, note=f"ended with status {status}")


def counted(name: str, seconds: float, status: int, report: Path) -> Outcome:
    """What pytest's JUnit report counts. A run that ended badly without a failed test is itself a failure."""
    found = Outcome(name, seconds)
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        cases = []
    failed: dict[str, bool] = {}
    skipped = set()
    for case in cases:
        test = f"{case.get('classname', '')}::{case.get('name', '')}"
        outcomes = {each.tag for each in case}
        failed[test] = failed.get(test, False) or bool(outcomes & {"failure", "error"})
        if any(each.tag == "skipped" and each.get("type") != "pytest.xfail" for each in case):
            skipped.add(test)
        found.took[test] = found.took.get(test, 0.0) + float(case.get("time", 0))
    found.failed = sum(failed.values())
    found.skipped = sum(not failed[test] for test in skipped)
    found.passed = len(failed) - found.failed - found.skipped
    if status == COLLECTED_NOTHING or not cases:
        found.failed, found.note = 1, "no test was collected"
    elif status != 0 and not found.failed:
        found.failed, found.note = 1, f"pytest ended with status {status}"
    return found


def slowest(outcomes: Iterable[Outcome]) -> list[tuple[float, str]]:
    took = [(seconds, test) for outcome in outcomes for test, seconds in outcome.took.items()]
    return sorted(took, reverse=True)[:SLOWEST]


def summary(outcomes: Sequence[Outcome], left_out: int = 0) -> list[str]:
    """The slowest tests, the parts with their minutes, and as the last line the sum of all parts.

    ``left_out``: how many tests only the whole run has.
    """
    width = max((len(each.name) for each in outcomes), default=0)
    tests = [f"{seconds:8.1f} s  {test}" for seconds, test in slowest(outcomes)]
    rows = [
        f"  {each.name:<{width}}  {_minutes(each.seconds)}  {_counts(each)}" + (f"  ({each.note})" if each.note else "")
        for each in outcomes
    ]
    total = Outcome(
        "all",
        sum(each.seconds for each in outcomes),
        sum(each.passed for each in outcomes),
        sum(each.failed for each in outcomes),
        sum(each.skipped for each in outcomes),
    )
    return [
        *([f"slowest {len(tests)} tests", *tests, ""] if tests else []),
        "parts",
        *rows,
        f"  {'all':<{width}}  {_minutes(total.seconds)}",
        "",
        _counts(total) + (f"; {left_out} left out, which bin/estate test runs" if left_out else ""),
    ]


def tell(outcomes: Sequence[Outcome], progress: Progress, left_out: int = 0) -> None:
    progress.console.rule("[bold]summary", align="left")
    for line in summary(outcomes, left_out):
        progress.console.print(line, markup=False)


def _counts(outcome: Outcome) -> str:
    return f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60:3d} min {int(seconds) % 60:02d} s"
