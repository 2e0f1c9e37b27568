"""Network namespaces of this machine: their names, their processes, and commands on them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from estate.errors import ExpectedError
from lab.netns import NAMED

OWN = Path("/proc/self/ns/net")


class CommandFailed(ExpectedError, RuntimeError):
    """A command of the system refused what the wiring asked of it."""


def run(command: Sequence[str], text: str = "", *, inherited: Sequence[int] = ()) -> str:
    """The output of ``command`` with ``text`` as input.

    The command inherits the descriptors ``inherited``: a lock on one of them is held until the command has ended, even
    if this process is killed first.

    Raises:
        CommandFailed: with the command and its error output.
    """
    done = subprocess.run(command, input=text, capture_output=True, text=True, pass_fds=inherited)
    if done.returncode != 0:
        raise CommandFailed(
            f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def delete_links(name: str, links: Iterable[str], *, inherited: Sequence[int] = ()) -> None:
    """Deletes links of the namespace ``name``; a link that was deleted with its other end is not an error."""
    text = "".join(f"link del dev {link}\n" for link in dict.fromkeys(links))
    if text:
        command = ["ip", "-n", name, "-force", "-batch", "-"]
        subprocess.run(command, input=text, capture_output=True, text=True, pass_fds=inherited)


def exists(name: str) -> bool:
    """Whether ``name`` is a network namespace, and not the empty file that a killed ``ip netns add`` leaves."""
    try:
        return (NAMED / name).stat().st_dev == OWN.stat().st_dev
    except FileNotFoundError:
        return False


def named(prefix: str) -> tuple[str, ...]:
    """The names under ``/run/netns`` that begin with ``prefix``, real namespaces or what is left of them."""
    return tuple(sorted(each.name for each in NAMED.glob(f"{prefix}*"))) if NAMED.is_dir() else ()


def occupants(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The processes of each of these namespaces, from one pass over all processes."""
    by_inode: dict[int, str] = {}
    own = OWN.stat().st_ino
    for name in names:
        if exists(name) and (NAMED / name).stat().st_ino != own:
            by_inode[(NAMED / name).stat().st_ino] = name
    found: dict[str, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                inode = Path(f"/proc/{entry.name}/ns/net").stat().st_ino
            except OSError:
                continue
            if inode in by_inode:
                found.setdefault(by_inode[inode], []).append(int(entry.name))
    return {name: tuple(sorted(pids)) for name, pids in found.items()}
