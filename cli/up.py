"""``bin/estate up``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cli import status
from engine import deploy as configuration
from engine import stack
from engine.progress import Progress
from engine.stack import Engine, changed
from estate.declaration import files as declaration
from estate.errors import CheckFailed
from estate.model import Network
from lab.paths import LabPaths
from lab.rehearsal import observation
from lab.rehearsal.rehearsal import Outcome, Rehearsal, obstacles
from proofs import proving
from tools import parts


def _prove(checkout: Path, network: Network, progress: Progress) -> None:
    """Nothing goes up whose promises are not proved.

    Raises:
        CheckFailed: some claim is refuted or not modelled.
    """
    with progress.stage("claims: what this declaration promises"):
        progress.outcome(proving.demand(checkout, network.name))


def _rehearse(checkout: Path, network: Network, progress: Progress) -> int:
    paths = LabPaths(checkout=checkout, network=network.name)
    missing = obstacles()
    lab = Rehearsal(checkout, network, progress)
    with paths.workspace.exclusive():
        _prove(checkout, network, progress)
        lab.have_parts(hosts=not missing)
        if missing:
            outcome = Outcome(resources=lab.create_cloud(), host_operations=0)
        else:
            lab.make_chain()
            resources = lab.create_cloud()
            lab.connect()
            lab.boot()
            operations = lab.configure()
            lab.sign()
            outcome = Outcome(resources=resources, host_operations=operations)
        progress.save(paths.root / "timings.json")
    if missing:
        progress.console.print("[yellow]left out: machines, network, hosts and chain, because:[/]")
        for reason in missing:
            progress.console.print(f"  {reason}")
    else:
        status.show(observation.observe(lab.network, paths), progress.console)
    print(f"changes: {outcome.resources} resources, {outcome.host_operations} host operations")
    return 0


def _deploy(checkout: Path, network: Network, progress: Progress, *, sure: bool) -> int:
    paths = LabPaths(checkout=checkout, network=network.name)
    policies = checkout / stack.POLICIES
    with paths.workspace.exclusive():
        _prove(checkout, network, progress)
        with progress.stage("engine"):
            parts.ensure("pulumi", progress.say)
        engine = Engine(checkout=checkout, stack=network.name, workspace=paths.workspace)
        with progress.stage("preview against the real accounts, with the policies"):
            counts = engine.preview(policies=policies, refresh=True)
            progress.outcome(f"an up would leave: {stack.in_words(counts)}")
        for line in engine.previewed():
            progress.console.print(f"    {line}", markup=False)
        if not sure:
            if not sys.stdin.isatty():
                raise CheckFailed(
                    "nobody is there to confirm: nothing was changed; run this in a terminal, or add --yes"
                )
            if (
                input(f"Deploy {network.name} to account {network.aws.account_id}? Type its name: ").strip()
                != network.name
            ):
                raise CheckFailed("not confirmed: nothing was changed")
        with progress.stage("cloud: pulumi up, with the policies"):
            resources = changed(engine.up(policies=policies))
            outputs = paths.root / "live-outputs.json"
            outputs.write_text(json.dumps(engine.outputs(), indent=2))
        with progress.stage("hosts: pyinfra over SSH, by your own VPN connection"):
            environment = {"ESTATE_NETWORK": network.name, "ESTATE_OUTPUTS": str(outputs)}
            done = configuration.deploy(checkout, paths.workspace, environment=environment)
    print(f"changes: {resources} resources, {done.changed} host operations")
    return 1 if done.failed else 0


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network = declaration.read(checkout, arguments.network)
    progress = Progress()
    if arguments.live:
        return _deploy(checkout, network, progress, sure=arguments.yes)
    return _rehearse(checkout, network, progress)
