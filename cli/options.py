"""The parser of the command line, and the arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from estate.suggestion import did_you_mean

DEFAULT_NETWORK = "cosmoshub"
USAGE = 2
"""The exit code of bad usage."""

Completer = Callable[..., Iterable[str]]
"""What argcomplete calls with the keywords ``prefix``, ``action``, ``parser`` and ``parsed_args``."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors name the nearest word that it knows. Options must be written out.

    ``parser`` of what it parses is the parser of the innermost command.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **keywords})
        self.set_defaults(parser=self)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(each) for each in action.choices]
            expected = f"unknown {_noun(action)} {value!r}; expected one of: {', '.join(known)}"
            raise argparse.ArgumentError(None, expected + did_you_mean(str(value), known))

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.format_usage()}{self.prog}: {message}\n")

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Ends the program because of ``words`` that no argument takes."""
        word = words[0]
        hint = did_you_mean(word.split("=")[0], self.option_strings()) if word.startswith("-") else ""
        kind = "unknown option" if word.startswith("-") else "unexpected argument"
        self.error(f"{kind} {word}{hint}")

    def option_strings(self) -> list[str]:
        """Every option of this parser, as it is written."""
        return [option for action in self._actions for option in action.option_strings]

    def arguments(self) -> list[argparse.Action]:
        """Positional arguments and options in their order, without ``--help`` and those whose help is suppressed."""
        return [action for action in self._actions if action.dest != "help" and action.help != argparse.SUPPRESS]


def _noun(action: argparse.Action) -> str:
    return str(action.metavar or action.dest).lower()


def completed(action: argparse.Action, completer: Completer) -> argparse.Action:
    """The argument, which shell completion completes by ``completer``."""
    vars(action)["completer"] = completer
    return action


def at_least(least: int) -> Callable[[str], int]:
    """Reads a whole number from ``least``; anything else is an argparse.ArgumentTypeError."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text!r}; must be a whole number from {least}")
        return int(text)

    return read


count = at_least(0)
"""Reads a whole number from 0."""


def network(parser: argparse.ArgumentParser) -> None:
    from cli import completion

    text = f"name of a declared network, as in stacks/Pulumi.NETWORK.yaml (default: {DEFAULT_NETWORK})"
    completed(
        parser.add_argument("network", nargs="?", default=DEFAULT_NETWORK, metavar="NETWORK", help=text),
        completion.networks,
    )


def networks(parser: argparse.ArgumentParser, default: str = DEFAULT_NETWORK) -> None:
    """Any number of networks, as ``networks``; ``default`` says which they are if none is named."""
    from cli import completion

    text = f"names of declared networks (default: {default})"
    completed(parser.add_argument("networks", nargs="*", metavar="NETWORK", help=text), completion.networks)


def network_option(parser: argparse.ArgumentParser, *, default: str | None = DEFAULT_NETWORK, note: str = "") -> None:
    from cli import completion

    text = f"name of a declared network (default: {note or DEFAULT_NETWORK})"
    completed(parser.add_argument("--network", default=default, metavar="NETWORK", help=text), completion.networks)


def live(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--live", action="store_true", help="use the real accounts and hosts instead of the lab")


def json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document to standard output, nothing else")


def state(parser: argparse.ArgumentParser) -> None:
    text = (
        "use a stack, any stack, from the JSON in FILE: of `pulumi stack export`, of a checkpoint "
        "(`.pulumi/stacks/…/NAME.json`), of `pulumi preview --json` (as it will be), of `terraform show -json`, or a "
        "Terraform state file"
    )
    parser.add_argument("--state", metavar="FILE", help=text)


def expect(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--expect", choices=("reachable", "unreachable"), metavar="VERDICT", help=text)
