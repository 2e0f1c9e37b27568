"""The address plan: nothing overlaps, and what is declared keeps its addresses when something else comes or goes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.model import Network
from estate.plan import addressing
from estate.plan.addressing import Tier
from estate.plan.hosts import hosts
from tests.estate import strategies
from tests.estate.declarations import sound

AWS_KEEPS = 4
"""AWS keeps the first four addresses of a subnet, and its last one."""

AWS_LINK_LOCAL = [IPv4Network(f"169.254.{third}.0/30") for third in range(6)] + [IPv4Network("169.254.169.252/30")]
"""Tunnel insides that AWS refuses (site-to-site VPN guide, tunnel options)."""


def subnets(network: Network) -> dict[tuple[str, ...], IPv4Network]:
    """Every subnet of the plan by what it is of."""
    cloud: dict[tuple[str, ...], IPv4Network] = {
        (region, zone, tier): addressing.subnet(network, region, tier, zone)
        for region, each in network.regions.items()
        for zone in each.zones
        for tier in Tier
    }
    site: dict[tuple[str, ...], IPv4Network] = {
        (name, zone): addressing.zone_block(network, name, zone)
        for name, each in network.sites.items()
        for zone in each.zones
    }
    pools: dict[tuple[str, ...], IPv4Network] = {
        ("vpn pool", region): addressing.vpn_pool(network, region) for region in network.regions
    }
    return {**cloud, **site, **pools}


def tunnels(network: Network) -> dict[tuple[Any, ...], IPv4Network]:
    return {
        (site, region, edge, tunnel): addressing.tunnel_inside(network, site, region, edge, tunnel)
        for site in network.sites
        for region in network.regions
        for edge in (1, 2)
        for tunnel in (0, 1)
    }


def plan(network: Network) -> dict[Any, Any]:
    """Everything that has an address, with it."""
    addresses = {host.name: (host.address, host.management_address) for host in hosts(network)}
    gateways = {
        ("nat", region, zone): addressing.nat_gateway_address(network, region, zone)
        for region, each in network.regions.items()
        for zone in each.zones
    }
    return {**subnets(network), **tunnels(network), **addresses, **gateways}


def assert_disjoint(blocks: list[IPv4Network]) -> None:
    ordered = sorted(blocks)
    assert [pair for pair in pairwise(ordered) if pair[0].overlaps(pair[1])] == []


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_no_two_subnets_overlap_and_all_lie_in_the_networks_block(network: Network) -> None:
    blocks = list(subnets(network).values())
    assert_disjoint(blocks)
    assert all(block.subnet_of(addressing.network_block(network)) for block in blocks)


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_no_two_machines_have_one_address(network: Network) -> None:
    taken = [address for host in hosts(network) for address in {host.address, host.management_address}]
    taken += [
        addressing.nat_gateway_address(network, region, zone)
        for region, each in network.regions.items()
        for zone in each.zones
    ]
    taken += [
        addressing.zone_gateway(network, site, zone) for site, each in network.sites.items() for zone in each.zones
    ]
    edge_zones = {
        (site, zone)
        for site, each in network.sites.items()
        for zone, declared in each.zones.items()
        if declared.kind in ("edge", "management")
    }
    for site, each in network.sites.items():
        taken += [
            addressing.edge_zone_address(network, site, zone, edge)
            for zone in each.zones
            for edge in (1, 2)
            if (site, zone) not in edge_zones
        ]
    assert len(taken) == len(set(taken))


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_no_cloud_host_has_an_address_that_aws_keeps(network: Network) -> None:
    blocks = subnets(network)
    for host in hosts(network):
        if host.in_cloud:
            subnet = blocks[host.place, host.zone, addressing.ROLE_TIERS[host.role]]
            offset = int(host.address) - int(subnet.network_address)
            assert AWS_KEEPS <= offset < subnet.num_addresses - 1


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_every_tunnel_has_a_pair_of_link_local_addresses_of_its_own(network: Network) -> None:
    insides = list(tunnels(network).values())
    assert_disjoint(insides)
    assert all(inside.subnet_of(IPv4Network("169.254.8.0/21")) and inside.prefixlen == 30 for inside in insides)
    assert not any(inside.overlaps(kept) for inside in insides for kept in AWS_LINK_LOCAL)


def without(declared: dict[str, Any], kind: str, index: int) -> dict[str, Any] | None:
    """The declaration without its ``index``-th node, region, zone, site, server or partner, and what stood on that."""
    if kind == "node":
        return {
            **declared,
            "nodes": [node for place, node in enumerate(declared["nodes"]) if place != index % len(declared["nodes"])],
        }
    if kind == "partner":
        return {**declared, "partners": dict(list(declared["partners"].items())[1:])}
    regions, sites = declared["regions"], declared["sites"]
    if kind == "site":
        gone = list(sites)[index % len(sites)]
        return {**declared, "sites": {name: each for name, each in sites.items() if name != gone}}
    if kind == "server":
        name = list(sites)[index % len(sites)]
        return {**declared, "sites": {**sites, name: {**sites[name], "servers": sites[name]["servers"][1:]}}}
    gone = list(regions)[index % len(regions)]
    if kind == "region":
        kept = {name: each for name, each in regions.items() if name != gone}
        return {**declared, "regions": kept, "nodes": [node for node in declared["nodes"] if node["region"] != gone]}
    zone = next(iter(regions[gone]["zones"]))
    zones = {letter: each for letter, each in regions[gone]["zones"].items() if letter != zone}
    nodes = [node for node in declared["nodes"] if (node["region"], node["zone"]) != (gone, zone)]
    return {**declared, "regions": {**regions, gone: {**regions[gone], "zones": zones}}, "nodes": nodes}


@pytest.mark.slow
@strategies.QUICK
@given(
    strategies.declarations(),
    st.sampled_from(["node", "region", "zone", "site", "server", "partner"]),
    st.integers(0, 50),
)
def test_what_stays_keeps_its_addresses_when_something_goes_or_comes(
    declared: dict[str, Any], kind: str, index: int
) -> None:
    """Read backwards it is insertion: adding the thing moves nothing that was there."""
    fewer = plan(Network.model_validate(without(declared, kind, index)))
    more = plan(Network.model_validate(declared))
    assert set(fewer) <= set(more)
    assert {key: more[key] for key in fewer} == fewer


@pytest.mark.slow
@strategies.QUICK
@given(strategies.declarations(), st.randoms(use_true_random=False))
def test_the_order_of_a_declaration_means_nothing(declared: dict[str, Any], random: Any) -> None:
    def shuffled(value: dict[str, Any]) -> dict[str, Any]:
        items = list(value.items())
        random.shuffle(items)
        return dict(items)

    other = {**declared, "regions": shuffled(declared["regions"]), "sites": shuffled(declared["sites"])}
    other["nodes"] = random.sample(declared["nodes"], len(declared["nodes"]))
    assert plan(Network.model_validate(other)) == plan(Network.model_validate(declared))


@pytest.mark.slow
@strategies.QUICK
@given(st.integers(1, 254), st.integers(1, 254))
def test_networks_in_different_slots_share_no_address(one: int, other: int) -> None:
    first, second = addressing.network_block(sound({"slot": one})), addressing.network_block(sound({"slot": other}))
    assert first.overlaps(second) == (one == other)


def test_the_plan_of_the_example_is_what_it_always_was() -> None:
    """Frozen: a change here moves machines that run."""
    network = sound()
    by_name = {host.name: (str(host.address), str(host.management_address)) for host in hosts(network)}
    assert by_name["example-public-sentry-us-east-2-01"] == ("10.7.0.17", "10.7.0.17")
    assert by_name["example-private-sentry-eu-west-1-01"] == ("10.7.27.17", "10.7.27.17")
    assert by_name["example-seed-us-east-2-01"] == ("10.7.1.65", "10.7.1.65")
    assert by_name["example-vpn-us-east-2-01"] == ("10.7.0.97", "10.7.0.97")
    assert by_name["example-monitor-eu-west-1-01"] == ("10.7.26.129", "10.7.26.129")
    assert by_name["example-validator-dal1-01"] == ("10.7.176.33", "10.7.180.33")
    assert by_name["example-signer-hel1-02"] == ("10.7.195.66", "10.7.196.66")
    assert by_name["example-edge-dal1-01"] == ("10.7.181.2", "10.7.180.2")
    assert str(addressing.vpn_pool(network, "eu-west-1")) == "10.7.241.0/24"
    assert str(addressing.tunnel_inside(network, "hel1", "eu-west-1", 2, 1)) == "169.254.8.204/30"
    assert addressing.nat_gateway_address(network, "us-east-2", "b") == IPv4Address("10.7.1.8")
