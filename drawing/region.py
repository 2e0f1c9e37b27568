"""A cloud region: its zones side by side, in each the ingress, public and private subnets, and the lines within it.

Lines run in the gutters next to each zone's subnets. Left: outbound through NAT, then gossip from the internet.
Right: the public API to the load balancer and from it to the seeds, then the operators' VPN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drawing import style
from drawing.card import GAP, HEIGHT, gateway_card, host_card
from drawing.scene import Box, Point, Scene
from estate.clouds import aws
from estate.model import ROLES, Network, Offer, Tier
from estate.plan import addressing
from estate.plan.hosts import Host

CELL_WIDTH = 182
GUTTER = 38
NAT_LANE, P2P_LANE = 12, 26
API_LANE, VPN_LANE = 12, 26
HEADER = 62
LABEL = 24
ROW_GAP = 26
FOOT = 34
PAD = 14
ORDER = tuple(ROLES)


@dataclass(frozen=True)
class Grid:
    """Heights of the three rows of subnets and the width of a subnet: shared by all regions of a row."""

    cell: float
    ingress: float
    public: float
    private: float

    @property
    def region(self) -> float:
        return HEADER + self.ingress + self.public + self.private + 3 * ROW_GAP + FOOT + PAD


def width(network: Network, region: str, cell: float = CELL_WIDTH) -> float:
    return len(network.regions[region].zones) * (cell + 2 * GUTTER)


def _stack(count: int) -> float:
    return LABEL + count * (HEIGHT + GAP) + 2


def _in_subnet(hosts: Sequence[Host], region: str, zone: str, tier: Tier) -> list[Host]:
    there = [host for host in hosts if (host.place, host.zone, ROLES[host.role].tier) == (region, zone, tier)]
    return sorted(there, key=lambda host: (ORDER.index(host.role), host.number))


def grid(network: Network, hosts: Sequence[Host], regions: Sequence[str], cell: float) -> Grid:
    """What the fullest subnets among ``regions`` need; each public subnet also holds its NAT gateway."""
    zones = [(region, zone) for region in regions for zone in network.regions[region].zones]
    public = max((len(_in_subnet(hosts, *each, Tier.PUBLIC)) for each in zones), default=0)
    private = max((len(_in_subnet(hosts, *each, Tier.PRIVATE)) for each in zones), default=0)
    return Grid(cell=cell, ingress=_stack(1), public=_stack(public + 1), private=_stack(max(private, 1)))


@dataclass(frozen=True)
class Drawn:
    """Where lines from outside end: the tunnels' gateway, the peering mesh, and private sentries for partners."""

    box: Box
    vpn_gateway: Box
    peering: Box
    partner_entry: Point | None


def draw(
    scene: Scene,
    network: Network,
    hosts: Sequence[Host],
    region: str,
    at: Point,
    grid: Grid,
    internet: float,
    status: Mapping[str, str],
) -> Drawn:
    """Draws ``region`` with its upper left corner ``at``; ``internet`` is the lower edge of the internet's band."""
    box = Box(*at, width(network, region, grid.cell), grid.region)
    scene.panels[region] = box
    scene.rectangle(box, style.PANEL, stroke=style.HAIRLINE, radius=12)
    seeds = [host for host in hosts if host.place == region and Offer.RPC in ROLES[host.role].offers]
    ingress_y = box.y + HEADER
    public_y = ingress_y + grid.ingress + ROW_GAP
    private_y = public_y + grid.public + ROW_GAP
    foot_y = private_y + grid.private + ROW_GAP
    zones = sorted(network.regions[region].zones, key=lambda letter: network.regions[region].zones[letter].slot)
    entries: list[tuple[float, list[Box]]] = []
    balancers: list[Box] = []
    for index, zone in enumerate(zones):
        x = box.x + index * (grid.cell + 2 * GUTTER) + GUTTER
        right = x + grid.cell
        scene.text(right, ingress_y - 9, f"zone {zone}", size=11, colour=style.MUTED, anchor="end")
        for tier, y, height in (
            (Tier.INGRESS, ingress_y, grid.ingress),
            (Tier.PUBLIC, public_y, grid.public),
            (Tier.PRIVATE, private_y, grid.private),
        ):
            cell = Box(x, y, grid.cell, height)
            scene.panels[f"{region}{zone} {tier}"] = cell
            scene.rectangle(cell, style.CELL, stroke=style.HAIRLINE, radius=8)
            scene.text(x + 9, y + 16, tier, size=10.5, colour=style.MUTED)
            scene.text(
                right - 9,
                y + 16,
                str(addressing.subnet(network, region, tier, zone)),
                size=9.5,
                mono=True,
                colour=style.FAINT,
                anchor="end",
            )
        if seeds:
            balancer = Box(x + 8, ingress_y + LABEL, grid.cell - 16, HEIGHT)
            gateway_card(
                scene,
                f"load balancer {region}{zone}",
                balancer,
                "load balancer, TLS",
                " · ".join(map(str, network.chain.ports.public().values())),
            )
            balancers.append(balancer)
            scene.route(
                [(right + API_LANE, internet), (right + API_LANE, balancer.centre), (balancer.right, balancer.centre)],
                style.API,
            )
        public: dict[str, Box] = {}
        for row, host in enumerate(_in_subnet(hosts, region, zone, Tier.PUBLIC)):
            card = Box(x + 8, public_y + LABEL + row * (HEIGHT + GAP), grid.cell - 16, HEIGHT)
            public[host.name] = card
            assert host.node is not None
            host_card(scene, host, card, detail=host.node.instance_type, status=status)
            if Offer.VPN in ROLES[host.role].offers:
                scene.route(
                    [(right + VPN_LANE, internet), (right + VPN_LANE, card.centre), (card.right, card.centre)],
                    style.VPN,
                )
            else:
                scene.route(
                    [(x - GUTTER + P2P_LANE, internet), (x - GUTTER + P2P_LANE, card.centre), (card.x, card.centre)],
                    style.P2P,
                    start=True,
                )
        gateway = Box(x + 8, public_y + grid.public - HEIGHT - GAP - 2, grid.cell - 16, HEIGHT)
        gateway_card(
            scene,
            f"NAT gateway {region}{zone}",
            gateway,
            "NAT gateway",
            str(addressing.nat_gateway_address(network, region, zone)),
        )
        scene.route(
            [
                (gateway.x, gateway.centre - 8),
                (x - GUTTER + NAT_LANE, gateway.centre - 8),
                (x - GUTTER + NAT_LANE, internet),
            ],
            style.OUTBOUND,
        )
        sentries = []
        for row, host in enumerate(_in_subnet(hosts, region, zone, Tier.PRIVATE)):
            card = Box(x + 8, private_y + LABEL + row * (HEIGHT + GAP), grid.cell - 16, HEIGHT)
            assert host.node is not None
            host_card(scene, host, card, detail=host.node.instance_type, status=status)
            lane = x - GUTTER + P2P_LANE
            scene.route(
                [
                    (card.x, card.centre),
                    (lane, card.centre),
                    (lane, gateway.centre + 8),
                    (gateway.x, gateway.centre + 8),
                ],
                style.OUTBOUND,
            )
            node = ROLES[host.role].node
            if node and node.takes_partners:
                sentries.append(card)
        if sentries:
            entries.append((right + API_LANE, sentries))
        _seed_lines(
            scene,
            [public[host.name] for host in seeds if host.name in public],
            balancers,
            right + API_LANE,
            ingress_y + grid.ingress + ROW_GAP / 2,
        )
    _balancer_bus(
        scene,
        balancers,
        ingress_y + grid.ingress + ROW_GAP / 2,
        [
            box.x + (index + 1) * (grid.cell + 2 * GUTTER) - GUTTER + API_LANE
            for index, zone in enumerate(zones)
            if any(seed.zone == zone for seed in seeds)
        ],
    )
    _header(scene, network, region, box, len(zones), grid.cell)
    vpn_gateway, peering = _foot(scene, network, region, box, foot_y, len(zones), grid.cell)
    return Drawn(
        box, vpn_gateway, peering, _partner_bus(scene, network, region, box, entries, foot_y - ROW_GAP / 2, grid.cell)
    )


