"""A person's consent to a change of real accounts and hosts."""

from __future__ import annotations

import sys

from estate.errors import CheckFailed


def demand(network: str, what: str, question: str) -> None:
    """Asks ``question`` and takes the name of the network for a yes. ``what``: what would be confirmed, in messages.

    Raises:
        CheckFailed: standard input is not a terminal, or the answer is another one.
    """
    if not sys.stdin.isatty():
        raise CheckFailed(
            f"standard input is not a terminal, so the {what} cannot be confirmed; nothing was changed; "
            "run this command in a terminal, or add --yes"
        )
    try:
        answer = input(question).strip()
    except EOFError:
        answer = ""
    if answer != network:
        raise CheckFailed(f"not confirmed: got {answer!r}, expected {network!r}; nothing was changed; run it again")
