"""``bin/estate check``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli import completion, options

if TYPE_CHECKING:
    from estate.findings import Problem
    from estate.model import Network


def configure(parser: argparse.ArgumentParser) -> None:
    text = "names of declared networks (default: all of them, also checked against each other)"
    options.completed(parser.add_argument("networks", nargs="*", metavar="NETWORK", help=text), completion.networks)
    options.json(parser)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli import notices
    from cli.page import Page
    from estate.declaration import files, load
    from estate.findings import DeclarationError, as_json

    names = arguments.networks or files.names(checkout)
    networks: list[Network] = []
    problems: list[Problem] = []
    if arguments.networks:
        for name in names:
            try:
                networks.append(files.read(checkout, name))
            except DeclarationError as error:
                problems += error.problems
    else:
        try:
            networks += load.all_networks(checkout).values()
        except DeclarationError as error:
            problems += error.problems
    if arguments.json:
        print(as_json(problems))
    elif problems:
        Page(error=True).problems(problems, checkout)
    else:
        Page().line(f"{', '.join(names)}: no problems")
    Page(error=True).notices(notices.of_networks(checkout, networks), checkout)
    return options.USAGE if problems else 0
