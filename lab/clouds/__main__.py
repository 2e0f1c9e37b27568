"""`python -m lab.clouds`: serves the lab's clouds, lists what exists in them, changes it without the engine."""

import argparse
import atexit
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.clouds.store import Row, Store


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 no such resource or state, 2 bad usage."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(options.run(options))
    except (FileNotFoundError, KeyError, ValueError, OSError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.clouds", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    _add_serving(commands.add_parser("serve", help="serve until SIGTERM or SIGINT (the default)"))
    listing = commands.add_parser("list", help="print what exists, as JSON")
    listing.set_defaults(run=_list)
    drift = commands.add_parser("drift", help="change a resource without the engine")
    drift.add_argument("id")
    drift.add_argument("changes", nargs="+", metavar="PROPERTY=JSON", help="null removes the property")
    drift.add_argument("--type", help="the type token, where several resources share the id")
    drift.set_defaults(run=_drift)
    remove = commands.add_parser("remove", help="delete a resource without the engine")
    remove.add_argument("id")
    remove.add_argument("--type")
    remove.set_defaults(run=_remove)
    collect = commands.add_parser("collect", help="remove what an engine that was killed never recorded")
    collect.add_argument("--stack-export", type=Path, required=True, help="the JSON of `pulumi stack export`")
    collect.set_defaults(run=_collect)
    for command in (listing, drift, remove, collect):
        command.add_argument("--state", type=Path, required=True)
    known = ("serve", "list", "drift", "remove", "collect", "-h", "--help")
    return parser.parse_args(arguments if arguments and arguments[0] in known else ["serve", *arguments])


def _add_serving(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, required=True, help="the SQLite file that keeps what exists")
    parser.add_argument("--world", type=Path, help="JSON of other accounts' VPCs, of certificates and of quotas")
    parser.add_argument("--lab-id", required=True, help="goes into every id")
    parser.add_argument("--port", type=int, default=0, help="on the loopback interface; 0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="gets the port once the server answers")
    parser.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    from lab.clouds.server import serve

    stop = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: stop.set())
    with serve(options.state, lab_id=options.lab_id, world=options.world, port=options.port) as serving:
        if options.port_file:
            partial = options.port_file.with_name(f"{options.port_file.name}.{os.getpid()}")
            partial.write_text(f"{serving.port}\n")
            partial.replace(options.port_file)
        print(serving.port, flush=True)
        stop.wait()
    return 0


def _list(options: argparse.Namespace) -> int:
    with Store(options.state) as store:
        found = [vars(resource) for resource in store.resources()]
    print(json.dumps(found, indent=1))
    return 0


def _drift(options: argparse.Namespace) -> int:
    changes = dict(map(_parse_change, options.changes))
    with Store(options.state) as store:
        store.drift(options.id, changes, _drifted, type=options.type)
    return 0


def _drifted(row: Row, changes: Mapping[str, Any]) -> None:
    from lab.clouds.table import CLOUDS, cloud_of

    CLOUDS[cloud_of(row.type)].drift(row, changes)


def _parse_change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f'{text}: expected PROPERTY=JSON, for example tags=\'{{"Name": "other"}}\'')
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _remove(options: argparse.Namespace) -> int:
    with Store(options.state) as store:
        store.remove(options.id, type=options.type)
    return 0


def _collect(options: argparse.Namespace) -> int:
    from lab.clouds.table import CLOUDS

    deployment = json.loads(options.stack_export.read_text())["deployment"]
    resources = [entry for entry in deployment.get("resources") or () if "id" in entry]
    entries = [entry for entry in resources if entry.get("type", "").split(":")[0] in CLOUDS]
    known = [(entry["urn"], entry["id"]) for entry in entries]
    with Store(options.state) as store:
        for orphan in store.collect_orphans(known):
            print(f"removed {orphan.type} {orphan.id}: the engine never recorded it ({orphan.urn})")
        for urn, id in store.missing(known):
            print(f"missing {id}: the engine's state has it ({urn}); refresh to create it again")
    return 0


if __name__ == "__main__":
    atexit.register(gc.freeze)  # the interpreter would collect once more as it ends
    sys.exit(main())
