"""What a check reports: one shape for declarations, policies and claims, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong: where (``file``, dotted ``path``), the ``value`` given, the ``rule``, its ``reason``, the ``fix``."""

    file: str
    path: str
    value: str
    rule: str
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.path}: got {self.value}; {self.rule}; {self.reason}; {self.fix}"


class DeclarationError(ValueError):
    """A declaration that cannot be used, with every problem found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__("\n".join([f"{count} problem{'s' if count != 1 else ''} in the declaration:", *(f"  {each}" for each in self.problems)]))


def as_json(problems: Sequence[Problem]) -> str:
    return json.dumps([asdict(problem) for problem in problems], indent=2)
