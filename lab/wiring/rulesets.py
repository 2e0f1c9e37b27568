"""A router's nftables ruleset: loaded whole or not at all, and compared with what the kernel really has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from lab.netns import NAMED
from lab.wiring import namespace


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def load(name: str, text: str, *, inherited: Sequence[int] = ()) -> None:
    """Loads a ruleset file in the namespace ``name``, in one transaction.

    Raises:
        namespace.CommandFailed: nft refused it; what was there stays.
    """
    namespace.run(["nsenter", f"--net={NAMED / name}", "nft", "-f", "-"], text, inherited=inherited)


def _nft(name: str, *arguments: str) -> str:
    command = ["nsenter", f"--net={NAMED / name}", "nft", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def listing(name: str, table: str = "") -> str:
    """The whole ruleset, or one table, as the kernel has it, without counters; empty if it is not there."""
    return _nft(name, "-s", "list", *(("table", *table.split()) if table else ("ruleset",)))


class Loaded:
    """What was loaded into each namespace, and how the kernel listed it right after; kept in ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.known: dict[str, list[str]] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self.known = {}

    def differs(self, name: str, wanted: str) -> bool:
        """Whether the kernel's rules differ from ``wanted``."""
        present = listing(name)
        if not wanted:
            return bool(present.strip())
        return self.known.get(name) != [_digest(wanted), _digest(present)]

    def replace(self, name: str, wanted: str, *, inherited: Sequence[int] = ()) -> None:
        """Puts ``wanted`` in place of whatever is there."""
        load(name, f"flush ruleset\n{wanted}", inherited=inherited)
        self.known[name] = [_digest(wanted), _digest(listing(name))]

    def save(self, names: set[str]) -> None:
        """Writes the records of ``names`` to disk and drops those of other namespaces."""
        self.known = {name: value for name, value in sorted(self.known.items()) if name in names}
        staged = self.path.with_suffix(".new")
        staged.write_text(json.dumps(self.known))
        staged.rename(self.path)
