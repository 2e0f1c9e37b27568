"""``bin/estate check``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cli import options
from estate.errors import UsageError

if TYPE_CHECKING:
    from estate.findings import Problem
    from estate.model import Network


def configure(parser: argparse.ArgumentParser) -> None:
    options.networks(parser, "all of them, also checked against each other")
    parser.add_argument(
        "--sarif", metavar="FILE", help="also write all problems and notices to FILE as SARIF 2.1.0, for a code host"
    )
    options.json(parser)


def _write_sarif(target: Path, checkout: Path, problems: list[Problem], warned: list[Problem]) -> None:
    from cli import sarif
    from cli.version import declared

    text = json.dumps(sarif.document(problems, warned, checkout, declared(checkout)), indent=2)
    try:
        target.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}; name another file with --sarif FILE") from None


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
    warned = notices.of_networks(checkout, networks)
    Page(error=True).notices(warned, checkout)
    if arguments.sarif is not None:
        _write_sarif(Path(arguments.sarif), checkout, problems, warned)
    return options.USAGE if problems else 0
