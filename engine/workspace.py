"""The directory of records and logs of the commands that change one network, and their lock."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import processes
from estate.errors import CheckFailed


@dataclass(frozen=True)
class Workspace:
    """``root`` is the network's own directory, created on first use."""

    root: Path
    network: str

    @property
    def records(self) -> Path:
        """The directory in which the children of running commands are recorded."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One command at a time may change this network. Ends what a killed command left running first.

        Raises:
            CheckFailed: another command is changing it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CheckFailed(
                    f"another command is changing {self.network}; wait for it to end, then run this again"
                ) from None
            processes.end_leftovers(self.records)
            yield
