"""pyinfra over a network's hosts: the same command as by hand, with its counts of changed operations."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from engine import processes
from engine.workspace import Workspace

GRAND_TOTAL = re.compile(r"Grand total\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)")


@dataclass(frozen=True)
class Counts:
    """Operations on hosts: how many changed something, failed, or found nothing to change."""

    changed: int
    failed: int
    unchanged: int


def counts(line: str) -> Counts | None:
    """The counts in the closing line of a run's result table (hosts, success, error, no change).

    None for any other line.
    """
    found = GRAND_TOTAL.search(line)
    if not found:
        return None
    _, changed, failed, unchanged = (0 if word == "-" else int(word) for word in found.groups())
    return Counts(changed=changed, failed=failed, unchanged=unchanged)


def deploy(
    checkout: Path,
    workspace: Workspace,
    *,
    environment: dict[str, str],
    inside: tuple[str, ...] = (),
    limit: str | None = None,
) -> Counts:
    """Configures the hosts; ``inside`` is put before the command, ``limit`` is pyinfra's own.

    Raises:
        CommandFailed: a host could not be reached, or an operation failed on one.
    """
    found: list[Counts] = []

    def read(line: str) -> None:
        if closing := counts(line):
            found.append(closing)

    pyinfra = Path(sys.executable).with_name("pyinfra")
    words = [
        *inside,
        str(pyinfra),
        "-y",
        "hosts/inventory.py",
        "hosts/deploy.py",
        *(["--limit", limit] if limit else []),
    ]
    processes.run(
        words,
        records=workspace.records,
        environment={**os.environ, **environment},
        cwd=checkout,
        on_line=read,
        log=workspace.logs / "pyinfra.log",
    )
    return found[-1] if found else Counts(changed=0, failed=0, unchanged=0)
