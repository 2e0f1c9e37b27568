"""Which Debian packages are missing, and what is said where they cannot be installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import debian

pytestmark = pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="this is not a Debian machine")


def test_what_is_installed_is_not_missing() -> None:
    assert debian.missing(["dpkg", "no-such-package-here", "coreutils"]) == ["no-such-package-here"]


def test_nothing_is_run_where_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "_install", lambda packages: pytest.fail("apt was called"))
    assert debian.ensure(["dpkg", "coreutils"]) == []


def test_without_root_the_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(debian.PackagesMissing, match="requires root.*apt-get install no-such-package-here"):
        debian.ensure(["dpkg", "no-such-package-here"])


def test_the_package_lists_are_fetched_only_after_an_installation_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ESTATE_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    called = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        verb = next((word for word in command if word in ("install", "update", "-W", "--audit")), command[0])
        called.append(verb)
        return subprocess.CompletedProcess(command, 100 if verb == "install" else 0, "", "E: Unable to locate package")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(debian.PackagesMissing, match="Unable to locate package"):
        debian.ensure(["no-such-package-here"], lambda text: None)
    assert [verb for verb in called if verb in ("install", "update")] == ["install", "update", "install"]
