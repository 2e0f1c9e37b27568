"""The declarations of a checkout, by the network's name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from estate.declaration import load
from estate.errors import UsageError
from estate.model import Network
from estate.suggestion import did_you_mean


def names(checkout: Path) -> list[str]:
    """The networks that ``checkout`` declares, in order of name."""
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (checkout / "stacks").glob("Pulumi.*.yaml")
    )


def read(checkout: Path, name: str, *, chain: Path | None = None, today: date | None = None) -> Network:
    """The network called ``name``, valid on the day ``today``, by default this one.

    Raises:
        UsageError: there is none of this name.
        DeclarationError: with every problem of its declaration.
    """
    path = load.stack_file(checkout, name)
    if not path.exists():
        known = ", ".join(names(checkout)) or "none yet"
        raise UsageError(
            f"no network is called {name!r}: {path.relative_to(checkout)} does not exist; declared are: {known}; "
            f"`bin/estate new {name if name.isalnum() else 'NETWORK'}` writes one to edit"
            + did_you_mean(name, names(checkout))
        )
    return load.read(path, chain=chain, today=today)


def deployed(checkout: Path, name: str) -> Network:
    """The network as it may already be deployed, whatever has expired since: for commands that inspect it or take it
    down.
    """
    return read(checkout, name, today=date.min)
