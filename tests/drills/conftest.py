"""A checkout of its own for the tests that bring a whole estate up: a lab that already runs here is not touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.paths import LabPaths
from lab.rehearsal.rehearsal import obstacles
from tests.conftest import ROOT

NETWORK = "cosmoshub"


@dataclass(frozen=True)
class Checkout:
    """A copy of this tree. ``run`` is ``bin/estate`` in it."""

    root: Path

    @property
    def paths(self) -> LabPaths:
        return LabPaths(checkout=self.root, network=NETWORK)

    def run(self, *words: str, status: int = 0, seconds: float = 900) -> str:
        """What the command prints on standard output; it must end with ``status``."""
        done = subprocess.run(
            [str(self.root / "bin" / "estate"), *words],
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == status, (
            f"bin/estate {' '.join(words)}: {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        return done.stdout

    def status(self) -> dict:
        """The document of ``status --json``, whatever problems it tells of."""
        done = subprocess.run(
            [str(self.root / "bin" / "estate"), "status", NETWORK, "--json"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        return json.loads(done.stdout)


def copy_of_this_tree(target: Path) -> Checkout:
    """Everything that git knows or would add, with the virtual environment of this tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    (target / ".venv").symlink_to(ROOT / ".venv")
    return Checkout(target)


@pytest.fixture(scope="package")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    if missing := obstacles():
        pytest.skip("a whole estate cannot be brought up here: " + "; ".join(missing))
    made = copy_of_this_tree(tmp_path_factory.mktemp("estate") / "checkout")
    yield made
    subprocess.run([str(made.root / "bin" / "estate"), "down", NETWORK], capture_output=True, timeout=300)
