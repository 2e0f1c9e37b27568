"""What a check reports: problems, and the errors that carry them.

One shape for declarations, policies and claims; as JSON for machines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from estate.errors import ExpectedError


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong.

    Where (``file``, dotted ``path``), the ``value`` given, the ``rule``, its ``reason``, the ``fix``.

    ``line`` counts from 1; 0 where it is not known.
    """

    file: str
    path: str
    value: str
    rule: str
    reason: str
    fix: str
    line: int = 0

    @property
    def place(self) -> str:
        """The file, and its line in the form that editors and terminals open."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.place}: {self.path}: got {self.value}; {self.rule}; {self.reason}; {self.fix}"


class DeclarationError(ExpectedError, ValueError):
    """A declaration that cannot be used, with every problem found in it."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"{heading(self.problems)}:", *(f"  {each}" for each in self.problems)]))


def heading(problems: Sequence[Problem]) -> str:
    return f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the declaration"


def as_json(problems: Sequence[Problem]) -> str:
    return json.dumps([asdict(problem) for problem in problems], indent=2)
