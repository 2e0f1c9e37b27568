"""Long build commands: output goes to a log, errors quote its last lines, and no child outlives a killed parent."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from estate.errors import ExpectedError


class PartError(ExpectedError):
    """A part could not be provided. The text says which, why and what to do."""


TOLD_EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Compiled:
    """How far a compiler is, told every `TOLD_EVERY_SECONDS`: its log has one ``line`` (a pattern) for each package.

    ``total``: packages of the whole build; fewer are compiled if an earlier build left some in the compiler's cache.
    """

    line: str
    total: int
    tell: Callable[[str], None]

    def look(self, said: str) -> None:
        self.tell(f"{len(re.findall(self.line, said, re.MULTILINE))} of about {self.total} packages compiled")


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: Path,
    directory: Path | None = None,
    compiled: Compiled | None = None,
) -> None:
    """Run a build step, appending its output to `log`. Raises PartError with the last lines of the log if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"+ {' '.join(map(str, command))}\n".encode())
        output.flush()
        begins = output.tell()
        with subprocess.Popen(
            _dies_with_parent(command),
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as running:
            while running.returncode is None:
                with suppress(subprocess.TimeoutExpired):
                    running.wait(TOLD_EVERY_SECONDS)
                if compiled and running.returncode is None:
                    compiled.look(log.read_bytes()[begins:].decode(errors="replace"))
    if running.returncode != 0:
        tail = "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-20:])
        raise PartError(
            f"`{' '.join(map(str, command[:3]))} …` failed with exit code {running.returncode}:\n{tail}\n(log: {log})"
        )


def output(command: Sequence[str | Path], *, environment: Mapping[str, str], directory: Path | None = None) -> str:
    """What a command prints on stdout. Raises PartError with its stderr if it fails."""
    done = subprocess.run(
        _dies_with_parent(command),
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise PartError(f"`{' '.join(map(str, command))}` failed with exit code {done.returncode}: {said}")
    return done.stdout


def _dies_with_parent(command: Sequence[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *words] if setpriv else words
