"""A drawing: named boxes, lines and text in layers, and its SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from drawing import style
from drawing.style import Line

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle: ``x`` and ``y`` of its upper left corner, width and height, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        """Half-way across."""
        return self.x + self.width / 2

    @property
    def centre(self) -> float:
        """Half-way down."""
        return self.y + self.height / 2

    def overlaps(self, other: Box) -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def holds(self, other: Box) -> bool:
        return self.x <= other.x and other.right <= self.right and self.y <= other.y and other.bottom <= self.bottom


@dataclass(frozen=True)
class Stroke:
    """A line to draw: its SVG path, and the markers at its ends."""

    line: Line
    path: str
    heads: str


@dataclass
class Scene:
    """What is drawn. ``cards`` are the boxes of hosts and gateways by name, ``panels`` the areas that contain them."""

    ground: list[str] = field(default_factory=list)
    lanes: list[Stroke] = field(default_factory=list)
    lines: list[Stroke] = field(default_factory=list)
    front: list[str] = field(default_factory=list)
    cards: dict[str, Box] = field(default_factory=dict)
    panels: dict[str, Box] = field(default_factory=dict)

    def rectangle(
        self, box: Box, fill: str, *, stroke: str = "none", radius: float = 8, dash: str = "", layer: str = "ground"
    ) -> None:
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        getattr(self, layer).append(
            f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="{radius:g}" '
            f'fill="{fill}" stroke="{stroke}"{dashes}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = style.INK,
        bold: bool = False,
        mono: bool = False,
        anchor: str = "start",
        width: float | None = None,
        plate: str = "",
    ) -> None:
        """Text on its base line at ``y``; cut to ``width``; on a ``plate`` of that colour, to be legible on a line."""
        shown = style.fitted(text, width, size, bold=bold, mono=mono) if width is not None else text
        if plate:
            across = style.text_width(shown, size, bold=bold, mono=mono)
            left = x - {"start": 0, "middle": across / 2, "end": across}[anchor]
            self.rectangle(Box(left - 6, y - size, across + 12, size + 5), plate, radius=3, layer="front")
        weight = ' font-weight="600"' if bold else ""
        family = f" font-family={quoteattr(style.MONO)}" if mono else ""
        where = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.front.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}"{weight}{family}{where}>'
            f"{escape(shown)}</text>"
        )

    def dot(self, x: float, y: float, radius: float, fill: str, title: str = "") -> None:
        inner = f"<title>{escape(title)}</title>" if title else ""
        self.front.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}">{inner}</circle>')

    def pill(self, right: float, y: float, text: str, colour: str, *, solid: bool = False) -> None:
        """A small label whose right end is at ``right``, centred on ``y``."""
        width = style.text_width(text, 9.5, bold=True) + 12
        box = Box(right - width, y - 7.5, width, 15)
        self.rectangle(box, colour if solid else style.WHITE, stroke=colour, radius=7.5, layer="front")
        self.text(
            box.middle, y + 3.4, text, size=9.5, bold=True, colour=style.WHITE if solid else colour, anchor="middle"
        )

    def route(
        self, points: Sequence[Point], line: Line, *, start: bool = False, end: bool = True, layer: str = "lines"
    ) -> None:
        """A line along ``points`` with rounded corners, on a halo that separates it from lines that it crosses.

        ``start`` and ``end`` draw arrow heads. The layer ``lanes`` is below the layer ``lines``.
        """
        heads = (f' marker-start="url(#head-{line.colour[1:]})"' if start else "") + (
            f' marker-end="url(#head-{line.colour[1:]})"' if end else ""
        )
        strokes: list[Stroke] = getattr(self, layer)
        strokes.append(Stroke(line, _rounded(points, 7), heads))

    def svg(self, width: float, height: float, title: str, description: str) -> str:
        colours = sorted({each.colour for each in vars(style).values() if isinstance(each, Line)})
        heads = "".join(
            f'<marker id="head-{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            f'<path d="M0.6 0.8 L7.4 4 L0.6 7.2 Z" fill="{colour}"/></marker>'
            for colour in colours
        )
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" role="img" font-family={quoteattr(style.SANS)}>'
        )
        return "\n".join(
            [
                opening,
                f"<title>{escape(title)}</title>",
                f"<desc>{escape(description)}</desc>",
                f"<defs>{heads}</defs>",
                f'<rect width="{width:g}" height="{height:g}" fill="{style.PAGE}"/>',
                "<g>",
                *self.ground,
                "</g>",
                '<g fill="none" stroke-linejoin="round">',
                *_strokes(self.lanes),
                *_strokes(self.lines),
                "</g>",
                "<g>",
                *self.front,
                "</g>",
                "</svg>",
                "",
            ]
        )


def _strokes(strokes: Sequence[Stroke]) -> Iterator[str]:
    """By kind, first the halos, then the lines: lines of one kind join; a halo separates them from other kinds."""
    for kind in dict.fromkeys(stroke.line for stroke in strokes):
        same = [stroke for stroke in strokes if stroke.line == kind]
        dash = f' stroke-dasharray="{kind.dash}"' if kind.dash else ""
        for each in same:
            yield f'<path d="{each.path}" stroke="{style.WHITE}" stroke-width="{kind.width + 3.5:g}" opacity="0.85"/>'
        for each in same:
            yield f'<path d="{each.path}" stroke="{kind.colour}" stroke-width="{kind.width:g}"{dash}{each.heads}/>'
        if kind.pipe:
            for each in same:
                yield f'<path d="{each.path}" stroke="{style.WHITE}" stroke-width="{kind.width - 3:g}"/>'


def _rounded(points: Sequence[Point], radius: float) -> str:
    """An SVG path through ``points``, its right-angled corners rounded."""
    kept = [points[0]]
    for point in points[1:]:
        if point != kept[-1]:
            kept.append(point)
    parts = [f"M{kept[0][0]:g} {kept[0][1]:g}"]
    for before, corner, after in zip(kept, kept[1:], kept[2:], strict=False):
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{enter[0]:g} {enter[1]:g} Q{corner[0]:g} {corner[1]:g} {leave[0]:g} {leave[1]:g}")
    parts.append(f"L{kept[-1][0]:g} {kept[-1][1]:g}")
    return " ".join(parts)


def _towards(corner: Point, other: Point, radius: float) -> Point:
    """The point ``radius`` (at most half-way) from ``corner`` towards ``other``."""
    across, down = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(across), abs(down))
    if not length:
        return corner
    reach = min(radius, length / 2) / length
    return (corner[0] + across * reach, corner[1] + down * reach)
