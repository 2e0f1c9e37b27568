"""What a command prints: for a person at a terminal, or for a program that reads it line by line.

On a terminal: colours, and columns fitted to its width. Elsewhere: plain text, each row and each finding on one line
of its own, however long.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from estate.findings import Problem, heading
from estate.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

Part = str | tuple[str, str]
"""Text, or text and its style in rich's words."""

GAP = "  "
LEAST_LAST_COLUMN = 20
"""In characters. A table whose last column would be narrower is not fitted: the terminal itself breaks its lines."""


def plain(part: Part) -> str:
    """The text alone, on one line, as ``printable`` gives it."""
    return printable(part if isinstance(part, str) else part[0])


def _styled(part: Part) -> Part:
    """The part with its style, on one line."""
    return plain(part) if isinstance(part, str) else (plain(part), part[1])


def relative(file: str, checkout: Path) -> str:
    """The file as seen from the checkout, if it is in it."""
    path = Path(file)
    return str(path.relative_to(checkout)) if path.is_relative_to(checkout) else file


def place(problem: Problem, checkout: Path) -> str:
    """``stacks/Pulumi.cosmoshub.yaml:12``, as editors and terminals understand it."""
    file = relative(problem.file, checkout)
    return f"{file}:{problem.line}" if problem.line else file


def one_line(problem: Problem, checkout: Path) -> str:
    """``FILE:LINE: PATH: RULE; got VALUE; REASON; FIX``."""
    rest = "; ".join([problem.rule, f"got {problem.value}", problem.reason, problem.fix])
    return plain(f"{place(problem, checkout)}: {problem.path}: {rest}")


def aligned(rows: Sequence[Sequence[Part]], right: Collection[int] = ()) -> list[list[Part]]:
    """The cells of ``rows``, padded to the width of their column: on the left in the ``right`` columns.

    Nothing follows the last cell of a row.
    """
    widths = [max(len(plain(row[column])) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines: list[list[Part]] = []
    for row in rows:
        cells: list[Part] = []
        for column, cell in enumerate(row):
            blank = " " * (widths[column] - len(plain(cell)))
            last = column == len(row) - 1
            before = blank if column in right else ""
            after = "" if last else (GAP if column in right else blank + GAP)
            cells += [before, cell, after]
        lines.append(cells)
    return lines


class Page:
    """Standard output, or standard error with ``error``, and the one way to write text, tables and problems to it."""

    def __init__(self, *, error: bool = False) -> None:
        self._stream = sys.stderr if error else sys.stdout
        self._console = self._made() if self._stream.isatty() else None

    def _made(self) -> Console:
        from rich.console import Console

        return Console(
            file=self._stream,
            highlight=False,
            markup=False,
            emoji=False,
            color_system=None if os.environ.get("NO_COLOR") else "auto",
        )

    def line(self, *parts: Part, indent: int = 0) -> None:
        """One line, as long as it is: names stay whole, so that they can be copied."""
        if self._console is None:
            text = "".join(plain(part) for part in parts)
            self._stream.write(f"{' ' * indent}{text}".rstrip() + "\n")
            return
        from rich.text import Text

        self._console.print(Text.assemble(" " * indent, *map(_styled, parts)), soft_wrap=True)

    def paragraph(self, *parts: Part, indent: int = 0) -> None:
        """Prose: on a terminal broken between words, elsewhere one line."""
        if self._console is None:
            self.line(*parts, indent=indent)
            return
        from rich.padding import Padding
        from rich.text import Text

        self._console.print(Padding(Text.assemble(*map(_styled, parts)), (0, 0, 0, indent)))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Part]], *, right: Collection[int] = ()) -> None:
        """Rows under the names of their columns, the ``right`` ones aligned to the right; no names, no heading."""
        body = [list(row) for row in rows]
        headed: list[list[Part]] = [[(name, "dim") for name in columns], *body] if any(columns) else body
        if self._console is not None and self._fits(headed):
            self._fitted(columns, body, right, self._console)
            return
        for cells in aligned(headed, right):
            self.line(*cells)

    def _fits(self, rows: Sequence[Sequence[Part]]) -> bool:
        assert self._console is not None
        if not rows:
            return True
        first = sum(max(len(plain(row[column])) for row in rows) + len(GAP) for column in range(len(rows[0]) - 1))
        return first + LEAST_LAST_COLUMN <= self._console.width

    def _fitted(
        self, columns: Sequence[str], rows: Sequence[Sequence[Part]], right: Collection[int], console: Console
    ) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="dim", show_header=any(columns)
        )
        for index, name in enumerate(columns):
            table.add_column(
                Text(name),
                no_wrap=index < len(columns) - 1,
                overflow="fold",
                justify="right" if index in right else "left",
            )
        for row in rows:
            table.add_row(*(Text.assemble(_styled(cell)) for cell in row))
        console.print(table)

    def problems(self, problems: Sequence[Problem], checkout: Path) -> None:
        """Every problem of declarations: a block of full width on a terminal, one line elsewhere."""
        if self._console is not None:
            self.line((heading(problems), "bold red"))
        for problem in problems:
            if self._console is not None:
                self.line()
            self._finding(problem, checkout, "red")

    def notices(self, notices: Sequence[Problem], checkout: Path) -> None:
        """What is not wrong yet: as problems, but called notices."""
        for notice in notices:
            if self._console is None:
                self.line(f"notice: {one_line(notice, checkout)}")
            else:
                self._finding(notice, checkout, "yellow", kind="notice  ")

    def _finding(self, problem: Problem, checkout: Path, colour: str, kind: str = "") -> None:
        if self._console is None:
            self.line(one_line(problem, checkout))
            return
        self.line((kind, colour), (place(problem, checkout), "dim"), "  ", (problem.path, "bold"))
        rows: list[list[Part]] = [
            [("  got", "dim"), (problem.value, colour)],
            [("  rule", "dim"), problem.rule],
            [("  reason", "dim"), problem.reason],
            [("  fix", "dim"), (problem.fix, "green")],
        ]
        self._fitted(("", ""), rows, (), self._console)
