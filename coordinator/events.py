"""Events as one JSON object per line, for the systemd journal."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

MOST_WAITING = 10_000
"""Events that wait for a reader of the stream; a few megabytes. Later ones are dropped and counted."""

DRAIN_WITHIN_SECONDS = 2.0


class Events:
    """Writes events, on a thread of its own: nobody who tells an event waits for whoever reads the stream. If the
    stream cannot be written to, or is not read, events are lost; signing goes on.

    An event never contains a key, a credential or the bytes of a message.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        dropped: Callable[[str], None] = lambda chain: None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """``dropped`` is called for each event that is dropped, with its chain (empty if it is of none)."""
        self._stream, self._dropped, self._most_waiting = stream, dropped, most_waiting
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self._thread: threading.Thread | None = None

    def __call__(self, event: str, **fields: object) -> None:
        moment = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": moment, "event": event, **fields}, ensure_ascii=True, default=str) + "\n"
        with self._changed:
            fits = len(self._waiting) < self._most_waiting
            if fits:
                self._waiting.append(line)
                self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
        if not fits:
            self._dropped(str(fields.get("chain", "")))

    def drain(self, seconds: float = DRAIN_WITHIN_SECONDS) -> None:
        """Returns once all events are written, or after ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                line, self._writing = self._waiting.popleft(), True
            try:
                self._write(line)
            except (OSError, ValueError):
                pass
            finally:
                with self._changed:
                    self._writing = False
                    self._changed.notify_all()

    def _write(self, line: str) -> None:
        """Not through ``sys.stdout``: its lock would be held here when the interpreter ends and flushes it."""
        if self._stream is not None:
            self._stream.write(line)
            self._stream.flush()
            return
        left = line.encode()
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
