"""The gate's package: what this checkout's source is, run by the system's own Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from coordinator import version
from packages import deb, recipes


def unpacked(directory: Path) -> Path:
    package = recipes.signing_gate()
    made = directory / package.file_name
    deb.build(package, deb.sources(package), made)
    subprocess.run(["dpkg-deb", "-x", str(made), str(directory / "root")], check=True)
    return directory / "root"


def test_the_package_holds_every_source_file_and_nothing_compiled(tmp_path: Path) -> None:
    home = unpacked(tmp_path) / recipes.GATE_HOME.lstrip("/") / "coordinator"
    assert {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()} == set(version.sources())
    assert "decision/handle.py" in version.sources()


def test_a_changed_source_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version_of(copy: Path) -> str:
        monkeypatch.setattr(version, "PACKAGE", copy)
        return version.version()

    shutil.copytree(version.PACKAGE, tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert version_of(tmp_path / "here") == version_of(tmp_path / "there"), "wherever it lies"
    (tmp_path / "there" / "decision" / "handle.py").write_text("# another\n")
    assert version_of(tmp_path / "here") != version_of(tmp_path / "there")


def test_the_programs_run_isolated_from_the_callers_environment(tmp_path: Path) -> None:
    root = unpacked(tmp_path)
    for name in ("signing-gate", "signing-gate-lease"):
        program = root / "usr/bin" / name
        assert program.stat().st_mode & 0o777 == 0o755
        assert program.read_text().startswith("#!/usr/bin/python3 -IB\n")


@pytest.mark.slow
def test_the_version_installed_is_the_version_packed(tmp_path: Path) -> None:
    home = unpacked(tmp_path) / recipes.GATE_HOME.lstrip("/")
    command = (
        f"import sys; sys.path.insert(0, {str(home)!r}); from coordinator.version import version; print(version())"
    )
    said = subprocess.run(["python3", "-IBc", command], capture_output=True, text=True, check=True).stdout.strip()
    assert said == recipes.signing_gate().version
