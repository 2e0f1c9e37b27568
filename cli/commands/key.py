"""``bin/estate key``."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import completion, options

CEREMONIES = {
    "status": "show where the key is, which sites sign with it, and what is missing",
    "generate": "generate the key at the site that signing.custody names",
    "start": "let the site that holds the key sign through its gate; writes the first row of the table",
    "join": "let another declared site sign too",
    "move": "move the key to another site and destroy it where it was",
    "take-over": "let a site sign on in the height in which another site died, where the chain waits for this key",
    "renew-table": "begin a new generation of the table after it was lost or rolled back",
    "retire": "end the use of the key permanently",
    "clear-halt": "let a gate that has halted sign again",
}


def configure(parser: argparse.ArgumentParser) -> None:
    ceremonies = parser.add_subparsers(dest="action", required=True, metavar="CEREMONY")
    made = {
        name: ceremonies.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        for name, text in CEREMONIES.items()
    }
    for name, text in (("join", "site that joins"), ("clear-halt", "site of the gate")):
        options.completed(made[name].add_argument("site", metavar="SITE", help=text), completion.sites)
    for ceremony in made.values():
        options.network(ceremony)
        options.live(ceremony)
        _live(ceremony)
    move = made["move"]
    options.completed(
        move.add_argument("--to", metavar="SITE", help="site that is to hold the key (required)"), completion.sites
    )
    options.completed(
        move.add_argument(
            "--from", dest="leaving", metavar="SITE", help="site that gives the key up (required with coordination)"
        ),
        completion.sites,
    )
    taking = made["take-over"]
    for option, to, text in (("--from", "leaving", "site that died"), ("--to", "to", "site that signs on")):
        options.completed(
            taking.add_argument(option, dest=to, metavar="SITE", help=f"{text} (required)"), completion.sites
        )
    taking.add_argument(
        "--locked-block",
        default="",
        metavar="HASH",
        help="block on which the node of the site that signs on is locked, if the dead site precommitted one",
    )
    options.completed(
        made["renew-table"].add_argument(
            "--second-operator", default="", metavar="NAME", help="second operator, who has confirmed the reason"
        ),
        completion.operators,
    )
    made["renew-table"].add_argument(
        "--witness", dest="second_operator", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    made["retire"].add_argument(
        "--yes-retire", default="", metavar="ADDRESS", help="address of the key, 40 hexadecimal digits, to confirm"
    )
    made["clear-halt"].add_argument(
        "--cause", metavar="CAUSE", help="cause of the halt as the gate reports it, once a person has resolved it"
    )


def _live(ceremony: argparse.ArgumentParser) -> None:
    ceremony.add_argument("--ssh-key", type=Path, metavar="FILE", help="with --live: SSH key, instead of the agent's")
    ceremony.add_argument(
        "--known-hosts", type=Path, metavar="FILE", help="with --live and --ssh-key: public keys of the hosts"
    )
    ceremony.add_argument("--ssh-user", metavar="NAME", help="with --live: your account on the hosts")
    ceremony.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="with --live: your credentials for the signing table, as written by "
        "`aws configure export-credentials --format process`",
    )
    ceremony.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="with --live: CA certificates for the endpoints of the table"
    )
    ceremony.add_argument("--yes", action="store_true", help="with --live: do not ask before a change")


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from cli import key

    return key.run(checkout, arguments)
