"""The mutation score of what surrounds the decision: the gate's links, its table's calls, its process, the ceremonies.

    python -m verification.coordinator.mutation_outside [MODULE …] [--every N] [--minutes M]

The mutants are those of ``mutation``, without changed sentences. These modules do I/O, so that their own tests are run
by pytest, in a process forked for each mutant, which keeps the loaded libraries and forgets what is loaded of this
project. A mutant is noticed if a test fails or does not end in time. Tests that start processes of their own see the
unchanged module there.

``--every N`` tries every N-th mutant. ``--minutes M`` starts none after M minutes, divided evenly among the modules.
Mutants that behave as the module does are declared, each with its reason (``EQUIVALENT``).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

from verification.coordinator.mutation import Mutant, mutants
from verification.coordinator.mutation_equivalent import EQUIVALENT_OUTSIDE as EQUIVALENT
from verification.coordinator.variants import ROOT

_GATE = "tests/coordinator/gate"
_CEREMONIES = "tests/ceremonies"
SUITES: dict[str, tuple[str, ...]] = {
    "coordinator.table.client": ("tests/coordinator/table/test_client.py",),
    "coordinator.node": ("tests/coordinator/test_node.py", f"{_GATE}/test_answers.py"),
    "coordinator.signer": ("tests/coordinator/test_signer.py", f"{_GATE}/test_answers.py"),
    "coordinator.service": (f"{_GATE}/test_chains.py", f"{_GATE}/test_answers.py", f"{_GATE}/test_process.py"),
    "coordinator.gate": (f"{_GATE}/test_answers.py",),
    "coordinator.floor": ("tests/coordinator/test_floor.py",),
    "ceremonies.chain_rpc": (f"{_CEREMONIES}/test_chain_rpc.py", f"{_CEREMONIES}/test_looks.py"),
    "ceremonies.custody": (f"{_CEREMONIES}/test_move.py",),
    "ceremonies.gate_ceremonies": (f"{_CEREMONIES}/test_gates.py",),
    "ceremonies.gates": (f"{_CEREMONIES}/test_gates.py",),
    "ceremonies.key_ceremonies": (f"{_CEREMONIES}/test_move.py",),
    "ceremonies.remote": tuple(f"{_CEREMONIES}/test_{name}.py" for name in ("looks", "exclusive", "reach")),
    "ceremonies.row": (f"{_CEREMONIES}/test_row.py",),
    "ceremonies.steps": (f"{_CEREMONIES}/test_move.py", f"{_CEREMONIES}/test_gates.py"),
}
"""The tests that hold each module, the quickest first."""

LIBRARIES = (
    "_pytest.assertion.rewrite",
    "botocore.auth",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "hypothesis",
)
SLACK = 3
LEAST_SECONDS = 20.0
"""The time limit of a mutant's tests: SLACK times their duration without a mutant, but at least LEAST_SECONDS."""

WANTED_PERCENT = 95


class Score(NamedTuple):
    """Of one module. ``skipped``: mutants that were not tried; ``seconds``: of its tests without any mutant."""

    module: str
    noticed: int
    survived: tuple[str, ...]
    skipped: int
    seconds: float

    @property
    def percent(self) -> float:
        tried = self.noticed + len(self.survived)
        return 100 * self.noticed / tried if tried else 100.0


