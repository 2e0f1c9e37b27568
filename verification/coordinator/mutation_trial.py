"""Tries mutants on tests that pytest runs. One process collects them and forks another for each mutant.

Two ways:

``Trials.run``: the process that collected the tests exchanges the code of the mutated function, and runs the tests that
execute the changed statement, those first that noticed others, then the quickest. Which tests execute what was recorded
when they ran without a mutant. What they share for a session (a DynamoDB Local) is started once.

``passes``: for what a module does when it is imported, and for what no test executes later. A process forgets that
module and all that import it, and runs every test. Tests that start processes of their own see the unchanged module
there, in both ways.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from inspect import getattr_static
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

import coverage
import pytest

from verification.coordinator.mutation import Mutant
from verification.coordinator.variants import ROOT

SLACK = 10
LEAST_SECONDS = 20.0
"""The time limit of a test with a mutant: SLACK times its duration without one, but at least LEAST_SECONDS."""

OPTIONS = ("-x", "-q", "-m", "not lab and not engine", *("-pno:cacheprovider", "-pno:xdist", "-pno:randomly"))


def refused_by_types(mutant: Mutant) -> bool:
    """Whether mypy finds in the mutant what it does not find in its module."""
    whole = ast.unparse(ast.parse(_file(mutant.module).read_text()))
    return not _found_by_mypy(mutant.module, mutant.source) <= _found_by_mypy(mutant.module, whole)


@functools.cache
def _found_by_mypy(module: str, text: str) -> frozenset[str]:
    """What it says of a module with this text, without the places."""
    file = _file(module)
    with tempfile.TemporaryDirectory() as directory:
        shadow = Path(directory, file.name)
        shadow.write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--no-error-summary", "--shadow-file", str(file), str(shadow), str(file)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    if done.returncode not in (0, 1):
        raise AssertionError(done.stdout + done.stderr)
    return frozenset(line.partition(": error: ")[2] for line in done.stdout.splitlines() if ": error: " in line)


class Baseline(NamedTuple):
    """The tests without a mutant: the seconds of each, and the lines of the module that it executes."""

    seconds: Mapping[str, float]
    lines: Mapping[str, frozenset[int]]

    def executing(self, first: int, last: int) -> list[str]:
        wanted = frozenset(range(first, last + 1))
        return [test for test, lines in self.lines.items() if not wanted.isdisjoint(lines)]


class Verdict(NamedTuple):
    """``by``: the test that failed, ``TIME``, or ``DEATH`` of the process; ``None``: the mutant was not noticed;
    ``NOWHERE``: no test executes the statement, perhaps because it is executed once, when the module is imported.
    """

    mutant: Mutant
    by: str | None


TIME, DEATH, NOWHERE = "time", "death", "nowhere"


class BaselineFailed(AssertionError):
    """The tests fail without any mutant."""


class Mutated(MetaPathFinder, Loader):
    """Finds the one mutated module, and runs the mutant's code as it."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code = module, code

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._module:
            return None
        return ModuleSpec(name, self, origin=str(_file(name)))

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = module.__spec__.origin if module.__spec__ else None
        exec(self._code, module.__dict__)


