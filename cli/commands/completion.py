"""``bin/estate completion``."""

from __future__ import annotations

import argparse
from pathlib import Path

SHELLS = ("bash", "zsh")


def configure(parser: argparse.ArgumentParser) -> None:
    text = f"shell that is to source the script: {' or '.join(SHELLS)}"
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=text)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli import completion

    print(completion.script(arguments.shell))
    return 0
