"""Height, round and step of a signature. They are ordered as in the protocol."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

MAX_HEIGHT = 2**63 - 1
MAX_ROUND = 2**31 - 1
HEIGHT_DIGITS, ROUND_DIGITS, STEP_DIGITS = 20, 10, 2


class Step(IntEnum):
    """The messages signed in a round, in protocol order, numbered as in CometBFT's file signer."""

    PROPOSAL = 1
    PREVOTE = 2
    PRECOMMIT = 3


class Position(NamedTuple):
    """Ordered by height, then round, then step. Step 0 is below every message of a round."""

    height: int
    round: int
    step: int

    @property
    def text(self) -> str:
        """Fixed width, so that text compares as positions do: ``height(20).round(10).step(2)``."""
        return f"{self.height:0{HEIGHT_DIGITS}d}.{self.round:0{ROUND_DIGITS}d}.{self.step:0{STEP_DIGITS}d}"


def spent(height: int) -> Position:
    """The last position of ``height``: a key with this watermark signs nothing at or below that height."""
    return Position(height, MAX_ROUND, Step.PRECOMMIT)


def parse(text: str) -> Position:
    """Reads what ``Position.text`` wrote.

    Raises:
        ValueError: the text has another form, or a number is out of range.
    """
    parts = text.split(".")
    widths = (HEIGHT_DIGITS, ROUND_DIGITS, STEP_DIGITS)
    if len(parts) != 3 or any(
        len(part) != width or not part.isascii() or not part.isdigit()
        for part, width in zip(parts, widths, strict=True)
    ):
        raise ValueError(f"got position {text!r}; expected {HEIGHT_DIGITS}, {ROUND_DIGITS} and {STEP_DIGITS} digits")
    found = Position(*map(int, parts))
    if found.height > MAX_HEIGHT or found.round > MAX_ROUND or found.step > Step.PRECOMMIT:
        raise ValueError(f"got position {text!r}; a number in it is out of range")
    return found
