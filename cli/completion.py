"""Shell completion: what the words of a command line may be. argcomplete calls these while a person presses tab."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from cli.options import Parser
    from estate.model import Network

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "estate"
"""Bash and zsh find the completion of a command by the last part of its path."""


def script(shell: str) -> str:
    """What ``shell`` must source for ``bin/estate`` to be completed."""
    from argcomplete.shell_integration import shellcode

    return shellcode([NAME], shell=shell)


def answer(parser: Parser) -> NoReturn:
    """Writes the completions of the command line in the environment, as argcomplete's shell function reads them."""
    import argcomplete

    argcomplete.autocomplete(parser, always_complete_options=False)
    raise SystemExit(1)


def networks(**_: object) -> list[str]:
    """Every declared network."""
    from estate.declaration import files

    return files.names(CHECKOUT)


def _of_network(names: Callable[[Network], list[str]], parsed_args: argparse.Namespace) -> list[str]:
    from cli.options import DEFAULT_NETWORK
    from estate.declaration import files
    from estate.errors import ExpectedError

    try:
        return names(files.deployed(CHECKOUT, getattr(parsed_args, "network", None) or DEFAULT_NETWORK))
    except ExpectedError:
        return []


def hosts(*, parsed_args: argparse.Namespace, prefix: str = "", **_: object) -> list[str]:
    """The hosts of the network that the line names, without the network's name unless ``prefix`` begins with it."""

    def names(network: Network) -> list[str]:
        from estate.plan.hosts import hosts

        whole = prefix.startswith(network.name)
        return [host.name if whole else host.name.removeprefix(f"{network.name}-") for host in hosts(network)]

    return _of_network(names, parsed_args)


def ends(*, parsed_args: argparse.Namespace, prefix: str = "", **_: object) -> list[str]:
    """What ``reach`` may ask about by a name: the internet, and hosts."""
    return ["internet", *hosts(parsed_args=parsed_args, prefix=prefix)]


def sites(*, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The sites of the network that the line names."""
    return _of_network(lambda network: list(network.sites), parsed_args)


def operators(*, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The operators of the network that the line names."""
    return _of_network(lambda network: list(network.operators), parsed_args)


def claims(**_: object) -> list[str]:
    """The ids of all claims."""
    from proofs import proving

    return [claim.id for claim in proving.claims(CHECKOUT)]


def long_parts(**_: object) -> list[str]:
    """The parts of ``test --long``."""
    from cli.night import LONG

    return [part.name for part in LONG]
