"""Network namespaces of this machine: which there are, who lives in them, and commands on them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from estate.errors import ExpectedError
from lab.netns import NAMED

OWN = Path("/proc/self/ns/net")


class CommandFailed(ExpectedError, RuntimeError):
    """A command of the system refused what the wiring asked of it."""


_lent: list[int] = []


@contextmanager
def lending(descriptor: int) -> Iterator[None]:
    """Commands that run meanwhile inherit ``descriptor``.

    So a lock on it is held until the last of them ended, whoever was killed.
    """
    _lent.append(descriptor)
    try:
        yield
    finally:
        _lent.remove(descriptor)


def lent() -> tuple[int, ...]:
    return tuple(_lent)


def run(command: Sequence[str], text: str = "") -> str:
    """The output of ``command`` with ``text`` as input.

    Raises:
        CommandFailed: with the command and what it said.
    """
    done = subprocess.run(command, input=text, capture_output=True, text=True, pass_fds=lent())
    if done.returncode != 0:
        raise CommandFailed(
            f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def delete_links(name: str, links: Iterable[str]) -> None:
    """Deletes links of the namespace ``name``; one that went with its other end is no error."""
    text = "".join(f"link del dev {link}\n" for link in dict.fromkeys(links))
    if text:
        command = ["ip", "-n", name, "-force", "-batch", "-"]
        subprocess.run(command, input=text, capture_output=True, text=True, pass_fds=lent())


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
    """The processes of each of these namespaces, in one look at all processes."""
    by_inode = {}
    own = OWN.stat().st_ino
    for name in names:
        if exists(name) and (NAMED / name).stat().st_ino != own:
            by_inode[(NAMED / name).stat().st_ino] = name
    found: dict[str, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                name = by_inode.get(Path(f"/proc/{entry.name}/ns/net").stat().st_ino)
            except OSError:
                continue
            if name:
                found.setdefault(name, []).append(int(entry.name))
    return {name: tuple(sorted(pids)) for name, pids in found.items()}
