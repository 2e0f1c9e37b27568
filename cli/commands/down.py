"""``bin/estate down``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import options


def configure(parser: argparse.ArgumentParser) -> None:
    options.networks(parser)


def _take_down(checkout: Path, name: str) -> None:
    import shutil

    from engine.progress import Progress
    from lab.machines import machine
    from lab.paths import LabPaths
    from lab.rehearsal.rehearsal import obstacles
    from lab.wiring import apply

    paths = LabPaths(checkout=checkout, network=name)
    progress = Progress()
    if not paths.root.exists():
        print(f"{name} is not up in this checkout; there is nothing to remove")
        return
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
    print(f"{name} is down: all its machines, namespaces and processes are gone")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from estate.declaration import files
    from lab.paths import present

    up = {each.network for each in present(checkout)}  # whatever is still declared of them
    named = arguments.networks or [options.DEFAULT_NETWORK]
    wanted = [name if name in up else files.deployed(checkout, name).name for name in named]
    for name in dict.fromkeys(wanted):
        _take_down(checkout, name)
    return 0
