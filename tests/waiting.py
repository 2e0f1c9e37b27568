"""Tests that wait: they give a process, a connection or a thread a time to answer, and so need a processor.

The others only compute. They may run beside anything, and without a processor for minutes.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WAITING = (
    "ceremonies",
    "cli/test_arguments.py",
    "cli/test_completion.py",
    "cli/test_key.py",
    "cli/test_key_take_over.py",
    "cli/test_testing.py",
    "cli/test_up.py",
    "cli/test_version.py",
    "coordinator/gate",
    "coordinator/privval",
    "coordinator/secret_connection",
    "coordinator/table",
    "coordinator/test_events.py",
    "coordinator/test_lease.py",
    "coordinator/test_node.py",
    "coordinator/test_signer.py",
    "engine",
    "hosts/test_turns.py",
    "lab/clouds",
    "lab/drills",
    "lab/table",
    "packages",
    "tools",
    "verification/coordinator/test_mutation_outside.py",
    "verification/life/test_replay.py",
)
"""Directories and files of tests that wait."""


def waits(path: Path) -> bool:
    """``path``: of a test, relative to the directory of all tests."""
    return not {str(path), *map(str, path.parents)}.isdisjoint(WAITING)


class Computing:
    """A plugin: what gives something a time to answer fails the test, in its fixtures too."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "sleep", _refuse("time.sleep"))
            patch.setattr(socket.socket, "bind", _refuse("a listening socket"))
            patch.setattr(socket.socket, "connect", _refuse("a connection"))
            for name in ("wait", "communicate"):
                patch.setattr(subprocess.Popen, name, _without_limit(getattr(subprocess.Popen, name)))
            return (yield)


def _refuse(what: str) -> Any:
    def refused(*_: object, **__: object) -> None:
        pytest.fail(f"this test waits ({what}), but is not in the table of tests/waiting.py: add its file there")

    return refused


def _without_limit(method: Any) -> Any:
    def called(process: Any, *words: Any, timeout: float | None = None) -> Any:
        if timeout is not None:
            _refuse("a process with a time limit")()
        return method(process, *words)

    return called
