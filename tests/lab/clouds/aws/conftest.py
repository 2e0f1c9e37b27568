"""The lab's AWS in a temporary file: empty, or with a small estate in it."""

import copy
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab.clouds.aws.provider import Aws
from lab.clouds.store import Store
from tests.lab.clouds.aws.landscape import WORLD, Landscape, settle


@pytest.fixture
def land(tmp_path: Path) -> Iterator[Landscape]:
    """An empty AWS."""
    with Store(tmp_path / "cloud.sqlite", create=True) as store:
        yield Landscape(Aws(store, lab_id="test"))


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landscape]:
    """A small estate that no test may change: refused calls leave it as it is, accepted ones are not made here."""
    directory = tmp_path_factory.mktemp("cloud")
    with Store(directory / "cloud.sqlite", create=True) as store:
        land = Landscape(Aws(store, lab_id="test", world_file=_world(directory)))
        settle(land)
        yield land


@pytest.fixture
def estate(settled: Landscape, tmp_path: Path) -> Iterator[Landscape]:
    """A small estate of the test's own."""
    state = tmp_path / "cloud.sqlite"
    with closing(sqlite3.connect(settled.aws.store.path)) as source, closing(sqlite3.connect(state)) as copied:
        source.backup(copied)
    with Store(state) as store:
        aws = Aws(store, lab_id="test", world_file=_world(tmp_path))
        yield Landscape(aws, made=copy.deepcopy(settled.made))


def _world(directory: Path) -> Path:
    path = directory / "world.json"
    path.write_text(WORLD)
    return path
