"""The whole map: heading, internet, regions, backbone and tunnels, datacentres, central services, legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drawing import region as cloud
from drawing import site as datacentre
from drawing import style
from drawing.scene import Box, Scene
from drawing.style import Line
from estate.model import ROLES, SENTRY_ROLES, Network, Partner, Role
from estate.plan import addressing
from estate.plan.coordination import signing_sites
from estate.plan.hosts import hosts

MARGIN = 56
WIDEST = 2080
"""The maximum width. Regions and sites that do not fit go into further rows."""

NARROWEST = 1240
GAP = 24
HEADING = 118
BAND = 50
DROP = 38
LANE = 30
RISER = 16
WIDEST_CELL = 330
PARTNER = 64
MESH = "backbone"


@dataclass(frozen=True)
class Map:
    """A drawn map: its ``scene``, ``width`` and ``height`` in pixels."""

    scene: Scene
    width: float
    height: float


@dataclass
class Lane:
    """A horizontal line to which regions or edges connect, at ``ends``."""

    name: str
    y: float
    line: Line
    label: str
    colour: str
    ends: list[float] = field(default_factory=list)


def _rows(names: Sequence[str], widths: Mapping[str, float], room: float) -> list[list[str]]:
    """The names in order, in as few rows as fit in ``room``, about equally full."""
    total = sum(widths[name] + GAP for name in names) - GAP
    count = max(1, -(-int(total) // int(room)))
    while True:
        share = total / count
        rows: list[list[str]] = [[]]
        for name in names:
            used = sum(widths[each] + GAP for each in rows[-1])
            if rows[-1] and (used + widths[name] > room or used + widths[name] / 2 > share):
                rows.append([])
            rows[-1].append(name)
        if all(sum(widths[each] + GAP for each in row) - GAP <= room or len(row) == 1 for row in rows):
            return rows
        count += 1


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


class _Page:
    """Draws from top to bottom; ``y`` is where the next part begins."""

    def __init__(self, network: Network, status: Mapping[str, str]) -> None:
        self.network = network
        self.status = status
        self.hosts = hosts(network)
        self.scene = Scene()
        self.sites = sorted(network.sites, key=lambda name: network.sites[name].slot)
        order = sorted(network.regions, key=lambda name: network.regions[name].slot)
        widths = {name: cloud.width(network, name) for name in order}
        site_widths = {name: datacentre.narrowest(network, name) for name in self.sites}
        room = WIDEST - 2 * MARGIN
        self.rows = _rows(order, widths, room)
        self.site_rows = _rows(self.sites, site_widths, room)
        needed = [sum(widths[name] + GAP for name in row) - GAP for row in self.rows]
        needed += [sum(site_widths[name] + GAP for name in row) - GAP for row in self.site_rows]
        self.risers = RISER * (len(self.sites) + 1) if len(self.rows) > 1 or len(self.site_rows) > 1 else 0
        self.left: float = MARGIN + self.risers
        self.content = max(*needed, NARROWEST - 2 * MARGIN)
        self.width = self.content + self.left + MARGIN
        self.y = 0.0
        self.lanes: list[Lane] = []
        self.verticals: list[tuple[float, float, float]] = []

    def riser(self, lane: str) -> float:
        """The x of the vertical line that joins the rows' lanes of the mesh or of a site."""
        return MARGIN + RISER * [MESH, *self.sites].index(lane) + 4

    def draw(self) -> Map:
        self._heading()
        for row in self.rows:
            self._region_row(row)
        for row in self.site_rows:
            self._site_row(row)
        self._draw_lanes()
        self._services()
        self._legend()
        return Map(self.scene, self.width, self.y + MARGIN / 2)

    def _heading(self) -> None:
        network, scene = self.network, self.scene
        scene.text(MARGIN, 62, network.name, size=32, bold=True)
        client = network.chain.client
        scene.text(
            MARGIN,
            87,
            f"{network.chain.chain_id} · {network.stage} · {client.package} {client.version}",
            size=14,
            colour=style.MUTED,
        )
        zones = sum(len(region.zones) for region in network.regions.values())
        sentries = sum(host.role in SENTRY_ROLES for host in self.hosts)
        signers = signing_sites(network)
        facts = [
            (str(len(self.hosts)), "hosts"),
            (str(sentries), "sentries"),
            (f"{len(network.regions)}", f"cloud regions, {zones} zones"),
            (str(len(network.sites)), "datacentres"),
            (str(len(network.partners)), "partner" if len(network.partners) == 1 else "partners"),
            (", ".join(signers), "holds the key" if len(signers) == 1 else "hold the key"),
            (str(addressing.network_block(network)), "address block"),
        ]
        right = self.width - MARGIN
        for value, what in reversed(facts):
            wide = max(style.text_width(value, 18, bold=True), style.text_width(what, 11))
            scene.text(right - wide, 62, value, size=18, bold=True)
            scene.text(right - wide, 82, what, size=11, colour=style.MUTED)
            right -= wide + 34
        self.y = HEADING

    @property
    def _served(self) -> str:
        """What anyone may ask the seeds: ``RPC and LCD``."""
        return " and ".join(name.upper() for name in self.network.chain.ports.public())

    def _internet(self, again: bool) -> Box:
        band = Box(self.left, self.y, self.content, BAND)
        self.scene.panels[f"internet {self.y:g}"] = band
        self.scene.rectangle(band, "#eaf1fc", stroke="#cfdef5", radius=10)
        self.scene.text(band.x + 18, band.y + 31, "Internet", size=15, bold=True, colour="#27508f")
        if not again:
            text = f"peers of {self.network.chain.chain_id}  ·  public clients of {self._served}  ·  operators"
            self.scene.text(band.x + 104, band.y + 31, text, size=12, colour="#4f6fa3")
        return band

    def _region_row(self, row: Sequence[str]) -> None:
        network = self.network
        band = self._internet(again=row is not self.rows[0])
        top = band.bottom + DROP
        zones = sum(len(network.regions[name].zones) for name in row)
        spare = self.content - sum(cloud.width(network, name) for name in row) - GAP * (len(row) - 1)
        grid = cloud.grid(network, self.hosts, row, min(cloud.CELL_WIDTH + spare / zones, WIDEST_CELL))
        x = self.left
        drawn = {}
        for name in row:
            drawn[name] = cloud.draw(self.scene, network, self.hosts, name, (x, top), grid, band.bottom, self.status)
            x = drawn[name].box.right + GAP
        self.y = top + grid.region
        self._partners(drawn)
        self._backbone(drawn)

    def _partners(self, drawn: Mapping[str, cloud.Drawn]) -> None:
        """Below its region each partner's VPC, joined to our private sentries by a peering."""
        fullest = 0
        for name, region in drawn.items():
            partners = [(each, partner) for each, partner in self.network.partners.items() if partner.region == name]
            left = self._tunnel_tap(region, len(self.sites)) + 4
            right = self._mesh_tap(region) - 18
            for index, (partner_name, partner) in enumerate(partners):
                box = Box(left, self.y + 22 + index * (PARTNER + 10), right - left, PARTNER)
                self._partner(partner_name, partner, box)
                if region.partner_entry is not None:
                    x, bottom = region.partner_entry
                    self.scene.route([(x, box.y), (x, bottom)], style.PARTNER, end=False)
            fullest = max(fullest, len(partners))
        if fullest:
            self.y += 22 + fullest * (PARTNER + 10) - 10

    def _tunnel_tap(self, region: cloud.Drawn, index: int) -> float:
        """Where the tunnels of the site at ``index`` leave a region's gateway."""
        return region.vpn_gateway.x + 22 + index * min(22, (region.vpn_gateway.width - 36) / max(1, len(self.sites)))

    def _mesh_tap(self, region: cloud.Drawn) -> float:
        return region.peering.right - 22

    def _partner(self, name: str, partner: Partner, box: Box) -> None:
        scene = self.scene
        scene.cards[f"partner {name}"] = box
        scene.rectangle(box, "#f5f2fe", stroke=style.PARTNER.colour, radius=8, dash="5 4", layer="front")
        scene.text(
            box.x + 14, box.y + 22, f"partner {name}", size=13, bold=True, colour="#4c3a99", width=box.width / 2 - 20
        )
        scene.text(
            box.right - 14, box.y + 22, f"until {partner.expires}", size=11, colour=style.PARTNER.colour, anchor="end"
        )
        scene.text(
            box.x + 14,
            box.y + 39,
            f"{partner.vpc_id} in {partner.vpc_region}",
            size=10.5,
            mono=True,
            colour=style.MUTED,
            width=box.width - 28,
        )
        blocks = ", ".join(map(str, partner.cidrs))
        scene.text(
            box.x + 14,
            box.y + 55,
            f"{blocks} · private sentries only, p2p",
            size=10.5,
            colour=style.MUTED,
            width=box.width - 28,
        )

    def _backbone(self, drawn: Mapping[str, cloud.Drawn]) -> None:
        """Below a row of regions.

        The mesh's lane, then one lane for the tunnels of each site, each tapped by each region.
        """
        first = self.y + 34
        meshed = len(self.network.regions)
        if meshed > 1:
            text = f"backbone: {_plural(meshed * (meshed - 1) // 2, 'VPC peering')}" + (
                ", full mesh" if meshed > 2 else ""
            )
            lane = Lane(MESH, first, style.BACKBONE, text, "#4a6fb0")
            for each in drawn.values():
                self._tap(lane, self._mesh_tap(each), each.peering.bottom)
            self.lanes.append(lane)
        for index, site in enumerate(self.sites):
            text = f"{site}: two tunnels from each edge to each region, IPsec and BGP"
            lane = Lane(site, first + (index + 1) * LANE, style.TUNNEL, text, style.MUTED)
            for name, each in drawn.items():
                if name in self.network.sites[site].links:
                    self._tap(lane, self._tunnel_tap(each, index), each.vpn_gateway.bottom)
            self.lanes.append(lane)
        self.y = first + len(self.sites) * LANE + 20

    def _tap(self, lane: Lane, x: float, end: float) -> None:
        """A line from a lane up or down to ``end``."""
        lane.ends.append(x)
        self.verticals.append((x, min(lane.y, end), max(lane.y, end)))
        self.scene.route([(x, end), (x, lane.y)], lane.line, end=False)

    def _site_row(self, row: Sequence[str]) -> None:
        again = row is not self.site_rows[0]
        if again:
            self.y += LANE * len(row)
        top = self.y + 22
        tall = datacentre.rows(self.network, self.hosts, row)
        least = {name: datacentre.narrowest(self.network, name) for name in row}
        spare = (self.content - sum(least.values()) - GAP * (len(row) - 1)) / len(row)
        x = self.left
        for index, name in enumerate(row):
            box = Box(x, top, least[name] + spare, tall.site)
            drawn = datacentre.draw(self.scene, self.network, self.hosts, name, box, tall, self.status)
            x = box.right + GAP
            if again:
                self.lanes.append(Lane(name, top - 26 - LANE * (len(row) - 1 - index), style.TUNNEL, name, style.MUTED))
            lane = [each for each in self.lanes if each.name == name][-1]
            for middle, end in drawn.edges:
                self._tap(lane, self._clear(middle, lane.y, end), end)
        self.y = top + tall.site + GAP

    def _clear(self, x: float, top: float, bottom: float) -> float:
        """The x nearest to ``x`` at which no other line runs between ``top`` and ``bottom``."""
        taken = [each for each, upper, lower in self.verticals if upper < bottom and top < lower]
        shifts = sorted(range(-48, 49, 12), key=abs)
        return next((x + shift for shift in shifts if all(abs(x + shift - each) >= 12 for each in taken)), x)

    def _draw_lanes(self) -> None:
        """Draws the horizontal lines, long enough for all their taps; the risers between lanes of one name; labels."""
        for name in (MESH, *self.sites):
            lanes = [lane for lane in self.lanes if lane.name == name]
            if len(lanes) > 1:
                x = self.riser(name)
                self.scene.route([(x, lanes[0].y), (x, lanes[-1].y)], lanes[0].line, end=False, layer="lanes")
                for lane in lanes:
                    lane.ends.append(x)
        for lane in self.lanes:
            if len(lane.ends) > 1:
                self.scene.route(
                    [(min(lane.ends), lane.y), (max(lane.ends), lane.y)], lane.line, end=False, layer="lanes"
                )
                self._label(lane)

    def _label(self, lane: Lane) -> None:
        """Writes the label of the lane into the widest gap between the lines that cross it."""
        crossing = sorted(x for x, top, bottom in self.verticals if top <= lane.y <= bottom)
        stops = [min(lane.ends), *(x for x in crossing if min(lane.ends) < x < max(lane.ends)), max(lane.ends)]
        room, left = max((right - left, left) for left, right in zip(stops, stops[1:], strict=False))
        self.scene.text(
            left + room / 2,
            lane.y + 4,
            lane.label,
            size=11,
            colour=lane.colour,
            anchor="middle",
            plate=style.PAGE,
            width=room - 40,
        )

    def _services(self) -> None:
        """The central services, and the roles whose hosts may connect to each."""
        scene, services = self.scene, self.network.services
        across = max(1, int((self.content + 12) // 232))
        columns = min(across, max(1, len(services)))
        lines = -(-len(services) // columns) if services else 0
        band = Box(self.left, self.y + 6, self.content, 40 + lines * 64 + 8)
        scene.panels["services"] = band
        scene.rectangle(band, style.PANEL, stroke=style.HAIRLINE, radius=12)
        scene.text(band.x + 18, band.y + 25, "Central services", size=14, bold=True)
        scene.text(
            band.x + 150,
            band.y + 25,
            "hosts of the marked roles may connect to these, and to no other external service",
            size=11.5,
            colour=style.MUTED,
        )
        width = (band.width - 36 - (columns - 1) * 12) / columns
        for index, (name, service) in enumerate(services.items()):
            box = Box(band.x + 18 + index % columns * (width + 12), band.y + 40 + index // columns * 64, width, 54)
            scene.cards[f"service {name}"] = box
            scene.rectangle(box, style.WHITE, stroke=style.HAIRLINE, radius=6, layer="front")
            scene.text(box.x + 12, box.y + 20, name, size=12, bold=True, width=width / 2)
            for place, role in enumerate(role for role in Role if role in service.consumers):
                scene.dot(box.right - 14 - place * 12, box.y + 16, 4, ROLES[role].colour, str(role))
            scene.text(
                box.x + 12,
                box.y + 40,
                f"{service.address} · {service.protocol} {service.port}",
                size=10.5,
                mono=True,
                colour=style.MUTED,
                width=width - 24,
            )
        self.y = band.bottom

    def _legend(self) -> None:
        scene, ports = self.scene, self.network.chain.ports
        entries: list[tuple[Line, str, bool]] = [
            (style.P2P, f"gossip, TCP {ports.p2p}", True),
            (style.API, f"{self._served} with TLS, TCP {', '.join(map(str, ports.public().values()))}", False),
            (style.VPN, f"operators: VPN, UDP {self.network.vpn.port}, then SSH", False),
            (style.OUTBOUND, "outbound only, by NAT", False),
            (style.PARTNER, "partner's private sentries", False),
            (style.SIGNING, f"signer dials validators, TCP {ports.privval}", False),
            (style.TUNNEL, "tunnels: p2p, SSH, metrics", False),
        ]
        x, y = self.left, self.y + 34
        for line, text, both in entries:
            wide = 46 + style.text_width(text, 11.5) + 18
            if x + wide > self.width - MARGIN + 20:
                x, y = self.left, y + 24
            scene.route([(x, y), (x + 34, y)], line, start=both, end=not line.pipe)
            scene.text(x + 44, y + 4, text, size=11.5, colour=style.MUTED)
            x += wide
        x, y = self.left, y + 30
        for role in Role:
            text = ROLES[role].singular
            wide = 20 + style.text_width(text, 11.5) + 22
            if x + wide > self.width - MARGIN + 20:
                x, y = self.left, y + 22
            scene.rectangle(Box(x, y - 6, 12, 12), ROLES[role].colour, radius=3, layer="front")
            scene.text(x + 20, y + 4, text, size=11.5, colour=style.MUTED)
            x += wide
        scene.text(
            self.width - MARGIN,
            y + 4,
            "drawn from the declaration that generates every firewall rule",
            size=11,
            colour=style.FAINT,
            anchor="end",
        )
        self.y = y + 12


def draw(network: Network, status: Mapping[str, str] | None = None) -> Map:
    return _Page(network, status or {}).draw()
