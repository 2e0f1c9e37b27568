"""``signing-gate``: runs the gate; shows, writes and clears its watermark files while it is stopped."""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Sequence
from pathlib import Path

from coordinator import config, floor, service
from coordinator.decision.position import MAX_HEIGHT, spent
from coordinator.events import Events
from coordinator.metrics import Metrics

DONE, FAILED, WRONG = 0, 1, 2


def _public_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != floor.KEY_BYTES:
        raise argparse.ArgumentTypeError("must be an Ed25519 public key, 32 bytes in base64")
    return key


def _height(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 <= int(text) <= MAX_HEIGHT:
        raise argparse.ArgumentTypeError(f"must be a height from 0 to {MAX_HEIGHT}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signing-gate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    of_config = argparse.ArgumentParser(add_help=False)
    of_config.add_argument("--config", type=Path, required=True, metavar="FILE")
    of_chain = argparse.ArgumentParser(add_help=False, parents=[of_config])
    of_chain.add_argument("--chain", required=True, metavar="CHAIN_ID")
    commands.add_parser("run", parents=[of_config], help="serve until SIGTERM")
    commands.add_parser("show", parents=[of_config], help="print the watermark of each chain")
    seed = commands.add_parser("seed", parents=[of_chain], help="create the watermark file of a key, or raise it")
    seed.add_argument("--public-key", type=_public_key, required=True, metavar="BASE64")
    seed.add_argument(
        "--height", type=_height, required=True, help="from now on, the gate signs nothing at or below this height"
    )
    commands.add_parser("clear-halt", parents=[of_chain], help="let a halted key sign again, once the cause is found")
    return parser


def _described(found: floor.Floor) -> str:
    key = base64.b64encode(found.public_key).decode()
    halted = f"halted because of {found.halted}" if found.halted else "not halted"
    return f"{found.chain_id}: floor {found.position.text}, key {key}, {halted}"


def _show(of: config.Config) -> int:
    code = DONE
    for chain in of.chains:
        try:
            print(_described(floor.read(floor.path_of(of.state, chain.chain_id), chain.chain_id)))
        except floor.FloorUnusable as error:
            print(f"{chain.chain_id}: {error}")
            code = FAILED
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 not possible now, 2 wrong usage or configuration."""
    asked = _parser().parse_args(arguments)
    try:
        of = config.read(asked.config)
        if asked.command == "run":
            metrics = Metrics()
            return service.run(of, Events(dropped=lambda chain: metrics.count("events_dropped_total", chain)), metrics)
        if asked.command == "show":
            return _show(of)
        path = floor.path_of(of.state, of.chain(asked.chain).chain_id)
        if asked.command == "seed":
            print(_described(floor.seed(path, asked.chain, asked.public_key, spent(asked.height))))
        else:
            cause = floor.clear_halt(path, asked.chain)
            print(f"{asked.chain}: " + (f"was halted because of {cause}; no longer" if cause else "was not halted"))
    except config.ConfigError as error:
        print(f"{asked.config}: " + f"\n{asked.config}: ".join(error.problems), file=sys.stderr)
        return WRONG
    except (floor.FloorUnusable, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
