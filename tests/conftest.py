"""What every test gets: an event loop of its own, no cloud credential, and a home with nothing in it."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import os
import pickle
import runpy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import yaml
from hypothesis import settings

from estate.declaration import load
from estate.model import Network
from tests.waiting import Computing, waits

if TYPE_CHECKING:
    from components.recording import Recorded

settings.register_profile("estate", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=5)
settings.load_profile("estate")

gc.set_threshold(200_000, 50, 1000)
"""A process holds whole recorded estates for all its tests; the default would walk them again and again."""

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "__main__.py"
FOREIGN_PREFIXES = ("AWS_", "GOOGLE_", "CLOUDSDK_", "PULUMI_", "VAULT_")


def stack_files() -> list[Path]:
    """Every declared network."""
    return sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))


def free_of_foreign_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what the person who runs the tests has set for clouds and engines."""
    return {name: value for name, value in environment.items() if not name.startswith(FOREIGN_PREFIXES)}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the sizes of a night, where a test has two")
    parser.addoption(
        "--only", choices=("waiting", "computing"), help="leave out the tests that compute, or those that wait"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--only") == "computing":
        config.pluginmanager.register(Computing())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    only = config.getoption("--only")
    if (
        only
        and collection_path.suffix == ".py"
        and waits(collection_path.relative_to(ROOT / "tests")) != (only == "waiting")
    ):
        return True
    return None


def pytest_collection_finish() -> None:
    """What was collected stays until the end: the garbage collector need not walk it with each full collection."""
    gc.freeze()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """How many tests of a part are left out, for its closing line (``cli.testing``)."""
    from cli.testing import LEFT_OUT

    if file := os.environ.get(LEFT_OUT):
        Path(file).write_text(str(len(items)))


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether a test takes its long size (``bin/estate test --long``)."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session", autouse=True)
def _hermetic_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Built parts stay where they are cached; credentials and habits of the person who runs the tests do not count."""
    with pytest.MonkeyPatch.context() as patch:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "estate"
        patch.setenv("ESTATE_CACHE", os.environ.get("ESTATE_CACHE") or str(cache))
        for name in set(os.environ) - set(free_of_foreign_settings(os.environ)):
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(autouse=True)
def _own_event_loop() -> Iterator[None]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def _by_network() -> Iterator[Any]:
    """Each stack file as a parameter. The tests of ``--fast`` take the shortest, which is of the smallest network."""
    shortest = min(stack_files(), key=lambda path: path.stat().st_size)
    for path in stack_files():
        marks = () if path == shortest else (pytest.mark.slow,)
        yield pytest.param(path, id=path.name.split(".")[1], marks=marks)


@pytest.fixture(scope="session", params=_by_network())
def stack_file(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="session")
def network(stack_file: Path) -> Network:
    return load.read(stack_file)


Made = TypeVar("Made")
Share = Callable[[str, Callable[[], Made]], Made]


@pytest.fixture(scope="session")
def share(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Share[Any]:
    """Makes what takes seconds once for all processes of a run: one makes it, the others read it from a file."""

    def shared(name: str, make: Callable[[], Made]) -> Made:
        if not hasattr(request.config, "workerinput"):
            return make()
        path = tmp_path_factory.getbasetemp().parent / f"{name}.shared"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return pickle.loads(path.read_bytes())
            made = make()
            path.write_bytes(pickle.dumps(made))
            return made

    return shared


@pytest.fixture(scope="session")
def recorded(stack_file: Path, share: Share[Recorded]) -> Recorded:
    """What the program itself, configured by the stack file, registers."""
    declared = yaml.safe_load(stack_file.read_text())["config"][load.CONFIG_KEY]
    return share(f"recorded-{stack_file.name}", lambda: record_declared(declared, stack_file))


def record_declared(declared: object, stack_file: Path) -> Recorded:
    """Runs the project's program under recording mocks, with ``declared`` as the engine would hand it over."""
    from pulumi.runtime import set_all_config

    from components.recording import record_program

    set_all_config({load.CONFIG_KEY: json.dumps(declared, default=str)})
    try:
        return record_program(lambda: runpy.run_path(str(PROGRAM))["instance"], stack=stack_file.name.split(".")[1])
    finally:
        set_all_config({})
