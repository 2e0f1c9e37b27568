"""``bin/estate plan``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import options


def configure(parser: argparse.ArgumentParser) -> None:
    options.network(parser)
    options.live(parser)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli import notices
    from cli.page import Page
    from engine import processes, stack
    from engine.progress import Progress
    from engine.stack import Engine, changed
    from estate.declaration import files
    from estate.errors import CheckFailed
    from lab.paths import LabPaths
    from lab.rehearsal import cloud
    from proofs import proving
    from tools import parts

    network = files.read(checkout, arguments.network)
    before = Page(error=True)
    before.notices(notices.of_network(checkout, network), checkout)
    notices.unserved(network, before)
    paths = LabPaths(checkout=checkout, network=network.name)
    progress = Progress()
    with progress.stage("engine"):
        parts.ensure("pulumi", progress.say)
    with progress.stage("claims of this declaration"):
        progress.outcome(proving.in_words(proving.report(checkout, network.name)))
    policies = checkout / stack.POLICIES
    try:
        with paths.workspace.exclusive(), progress.stage("preview with the policies"):
            if arguments.live:
                engine = Engine.live(checkout, network.name, paths.workspace)
                counts = engine.preview(policies=policies, refresh=True)
            else:
                with cloud.rehearsed(checkout, paths, network) as engine:
                    counts = engine.preview(policies=policies)
            lines = [*engine.previewed(), *engine.cost_of_previewed()]
            progress.outcome(f"preview, components included: {stack.in_words(counts)}")
    except processes.CommandFailed as error:
        raise CheckFailed(f"the preview failed:\n{error}") from None
    page = Page()
    for line in lines:
        page.line(line)
    page.line(f"{network.name}: {changed(counts)} resources would change; the policies allow it")
    return 0
