"""Being in another network namespace ends where it is said to end."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import netns

pytestmark = pytest.mark.lab


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"evnt{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def test_sockets_made_within_stay_there(namespace: str) -> None:
    outside = here()
    with netns.entered(namespace):
        assert here() != outside
        with socket.socket() as probe, pytest.raises(OSError, match="unreachable"):
            probe.connect(("198.51.100.1", 9))
    assert here() == outside


def test_an_error_within_does_not_keep_one_there(namespace: str) -> None:
    outside = here()
    with pytest.raises(RuntimeError), netns.entered(namespace):
        raise RuntimeError
    assert here() == outside


def test_a_namespace_that_is_not_there_is_named() -> None:
    with pytest.raises(netns.NamespaceMissing, match="'no-such'.*bin/estate up"), netns.entered("no-such"):
        pass


def test_no_namespace_means_where_one_is() -> None:
    outside = here()
    with netns.entered(None):
        assert here() == outside
