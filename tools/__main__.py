"""`python3 -m tools ensure NAME...`, `list`, `trim`, `environment`: the parts, from a shell."""

from __future__ import annotations

import argparse
import shlex
import sys

from tools import engine, parts
from tools.debian import PackagesMissing
from tools.recipes import UnknownPart, recipes


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 a part cannot be provided, 2 bad usage."""
    parser = argparse.ArgumentParser(prog="python3 -m tools", description="Parts that no package manager carries.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    ensure = verbs.add_parser("ensure", help="build or download the parts that are not in the cache")
    ensure.add_argument("names", nargs="*", metavar="NAME", help="default: those that the lab needs")
    verbs.add_parser("list", help="every part, its version, and where it is")
    verbs.add_parser("trim", help="remove sources and compiler caches")
    verbs.add_parser("environment", help="print the exports for running pulumi by hand")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.verb == "ensure":
            for path in parts.ensure_all(chosen.names or parts.defaults(), _say).values():
                print(path)
        elif chosen.verb == "list":
            for name, part in recipes().items():
                state = str(parts.location(name)) if parts.ready(name) else "not built"
                print(f"{name:18} {part.version:10} {state}\n{'':29} {part.summary}")
        elif chosen.verb == "trim":
            if not parts.trim():
                print("error: a build is running; nothing was removed. Run it again when the build is done.")
                return 1
        elif chosen.verb == "environment":
            for name, value in engine.additions(_say).items():
                print(f"export {name}={shlex.quote(value)}")
    except UnknownPart as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (parts.PartError, PackagesMissing) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
