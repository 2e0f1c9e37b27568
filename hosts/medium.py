"""Writes the files of a bare-metal host's first boot as a tar, to be unpacked over its installation.

Run it from the root of the repository: ``python -m hosts.medium cosmoshub-edge-ash1-01 > edge.tar``.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from typing import BinaryIO

from configuration import first_boot
from configuration.first_boot import FirstFile
from estate.findings import DeclarationError, Problem
from hosts import context

WANTS = "/etc/systemd/system/multi-user.target.wants"


def write(files: tuple[FirstFile, ...], units: tuple[str, ...], to: BinaryIO) -> None:
    """Writes ``files``, and the links that start ``units`` at boot, as a tar. The same content gives the same bytes."""
    with tarfile.open(fileobj=to, mode="w|") as archive:
        for file in files:
            member = tarfile.TarInfo(file.path.lstrip("/"))
            content = file.content.encode()
            member.size, member.mode, member.uname, member.gname = len(content), int(file.mode, 8), "root", file.group
            archive.addfile(member, io.BytesIO(content))
        for unit in units:
            link = tarfile.TarInfo(f"{WANTS}/{unit}".lstrip("/"))
            link.type, link.linkname, link.uname, link.gname = (
                tarfile.SYMTYPE,
                f"/lib/systemd/system/{unit}",
                "root",
                "root",
            )
            archive.addfile(link)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m hosts.medium HOST > HOST.tar", file=sys.stderr)
        return 2
    name = arguments[0]
    try:
        contexts = context.contexts(os.environ)
        if name not in contexts:
            raise DeclarationError(
                [
                    Problem(
                        file="hosts/medium.py",
                        path="HOST",
                        value=repr(name),
                        rule="it must be a host that the network declares",
                        reason="its role and addresses come from the declaration",
                        fix="declare it in the network's stack file, or name one that is declared there",
                    )
                ]
            )
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    here = contexts[name]
    write(first_boot.files(here.network, here.host, here.inventory), first_boot.units(here.host), sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
