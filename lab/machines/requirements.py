"""What a computer must have to run machines, and what to do where it has not."""

import os
import shutil
import sys
from pathlib import Path

from estate.errors import ExpectedError
from lab.machines import cgroups

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "bash": "bash",
    "journalctl": "systemd",
}
"""Programs that starting a machine runs, and the Debian package that has each."""

IMAGE_PROGRAMS = {"mmdebstrap": "mmdebstrap", "apt-get": "apt", "chroot": "coreutils"}
"""Further programs that building the image runs."""

PACKAGES = ("systemd-container", "mmdebstrap", "debian-archive-keyring", "openssh-client", "nftables", "iproute2")
"""Debian packages that the outer machine needs."""


class LabUnavailable(ExpectedError):
    """This computer cannot run the lab's machines; the text says each thing that is missing and how to get it."""


def missing(programs: dict[str, str] = PROGRAMS) -> list[str]:
    """What is missing on this machine, as text; empty if machines can run."""
    if not sys.platform.startswith("linux"):
        return [f"the lab's machines are Linux namespaces, this is {sys.platform}: run the lab on a Linux machine"]
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root: mounting and network namespaces need it; run as root")
    for program, package in programs.items():
        if shutil.which(program) is None:
            lacks.append(f"the program {program}: install the Debian package {package}")
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        lacks.append("overlayfs in the kernel: machines share one image by it; run `modprobe overlay`")
    try:
        cgroups.hierarchies()
    except LookupError as error:
        lacks.append(str(error))
    if not Path("/dev/net/tun").exists():
        lacks.append("/dev/net/tun: VPNs inside machines need it; run `modprobe tun`")
    return lacks


def check(programs: dict[str, str] = PROGRAMS) -> None:
    """Raise `LabUnavailable` with everything that is missing."""
    if lacks := missing(programs):
        raise LabUnavailable("machines cannot run here, missing: " + "; ".join(lacks))
