"""``bin/estate down``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import options


def configure(parser: argparse.ArgumentParser) -> None:
    options.network(parser)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    import shutil

    from engine.progress import Progress
    from estate.declaration import files
    from lab.machines import machine
    from lab.paths import LabPaths
    from lab.rehearsal.rehearsal import obstacles
    from lab.wiring import apply

    network = files.deployed(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    progress = Progress()
    if not paths.root.exists():
        print(f"{network.name} is not up in this checkout; there is nothing to remove")
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
    print(f"{network.name} is down: all its machines, namespaces and processes are gone")
    return 0
