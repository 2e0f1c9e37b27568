"""``bin/estate map``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import options
from estate.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    options.network(parser)
    parser.add_argument("--svg", metavar="FILE", help="file to write the picture to (default: NETWORK.svg)")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    import drawing
    from estate.declaration import files

    network = files.read(checkout, arguments.network)
    target = Path(arguments.svg or f"{network.name}.svg")
    try:
        target.write_text(drawing.svg(network))
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}; name another file with --svg FILE") from None
    print(f"drew {network.name} to {target}")
    return 0
