"""``bin/estate ssh``: from the operator's namespace, through the VPN gateway, as an operator would."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from estate.declaration import files as declaration
from lab.paths import LabPaths
from lab.rehearsal import running as labcheck

ADMIN_USER = "debian"


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
    network = declaration.standing(checkout, arguments.network)
    paths = LabPaths(checkout=checkout, network=network.name)
    host = labcheck.the_host(network, arguments.host)
    labcheck.must_run(paths, host.name)
    words = command(paths, str(host.management_address), [word for word in arguments.words if word != "--"])
    os.execvp(words[0], words)
