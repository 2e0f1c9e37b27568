"""Processes of the fast net: real programs in namespaces, kept running like units with ``Restart=always``."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab import netns

PR_SET_PDEATHSIG = 1
RESTART_SECONDS = 0.5
PRIORITY = -10
"""Ahead of the machine's other programs: rounds of fractions of a second are lost when others keep the processors.
Where the kernel groups processes by session, the group's priority is what counts.
"""


def _prepare(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(PRIORITY))


@dataclass
class Process:
    """A program that is wanted or not; ``tend`` starts it again when it ended. ``starts`` counts its runs.

    It dies with the thread that started it, so one thread starts all.
    """

    name: str
    namespace: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    wanted: bool = False
    starts: int = 0
    _running: subprocess.Popen[bytes] | None = None
    _not_before: float = 0.0

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status of its last run, if that has ended."""
        return self._running.poll() if self._running else None

    def start(self) -> None:
        """Starts it, unless it runs, and wants it from now on."""
        self.wanted = True
        if self.running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        base = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.log.parent), "LANG": "C.UTF-8"}
        with self.log.open("ab") as log:
            self._running = netns.start(
                self.namespace,
                self.command,
                output=log,
                environment={**base, **self.environment},
                prepare=partial(_prepare, os.getpid()),
            )
        self.starts += 1
        self._not_before = time.monotonic() + RESTART_SECONDS

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal; whether there was a process to get it."""
        if not self.running:
            return False
        assert self._running is not None
        self._running.send_signal(number)
        return True

    def kill(self) -> None:
        """SIGKILL, and gone when this returns. It is started again by ``tend`` if it is wanted."""
        if self.send(signal.SIGKILL):
            assert self._running is not None
            self._running.wait()
        self._not_before = time.monotonic() + RESTART_SECONDS

    def remove(self) -> None:
        """SIGKILL, and wanted no more."""
        self.wanted = False
        self.kill()

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def tend(self) -> bool:
        """Starts it again if it is wanted and ended a while ago; whether it did."""
        if not self.wanted or self.running or time.monotonic() < self._not_before:
            return False
        self.start()
        return True
