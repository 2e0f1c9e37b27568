"""A host's only package source, the estate's signed repository, and the packages that every host has."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api.exceptions import DeployError

from configuration.context import HostContext
from configuration.rendering import render
from estate.findings import Problem
from hosts.operations import packages
from hosts.operations.files import Directory, File, Item
from hosts.roles import firewall

KEYRING = "/etc/apt/keyrings/estate.gpg"
SOURCES = "/etc/apt/sources.list.d"
COMMON = ("openssh-server", "sudo", "chrony", *firewall.PACKAGES)


def _keyring(context: HostContext) -> bytes:
    if context.archive_keyring is None or not context.archive_keyring.is_file():
        raise DeployError(
            str(
                Problem(
                    file="environment",
                    path="ESTATE_ARCHIVE_KEYRING",
                    value=repr(context.archive_keyring),
                    rule="it must name the repository's keyring",
                    reason="a host installs nothing that the estate did not sign",
                    fix="set it to the file that the repository was published with",
                )
            )
        )
    return context.archive_keyring.read_bytes()


def items(context: HostContext) -> list[Item]:
    """The sources, and the keyring that verifies their signatures."""
    service = context.network.services["packages"]
    return [
        Directory(path="/etc/apt/keyrings"),
        File(path=KEYRING, content=_keyring(context)),
        File(path="/etc/apt/sources.list", content=render("base/sources.list.j2")),
        Directory(path=SOURCES, exclusive=True),
        File(
            path=f"{SOURCES}/estate.sources",
            content=render("base/estate.sources.j2", address=service.address, port=service.port, keyring=KEYRING),
        ),
        File(
            path="/etc/apt/preferences.d/estate", content=render("base/estate.preferences.j2", address=service.address)
        ),
        File(path="/etc/apt/apt.conf.d/50-estate", content=render("base/apt.conf.j2")),
    ]


def install(name: str, wanted: Mapping[str, str | None]) -> None:
    """Installs ``wanted`` (version by package name; ``None``: any) as the operation ``name``."""
    packages.ensure(name=name, wanted=wanted)


def apply(context: HostContext) -> None:
    """Declares the operations."""
    install("Install what every host has", dict.fromkeys(COMMON))
