"""Cards: one for each host, and one for each managed gateway of the cloud."""

from __future__ import annotations

from collections.abc import Mapping

from drawing import style
from drawing.scene import Box, Scene
from estate.model import ROLES
from estate.plan.hosts import Host

HEIGHT = 42
GAP = 8


def _label(host: Host) -> str:
    return f"{ROLES[host.role].singular} {host.number:02d}"


def host_card(
    scene: Scene, host: Host, box: Box, *, detail: str, pill: str = "", solid: bool = False, status: Mapping[str, str]
) -> None:
    """A host.

    Its role and number, its address, a ``detail``, optionally a ``pill``, and a dot for its state if known.
    """
    colour = ROLES[host.role].colour
    scene.cards[host.name] = box
    scene.front.append(f"<g><title>{host.name}</title>")
    scene.rectangle(box, style.WHITE, stroke=style.HAIRLINE, radius=6, layer="front")
    scene.front.append(
        f'<path d="M{box.x + 6:g} {box.y:g} h-1 a5 5 0 0 0 -5 5 '
        f'v{box.height - 10:g} a5 5 0 0 0 5 5 h1 z" fill="{colour}"/>'
    )
    inner = box.x + 14
    state = status.get(host.name)
    room = box.right - inner - 8 - (style.text_width(pill, 9.5, bold=True) + 18 if pill else 0) - (14 if state else 0)
    scene.text(inner, box.y + 17, _label(host), size=12, bold=True, width=room)
    address = str(host.public_address or host.address)
    scene.text(inner, box.y + 33, address, size=10.5, mono=True, colour=style.MUTED)
    rest = box.right - 10 - inner - style.text_width(address, 10.5, mono=True) - 8
    scene.text(box.right - 10, box.y + 33, detail, size=10, colour=style.FAINT, anchor="end", width=rest)
    edge = box.right - 8
    if state:
        scene.dot(edge - 4, box.y + 13, 4, style.STATE_COLOURS.get(state, style.TROUBLE), state)
        edge -= 14
    if pill:
        scene.pill(edge, box.y + 13, pill, colour, solid=solid)
    scene.front.append("</g>")


def gateway_card(scene: Scene, name: str, box: Box, title: str, detail: str) -> None:
    """A managed service of the cloud: outlined, without a role's colour."""
    scene.cards[name] = box
    scene.rectangle(box, style.WHITE, stroke=style.FAINT, radius=6, layer="front")
    middle = box.height > 34
    scene.text(
        box.x + 12,
        box.y + (17 if middle else box.height / 2 + 4),
        title,
        size=11.5,
        bold=True,
        colour=style.MUTED,
        width=box.width - 20,
    )
    if middle:
        scene.text(box.x + 12, box.y + 33, detail, size=10.5, mono=True, colour=style.FAINT, width=box.width - 20)
