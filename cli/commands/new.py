"""``bin/estate new``."""

from __future__ import annotations

import argparse
import itertools
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
    around = load.beside(path.parent)
    number = next(each for each in itertools.count(1) if not set(example.site_names(each)) & set(around.datacentres))
    taken = {files.deployed(checkout, each).slot for each in files.names(checkout)}
    slot = example.next_slot(taken)
    texts = {path.parent / each: text for each, text in example.files(name, slot, number=number).items()}
    for file, text in texts.items():
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        except OSError as error:
            raise UsageError(
                f"cannot write {file.relative_to(checkout)}: {error.strerror}; a network and its datacentres are "
                "declared in such files; make the directory writable for you"
            ) from None
    files.read(checkout, name)
    *datacentres, _ = (str(file.relative_to(checkout)) for file in texts)
    print(
        f"wrote {path.relative_to(checkout)} and its datacentres {' and '.join(datacentres)}, a complete and valid "
        f"declaration; edit them, then run `bin/estate check {name}` and `bin/estate plan {name}`"
    )
    return 0
