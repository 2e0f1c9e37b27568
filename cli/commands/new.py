"""``bin/estate new``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from estate.errors import UsageError

NAME = r"[a-z][a-z0-9]{1,15}"


def configure(parser: argparse.ArgumentParser) -> None:
    text = "name of the new network: a lower-case letter, then 1 to 15 lower-case letters and digits"
    parser.add_argument("network", metavar="NETWORK", help=text)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from estate.declaration import example, files, load

    name = arguments.network
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"{name!r} cannot name a network; a name must be a lower-case letter, then 1 to 15 lower-case letters and "
            "digits, because it becomes part of host names; choose for example 'osmosis'"
        )
    path = load.stack_file(checkout, name)
    if path.exists():
        raise UsageError(f"{path.relative_to(checkout)} exists already and is left as it is; choose another name")
    taken = {files.deployed(checkout, each).slot for each in files.names(checkout)}
    try:
        path.write_text(example.declaration(name, example.next_slot(taken)))
    except OSError as error:
        raise UsageError(
            f"cannot write {path.relative_to(checkout)}: {error.strerror}; a network is declared in that file; "
            "make its directory writable for you"
        ) from None
    files.read(checkout, name)
    print(
        f"wrote {path.relative_to(checkout)}, a complete and valid declaration; edit it, then run "
        f"`bin/estate check {name}` and `bin/estate plan {name}`"
    )
    return 0
