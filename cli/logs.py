"""``bin/estate logs``."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from estate.declaration import files as declaration
from lab.machines import machine
from lab.paths import LabPaths
from lab.rehearsal import running as labcheck


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network = declaration.standing(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    host = labcheck.the_host(network, arguments.host)
    labcheck.must_run(paths, host.name)
    words = ["journalctl", "--no-pager", "--lines", str(arguments.lines)]
    words += ["--unit", arguments.unit] if arguments.unit else []
    words += ["--follow"] if arguments.follow else []
    return subprocess.call([*machine.enter(paths, host.name), *words])