def _seed_lines(scene: Scene, seeds: Sequence[Box], balancers: Sequence[Box], lane: float, bus: float) -> None:
    """From the load balancers' bus down to each seed of a zone."""
    if balancers:
        for seed in seeds:
            scene.route([(lane, bus), (lane, seed.centre), (seed.right, seed.centre)], style.API)


def _balancer_bus(scene: Scene, balancers: Sequence[Box], bus: float, lanes: Sequence[float]) -> None:
    """The load balancer's nodes forward to the seeds of every zone: one line joins them."""
    if not balancers or not lanes:
        return
    ends = [each.middle for each in balancers] + list(lanes)
    scene.route([(min(ends), bus), (max(ends), bus)], style.API, end=False)
    for balancer in balancers:
        scene.route([(balancer.middle, balancer.bottom), (balancer.middle, bus)], style.API, end=False)


def _header(scene: Scene, network: Network, region: str, box: Box, zones: int, cell: float) -> None:
    """Over the first zone's subnets the region's name, over the last one's its block: the gutters stay free."""
    known = aws.REGIONS.get(region)
    x = box.x + GUTTER
    scene.text(x, box.y + 25, region, size=15, bold=True, width=cell)
    scene.text(x, box.y + 42, f"AWS · {known.place}" if known else "AWS", size=11.5, colour=style.MUTED, width=cell)
    if zones > 1:
        right = box.right - GUTTER
        scene.text(
            right,
            box.y + 24,
            str(addressing.region_block(network, region)),
            size=11,
            mono=True,
            colour=style.MUTED,
            anchor="end",
        )


def _foot(scene: Scene, network: Network, region: str, box: Box, y: float, zones: int, cell: float) -> tuple[Box, Box]:
    """The region's ends of the tunnels and of the peering mesh."""
    x = box.x + GUTTER
    if zones > 1:
        last = box.right - GUTTER - cell
        gateway, peering = Box(x, y, cell, FOOT), Box(last, y, cell, FOOT)
    else:
        half = (cell - 8) / 2
        gateway, peering = Box(x, y, half, FOOT), Box(x + half + 8, y, half, FOOT)
    gateway_card(
        scene,
        f"VPN gateway {region}",
        gateway,
        f"tunnel gateway, AS {network.regions[region].asn}" if zones > 1 else "tunnels",
        "",
    )
    gateway_card(scene, f"peering {region}", peering, "VPC peering" if zones > 1 else "peering", "")
    return gateway, peering


def _partner_bus(
    scene: Scene,
    network: Network,
    region: str,
    box: Box,
    entries: Sequence[tuple[float, list[Box]]],
    bus: float,
    cell: float,
) -> Point | None:
    """Where partners' lines enter: between the first two zones, joined to each private sentry."""
    if not entries or not any(partner.region == region for partner in network.partners.values()):
        return None
    entry = box.x + cell + 2 * GUTTER
    for lane, sentries in entries:
        for sentry in sentries:
            scene.route(
                [(entry, bus), (lane, bus), (lane, sentry.centre), (sentry.right, sentry.centre)], style.PARTNER
            )
    scene.route([(entry, box.bottom), (entry, bus)], style.PARTNER, end=False)
    return (entry, box.bottom)
