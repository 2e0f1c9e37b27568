"""How a command ends early: each with the sentence that the person at the terminal reads."""


class UsageError(Exception):
    """What was asked for cannot be asked for: exit code 2."""


class CheckFailed(Exception):
    """What was asked for did not hold, or could not be done: exit code 1."""
