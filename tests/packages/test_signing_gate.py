"""The gate's package: what this checkout's source is, run by the system's own Python."""

from __future__ import annotations

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
    before = version.version()
    copy = tmp_path / "coordinator"
    for name, path in version.sources().items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(path.read_bytes())
    monkeypatch.setattr(version, "PACKAGE", copy)
    version.version.cache_clear()
    try:
        assert version.version() == before, "the same source is the same version, wherever it lies"
        (copy / "decision" / "handle.py").write_text("# another\n")
        version.version.cache_clear()
        assert version.version() != before
    finally:
        version.version.cache_clear()


def test_the_programs_run_isolated_from_the_callers_environment(tmp_path: Path) -> None:
    root = unpacked(tmp_path)
    for name in ("signing-gate", "signing-gate-lease"):
        program = root / "usr/bin" / name
        assert program.stat().st_mode & 0o777 == 0o755
        assert program.read_text().startswith("#!/usr/bin/python3 -IB\n")


def test_the_version_installed_is_the_version_packed(tmp_path: Path) -> None:
    home = unpacked(tmp_path) / recipes.GATE_HOME.lstrip("/")
    command = (
        f"import sys; sys.path.insert(0, {str(home)!r}); from coordinator.version import version; print(version())"
    )
    said = subprocess.run(["python3", "-IBc", command], capture_output=True, text=True, check=True).stdout.strip()
    assert said == recipes.signing_gate().version
