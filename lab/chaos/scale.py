"""How long a drill on the fast net goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A campaign ends when it has had both so many faults and so many heights; ``seed`` decides which faults.

    A drill that ends when it has seen what it is about needs none of it.
    """

    faults: int = 200
    heights: int = 2000
    seed: int = 1
