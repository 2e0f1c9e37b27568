"""Network namespaces of this machine: which there are, who lives in them, and what the system's commands say of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence

from lab.netns import NAMED


class CommandFailed(RuntimeError):
    """A command of the system refused what the wiring asked of it."""


def run(command: Sequence[str], text: str = "") -> str:
    """The output of ``command`` with ``text`` as input.

    Raises:
        CommandFailed: with the command and what it said.
    """
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandFailed(
            f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def delete_links(name: str, links: Iterable[str]) -> None:
    """Deletes links of the namespace ``name``; one that went with its other end is no error."""
    text = "".join(f"link del dev {link}\n" for link in dict.fromkeys(links))
    if text:
        subprocess.run(["ip", "-n", name, "-force", "-batch", "-"], input=text, capture_output=True, text=True)


def exists(name: str) -> bool:
    """Whether ``name`` is a network namespace, and not the empty file that a killed ``ip netns add`` leaves."""
    try:
        return os.stat(NAMED / name).st_dev == os.stat("/proc/self/ns/net").st_dev
    except FileNotFoundError:
        return False


def named(prefix: str) -> tuple[str, ...]:
    """The names under ``/run/netns`` that begin with ``prefix``, real namespaces or what is left of them."""
    return tuple(sorted(each.name for each in NAMED.glob(f"{prefix}*"))) if NAMED.is_dir() else ()


def occupants(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The processes of each of these namespaces, in one look at all processes."""
    by_inode = {}
    own = os.stat("/proc/self/ns/net").st_ino
    for name in names:
        if exists(name) and os.stat(NAMED / name).st_ino != own:
            by_inode[os.stat(NAMED / name).st_ino] = name
    found: dict[str, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                name = by_inode.get(os.stat(f"/proc/{entry.name}/ns/net").st_ino)
            except OSError:
                continue
            if name:
                found.setdefault(name, []).append(int(entry.name))
    return {name: tuple(sorted(pids)) for name, pids in found.items()}
