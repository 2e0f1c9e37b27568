"""The known word that a misspelt one was probably meant to be."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

CUTOFF = 0.6
"""The least similarity, from 0 to 1, of a word that is suggested."""


def nearest(given: str, known: Collection[str]) -> str | None:
    """The known word that begins with ``given`` or else is most like it; None if none is like it."""
    begun = [word for word in known if word.startswith(given)]
    if given and len(begun) == 1:
        return begun[0]
    close = get_close_matches(given, list(known), n=1, cutoff=CUTOFF)
    return close[0] if close else None


def did_you_mean(given: str, known: Collection[str]) -> str:
    """``; did you mean WORD?``, to put after what was given; empty if no known word is like ``given``."""
    close = nearest(given, known)
    return f"; did you mean {close}?" if close else ""
