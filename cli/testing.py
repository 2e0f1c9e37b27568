"""``bin/estate test``."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from engine.progress import Progress

FAST = "not engine and not lab and not slow"


def _set_up(progress: Progress) -> None:
    from tools import debian, parts

    with progress.stage("parts: what the tests need on this machine"):
        debian.ensure(debian.LAB, progress.say)
        for name in ("pulumi", "tmkms", "wasmd"):
            parts.ensure(name, progress.say)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    words = [word for word in arguments.words if word != "--"]
    command = [sys.executable, "-m", "pytest", *(["-m", FAST] if arguments.fast else []), *words]
    if not arguments.fast:
        progress = Progress()
        if os.geteuid() != 0 or platform.system() != "Linux":
            progress.console.print(
                "[yellow]not root on Linux: the tests that boot machines will be reported as skipped[/]"
            )
        else:
            _set_up(progress)
    return subprocess.call(command, cwd=checkout)
