"""``bin/estate test``."""

from __future__ import annotations

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fast", action="store_true", help="run only the tests that need neither root nor the lab")
    parser.add_argument(
        "--long",
        nargs="*",
        metavar="PART",
        help="run the long checks of a night: all, or these (an unknown name lists them)",
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="arguments and options for pytest")
    parser.set_defaults(passed_on=[])


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli import testing

    arguments.words = [*arguments.passed_on, *arguments.words]
    return testing.run(checkout, arguments)
