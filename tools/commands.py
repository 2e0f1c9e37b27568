"""Long build commands: output goes to a log, errors quote its last lines, and no child outlives a killed parent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from estate.errors import ExpectedError


class PartError(ExpectedError):
    """A part could not be provided. The text says which, why and what to do."""


def run(
    command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path, directory: Path | None = None
) -> None:
    """Run a build step, appending its output to `log`. Raises PartError with the last lines of the log if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"+ {' '.join(map(str, command))}\n".encode())
        output.flush()
        done = subprocess.run(
            _dies_with_parent(command),
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-20:])
        raise PartError(
            f"`{' '.join(map(str, command[:3]))} …` failed with exit code {done.returncode}:\n{tail}\n(log: {log})"
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
