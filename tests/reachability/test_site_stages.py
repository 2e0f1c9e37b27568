"""Datacentres as stages: what a server sends goes where its segment leads, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reachability import services
from reachability.addresses import ALL_V4, address, block
from reachability.assembly import assemble
from reachability.frontends import site_stages
from reachability.frontends.sites import Leg, Segment, Server, Site, TunnelEnd
from reachability.network import INTERNET
from reachability.packet import Packet
from reachability.prover import Prover
from reachability.subject import Subject

SSH = services.of(services.TCP, 22, 22)[0]
UPLINK = block("192.0.2.0/28")


def point(text: str) -> tuple[int, ...]:
    return (address(text),)


def site() -> Site:
    """Two zones and an uplink between two edges; a server in each zone, one of them with a management leg."""
    segments = (
        Segment("red", block("10.0.1.0/24"), gateways=("edge-1", "edge-2")),
        Segment("blue", block("10.0.2.0/24"), gateways=("edge-1", "edge-2")),
        Segment("edge", block("10.0.9.0/24"), gateways=("edge-1", "edge-2"), uplink=True, public=UPLINK),
    )
    edges = tuple(
        Server(
            f"edge-{number}",
            legs=(
                Leg("red0", "red", (address(f"10.0.1.{number + 1}"), address("10.0.1.1"))),
                Leg("blue0", "blue", (address(f"10.0.2.{number + 1}"), address("10.0.2.1"))),
                Leg("up0", "edge", (address(f"10.0.9.{number + 1}"), address(f"192.0.2.{number + 3}"))),
            ),
            routes=(
                (block("10.0.1.0/24"), "red0"), (block("10.0.2.0/24"), "blue0"), (block("10.0.9.0/24"), "up0"),
                (UPLINK, "up0"), (ALL_V4, "up0"), (block("10.9.0.0/16"), "vti0"),
            ),
            forwards=True,
            tunnels=(TunnelEnd("vti0", f"tunnel {number}", (block("10.9.0.0/16"),), address(f"169.254.8.{number}")),),
        )
        for number in (1, 2)
    )  # fmt: skip
    red = Server("red-1", (Leg("eth0", "red", point("10.0.1.10")),), ((block("10.0.1.0/24"), "eth0"), (ALL_V4, "eth0")))
    blue = Server(
        "blue-1",
        (Leg("eth0", "blue", point("10.0.2.10")), Leg("eth1", "red", point("10.0.1.20"))),
        ((block("10.0.2.0/24"), "eth0"), (ALL_V4, "eth0"), (block("10.0.1.0/24"), "eth1")),
        source_routes=((address("10.0.1.20"), ALL_V4, "eth1"),),
    )
    return Site("one", segments, (*edges, red, blue))


@pytest.fixture(scope="module")
def prover() -> Prover:
    return Prover(assemble(Subject((), (site(),))))


def ends(prover: Prover, sender: str, source: str, destination: str) -> set[str]:
    """Where a packet of a machine may end."""
    return {
        arrival.to
        for arrival in prover.arrivals(prover.machine(sender, spoof=True))
        if arrival.any(
            services=((SSH, SSH),), destinations=((address(destination),) * 2,), sources=((address(source),) * 2,)
        )
    }


def test_neighbours_reach_each_other_without_a_gateway(prover: Prover):
    way = prover.trace(prover.machine("red-1"), Packet(address("10.0.1.10"), address("10.0.1.20"), SSH))
    assert (way.outcome, way.to, way.device) == ("delivered", "blue-1", "eth1")
    assert not any("edge" in hop.at for hop in way.hops)


def test_what_lies_beyond_goes_by_any_of_the_gateways(prover: Prover):
    assert ends(prover, "red-1", "10.0.1.10", "10.0.2.10") == {"blue-1"}
    for dead in ("edge-1", "edge-2"):
        assert ends(prover.without([dead]), "red-1", "10.0.1.10", "10.0.2.10") == {"blue-1"}
    assert ends(prover.without(["edge-1", "edge-2"]), "red-1", "10.0.1.10", "10.0.2.10") == set()


def test_the_shared_gateway_address_may_be_either_edge(prover: Prover):
    assert ends(prover, "red-1", "10.0.1.10", "10.0.1.1") == {"edge-1", "edge-2"}


def test_an_address_that_no_server_has_is_answered_by_nobody(prover: Prover):
    assert ends(prover, "red-1", "10.0.1.10", "10.0.1.99") == set()


def test_the_carrier_takes_only_its_own_block(prover: Prover):
    assert ends(prover, "edge-1", "192.0.2.4", "198.51.100.1") == {INTERNET}
    assert ends(prover, "edge-1", "10.0.9.2", "198.51.100.1") == set()
    assert ends(prover, "red-1", "10.0.1.10", "198.51.100.1") == set(), "no edge translates here"


def test_the_internet_comes_in_by_the_uplink_to_public_addresses_only(prover: Prover):
    reached = {(arrival.to, low) for arrival in prover.arrivals(prover.internet()) for low, _ in arrival.destinations()}
    assert reached == {("edge-1", address("192.0.2.4")), ("edge-2", address("192.0.2.5"))}


def test_two_networks_share_a_block_and_each_address_leads_to_the_server_that_has_it():
    theirs = Server(
        "their-edge",
        (Leg("up0", "uplink", point("192.0.2.6")),),
        ((UPLINK, "up0"), (ALL_V4, "up0")),
    )
    beside = Site(
        "two", (Segment("uplink", block("10.8.9.0/24"), ("their-edge",), uplink=True, public=UPLINK),), (theirs,)
    )
    for sites in ((site(), beside), (beside, site())):
        prover = Prover(assemble(Subject((), sites)))
        reached = {arrival.to: arrival.destinations() for arrival in prover.arrivals(prover.internet())}
        known = {"edge-1": "192.0.2.4", "edge-2": "192.0.2.5", "their-edge": "192.0.2.6"}
        assert reached == {name: ((address(text), address(text)),) for name, text in known.items()}
        for name, text in known.items():
            sent = prover.trace(prover.machine(name), Packet(address(text), address("198.51.100.1"), SSH))
            assert (sent.to, prover.reply(sent)) == (INTERNET, "passes")


def test_a_tunnel_leads_out_by_its_door(prover: Prover):
    assert ends(prover, "red-1", "10.0.1.10", "10.9.1.1") == {
        "outside beyond vti0 of edge-1", "outside beyond vti0 of edge-2",
    }  # fmt: skip


def test_what_comes_in_by_a_tunnel_is_forwarded_by_its_edge(prover: Prover):
    arrivals = prover.arrivals(prover.outside("beyond vti0 of edge-1"))
    assert "red-1" in {arrival.to for arrival in arrivals}


def test_answers_of_a_second_address_leave_by_its_own_leg(prover: Prover):
    packet = Packet(address("10.9.1.1"), address("10.0.1.20"), SSH)
    way = prover.trace(prover.outside("beyond vti0 of edge-1"), packet, "blue-1")
    assert way.device == "eth1"
    assert prover.reply(way) == "passes"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: replace(one, segments=one.segments[1:]), "is on red, which one does not have"),
        (lambda one: replace(one, servers=one.servers[1:]), "its gateway edge-1 has no leg on it"),
        (lambda one: replace(one, servers=(*one.servers, one.servers[-1])), "blue-1: two servers have this name"),
        (
            lambda one: replace(one, servers=(replace(one.servers[3], source_routes=((1, ALL_V4, "eth7"),)),)),
            "blue-1: a route leads through eth7, which it does not have",
        ),
        (
            lambda one: replace(one, segments=(*one.segments[:2], replace(one.segments[2], public=None))),
            "it has an uplink and no block of public addresses",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told(change, reason: str):
    fragment = site_stages.compile([change(site())])
    assert any(reason in each for each in fragment.unmodelled), fragment.unmodelled
