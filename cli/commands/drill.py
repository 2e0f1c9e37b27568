"""``bin/estate drill``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli import options
from estate.errors import CheckFailed

if TYPE_CHECKING:
    from engine.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    from lab import drills
    from lab.chaos.scale import Scale

    parser.add_argument("--list", action="store_true", help="list the drills; so does `drill` without a name")
    names = parser.add_subparsers(dest="name", metavar="DRILL")
    for name in _summaries():
        summary = _summaries()[name]
        drill = names.add_parser(name, help=summary, description=summary)
        if name in drills.DRILLS:
            options.network_option(drill)
        if name == "chaos":
            usual = Scale()
            for option, default, text in (
                ("--faults", usual.faults, "least number of faults to inject"),
                ("--heights", usual.heights, "least number of heights to reach"),
                ("--seed", usual.seed, "seed of the random faults"),
            ):
                drill.add_argument(
                    option, type=options.count, default=default, metavar="N", help=f"{text} (default: {default})"
                )


def _summaries() -> dict[str, str]:
    """Each drill with the first line of what it says of itself."""
    from lab import drills

    return {
        name: (drill.__doc__ or "").partition("\n")[0]
        for name, drill in (drills.DRILLS | drills.ON_THE_FAST_NET).items()
    }


def _on_the_fast_net(checkout: Path, arguments: argparse.Namespace, progress: Progress) -> None:
    from lab import drills
    from lab.chaos.scale import Scale

    given = {name: getattr(arguments, name) for name in ("faults", "heights", "seed") if name in arguments}
    drills.ON_THE_FAST_NET[arguments.name](checkout, progress.say, Scale(**given))


def _in_the_lab(checkout: Path, arguments: argparse.Namespace, progress: Progress) -> None:
    from estate.declaration import files
    from lab import drills
    from lab.clouds.aws.store import Store
    from lab.drills.estate import Estate
    from lab.paths import LabPaths
    from lab.rehearsal import observation, running
    from lab.wiring.plan import plan

    declared = files.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    running.must_run(paths, "world")
    key = observation.consensus_key(paths)
    if key is None:
        raise CheckFailed(f"{declared.name} has no consensus key yet; finish `bin/estate up {declared.name}` first")
    with paths.workspace.exclusive():
        with Store(paths.cloud_state) as store:
            wiring = plan(declared, store.resources(), paths)
        estate = Estate(
            network=files.read(checkout, declared.name, chain=paths.chain_facts),
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


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli.page import Page
    from engine.progress import Progress
    from lab import drills

    if arguments.list or not arguments.name:
        Page().table(("drill", "what it rehearses"), list(_summaries().items()))
        return 0
    progress = Progress()
    if arguments.name in drills.DRILLS:
        _in_the_lab(checkout, arguments, progress)
        return 0
    with progress.stage(f"drill {arguments.name}"):
        _on_the_fast_net(checkout, arguments, progress)
        progress.outcome(f"drill {arguments.name}: the promise held")
    return 0
