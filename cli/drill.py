"""``bin/estate drill``."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.progress import Progress
from estate.declaration import files as declaration
from estate.errors import CheckFailed, UsageError
from lab import drills
from lab.clouds.store import Store
from lab.drills.estate import Estate
from lab.paths import LabPaths
from lab.rehearsal import observation
from lab.rehearsal import running as labcheck
from lab.wiring.plan import plan


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    if arguments.list or not arguments.name:
        for each in drills.DRILLS.values():
            print(f"{each.name:<26} {each.summary}")
        return 0
    drill = drills.DRILLS.get(arguments.name)
    if drill is None:
        raise UsageError(f"there is no drill {arguments.name!r}; expected one of: {', '.join(drills.DRILLS)}")
    progress = Progress()
    if isinstance(drill, drills.FastNetDrill):
        with progress.stage(f"drill {drill.name}"):
            values = {each.name: getattr(arguments, each.name) for each in drill.options}
            drill.run(checkout, progress.say, drill.scale(values))
            progress.outcome(f"drill {drill.name}: the promise held")
        return 0
    declared = declaration.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    labcheck.must_run(paths, "world")
    key = observation.consensus_key(paths)
    if key is None:
        raise CheckFailed(f"{declared.name} has no consensus key yet; finish `bin/estate up {declared.name}` first")
    with paths.workspace.exclusive():
        with Store(paths.cloud_state) as store:
            wiring = plan(declared, store.resources(), paths)
        estate = Estate(
            network=declaration.read(checkout, declared.name, chain=paths.chain_facts),
            paths=paths,
            wiring=wiring,
            key=key,
            say=progress.say,
        )
        with progress.stage(f"drill {arguments.name}"):
            estate.wait_until_steady()
            first = estate.observer.head().height
            drill.run(estate)
            estate.must_not_be_accused(first)
            progress.outcome(f"drill {arguments.name}: the promise held")
    return 0
