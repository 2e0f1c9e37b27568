"""The root of every error that a command may end with in normal use, and the two that belong to no part."""

from __future__ import annotations

from typing import ClassVar


class ExpectedError(Exception):
    """Something that goes wrong in normal use. The message is for the person at the terminal: what was given, the rule,
    the reason and the fix. A command that ends with it prints the message without a traceback and exits with
    ``exit_code``. Any other exception is a defect of ours and keeps its traceback.
    """

    exit_code: ClassVar[int] = 1


class CheckFailed(ExpectedError):
    """What was asked for did not hold, or could not be done."""


class UsageError(ExpectedError):
    """What was asked for cannot be asked for."""

    exit_code = 2
