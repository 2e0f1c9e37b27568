"""``bin/estate check``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import declaration
from cli.report import print_problems
from estate.findings import DeclarationError, as_json


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    problems = []
    wanted = arguments.networks or declaration.names(checkout)
    for name in wanted:
        try:
            declaration.read(checkout, name)
        except DeclarationError as error:
            problems.extend(error.problems)
    if arguments.json:
        print(as_json(problems))
    elif problems:
        print_problems(problems)
    else:
        print(f"{', '.join(wanted)}: no problems")
    return 2 if problems else 0
