"""``bin/estate down``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from engine.progress import Progress
from estate.declaration import files as declaration
from lab.machines import machine
from lab.paths import LabPaths
from lab.rehearsal.rehearsal import obstacles
from lab.wiring import apply


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network = declaration.standing(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    progress = Progress()
    if not paths.root.exists():
        print(f"{network.name} is not up here: nothing to take away")
        return 0
    with paths.workspace.exclusive():
        if not obstacles():
            with progress.stage("machines"):
                stopped = machine.stop_all(paths, graceful_seconds=0)
                progress.outcome(f"{len(stopped)} machines stopped")
            with progress.stage("network"):
                apply.remove(paths)
        with progress.stage("state"):
            for entry in paths.root.iterdir():
                if entry.name == "lock":
                    continue
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    shutil.rmtree(paths.root, ignore_errors=True)
    print(f"{network.name} is down: no machine, namespace or process of its is left")
    return 0
