"""The root of every error that a user may meet in normal use, and the two that belong to no directory."""

from __future__ import annotations

from typing import ClassVar


class ExpectedError(Exception):
    """Something that goes wrong in normal use. The message is for the person at the terminal: what was given, the rule,
    the reason and the fix. A command that ends with it prints the message without a traceback and exits with
    ``exit_code``. Any other exception is a defect of ours and keeps its traceback.
    """

    exit_code: ClassVar[int] = 1


def undecodable(error: UnicodeDecodeError) -> str:
    """The first byte that is not UTF-8, in words: the value of an error about text."""
    return f"byte {error.start} is {error.object[error.start]:#04x}"


class CheckFailed(ExpectedError):
    """A check that does not hold, or an action that could not be done."""


class UsageError(ExpectedError):
    """A command that cannot be carried out as it was written."""

    exit_code = 2
