"""The length of a drill on the fast net."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A campaign ends when it has had this many faults and heights, and every kind of fault at least once.

    ``seed`` decides which faults happen when. The defaults are the short campaign of a CI run. Other drills end when
    they have seen what they are about and ignore the scale.
    """

    faults: int = 24
    heights: int = 80
    seed: int = 1
