"""The declaration that a command is about."""

from __future__ import annotations

from pathlib import Path

from cli.errors import UsageError
from estate import load
from estate.model import Network


def names(checkout: Path) -> list[str]:
    """The networks that this checkout declares."""
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (checkout / "stacks").glob("Pulumi.*.yaml")
    )


def read(checkout: Path, name: str, *, chain: Path | None = None) -> Network:
    path = load.stack_file(checkout, name)
    if not path.exists():
        known = ", ".join(names(checkout)) or "none yet"
        raise UsageError(
            f"no network is called {name!r}: {path.relative_to(checkout)} does not exist; declared are: {known}; `bin/estate new {name}` writes one to edit"
        )
    return load.read(path, chain=chain)