class Mutated:
    """Finds the one mutated module, and runs the mutant's code as it."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code = module, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self._module:
            return None
        return ModuleSpec(name, self, origin=str(ROOT.joinpath(*name.split(".")).with_suffix(".py")))

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = module.__spec__.origin if module.__spec__ else None
        exec(self._code, module.__dict__)


def passes(suite: Sequence[str], seconds: float, mutant: Mutant | None = None) -> bool:
    """Whether these tests pass in a separate process within ``seconds``."""
    child = os.fork()
    if not child:
        os.setsid()
        _run_tests(suite, mutant)
    until = time.monotonic() + seconds
    ended = status = 0
    try:
        while not ended and time.monotonic() < until:
            time.sleep(0.02)
            ended, status = os.waitpid(child, os.WNOHANG)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if not ended:
            os.waitpid(child, 0)
    return bool(ended) and os.waitstatus_to_exitcode(status) == 0


def _run_tests(suite: Sequence[str], mutant: Mutant | None) -> None:
    """Never returns."""
    code = 99
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.chdir(ROOT)
        _forget_project()
        if mutant:
            sys.meta_path.insert(0, Mutated(mutant.module, mutant.code))  # type: ignore[arg-type]
        code = int(
            pytest.main(
                [
                    "-x",
                    "-q",
                    "-p",
                    "no:cacheprovider",
                    "-p",
                    "no:xdist",
                    "-p",
                    "no:randomly",
                    "-m",
                    "not lab and not engine",
                    *suite,
                ]
            )
        )
    finally:
        os._exit(code)


def _forget_project() -> None:
    """So that the tests import every module of the project anew, the mutant among them."""
    libraries = ROOT / ".venv"
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        if file.is_relative_to(ROOT) and not file.is_relative_to(libraries):
            del sys.modules[name]


def tried(module: str, every: int, offset: int = 0) -> Iterator[Mutant]:
    """Every ``every``-th of the module's mutants that are not equivalent, from number ``offset``."""
    found = (each for each in mutants(module, sentences=False) if each.text not in EQUIVALENT)
    for number, mutant in enumerate(found):
        if number % every == offset:
            yield mutant


def score(
    module: str,
    every: int = 1,
    offset: int = 0,
    seconds: float = float("inf"),
    tell: Callable[[str], None] = lambda survivor: None,
) -> Score:
    """Tries a module's mutants; starts none after ``seconds``. ``tell`` is called with each survivor.

    Raises:
        AssertionError: the tests fail without any mutant.
    """
    until = time.monotonic() + seconds
    suite, began = SUITES[module], time.monotonic()
    assert passes(suite, 600), f"{' '.join(suite)}: fail without any mutant"
    took = time.monotonic() - began
    noticed, survived, skipped = 0, [], 0
    for mutant in tried(module, every, offset):
        if time.monotonic() > until:
            skipped += 1
        elif passes(suite, max(LEAST_SECONDS, SLACK * took), mutant):
            survived.append(f"{module}:{mutant.line}: {mutant.text}")
            tell(survived[-1])
        else:
            noticed += 1
    return Score(module, noticed, tuple(survived), skipped, took)


def _say(survivor: str) -> None:
    print(f"  {survivor}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m verification.coordinator.mutation_outside", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"by default all: {', '.join(SUITES)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try one of N mutants (default: %(default)s)")
    parser.add_argument("--offset", type=int, default=0, metavar="K", help="begin with the one of number K")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), metavar="M", help="begin no mutant after M minutes"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    modules = given.modules or list(SUITES)
    for library in LIBRARIES:
        import_module(library)
    until = time.monotonic() + given.minutes * 60
    scores = []
    for left, module in zip(range(len(modules), 0, -1), modules, strict=True):
        found = score(module, given.every, given.offset, (until - time.monotonic()) / left, _say)
        scores.append(found)
        print(
            f"{module}: {found.percent:.1f} % of {found.noticed + len(found.survived)} mutants noticed, "
            f"{found.skipped} not tried; tests take {found.seconds:.1f} s",
            flush=True,
        )
    noticed, survived = sum(each.noticed for each in scores), sum(len(each.survived) for each in scores)
    percent = 100 * noticed / (noticed + survived)
    print(f"{percent:.1f} % of {noticed + survived} mutants noticed, {sum(each.skipped for each in scores)} not tried")
    return 0 if percent >= WANTED_PERCENT else 1


if __name__ == "__main__":
    raise SystemExit(main())
