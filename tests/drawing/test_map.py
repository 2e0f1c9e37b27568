"""The map draws every host of a network, once, in its place, and stays readable."""

from __future__ import annotations

import itertools
import re
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given

import drawing
from drawing import page, style
from estate.declaration import load
from estate.model import ROLES, Network, Role
from estate.plan import hosts
from tests.estate import strategies
from tests.estate.declarations import UNCOORDINATED, sound

ROOT = Path(__file__).parents[2]
STACKS = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
SVG = "{http://www.w3.org/2000/svg}"


def declared(path: Path) -> Network:
    return load.read(path, today=date(2026, 11, 1))


def assert_well_drawn(network: Network) -> None:
    """Every host has a card, nothing lies on anything else, and everything is on the page."""
    drawn = drawing.layout(network)
    cards, panels = drawn.scene.cards, drawn.scene.panels
    assert {host.name for host in hosts.hosts(network)} <= set(cards)
    touching = [(one, other) for (one, a), (other, b) in itertools.combinations(cards.items(), 2) if a.overlaps(b)]
    assert touching == [], "two cards overlap"
    apart = [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(panels.items(), 2)
        if a.overlaps(b) and not (a.holds(b) or b.holds(a))
    ]
    assert apart == [], "two panels overlap, and neither holds the other"
    assert drawn.width <= page.WIDEST + page.RISER * 5, "the map is too wide"
    outside = [
        name
        for name, box in {**cards, **panels}.items()
        if box.x < 0 or box.y < 0 or box.right > drawn.width or box.bottom > drawn.height
    ]
    assert outside == [], "something lies off the page"
    for host in hosts.hosts(network):
        assert panels[host.place].holds(cards[host.name]), f"{host.name} is drawn outside {host.place}"


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_every_declared_network_is_drawn_without_overlaps(path: Path) -> None:
    assert_well_drawn(declared(path))


@pytest.mark.slow
@strategies.QUICK
@given(strategies.large_networks())
def test_any_network_is_drawn_without_overlaps(network: Network) -> None:
    assert_well_drawn(network)


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_the_map_is_valid_xml_and_names_every_host(path: Path) -> None:
    network = declared(path)
    tree = ElementTree.fromstring(drawing.svg(network))
    titles = {each.text for each in tree.iter(f"{SVG}title")}
    assert {host.name for host in hosts.hosts(network)} <= titles
    shown = {each.text for each in tree.iter(f"{SVG}text")}
    assert {network.name, *network.regions, *network.sites} <= shown
    assert {str(host.public_address or host.address) for host in hosts.hosts(network)} <= shown


def test_what_is_declared_is_escaped() -> None:
    network = sound({"sites.dal1.vendor": "A & B <script>", "sites.dal1.cabinet.id": '"&<'})
    text = drawing.svg(network)
    ElementTree.fromstring(text)
    assert "<script>" not in text
    assert "A &amp; B &lt;script&gt;" in text


def test_long_names_are_cut_with_an_ellipsis_and_stay_in_their_box() -> None:
    long = "Worldwide Interconnection Partners Group"
    text = drawing.svg(
        sound({"sites.dal1.vendor": long, "sites.dal1.facility": "The Very Long Name Of One Facility Hall"})
    )
    assert "…" in text
    assert style.text_width(style.fitted(long, 100, 12), 12) <= 100


def test_the_same_network_gives_the_same_map() -> None:
    assert drawing.svg(sound()) == drawing.svg(sound())


def test_each_role_has_a_colour_of_its_own() -> None:
    assert len({spec.colour for spec in ROLES.values()}) == len(Role)


def test_states_of_hosts_are_dots_and_what_is_not_known_to_be_well_is_red() -> None:
    name = "example-public-sentry-us-east-2-01"
    assert "<circle" in drawing.svg(sound(), {name: "running"})
    assert style.TROUBLE in drawing.svg(sound(), {name: "unreachable"})
    assert style.TROUBLE not in drawing.svg(sound(), {name: "running"})


def test_the_key_is_drawn_at_each_signer_that_holds_it() -> None:
    both, alone = drawing.svg(sound()), drawing.svg(sound(UNCOORDINATED))
    assert (both.count(">holds the key</text>"), both.count(">hold the key</text>")) == (2, 1), "on each site's signer"
    assert alone.count(">holds the key</text>") == 2, "once on the signer, once among the facts"


def test_load_balancers_stand_only_where_seeds_are() -> None:
    network = sound(
        {
            "nodes.5": {"role": "seed", "region": "us-east-2", "zone": "a", "number": 2},
            "aws.quotas.us-east-2.elastic_ips_per_region": 6,
            "aws.quotas.us-east-2.on_demand_standard_vcpus": 20,
        }
    )
    balancers = {name for name in drawing.layout(network).scene.cards if name.startswith("load balancer")}
    assert balancers == {"load balancer us-east-2a", "load balancer us-east-2b"}


def test_each_zone_has_its_nat_gateway() -> None:
    cards = drawing.layout(sound()).scene.cards
    assert {name for name in cards if name.startswith("NAT")} == {
        f"NAT gateway {zone}" for zone in ("us-east-2a", "us-east-2b", "eu-west-1a", "eu-west-1b")
    }


def test_every_line_is_of_a_kind_that_the_legend_explains() -> None:
    text = drawing.svg(sound())
    kinds = {line.colour for line in vars(style).values() if isinstance(line, style.Line)}
    drawn = set(re.findall(r'<path d="[^"]+" stroke="(#[0-9a-f]{6})"', text)) - {style.WHITE}
    assert drawn <= kinds


def test_the_picture_in_the_documentation_is_current() -> None:
    path = ROOT / "docs" / "cosmoshub.svg"
    drawn = drawing.svg(declared(ROOT / "stacks" / "Pulumi.cosmoshub.yaml"))
    assert path.read_text() == drawn, "run bin/estate map cosmoshub --svg docs/cosmoshub.svg"
