"""Colours, type and measures of the map."""

from __future__ import annotations

from dataclasses import dataclass

PAGE = "#ffffff"
PANEL = "#f6f7f9"
CELL = "#ffffff"
INK = "#1b2430"
MUTED = "#667085"
FAINT = "#98a2b3"
HAIRLINE = "#d5dae1"
WHITE = "#ffffff"

SANS = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
MONO = "'JetBrains Mono', 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace"

STATE_COLOURS = {
    "ok": "#2e9e5b",
    "running": "#2e9e5b",
    "signing": "#2e9e5b",
    "standby": "#98a2b3",
    "stopped": "#98a2b3",
}
TROUBLE = "#d92d20"


@dataclass(frozen=True)
class Line:
    """The line style of one kind of flow."""

    colour: str
    width: float = 1.8
    dash: str = ""
    pipe: bool = False


P2P = Line("#2f6fde")
API = Line("#0b8f9c")
VPN = Line("#d18a04", dash="5 4")
OUTBOUND = Line("#7d8899", width=1.5, dash="2 3.5")
PARTNER = Line("#7a5af0")
SIGNING = Line("#b4234a", width=2.2)
BACKBONE = Line("#8fb0ea", width=5, pipe=True)
TUNNEL = Line("#8a94a6", width=5, pipe=True)

_NARROW = set("iljtfrI.,:;'|!()[] -/")
_WIDE = set("mwMW@—…")


def text_width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """About how wide ``text`` is, in the same unit as ``size``; a little more than most fonts make it."""
    if mono:
        return len(text) * size * 0.605
    units = sum(
        0.34 if each in _NARROW else 0.9 if each in _WIDE else 0.68 if each.isupper() else 0.575 for each in text
    )
    return units * size * (1.06 if bold else 1.0)


def fitted(text: str, width: float, size: float, *, bold: bool = False, mono: bool = False) -> str:
    """``text``, or as much of its beginning as fits, with an ellipsis."""
    if text_width(text, size, bold=bold, mono=mono) <= width:
        return text
    while text and text_width(f"{text}…", size, bold=bold, mono=mono) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"
