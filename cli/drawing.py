"""``bin/estate map``."""

from __future__ import annotations

import argparse
from pathlib import Path

import drawing
from estate.declaration import files as declaration


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network = declaration.read(checkout, arguments.network)
    target = Path(arguments.svg or f"{network.name}.svg")
    target.write_text(drawing.svg(network))
    print(f"drew {network.name} to {target}")
    return 0
