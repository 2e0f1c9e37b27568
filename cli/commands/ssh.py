"""``bin/estate ssh``: from the operator's namespace, through the VPN gateway, as an operator would."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cli import completion, options

if TYPE_CHECKING:
    from lab.paths import LabPaths

ADMIN_USER = "debian"


def configure(parser: argparse.ArgumentParser) -> None:
    text = "name of a host; the name of the network may be left out of it"
    options.network_option(parser)
    options.completed(parser.add_argument("host", metavar="HOST", help=text), completion.hosts)
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="command to run instead of a shell, with its arguments",
    )


def command(paths: LabPaths, address: str, words: list[str]) -> list[str]:
    """The ssh command line that reaches ``address`` in the lab."""
    return [
        "ip",
        "netns",
        "exec",
        paths.namespace("operator"),
        "ssh",
        "-F",
        "none",
        "-i",
        str(paths.ssh_key),
        "-o",
        f"UserKnownHostsFile={paths.known_hosts}",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "LogLevel=ERROR",
        f"{ADMIN_USER}@{address}",
        *words,
    ]


def run(checkout: Path, arguments: argparse.Namespace) -> int:
    from estate.declaration import files
    from lab.paths import LabPaths
    from lab.rehearsal import running

    network = files.deployed(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    host = running.the_host(network, arguments.host)
    running.must_run(paths, host.name)
    words = command(paths, str(host.management_address), [word for word in arguments.words if word != "--"])
    os.execvp(words[0], words)
