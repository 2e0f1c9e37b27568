"""``bin/estate new``."""

from __future__ import annotations

import argparse
import itertools
import os
import re
from pathlib import Path

from estate.errors import UsageError

NAME = r"[a-z][a-z0-9]{1,15}"


def configure(parser: argparse.ArgumentParser) -> None:
    text = "name of the new network: a lower-case letter, then 1 to 15 lower-case letters and digits"
    parser.add_argument("network", metavar="NETWORK", help=text)


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from estate.declaration import example, files, load
    from estate.findings import DeclarationError

    name = arguments.network
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"{name!r} cannot name a network; a name must be a lower-case letter, then 1 to 15 lower-case letters and "
            "digits, because it becomes part of host names; choose for example 'osmosis'"
        )
    path = load.stack_file(checkout, name)
    if path.exists():
        raise UsageError(f"{path.relative_to(checkout)} exists already and is left as it is; choose another name")
    slot = example.next_slot({files.deployed(checkout, each).slot for each in files.names(checkout)})
    candidates = (example.files(name, slot, number=number) for number in itertools.count(1))
    stacks = path.parent
    texts = next(each for each in candidates if all(_free(stacks / file, text) for file, text in each.items()))
    for file, text in texts.items():
        try:
            _write(stacks / file, text)
        except OSError as error:
            raise UsageError(
                f"cannot write {(stacks / file).relative_to(checkout)}: {error.strerror}; a network and its "
                "datacentres are declared in such files; make the directory writable for you"
            ) from None
    *datacentres, _ = (str((stacks / file).relative_to(checkout)) for file in texts)
    wrote = f"wrote {path.relative_to(checkout)} and its datacentres {' and '.join(datacentres)}"
    then = f"edit them, then run `bin/estate check {name}` and `bin/estate plan {name}`"
    try:
        files.read(checkout, name)
    except DeclarationError:
        print(f"{wrote}; solve the problems that are told below, then {then}")
        raise
    print(f"{wrote}, a complete and valid declaration; {then}")
    return 0


def _free(file: Path, text: str) -> bool:
    """Whether ``file`` can be written: there is none, or one that is the same, from a run that was interrupted."""
    if not os.path.lexists(file):
        return True
    try:
        return file.read_text() == text
    except (OSError, ValueError):
        return False


def _write(file: Path, text: str) -> None:
    """Writes ``file`` at once, so that an interrupted run leaves no part of it.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text)
    partial.replace(file)
