"""BIRD and haproxy in the lab's routers, known by their configuration's file name, which holds its content's hash."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from lab.netns import NAMED
from lab.wiring import namespace
from lab.wiring.model import Process

SECONDS_TO_START = 10
SECONDS_TO_STOP = 3


def _command(process: Process, configuration: Path, control: Path) -> list[str]:
    if process.program == "bird":
        return ["bird", "-f", "-c", str(configuration), "-s", str(control)]
    return ["haproxy", "-db", "-f", str(configuration)]


def arguments(pid: int) -> list[str]:
    """A process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def stop(pids: Iterable[int], still: Callable[[], Iterable[int]]) -> None:
    """Ends processes, with SIGKILL what does not end by itself. ``still`` returns those that still run."""
    for kind, seconds in ((signal.SIGTERM, SECONDS_TO_STOP), (signal.SIGKILL, SECONDS_TO_STOP)):
        for pid in pids:
            try:
                os.kill(pid, kind)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + seconds
        while pids := tuple(still()):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if not pids:
            return


class Programs:
    """The programs that the wiring runs. ``directory`` holds their configurations and logs.

    What starts a program inherits the descriptors ``inherited``; the program itself does not keep them.
    """

    def __init__(self, prefix: str, directory: Path, inherited: Sequence[int] = ()) -> None:
        self.prefix, self.directory, self.inherited = prefix, directory, inherited

    def control(self, router: str) -> Path:
        """The control socket of the BIRD in ``router``; short, because a socket's path may have 107 characters."""
        return Path(f"/run/{self.prefix}bird-{router}.ctl")

    def running(self, names: Sequence[str]) -> dict[str, dict[int, str]]:
        """By namespace, the wiring's programs in it: process id and the path of its configuration."""
        found: dict[str, dict[int, str]] = {}
        for name, pids in namespace.occupants(names).items():
            for pid in pids:
                path = next((each for each in arguments(pid) if each.startswith(f"{self.directory}/")), None)
                if path:
                    found.setdefault(name, {})[pid] = path
        return found

    def ensure(self, processes: Sequence[Process], names: Sequence[str]) -> list[str]:
        """Starts what is missing and stops what is not wanted; returns descriptions of what was done.

        Raises:
            namespace.CommandFailed: a program did not start; with the end of its log.
        """
        wanted = {self.prefix + each.namespace: each for each in processes}
        present = self.running(names)
        done = []
        for name, pids in present.items():
            path = str(self._configuration(wanted[name])) if name in wanted else ""
            surplus = [pid for pid, configuration in pids.items() if configuration != path]
            keep = [pid for pid, configuration in pids.items() if configuration == path]
            if wanted.get(name) and wanted[name].program == "bird":
                surplus += keep[1:]
            if surplus:
                stop(surplus, partial(self._still, name, surplus))
                done.append(f"{name}: {len(surplus)} program{'s' if len(surplus) > 1 else ''} stopped")
        present = self.running(names)
        started = []
        for name, process in wanted.items():
            if not present.get(name):
                self._start(name, process)
                started.append(name)
                done.append(f"{name}: {process.program} started")
        self._wait(started, wanted)
        self._tidy(processes)
        return done

    def _still(self, name: str, pids: Sequence[int]) -> list[int]:
        """Those of ``pids`` that are running in the namespace ``name``."""
        present = self.running([name]).get(name, {})
        return [pid for pid in pids if pid in present]

    def _configuration(self, process: Process) -> Path:
        digest = sha256(process.configuration.encode()).hexdigest()[:10]
        return self.directory / f"{process.namespace}-{process.program}-{digest}.conf"

    def _log(self, process: Process) -> Path:
        return self.directory / f"{process.namespace}-{process.program}.log"

    def _start(self, name: str, process: Process) -> None:
        configuration = self._configuration(process)
        configuration.write_text(process.configuration)
        command = _command(process, configuration, self.control(process.namespace))
        let_go = "; ".join(f"exec {descriptor}>&-" for descriptor in self.inherited) or ":"
        entered = ["nsenter", f"--net={NAMED / name}", "setsid", "--fork"]
        with self._log(process).open("w") as log:
            subprocess.run(
                [*entered, "bash", "-c", f'{let_go}; exec "$@"', "bash", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
                cwd="/",
                pass_fds=self.inherited,
            )

    def _wait(self, started: Sequence[str], wanted: dict[str, Process]) -> None:
        """Waits until the started programs run; one that ends at once has refused its configuration."""
        waiting = list(started)
        deadline = time.monotonic() + SECONDS_TO_START
        while waiting and time.monotonic() < deadline:
            time.sleep(0.1)
            present = self.running(waiting)
            waiting = [
                name for name in waiting if not any(_is_program(pid, wanted[name]) for pid in present.get(name, ()))
            ]
            gone = [name for name in waiting if not present.get(name)]
            if gone:
                time.sleep(0.2)
                present = self.running(gone)
                gone = [name for name in gone if not present.get(name)]
            for name in gone:
                text = self._log(wanted[name]).read_text()[-2000:]
                raise namespace.CommandFailed(f"{name}: {wanted[name].program} ended at once: {text}")

    def _tidy(self, processes: Sequence[Process]) -> None:
        current = {self._configuration(process) for process in processes}
        for path in self.directory.glob("*.conf"):
            if path not in current:
                path.unlink(missing_ok=True)


def _is_program(pid: int, process: Process) -> bool:
    return Path(arguments(pid)[0] if arguments(pid) else "").name == process.program
