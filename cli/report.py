"""Problems as a table that a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from estate.findings import Problem, as_table


def print_problems(problems: Sequence[Problem]) -> None:
    """Prints the problems to standard error, so that standard output stays for what was asked."""
    Console(stderr=True, highlight=False).print(as_table(problems))
