"""Debian packages that the machine itself needs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from estate.errors import ExpectedError
from tools.cache import Progress, locked

LAB = (
    "bird2",
    "ca-certificates",
    "debian-archive-keyring",
    "dpkg-dev",
    "gnupg",
    "haproxy",
    "iproute2",
    "mmdebstrap",
    "nftables",
    "openssh-client",
    "openjdk-17-jre-headless",
    "openssl",
    "python3-venv",
    "systemd-container",
    "util-linux",
    "zstd",
)
"""The packages that the lab needs on its machine."""

SERVICES = ("bird.service", "haproxy.service")
"""The services of these packages. The lab runs its own in network namespaces, so these stay disabled."""

POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian's hook that decides whether an installation may start services; exit code 101 forbids it."""


class PackagesMissing(ExpectedError):
    """Debian packages are missing and could not be installed. `missing` names them."""

    def __init__(self, missing: Sequence[str], why: str) -> None:
        self.missing = tuple(missing)
        super().__init__(
            f"Debian packages missing: {' '.join(missing)}: {why}. "
            f"Install them with: apt-get install {' '.join(missing)}"
        )


def missing(packages: Sequence[str]) -> list[str]:
    """The packages that are not installed, in the given order. Empty if there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return []
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def ensure(packages: Sequence[str], progress: Progress = print) -> list[str]:
    """Install the missing ones of `packages`; return them. The package lists are fetched only if needed.

    Raises PackagesMissing without root, or if apt cannot install them.
    """
    if not missing(packages):
        return []
    if os.geteuid() != 0:
        raise PackagesMissing(missing(packages), "installing them requires root")
    with locked("apt", progress):
        wanted = missing(packages)
        if not wanted:
            return []
        progress(f"installing Debian packages: {' '.join(wanted)}")
        _finish_interrupted_installation()
        first = _install(wanted)
        if first.returncode != 0:
            subprocess.run([*_APT, "update", "-qq"], env=_environment(), capture_output=True, check=False)
            second = _install(wanted)
            if second.returncode != 0:
                said = " / ".join(_last_lines(second.stderr or second.stdout))
                raise PackagesMissing(wanted, f"apt-get said: {said}")
    return wanted


_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")


def _install(packages: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [*_APT, "install", "-y", "-qq", "--no-install-recommends", *packages]
    with _starting_nothing():
        return subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)


@contextlib.contextmanager
def _starting_nothing() -> Iterator[None]:
    """The services of installed packages are not started now nor, under systemd, at the next boot."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "disable", *SERVICES], capture_output=True, check=False)


def _finish_interrupted_installation() -> None:
    """Configure packages that a killed installation left unconfigured; dpkg refuses to continue otherwise."""
    updates = Path("/var/lib/dpkg/updates")
    half_done = updates.is_dir() and any(updates.iterdir())
    audit = subprocess.run(["dpkg", "--audit"], capture_output=True, text=True, check=False)
    if half_done or audit.stdout.strip():
        subprocess.run(
            ["dpkg", "--force-confold", "--configure", "-a"], env=_environment(), capture_output=True, check=False
        )


def _environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def _last_lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()[-3:]]
