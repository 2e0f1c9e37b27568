"""``bin/estate logs``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import completion, options

LINES = 100


def configure(parser: argparse.ArgumentParser) -> None:
    text = "name of a host; the name of the network may be left out of it"
    options.completed(parser.add_argument("host", metavar="HOST", help=text), completion.hosts)
    parser.add_argument("--unit", metavar="UNIT", help="show only this systemd unit (default: all units)")
    parser.add_argument(
        "--lines", type=options.count, default=LINES, metavar="N", help=f"show the last N lines (default: {LINES})"
    )
    parser.add_argument("--follow", action="store_true", help="keep showing new lines until interrupted")
    options.network_option(parser)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    import subprocess

    from estate.declaration import files
    from lab.machines import machine
    from lab.paths import LabPaths
    from lab.rehearsal import running

    network = files.deployed(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    host = running.the_host(network, arguments.host)
    running.must_run(paths, host.name)
    if arguments.unit:
        running.must_have_unit(paths, host.name, arguments.unit)
    words = ["journalctl", "--no-pager", "--lines", str(arguments.lines)]
    words += ["--unit", arguments.unit] if arguments.unit else []
    words += ["--follow"] if arguments.follow else []
    return subprocess.call([*machine.enter(paths, host.name), *words])
