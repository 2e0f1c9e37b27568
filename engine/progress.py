"""Progress of a long command: stages with their times, on standard error if standard output is JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from estate.printable import printable


class Progress:
    """Stages of one command. Each prints its name, then its outcome and its duration."""

    def __init__(self, *, json_output: bool = False) -> None:
        self.console = Console(stderr=json_output, highlight=False, soft_wrap=True)
        self.timings: dict[str, float] = {}
        self._outcome = ""

    def say(self, text: str) -> None:
        self.console.print(f"    {printable(text)}", style="dim", markup=False)

    def outcome(self, text: str) -> None:
        """Set the outcome of the running stage, for its closing line."""
        self._outcome = text

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        self._outcome = ""
        shown = escape(printable(name))
        self.console.print(f"[bold]{shown}[/] …")
        begun = time.monotonic()
        try:
            yield self
        except BaseException:
            self.console.print(f"  [red]✗[/] {shown} ({time.monotonic() - begun:.1f} s)")
            raise
        seconds = time.monotonic() - begun
        self.timings[name] = self.timings.get(name, 0.0) + seconds
        self.console.print(f"  [green]✓[/] {escape(printable(self._outcome)) or shown} ({seconds:.1f} s)")

    def save(self, path: Path) -> None:
        """Seconds per stage as JSON, for ``bench/`` to read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: round(seconds, 2) for name, seconds in self.timings.items()}, indent=2))
