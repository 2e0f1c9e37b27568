"""Being in a network namespace of the lab, for a while or for a command."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from estate.errors import ExpectedError

CLONE_NEWNET = 0x40000000
NAMED = Path("/run/netns")


class NamespaceMissing(ExpectedError):
    """There is no namespace of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"network namespace {name!r} does not exist: the lab that it belongs to is not up; bring it up with "
            "bin/estate up"
        )


def command(namespace: str) -> tuple[str, ...]:
    """What to put before a command, to run it in `namespace`."""
    return ("ip", "netns", "exec", namespace)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"entering a network namespace: {os.strerror(number)}; it needs root")


@contextmanager
def entered(namespace: str | None) -> Iterator[None]:
    """Sockets that this thread opens within are in `namespace`; `None`: where the thread is anyway.

    Raises:
        NamespaceMissing: there is none of this name.
    """
    if namespace is None:
        yield
        return
    try:
        target = os.open(NAMED / namespace, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NamespaceMissing(namespace) from None
    try:
        origin = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(target)
            try:
                yield
            finally:
                _enter(origin)
        finally:
            os.close(origin)
    finally:
        os.close(target)
