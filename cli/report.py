"""Problems as a table that a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from estate.findings import Problem


def print_problems(problems: Sequence[Problem]) -> None:
    console = Console(stderr=True, highlight=False)
    table = Table(
        title=f"{len(problems)} problem{'s' if len(problems) != 1 else ''}", title_justify="left", show_lines=True
    )
    for column in ("where", "given", "rule", "why", "what to do"):
        table.add_column(column, overflow="fold")
    for each in problems:
        line = getattr(each, "line", None)
        where = f"{each.file}{f':{line}' if line else ''}\n{each.path}"
        table.add_row(where, each.value, each.rule, each.reason, each.fix)
    console.print(table)