def _file(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def can_exchange(mutant: Mutant) -> bool:
    """Whether the mutant is in a function whose code can be exchanged."""
    function, code = _function(mutant), _code(mutant.code, mutant.function)
    return function is not None and code is not None and function.__code__.co_freevars == code.co_freevars


def _function(mutant: Mutant) -> FunctionType | None:
    found: object = import_module(mutant.module)
    for name in mutant.function.split("."):
        found = getattr_static(found, name, None)
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        match found:
            case property(fget=inner) | functools.cached_property(func=inner):
                found = inner
            case staticmethod() | classmethod():
                found = found.__func__
            case object(__wrapped__=inner):
                found = inner
            case _:
                return None
    return found


def _code(code: CodeType, name: str) -> CodeType | None:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found = each if each.co_qualname == name else _code(each, name)
            if found:
                return found
    return None


def in_child(work: Callable[[], bytes], seconds: float) -> bytes | None:
    """What ``work`` returns in a forked process; nothing if it dies, ``None`` if it does not end within ``seconds``, or
    is ended by an alarm of its own.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setpgrp()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(readable)
            with os.fdopen(writable, "wb") as out:
                out.write(work())
        finally:
            os._exit(0)
    os.close(writable)
    until, answer, part = time.monotonic() + seconds, b"", None
    try:
        while part := _read(readable, until):
            answer += part
    finally:
        os.close(readable)
        for end in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                end(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return None if part is None or os.waitstatus_to_exitcode(status) == -signal.SIGALRM else answer


def _read(readable: int, until: float) -> bytes | None:
    """What comes next, ``None`` if nothing comes until then (monotonic)."""
    if not select.select([readable], [], [], max(0.0, until - time.monotonic()))[0]:
        return None
    return os.read(readable, 1 << 16)


def _quietly(arguments: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """Runs pytest in the project's directory, with nothing printed."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.chdir(ROOT)
    return int(pytest.main([*OPTIONS, *arguments], plugins=plugins))


def passes(suite: Sequence[str], seconds: float, mutant: Mutant | None = None) -> bool:
    """Whether these tests pass in a separate process within ``seconds``."""

    def work() -> bytes:
        if mutant:
            _forget(mutant.module)
            sys.meta_path.insert(0, Mutated(mutant.module, mutant.code))
        return b"passed" if _quietly(suite) == 0 else b"failed"

    return in_child(work, seconds) == b"passed"


def _forget(module: str) -> None:
    """So that this module of the project, and every one that imports it, is imported anew."""
    known = {
        name: found
        for name, found in list(sys.modules.items())
        if Path(getattr(found, "__file__", None) or "/").is_relative_to(ROOT)
        and not Path(found.__file__ or "/").is_relative_to(ROOT / ".venv")
    }
    imports = {name: _imported(found) for name, found in known.items()}
    stale, before = {module}, 0
    while len(stale) > before:
        before = len(stale)
        stale |= {name for name, imported in imports.items() if imported & stale}
    for name in stale:
        package, _, last = name.rpartition(".")
        if sys.modules.pop(name, None) and hasattr(sys.modules.get(package), last):
            delattr(sys.modules[package], last)


@functools.cache
def _imported(module: ModuleType) -> frozenset[str]:
    """The modules that a module names in its imports, and their packages."""
    found: set[str] = set()
    file = module.__file__
    for node in ast.walk(ast.parse(Path(file).read_text())) if file and file.endswith(".py") else ():
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(found)


class Trials:
    """The tests of one module. Use as a context: its process ends with it."""

    def __init__(self, module: str, suite: Sequence[str], mutants: Sequence[Mutant]) -> None:
        """``mutants``: those that ``can_exchange``."""
        self._module, self._suite, self._mutants = module, suite, mutants

    def run(self, seconds: float) -> Iterator[Baseline | Verdict]:
        """First how the tests are without a mutant, then of each mutant what notices it. None is begun after
        ``seconds``.

        Raises:
            BaselineFailed
        """
        readable, writable = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.setsid()
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
                os.close(readable)
                holder = _Holder(self._module, self._mutants, writable, seconds)
                _quietly(self._suite, [holder])
            finally:
                os._exit(0)
        os.close(writable)
        try:
            with os.fdopen(readable) as lines:
                first = lines.readline()
                if not first:
                    raise BaselineFailed(f"{' '.join(self._suite)}: fail without any mutant")
                seconds_of, lines_of = json.loads(first)
                yield Baseline(seconds_of, {test: frozenset(found) for test, found in lines_of.items()})
                for line in lines:
                    number, by = json.loads(line)
                    yield Verdict(self._mutants[number], by)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


class _Holder:
    """A pytest plugin that runs the collected tests in its own way, and writes what it finds to a descriptor."""

    def __init__(self, module: str, mutants: Sequence[Mutant], out: int, seconds: float) -> None:
        self._file, self._mutants, self._out = str(_file(module)), mutants, out
        self._until = time.monotonic() + seconds
        self._failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._session = session
        self._items = {item.nodeid: item for item in session.items}
        self._share()
        found = in_child(self._baseline, 900)
        if not found:
            return True
        self._tell(json.loads(found))
        seconds, lines = json.loads(found)
        baseline = Baseline(seconds, {test: frozenset(each) for test, each in lines.items()})
        killed: Counter[str] = Counter()
        for number, mutant in enumerate(self._mutants):
            if time.monotonic() > self._until:
                break
            tests = sorted(baseline.executing(*mutant.lines), key=lambda test: (-killed[test], seconds[test]))
            by = self._tried(mutant, tests, seconds) if tests else NOWHERE
            killed.update([by] if by in self._items else [])
            self._tell([number, by])
        return True

    def _share(self) -> None:
        """Runs tests so that each thing is there that tests share for a session."""
        there: set[str] = set()
        for item in self._session.items:
            assert isinstance(item, pytest.Function)
            named = {name for name, each in item._fixtureinfo.name2fixturedefs.items() if each[-1].scope == "session"}
            if not named <= there:
                there |= named
                assert self._passes(item), item.nodeid

    def _baseline(self) -> bytes:
        recorder = coverage.Coverage(data_file=None, include=[self._file], config_file=False)
        seconds = {}
        recorder.start()
        self._enter(self._session.items[0])
        for test, item in self._items.items():
            recorder.switch_context(test)
            began = time.monotonic()
            if not self._passes(item):
                return b""
            seconds[test] = time.monotonic() - began
        recorder.stop()
        lines: dict[str, list[int]] = {test: [] for test in self._items}
        for line, tests in recorder.get_data().contexts_by_lineno(self._file).items():
            for test in filter(None, tests):
                lines[test].append(line)
        return json.dumps([seconds, lines]).encode()

    def _tried(self, mutant: Mutant, tests: Sequence[str], seconds: Mapping[str, float]) -> str | None:
        def work() -> bytes:
            function, code = _function(mutant), _code(mutant.code, mutant.function)
            assert function and code
            function.__code__ = code
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._enter(self._items[tests[0]])
            for test in tests:
                signal.setitimer(signal.ITIMER_REAL, limit[test])
                if not self._passes(self._items[test]):
                    return test.encode()
            return b"passed"

        limit = {test: max(LEAST_SECONDS, SLACK * seconds[test]) for test in tests}
        found = in_child(work, sum(limit.values()))
        if found is None:
            return TIME
        return None if found == b"passed" else found.decode() or DEATH

    def _enter(self, item: pytest.Item) -> None:
        self._session._setupstate.teardown_exact(item)

    def _passes(self, item: pytest.Item) -> bool:
        """Runs a test; what it shares with others for a session is left."""
        self._enter(item)
        others = (each for each in self._session.items if each is not item)
        beside = next((each for each in others if each.parent is item.parent), None)
        self._failed = False
        following = beside or next((each for each in self._session.items if each is not item), item)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        return not self._failed

    def _tell(self, found: object) -> None:
        os.write(self._out, json.dumps(found).encode() + b"\n")
