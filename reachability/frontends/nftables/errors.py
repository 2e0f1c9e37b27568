"""Text that nft would not load."""

from __future__ import annotations

from estate.errors import UsageError


class NftError(UsageError, ValueError):
    """Text that nft would reject. ``line`` counts from 1; 0 if there are no lines."""

    def __init__(self, line: int, value: str, rule: str, fix: str) -> None:
        self.line, self.value, self.rule, self.fix = line, value, rule, fix
        shown = value if len(value) <= 120 else f"{value[:117]}..."
        super().__init__(f"{f'line {line}: ' if line else ''}got {shown!r}; {rule}; {fix}")

    def at(self, line: int) -> NftError:
        """The same error with its line number."""
        return NftError(line, self.value, self.rule, self.fix)


class NotModelled(Exception):
    """A part of a rule that nft may load and that this reader does not support."""
