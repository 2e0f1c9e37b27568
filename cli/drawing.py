"""``bin/estate map``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import declaration
from estate import map as drawing


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    network = declaration.read(checkout, arguments.network)
    target = Path(arguments.svg or f"{network.name}.svg")
    target.write_text(drawing.svg(network))
    print(f"drew {network.name} to {target}")
    return 0
