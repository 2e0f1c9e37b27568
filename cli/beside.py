"""A command that runs beside others, on the processor time that they leave."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.processes import end_session

IDLE = """
{ echo 19 > /proc/self/autogroup; } 2> /dev/null || true
exec chrt --idle 0 setpriv --pdeathsig KILL "$@"
"""
"""Linux weighs sessions first (sched(7), the autogroup feature), and processes of one session after that. The command
ends with the process that started it.
"""


class Beside:
    """Starts ``command`` in ``directory`` with the lowest priority; its output goes to ``log``. Needs Linux.

    As a context manager it leaves no process behind.
    """

    def __init__(self, command: Sequence[str], directory: Path, log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", IDLE, "sh", *command],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of its session and process group too."""
        return self._process.pid

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It is stopped within the context, and goes on after it."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def wait(self) -> int:
        """Returns its exit status."""
        return self._process.wait()

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *raised: object) -> None:
        end_session(self.pid)
        self._process.wait()
