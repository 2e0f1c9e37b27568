"""``bin/estate plan``."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine import processes, stack
from engine.progress import Progress
from engine.stack import Engine, changed
from estate.declaration import files as declaration
from estate.errors import CheckFailed
from lab.paths import LabPaths
from lab.rehearsal import cloud
from proofs import proving
from tools import parts


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network = declaration.read(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    progress = Progress()
    with progress.stage("engine"):
        parts.ensure("pulumi", progress.say)
    with progress.stage("claims: what this declaration promises"):
        progress.outcome(proving.in_words(proving.report(checkout, network.name)))
    policies = checkout / stack.POLICIES
    try:
        with paths.workspace.exclusive(), progress.stage("preview, with the policies"):
            if arguments.live:
                engine = Engine(checkout=checkout, stack=network.name, workspace=paths.workspace)
                counts = engine.preview(policies=policies, refresh=True)
            else:
                with cloud.rehearsed(checkout, paths, network) as engine:
                    counts = engine.preview(policies=policies)
            lines = engine.previewed()
            progress.outcome(f"an up would leave: {stack.in_words(counts)}")
    except processes.CommandFailed as error:
        raise CheckFailed(f"the engine refuses this plan:\n{error}") from None
    print(*lines, sep="\n")
    print(f"{network.name}: {changed(counts)} resources would change; the policies allow it")
    return 0
