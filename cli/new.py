"""``bin/estate new``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from estate.declaration import example, load
from estate.declaration import files as declaration
from estate.errors import UsageError


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    name = arguments.network
    if not re.fullmatch(r"[a-z][a-z0-9]{1,15}", name):
        raise UsageError(
            f"{name!r} cannot name a network: a lower-case letter, then 1 to 15 letters and digits; it becomes part of host names; choose e.g. 'osmosis'"
        )
    path = load.stack_file(checkout, name)
    if path.exists():
        raise UsageError(f"{path.relative_to(checkout)} exists already and is left as it is")
    taken = {declaration.standing(checkout, each).slot for each in declaration.names(checkout)}
    path.write_text(example.declaration(name, example.next_slot(taken)))
    declaration.read(checkout, name)
    print(
        f"wrote {path.relative_to(checkout)}: complete and valid; edit it, then `bin/estate check {name}` and `bin/estate plan {name}`"
    )
    return 0
