"""The cache of downloads and builds, outside the tree, and the locks by which several builders share it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Progress = Callable[[str], None]


def root() -> Path:
    """The cache directory: `$ESTATE_CACHE`, else `$XDG_CACHE_HOME/estate`, else `~/.cache/estate`; made if absent."""
    if chosen := os.environ.get("ESTATE_CACHE"):
        path = Path(chosen)
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "estate"
    path = path.expanduser().absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def shared(name: str) -> Iterator[None]:
    """Hold the cache's lock of this name in shared mode; meanwhile no process can be `alone` with it."""
    with _lock_file(name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether no other process holds the lock of this name; if so, it is held exclusively while the block runs."""
    with _lock_file(name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _lock_file(name: str) -> Path:
    directory = root() / "locks"
    directory.mkdir(exist_ok=True)
    return directory / f"{name}.lock"


@contextlib.contextmanager
def locked(name: str, progress: Progress) -> Iterator[None]:
    """Hold the cache's lock of this name, waiting for its holder. The kernel frees it when that process ends."""
    with _lock_file(name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{name}: another process is working on it; waiting")
            started = time.monotonic()
            fcntl.flock(lock, fcntl.LOCK_EX)
            progress(f"{name}: waited {time.monotonic() - started:.0f} s")
        yield
