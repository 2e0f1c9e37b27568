"""What a drill says when a promise did not hold."""

from estate.errors import ExpectedError


class PromiseBroken(ExpectedError):
    """A promise did not hold in a drill."""
