"""The cache of parts: built once, whole or not at all, and only from what was pinned."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import signal
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tools import builders, cache, commands, parts, recipes
from tools.recipes import Recipe, Release, Toolchain, UnknownPart

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESTATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def progress() -> list[str]:
    return []


def build_counting(part: Recipe, target: Path, log: Path, say: cache.Progress) -> None:
    """A build of 0.3 s that leaves a line in `builds` each time it runs."""
    with (cache.root() / "builds").open("a") as builds:
        builds.write(f"{os.getpid()}\n")
    (target / "bin").mkdir()
    (target / "bin/half").touch()
    time.sleep(0.3)
    (target / "bin/whole").touch()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Path:
    monkeypatch.setattr(builders, "from_source", build_counting)
    monkeypatch.setattr(parts.debian, "ensure", lambda packages, progress: [])
    return own_cache / "builds"


def test_a_part_is_built_once(counted: Path, progress: list[str]) -> None:
    first = parts.ensure("wasmd", progress.append)
    second = parts.ensure("wasmd", progress.append)
    assert first == second == parts.location("wasmd")
    assert (first / "bin/whole").exists()
    assert len(counted.read_text().splitlines()) == 1


def test_builders_that_meet_build_once(counted: Path) -> None:
    fork = multiprocessing.get_context("fork")
    builders_at_once = [fork.Process(target=parts.ensure, args=("wasmd", lambda text: None)) for _ in range(4)]
    for process in builders_at_once:
        process.start()
    for process in builders_at_once:
        process.join()
    assert [process.exitcode for process in builders_at_once] == [0, 0, 0, 0]
    assert len(counted.read_text().splitlines()) == 1


def test_a_killed_build_is_no_part_and_is_cleared_away(counted: Path, own_cache: Path) -> None:
    builder = multiprocessing.get_context("fork").Process(target=parts.ensure, args=("wasmd", lambda text: None))
    builder.start()
    while not list(own_cache.glob("build/staging/*/bin/half")):
        time.sleep(0.01)
    assert builder.pid is not None
    os.kill(builder.pid, signal.SIGKILL)
    builder.join()
    assert not parts.ready("wasmd")
    assert (parts.ensure("wasmd", lambda text: None) / "bin/whole").exists()
    assert list(own_cache.glob("build/staging/*")) == []


def test_what_builds_leave_behind_is_removed_when_all_are_done(counted: Path, own_cache: Path) -> None:
    had = parts.ensure_all(["wasmd", "tmkms"], lambda text: None)
    assert all((directory / "bin/whole").exists() for directory in had.values())
    assert not (own_cache / "build").exists()


def test_nothing_is_removed_under_a_running_build(own_cache: Path) -> None:
    (own_cache / "build/go").mkdir(parents=True)
    with cache.shared("build"):
        assert not parts.trim()
    assert (own_cache / "build/go").exists()
    assert parts.trim()
    assert not (own_cache / "build").exists()


def test_a_failed_build_says_what_the_compiler_said_last(own_cache: Path) -> None:
    log = own_cache / "log"
    with pytest.raises(commands.PartError, match="(?s)exit code 3.*undefined: frobnicate"):
        commands.run(["sh", "-c", "echo undefined: frobnicate; exit 3"], environment=dict(os.environ), log=log)


def test_a_long_build_step_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TOLD_EVERY_SECONDS", 0.05)
    log, told = tmp_path / "build.log", list[str]()
    log.write_text("a step before this one\n")
    step = "echo one; echo '  note: about one'; echo two; until [ -e told ]; do sleep 0.01; done"

    def tell(text: str) -> None:
        told.append(text)
        if text.startswith("2 "):
            (tmp_path / "told").touch()

    compiled = commands.Compiled(line=builders.GO_PACKAGE, total=9, tell=tell)
    commands.run(["sh", "-c", step], environment=dict(os.environ), log=log, directory=tmp_path, compiled=compiled)
    assert told[-1] == "2 of about 9 packages compiled"


def test_an_unknown_part_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownPart, match="unknown part 'wasmdd'.*cometbft.*wasmd"):
        parts.ensure("wasmdd")


def with_release(tmp_path: Path, *, sha256: str | None = None, url: str | None = None) -> Recipe:
    """The recipe of pulumi with a release archive of one file."""
    archive = tmp_path / "release.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("pulumi/pulumi")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"hello"))
    release = Release(
        url=url or archive.as_uri(),
        sha256=sha256 or hashlib.sha256(archive.read_bytes()).hexdigest(),
        into="bin",
        strip_components=1,
    )
    return replace(recipes.recipe("pulumi"), release=release)


def test_a_release_of_the_pinned_checksum_is_unpacked(tmp_path: Path, progress: list[str]) -> None:
    target = tmp_path / "target"
    target.mkdir()
    assert builders.from_release(with_release(tmp_path), target, progress.append)
    assert (target / "bin/pulumi").read_bytes() == b"hello"
    assert [path.name for path in target.iterdir()] == ["bin"]


def test_a_release_of_another_checksum_is_not_unpacked(tmp_path: Path, progress: list[str]) -> None:
    target = tmp_path / "target"
    target.mkdir()
    assert not builders.from_release(with_release(tmp_path, sha256="0" * 64), target, progress.append)
    assert list(target.iterdir()) == []
    assert "not the archive that was reviewed" in progress[0]


def test_a_release_that_cannot_be_reached_is_built_instead(tmp_path: Path, progress: list[str]) -> None:
    target = tmp_path / "target"
    target.mkdir()
    absent = with_release(tmp_path, url=(tmp_path / "absent.tar.gz").as_uri())
    assert not builders.from_release(absent, target, progress.append)
    assert "building it instead" in progress[0]


def test_a_program_is_made_to_look_for_its_library_beside_it(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"before\0/some/where/internal/api\0after")
    builders.look_beside(program, "/some/where/internal/api")
    assert program.read_bytes() == b"before\0" + b"$ORIGIN\0".ljust(25, b"\0") + b"after"


def test_a_program_without_that_run_path_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"before\0after")
    with pytest.raises(commands.PartError, match="once, found it 0 times"):
        builders.look_beside(program, "/some/where")


@pytest.mark.parametrize("change", ["changed", "absent", "strange"])
def test_files_that_are_not_exactly_the_pinned_ones_are_refused(tmp_path: Path, change: str) -> None:
    directory, checksums = tmp_path / "lib", tmp_path / "lib.sha256"
    directory.mkdir()
    (directory / "a.jar").write_bytes(b"reviewed")
    checksums.write_text(f"{hashlib.sha256(b'reviewed').hexdigest()}  a.jar\n")
    builders.check_files(directory, checksums)
    if change == "absent":
        (directory / "a.jar").unlink()
    else:
        (directory / ("a.jar" if change == "changed" else "b.jar")).write_bytes(b"other")
    with pytest.raises(commands.PartError, match=r"\.jar: missing, or not the reviewed file"):
        builders.check_files(directory, checksums)


@pytest.mark.parametrize("name", sorted(recipes.recipes()))
def test_every_part_is_pinned_by_checksums(name: str) -> None:
    part = recipes.recipe(name)
    ways = [way for way in (part.go, part.cargo, part.maven, part.npm, part.toolchain) if way]
    assert len(ways) == 1
    if part.go:
        modules = (part.go.module / "go.mod").read_text()
        assert f"v{part.version}" in modules
        assert (part.go.module / "go.sum").stat().st_size > 0
        assert all(f"tool {package}" in modules for package in part.go.binaries.values() if package != ".")
    if part.cargo:
        lock = (part.cargo.lock / "Cargo.lock").read_text()
        assert f'name = "{part.cargo.crate}"\nversion = "{part.version}"' in lock
        assert lock.count("checksum = ") == lock.count("[[package]]") - 1
    if part.maven:
        assert f"<version>{part.version}</version>" in (part.maven / "pom.xml").read_text()
        assert f"-{part.version}.jar\n" in (part.maven / "lib.sha256").read_text()
    if part.npm:
        locked = json.loads((part.npm / "package-lock.json").read_text())["packages"]
        assert list(locked.pop("")["dependencies"].values()) == [part.version]
        assert all(package["integrity"].startswith("sha512-") for package in locked.values())
        assert not any("resolved" in package for package in locked.values())
    if isinstance(part.toolchain, Toolchain):
        assert part.toolchain.sum.startswith("h1:")


def test_a_changed_lock_is_another_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"version": "1", "summary": "", "go": {"module": "m", "cgo": False, "ldflags": "", "binaries": {}}}
    monkeypatch.setattr(recipes, "DIRECTORY", tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m/go.sum").write_text("one")
    before = recipes._recipe("part", table).digest
    (tmp_path / "m/go.sum").write_text("two")
    assert recipes._recipe("part", table).digest != before
