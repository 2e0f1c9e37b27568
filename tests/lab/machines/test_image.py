"""The image appears in the cache whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.machines import image, requirements
from tools import debian

ROOT = Path(__file__).resolve().parents[3]
SLOW_BUILD = """
import sys, time
from lab.machines import image, requirements
from tools import debian
requirements.check = lambda programs=None: None
debian.ensure = lambda packages, progress: []
image.debian_sources = lambda: []
image.configure = lambda root: None
def bootstrap(building, sources, lock):
    (building / "root").mkdir()
    (building / "root" / "half").touch()
    print("half", flush=True)
    time.sleep(30)
image._bootstrap = bootstrap
image.ensure(lambda message: None)
"""


@pytest.fixture
def quick_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A cache of its own, and a build that takes no time; returns the list of directories built in."""
    built: list[Path] = []

    def bootstrap(building: Path, sources: list[str], lock: int) -> None:
        (building / "root" / "usr").mkdir(parents=True)
        built.append(building)

    monkeypatch.setenv("ESTATE_CACHE", str(tmp_path))
    monkeypatch.setattr(requirements, "check", lambda programs=None: None)
    monkeypatch.setattr(debian, "ensure", lambda packages, progress: [])
    monkeypatch.setattr(image, "debian_sources", list)
    monkeypatch.setattr(image, "configure", lambda root: None)
    monkeypatch.setattr(image, "_bootstrap", bootstrap)
    return built


def test_an_image_is_built_once_and_then_taken_from_the_cache(quick_build: list[Path]) -> None:
    said: list[str] = []
    first = image.ensure(said.append)
    assert first == image.ensure(said.append) == image.path()
    assert len(quick_build) == 1
    assert said, "a minute's work is announced"


@pytest.mark.slow
def test_a_build_killed_halfway_leaves_no_image_and_the_next_one_starts_clean(quick_build: list[Path]) -> None:
    builder = subprocess.Popen([sys.executable, "-c", SLOW_BUILD], cwd=ROOT, stdout=subprocess.PIPE)
    assert builder.stdout is not None
    assert builder.stdout.readline() == b"half\n"
    assert not image.path().exists()
    builder.kill()
    builder.wait()
    builder.stdout.close()
    root = image.ensure(lambda message: None)
    assert [path.name for path in root.iterdir()] == ["usr"]
    assert not list(root.parent.parent.glob(".building-*"))
