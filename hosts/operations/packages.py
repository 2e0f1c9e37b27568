"""Debian packages, several at once, at exact versions, from the estate's repository."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from hosts.facts.packages import InstalledVersions

APT_GET = "apt-get -q -o DPkg::Lock::Timeout=120"


def command(wanted: Mapping[str, str | None], installed: Mapping[str, str]) -> str | None:
    """The one command that installs what is missing or of another version; ``None`` if nothing is. Pure.

    The package lists are fetched only then: an installed version needs no update of the lists.
    """
    missing = [
        name for name, version in wanted.items() if name not in installed or version not in (None, installed[name])
    ]
    if not missing:
        return None
    targets = " ".join(
        shlex.quote(name if wanted[name] is None else f"{name}={wanted[name]}") for name in sorted(missing)
    )
    return (
        f"export DEBIAN_FRONTEND=noninteractive; dpkg --configure -a && {APT_GET} update && "
        f"{APT_GET} install -y --no-install-recommends --allow-downgrades --allow-change-held-packages "
        f"-o Dpkg::Options::=--force-confold {targets}"
    )


@operation()
def ensure(wanted: Mapping[str, str | None]) -> Generator[StringCommand, None, None]:
    """Installs ``wanted`` (version by name; ``None``: any): one fact, and one command if anything is missing."""
    installed = host.get_fact(InstalledVersions, packages=tuple(sorted(wanted)))
    needed = command(wanted, installed)
    if needed:
        yield StringCommand(needed)
