"""The decision and what judges it, loaded from changed sources into modules of their own, beside the real ones.

A change is a piece of source text that must occur once, and its replacement. The loaded modules are not left in
``sys.modules``: the process continues with the real modules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[2]

DECISION = (
    "coordinator.decision.position",
    "coordinator.decision.records",
    "coordinator.decision.effects",
    "coordinator.decision.handle",
)
UNITS = tuple(f"tests.coordinator.decision.test_{name}" for name in ("records", "start", "handle", "edges", "position"))
CRASHES = "tests.verification.coordinator.test_crashes"
SIMULATION = "verification.coordinator.simulation"
INTERLEAVE = "verification.coordinator.interleave"
WORLD = "verification.coordinator.world"
JUDGES = (
    "coordinator.audit",
    WORLD,
    SIMULATION,
    "verification.coordinator.interleavings",
    INTERLEAVE,
    "verification.coordinator.crashes",
    CRASHES,
)

settings.register_profile(
    "variants",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    phases=(Phase.explicit, Phase.generate),
)


class Change(NamedTuple):
    """``old``, which occurs once in the source of ``module`` (a full name, or the last part of it), becomes ``new``."""

    module: str
    old: str
    new: str


class Failure(NamedTuple):
    """The first test that failed: its name with its case, the number of cases that passed before, and the reason."""

    test: str
    passed: int
    why: str


def source(name: str) -> str:
    """The text of a module of this project."""
    return _path(name).read_text()


def load(
    *changes: Change, compiled: Mapping[str, CodeType] | None = None, names: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Loads the decision, what judges it and its unit tests (or of these only ``names``), with ``changes`` made.

    ``compiled``: for some modules the code to be taken in place of the source.

    Raises:
        ValueError: a change does not apply.
    """
    names = names or (*DECISION, *JUDGES, *UNITS)
    codes = {name: _compiled(name) for name in names}
    texts: dict[str, str] = {}
    for module, old, new in changes:
        (name,) = [each for each in names if each == module or each.endswith(f".{module}")]
        text = texts.get(name) or source(name)
        if text.count(old) != 1:
            raise ValueError(f"{text.count(old)} times in {name}: {old!r}")
        texts[name] = text.replace(old, new)
    codes |= {name: compile(text, str(_path(name)), "exec") for name, text in texts.items()}
    codes |= compiled or {}

    parents = {name: import_module(name.rpartition(".")[0]) for name in names}
    before = {name: (sys.modules.get(name), getattr(parents[name], _last(name), None)) for name in names}
    default = settings.default
    settings.load_profile("variants")
    loaded: dict[str, Any] = {}
    try:
        for name, code in codes.items():
            module = ModuleType(name)
            module.__file__ = str(_path(name))
            sys.modules[name] = loaded[name] = module
            setattr(parents[name], _last(name), module)
            exec(code, module.__dict__)
    finally:
        settings.register_profile("before", default)
        settings.load_profile("before")
        for name, (module, attribute) in before.items():
            _put_back(sys.modules.__setitem__, sys.modules.pop, name, module)
            _put_back(
                lambda key, value, name=name: setattr(parents[name], key, value),
                lambda key, _, name=name: delattr(parents[name], key),
                _last(name),
                attribute,
            )
    return loaded


def first_failure(module: ModuleType) -> Failure | None:
    """Runs the test functions of a loaded module, each with all its parameters, until one fails.

    Only what these modules use is known: ``parametrize``, and no fixture.
    """
    passed = 0
    for name, function in list(vars(module).items()):
        if not name.startswith("test_"):
            continue
        for case in cases(function):
            try:
                function(**case)
            except (Exception, pytest.fail.Exception) as error:
                return Failure(
                    f"{name}{list(case.values()) or ''}"[:200], passed, f"{type(error).__name__}: {error}"[:200]
                )
            passed += 1
    return None


def cases(function: Any) -> Iterator[dict[str, Any]]:
    """The arguments of each call that pytest would make."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        yield {}
        return
    (mark,) = marks
    names, values = mark.args
    names = [each.strip() for each in names.split(",")] if isinstance(names, str) else list(names)
    for value in values:
        if isinstance(value, type(pytest.param())):
            value = value.values
        elif len(names) == 1:
            value = (value,)
        yield dict(zip(names, value, strict=True))


def _path(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def _last(name: str) -> str:
    return name.rpartition(".")[2]


@cache
def _compiled(name: str) -> CodeType:
    return compile(source(name), str(_path(name)), "exec")


def _put_back(put: Any, remove: Any, name: str, value: Any) -> None:
    if value is None:
        remove(name, None)
    else:
        put(name, value)
