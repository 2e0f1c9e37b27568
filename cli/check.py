"""``bin/estate check``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from cli.report import print_problems
from estate.declaration import files as declaration
from estate.declaration import load
from estate.findings import DeclarationError, Problem, as_json


def _problems(reading: Callable[[], object]) -> Sequence[Problem]:
    try:
        reading()
    except DeclarationError as error:
        return error.problems
    return ()


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    problems: list[Problem] = []
    wanted = arguments.networks or declaration.names(checkout)
    if arguments.networks:
        for name in wanted:
            problems += _problems(lambda name=name: declaration.read(checkout, name))
    else:
        problems += _problems(lambda: load.all_networks(checkout))
    if arguments.json:
        print(as_json(problems))
    elif problems:
        print_problems(problems)
    else:
        print(f"{', '.join(wanted)}: no problems")
    return 2 if problems else 0
