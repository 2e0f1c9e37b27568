"""Child processes that do not outlive their command: the next command ends those that a ``kill -9`` left.

Each child leads its own session and is recorded by process id and start time before it continues. ``end_leftovers``
ends the remaining processes of recorded sessions, and no others.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from estate.errors import ExpectedError

PR_SET_PDEATHSIG = 1
PATIENCE_SECONDS = 10.0
_libc = ctypes.CDLL(None, use_errno=True)


class CommandFailed(ExpectedError):
    """A child ended with a non-zero status: what was run, and the last lines that it printed."""

    def __init__(self, command: Sequence[str], status: int, tail: Sequence[str]) -> None:
        self.command, self.status, self.tail = tuple(command), status, tuple(tail)
        super().__init__(
            "\n".join(
                [
                    f"`{' '.join(command)}` ended with status {status}; its last lines:",
                    *(f"    {line}" for line in tail),
                ]
            )
        )


def start_time(pid: int) -> int | None:
    """The start of process ``pid`` in clock ticks since boot; None where there is no such process or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _record(directory: Path, pid: int) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{pid}.pid"
    path.write_text(f"{pid} {start_time(pid) or 0}\n")
    return path


def members(session: int) -> list[int]:
    """The running processes of a session, without zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z" and int(fields[3]) == session:
                found.append(int(entry.name))
    return found


def end_session(session: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Ends every process of the session, by SIGTERM and then SIGKILL.

    The engine's plugins are process groups of their own in its session.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + patience_seconds
        for pid in members(session):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while time.monotonic() < deadline:
            running = members(session)
            if not running:
                return
            _wait_for_any(running, deadline - time.monotonic())


def _wait_for_any(pids: Sequence[int], seconds: float) -> None:
    """Waits until one of ``pids`` has ended, and at most ``seconds``; looking at all processes takes longer."""
    with ExitStack() as opened:
        ends = select.poll()
        for pid in pids:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                return
            opened.callback(os.close, handle)
            ends.register(handle, select.POLLIN)
        ends.poll(max(seconds, 0) * 1000)


def end_leftovers(directory: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Ends the sessions recorded in ``directory`` that still have processes; returns how many there were.

    What does not end within ``patience_seconds`` is killed.

    The kernel does not reuse a session's id while one of its members runs, so processes with that id belong to the
    recorded session even if its leader is gone. If a process with that id began at another time, the recorded session
    ended before.
    """
    ended = 0
    for path in sorted(directory.glob("*.pid")):
        pid, _, begun = path.read_text().partition(" ")
        if pid.isdigit() and begun.strip().isdigit():
            leader = start_time(int(pid))
            if leader in (None, int(begun)) and members(int(pid)):
                end_session(int(pid), patience_seconds)
                ended += 1
        path.unlink(missing_ok=True)
    return ended


def _die_with_parent() -> None:
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(
    command: Sequence[str],
    *,
    records: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    log: Path | None = None,
) -> None:
    """Runs ``command`` to its end, handing each line that it prints to ``on_line`` and keeping all of them in ``log``.

    Raises:
        CommandFailed: with its last 40 lines.
    """
    tail: list[str] = []
    with subprocess.Popen(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=_die_with_parent,
    ) as child:
        record = _record(records, child.pid)
        sink = log.open("w") if log else None
        try:
            assert child.stdout is not None
            for line in child.stdout:
                line = line.rstrip("\n")
                tail = [*tail[-39:], line]
                if sink:
                    sink.write(line + "\n")
                if on_line:
                    on_line(line)
            status = child.wait()
        except BaseException:
            end_session(child.pid)
            raise
        finally:
            if sink:
                sink.close()
            record.unlink(missing_ok=True)
    if status:
        raise CommandFailed(command, status, tail)


def start(
    command: Sequence[str],
    *,
    records: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a companion process that ends with this command; ``stop`` ends it earlier."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        child = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            preexec_fn=_die_with_parent,
        )
    _record(records, child.pid)
    return child


def stop(child: subprocess.Popen[bytes], *, records: Path) -> None:
    end_session(child.pid)
    child.wait()
    (records / f"{child.pid}.pid").unlink(missing_ok=True)
