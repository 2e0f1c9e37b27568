"""A datacentre: the firewall pair on top, validator and signer zones behind it, the management zone, the cabinet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drawing import style
from drawing.card import GAP, HEIGHT, host_card
from drawing.scene import Box, Point, Scene
from estate.model import ROLES, Network, Role, ZoneKind
from estate.plan import addressing
from estate.plan.coordination import signing_sites
from estate.plan.hosts import Host

GUTTER = 24
COLUMN_GAP = 18
NARROWEST_COLUMN = 226
MANAGEMENT_LANE = 30
SIDE_GAP = 28
CABINET = 216
HEADER = 104
LABEL = 24
ROW_GAP = 44
MANAGEMENT = 46
UNIT = 21
PAD = 20
TOP = 20


def _zones(network: Network, site: str, kind: ZoneKind) -> list[str]:
    zones = network.sites[site].zones
    return sorted((name for name in zones if zones[name].kind is kind), key=lambda name: zones[name].slot)


def _columns(network: Network, site: str) -> int:
    edges = sum(server.role is Role.EDGE for server in network.sites[site].servers)
    return max(2, len(_zones(network, site, ZoneKind.VALIDATOR)), len(_zones(network, site, ZoneKind.SIGNER)), edges)


def narrowest(network: Network, site: str) -> float:
    columns = _columns(network, site)
    return 2 * GUTTER + columns * NARROWEST_COLUMN + (columns - 1) * COLUMN_GAP + MANAGEMENT_LANE + CABINET + SIDE_GAP


def _in_zone(hosts: Sequence[Host], site: str, zone: str) -> list[Host]:
    return sorted(
        (host for host in hosts if host.place == site and host.zone == zone), key=lambda host: (host.role, host.number)
    )


def _row(hosts: Sequence[Host], site: str, zones: Sequence[str]) -> float:
    fullest = max((len(_in_zone(hosts, site, zone)) for zone in zones), default=1)
    return LABEL + max(fullest, 1) * (HEIGHT + GAP) + 2


@dataclass(frozen=True)
class Rows:
    """Heights of the rows of zones and of the whole; shared by all sites of a row."""

    edge: float
    validator: float
    signer: float
    cabinet: float

    @property
    def site(self) -> float:
        zones = self.edge + self.validator + self.signer + MANAGEMENT + 3 * ROW_GAP
        return max(TOP + zones - 16, TOP + HEADER + self.cabinet) + PAD


def rows(network: Network, hosts: Sequence[Host], sites: Sequence[str]) -> Rows:
    return Rows(
        edge=LABEL + HEIGHT + GAP + 2,
        validator=max(_row(hosts, site, _zones(network, site, ZoneKind.VALIDATOR)) for site in sites),
        signer=max(_row(hosts, site, _zones(network, site, ZoneKind.SIGNER)) for site in sites),
        cabinet=max(_cabinet_height(network, site) for site in sites),
    )


def _cabinet_height(network: Network, site: str) -> float:
    each = network.sites[site]
    units = sum(len(server.rack_units) for server in each.servers)
    return 34 + (len(each.cabinet.switches) + units) * UNIT + 26


@dataclass(frozen=True)
class Drawn:
    """Where the tunnels end: on top of each edge firewall."""

    box: Box
    edges: tuple[Point, ...]


def draw(
    scene: Scene, network: Network, hosts: Sequence[Host], site: str, box: Box, tall: Rows, status: Mapping[str, str]
) -> Drawn:
    """Draws ``site`` in ``box``."""
    scene.panels[site] = box
    scene.rectangle(box, style.PANEL, stroke=style.HAIRLINE, radius=12)
    columns = _columns(network, site)
    side = Box(box.x + GUTTER, box.y + TOP, CABINET, HEADER)
    left = side.right + SIDE_GAP
    area = Box(left, box.y + TOP, box.right - GUTTER - MANAGEMENT_LANE - left, box.height - TOP - PAD)
    column = (area.width - (columns - 1) * COLUMN_GAP) / columns
    _header(scene, network, site, side)
    _cabinet(scene, network, hosts, site, Box(side.x, side.bottom, CABINET, _cabinet_height(network, site)))

    edge_box = Box(area.x, area.y, area.width, tall.edge)
    edges = _edges(scene, network, hosts, site, edge_box, column, status)
    validator_y = edge_box.bottom + ROW_GAP
    signer_y = validator_y + tall.validator + ROW_GAP
    validators = _zone_row(
        scene, network, hosts, site, ZoneKind.VALIDATOR, Box(area.x, validator_y, area.width, tall.validator), status
    )
    signers = _zone_row(
        scene, network, hosts, site, ZoneKind.SIGNER, Box(area.x, signer_y, area.width, tall.signer), status
    )
    for zone in validators:
        scene.route([(zone.middle, edge_box.bottom), (zone.middle, zone.y)], style.P2P, start=True)
    if validators:
        scene.text(
            validators[0].middle + 10,
            edge_box.bottom + ROW_GAP / 2 + 4,
            "p2p with own sentries",
            size=10.5,
            colour=style.P2P.colour,
        )
    _signing(scene, network, validators, signers, validator_y + tall.validator + ROW_GAP / 2)
    management = Box(area.x, signer_y + tall.signer + ROW_GAP - 16, area.width, MANAGEMENT)
    _management(scene, network, site, management, edge_box)
    return Drawn(box, edges)


def _header(scene: Scene, network: Network, site: str, box: Box) -> None:
    each = network.sites[site]
    scene.text(box.x, box.y + 16, site, size=18, bold=True)
    scene.text(box.right, box.y + 15, f"AS {each.asn}", size=11, colour=style.MUTED, anchor="end")
    scene.text(box.x, box.y + 37, f"{each.vendor} · {each.facility}", size=12, colour=style.INK, width=box.width)
    scene.text(box.x, box.y + 54, each.continent.replace("-", " ").title(), size=11.5, colour=style.MUTED)
    scene.text(
        box.x, box.y + 72, f"inside {addressing.site_block(network, site)}", size=10.5, mono=True, colour=style.MUTED
    )
    scene.text(box.x, box.y + 88, f"uplink {each.uplink}", size=10.5, mono=True, colour=style.MUTED)


def _zone_box(scene: Scene, network: Network, site: str, zone: str, box: Box) -> None:
    declared = network.sites[site].zones[zone]
    scene.panels[f"{site} {zone}"] = box
    scene.rectangle(box, style.CELL, stroke=style.HAIRLINE, radius=8)
    block = str(addressing.zone_block(network, site, zone))
    scene.text(box.right - 9, box.y + 16, block, size=9.5, mono=True, colour=style.FAINT, anchor="end")
    room = box.width - 26 - style.text_width(block, 9.5, mono=True)
    scene.text(box.x + 9, box.y + 16, f"{zone} · VLAN {declared.vlan}", size=10.5, colour=style.MUTED, width=room)


def _edges(
    scene: Scene, network: Network, hosts: Sequence[Host], site: str, box: Box, column: float, status: Mapping[str, str]
) -> tuple[Point, ...]:
    zone = next(iter(_zones(network, site, ZoneKind.EDGE)), None)
    if zone is None:
        return ()
    _zone_box(scene, network, site, zone, box)
    scene.text(box.x + column + COLUMN_GAP + 9, box.y + 16, "firewall pair", size=10.5, colour=style.MUTED)
    tops = []
    for index, host in enumerate(_in_zone(hosts, site, zone)):
        card = Box(box.x + index * (column + COLUMN_GAP) + 8, box.y + LABEL, column - 16, HEIGHT)
        host_card(
            scene, host, card, detail="", pill="active" if host.active else "standby", solid=host.active, status=status
        )
        tops.append((card.middle, card.y))
    return tuple(tops)


def _zone_row(
    scene: Scene,
    network: Network,
    hosts: Sequence[Host],
    site: str,
    kind: ZoneKind,
    box: Box,
    status: Mapping[str, str],
) -> list[Box]:
    zones = _zones(network, site, kind)
    if not zones:
        return []
    width = (box.width - (len(zones) - 1) * COLUMN_GAP) / len(zones)
    boxes = []
    for index, zone in enumerate(zones):
        cell = Box(box.x + index * (width + COLUMN_GAP), box.y, width, box.height)
        _zone_box(scene, network, site, zone, cell)
        boxes.append(cell)
        for row, host in enumerate(_in_zone(hosts, site, zone)):
            card = Box(cell.x + 8, cell.y + LABEL + row * (HEIGHT + GAP), cell.width - 16, HEIGHT)
            holds = host.role is Role.SIGNER and host.active and site in signing_sites(network)
            pill = "holds the key" if holds else "active" if host.active else "spare"
            assert host.server is not None
            host_card(scene, host, card, detail=host.server.hardware, pill=pill, solid=host.active, status=status)
    return boxes


def _signing(scene: Scene, network: Network, validators: Sequence[Box], signers: Sequence[Box], bus: float) -> None:
    """Each signer dials each validator of its site: up to a common line, and from it into each validator's zone."""
    if not validators or not signers:
        return
    up = [signer.middle - 14 for signer in signers]
    into = [validator.middle + 14 for validator in validators]
    scene.route([(min(up + into), bus), (max(up + into), bus)], style.SIGNING, end=False)
    for x, signer in zip(up, signers, strict=True):
        scene.route([(x, signer.y), (x, bus)], style.SIGNING, end=False)
    for x, validator in zip(into, validators, strict=True):
        scene.route([(x, bus), (x, validator.bottom)], style.SIGNING)
    scene.text(
        (min(up + into) + max(up + into)) / 2,
        bus + 4,
        f"signing · {network.chain.ports.privval}",
        size=10.5,
        colour=style.SIGNING.colour,
        anchor="middle",
        plate=style.PANEL,
    )


