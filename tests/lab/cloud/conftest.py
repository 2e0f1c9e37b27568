"""The lab's AWS in a temporary file: empty, or with a small estate in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cloud.provider import Aws
from lab.cloud.store import Store
from tests.lab.cloud.landscape import WORLD, Landscape, settle


@pytest.fixture
def land(tmp_path: Path) -> Iterator[Landscape]:
    """An empty AWS."""
    yield from _land(tmp_path, world=False)


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landscape]:
    """A small estate that no test may change: refused calls leave it as it is, accepted ones are not made here."""
    for land in _land(tmp_path_factory.mktemp("cloud"), world=True):
        settle(land)
        yield land


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Landscape]:
    """A small estate of the test's own."""
    for land in _land(tmp_path, world=True):
        settle(land)
        yield land


def _land(directory: Path, *, world: bool) -> Iterator[Landscape]:
    world_file = directory / "world.json"
    world_file.write_text(WORLD)
    with Store(directory / "cloud.sqlite", create=True) as store:
        yield Landscape(Aws(store, lab_id="test", world_file=world_file if world else None))
