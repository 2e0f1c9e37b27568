"""Running in a network namespace of the lab: sockets of this thread, or a child process."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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
    """The words before a command that run it in `namespace`.

    For a moment the process is still outside it: what is found by its namespace later must be started by `start`.
    """
    return ("ip", "netns", "exec", namespace)


def _enter(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"entering a network namespace: {os.strerror(number)}; it needs root")


@contextmanager
def _opened(namespace: str) -> Iterator[int]:
    try:
        descriptor = os.open(NAMED / namespace, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NamespaceMissing(namespace) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def entered(namespace: str | None) -> Iterator[None]:
    """Sockets that this thread opens within the context are in `namespace`; `None` changes nothing.

    Raises:
        NamespaceMissing: there is none of this name.
    """
    if namespace is None:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with _opened(namespace) as target:
        origin = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(libc, target)
            try:
                yield
            finally:
                _enter(libc, origin)
        finally:
            os.close(origin)


def start(
    namespace: str,
    words: Sequence[str],
    *,
    output: IO[bytes] | int | None = None,
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[], None] = lambda: None,
) -> subprocess.Popen[bytes]:
    """Starts a program in `namespace`, in a session of its own.

    When this returns, the process is in the namespace: the child enters it before it becomes the program. `prepare`
    runs in the child before that. `output` takes standard output and standard error.

    Raises:
        NamespaceMissing: there is none of this name.
        OSError: there is no such program.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with _opened(namespace) as target:

        def become() -> None:
            prepare()
            _enter(libc, target)

        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
            preexec_fn=become,
        )
