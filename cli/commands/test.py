"""``bin/estate test``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import completion, options


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fast",
        action="store_true",
        help="run only lint and the quick tests, which need neither root nor the lab; the slow ones are left out, and "
        "tests of every network take the smallest",
    )
    text = "run the long checks: all of them, or only these parts; docs/tests.md lists the parts"
    options.completed(parser.add_argument("--long", nargs="*", metavar="PART", help=text), completion.long_parts)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="arguments and options for pytest")
    parser.set_defaults(passed_on=[])


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli import testing

    arguments.words = [*arguments.passed_on, *arguments.words]
    return testing.run(checkout, arguments)