def _management(scene: Scene, network: Network, site: str, box: Box, edge: Box) -> None:
    zones = _zones(network, site, ZoneKind.MANAGEMENT)
    if not zones:
        return
    _zone_box(scene, network, site, zones[0], box)
    scene.text(
        box.x + 9,
        box.y + 35,
        "SSH to and metrics of every server, only in this zone",
        size=10.5,
        colour=style.FAINT,
        width=box.width - 18,
    )
    lane = edge.right + MANAGEMENT_LANE - 4
    scene.route(
        [(edge.right, edge.centre), (lane, edge.centre), (lane, box.centre), (box.right, box.centre)], style.VPN
    )


def _cabinet(scene: Scene, network: Network, hosts: Sequence[Host], site: str, box: Box) -> None:
    """The cabinet from the front: switches, then servers from the highest rack unit down, between their two feeds."""
    each = network.sites[site]
    scene.panels[f"{site} cabinet"] = box
    scene.rectangle(box, style.CELL, stroke=style.HAIRLINE, radius=8)
    scene.text(
        box.x + 12,
        box.y + 19,
        f"cabinet {each.cabinet.id}",
        size=11,
        bold=True,
        colour=style.MUTED,
        width=box.width - 24,
    )
    y = box.y + 30
    feeds = Box(
        box.x + 12,
        y,
        5,
        (len(each.cabinet.switches) + sum(len(server.rack_units) for server in each.servers)) * UNIT - 3,
    )
    scene.rectangle(feeds, style.VPN.colour, radius=2)
    scene.rectangle(Box(box.right - 17, y, 5, feeds.height), style.TUNNEL.colour, radius=2)
    inner, width = box.x + 24, box.width - 48
    for switch in each.cabinet.switches:
        scene.rectangle(Box(inner, y, width, UNIT - 3), "#eceff3", radius=3)
        scene.text(inner + 8, y + 13, f"switch {switch}", size=10, colour=style.MUTED, width=width - 16)
        y += UNIT
    names = {host.server.serial: host for host in hosts if host.server is not None and host.place == site}
    for server in sorted(each.servers, key=lambda one: -max(one.rack_units)):
        height = len(server.rack_units) * UNIT
        colour = ROLES[server.role].colour
        scene.rectangle(Box(inner, y, width, height - 3), style.WHITE, stroke=style.HAIRLINE, radius=3, layer="front")
        scene.rectangle(Box(inner, y, 4, height - 3), colour, radius=2, layer="front")
        scene.text(inner + 11, y + 13, f"U{min(server.rack_units)}", size=9.5, mono=True, colour=style.FAINT)
        scene.text(inner + 38, y + 13, f"{server.role} {names[server.serial].number:02d}", size=10, width=width - 110)
        scene.text(
            inner + width - 7, y + 13, server.serial, size=8.5, mono=True, colour=style.FAINT, anchor="end", width=70
        )
        y += height
    scene.text(box.x + 12, box.bottom - 10, each.cabinet.pdus[0], size=9.5, colour=style.VPN.colour)
    scene.text(box.right - 12, box.bottom - 10, each.cabinet.pdus[-1], size=9.5, colour=style.MUTED, anchor="end")
