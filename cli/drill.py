"""``bin/estate drill``."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.progress import Progress
from estate.declaration import files as declaration
from estate.errors import CheckFailed, UsageError
from lab import drills
from lab.clouds.store import Store
from lab.paths import LabPaths
from lab.rehearsal import observation
from lab.rehearsal import running as labcheck
from lab.wiring.plan import plan


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    if arguments.list or not arguments.name:
        for name, drill in (drills.DRILLS | drills.ON_THE_FAST_NET).items():
            print(f"{name:<26} {(drill.__doc__ or '').splitlines()[0]}")
        return 0
    progress = Progress()
    if arguments.name in drills.ON_THE_FAST_NET:
        with progress.stage(f"drill {arguments.name}"):
            scale = drills.Scale(faults=arguments.faults, heights=arguments.heights, seed=arguments.seed)
            drills.ON_THE_FAST_NET[arguments.name](checkout, progress.say, scale)
            progress.outcome(f"drill {arguments.name}: the promise held")
        return 0
    if arguments.name not in drills.DRILLS:
        known = ", ".join(drills.DRILLS | drills.ON_THE_FAST_NET)
        raise UsageError(f"there is no drill {arguments.name!r}; there are: {known}")
    declared = declaration.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    labcheck.must_run(paths, "world")
    key = observation.consensus_key(paths)
    if key is None:
        raise CheckFailed(f"{declared.name} has no consensus key yet; finish `bin/estate up {declared.name}` first")
    with paths.workspace.exclusive():
        with Store(paths.cloud_state) as store:
            wiring = plan(declared, store.resources(), paths)
        estate = drills.Estate(
            network=declaration.read(checkout, declared.name, chain=paths.chain_facts),
            paths=paths,
            wiring=wiring,
            key=key,
            say=progress.say,
        )
        with progress.stage(f"drill {arguments.name}"):
            estate.wait_until_steady()
            first = estate.world.head().height
            drills.DRILLS[arguments.name](estate)
            estate.must_not_be_accused(first)
            progress.outcome(f"drill {arguments.name}: the promise held")
    return 0
