"""Writes what a bare-metal host boots with as a tar, to be laid over its installation.

Run it from the root of the repository: ``python -m hosts.medium cosmoshub-edge-ash1-01 > edge.tar``.
"""

from __future__ import annotations

import io
import sys
import tarfile
from typing import BinaryIO

from configuration import first_boot
from configuration.first_boot import FirstFile
from estate.findings import DeclarationError
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
    try:
        network, inventory = context.joined()
        host = context.of(context.Name(arguments[0])).host
    except DeclarationError as error:
        print(error, file=sys.stderr)
        return 2
    write(first_boot.files(network, host, inventory), first_boot.units(host), sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
