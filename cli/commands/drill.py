"""``bin/estate drill``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli import options
from estate.errors import CheckFailed

if TYPE_CHECKING:
    from engine.progress import Progress
    from lab.drills import FastNetDrill, LabDrill


def configure(parser: argparse.ArgumentParser) -> None:
    from lab.drills import DRILLS

    parser.add_argument("--list", action="store_true", help="list the drills; so does `drill` without a name")
    names = parser.add_subparsers(dest="name", metavar="DRILL")
    for each in DRILLS.values():
        drill = names.add_parser(
            each.name, help=each.summary, description=f"{each.summary[0].upper()}{each.summary[1:]}."
        )
        if each.needs_lab:
            options.network_option(drill)
        for option in each.options:
            drill.add_argument(
                f"--{option.name}",
                type=options.at_least(option.least),
                default=option.default,
                metavar="N",
                help=f"{option.help} (default: {option.default})",
            )


def _on_a_small_chain(drill: FastNetDrill, checkout: Path, arguments: argparse.Namespace, progress: Progress) -> None:
    with progress.stage(f"drill {drill.name}"):
        drill.run(checkout, progress.say, drill.scale(vars(arguments)))
        progress.outcome(f"drill {drill.name}: the promise held")


def _in_the_lab(drill: LabDrill, checkout: Path, arguments: argparse.Namespace, progress: Progress) -> None:
    from estate.declaration import files
    from lab.clouds.store import Store
    from lab.drills.estate import Estate
    from lab.paths import LabPaths
    from lab.rehearsal import observation, running
    from lab.wiring.plan import plan

    declared = files.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=declared.name)
    running.lab_must_run(paths)
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
        with progress.stage(f"drill {drill.name}"):
            estate.wait_until_steady()
            first = estate.observer.head().height
            drill.run(estate)
            estate.must_not_be_accused(first)
            progress.outcome(f"drill {drill.name}: the promise held")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli.page import Page
    from engine.progress import Progress
    from lab.drills import DRILLS, LabDrill

    if arguments.list or not arguments.name:
        Page().table(("drill", "what it rehearses"), [(each.name, each.summary) for each in DRILLS.values()])
        return 0
    drill, progress = DRILLS[arguments.name], Progress()
    if isinstance(drill, LabDrill):
        _in_the_lab(drill, checkout, arguments, progress)
    else:
        _on_a_small_chain(drill, checkout, arguments, progress)
    return 0
