"""One estate a session: recording takes a second, and every change of it is another estate."""

from __future__ import annotations

import asyncio

import pytest

from tests.reachability.claims.estates import Built, deployed, example


def _recorded(name: str, slot: int) -> Built:
    asyncio.set_event_loop(asyncio.new_event_loop())
    return deployed(example(name, slot))


@pytest.fixture(scope="session")
def sound() -> Built:
    """What ``bin/estate new`` writes, as it would be deployed."""
    return _recorded("osmosis", 77)


@pytest.fixture(scope="session")
def other() -> Built:
    """Another network of the same company."""
    return _recorded("juno", 78)
