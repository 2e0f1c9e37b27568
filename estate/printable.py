"""Text of anybody, as it may be written to a terminal."""

from __future__ import annotations

from unicodedata import category

UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode's general categories of what is never written to a terminal as it is."""


def printable(text: str) -> str:
    """The text on one line, in which control and format characters are written as escapes: ``\\x1b``, ``\\u202e``.

    Names and tags of a state are anybody's text, and a terminal obeys such characters.
    """
    line = " ".join(text.splitlines()).replace("\t", " ")
    if line.isprintable():
        return line
    return "".join(_escape(each) if category(each) in UNPRINTABLE else each for each in line)


def _escape(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
