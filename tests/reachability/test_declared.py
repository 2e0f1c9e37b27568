"""What a declaration says of datacentres and guests is what the hosts' configuration makes of it."""

from __future__ import annotations

import pytest

from configuration import interfaces, networkd
from estate.model import Network, Role
from estate.plan import tunnels
from estate.plan.hosts import Host, hosts
from reachability import declared
from reachability.addresses import ALL_V4, block, texts
from reachability.frontends.sites import Server
from reachability.resources import Resource
from tests.reachability.claims.estates import example


@pytest.fixture(scope="module")
def network() -> Network:
    return example()


@pytest.fixture(scope="module")
def servers(network: Network) -> dict[str, Server]:
    return {server.name: server for site in declared.sites(network) for server in site.servers}


def bare_metal(network: Network) -> list[Host]:
    return [host for host in hosts(network) if not host.in_cloud]


def point(address: object) -> int:
    return int(address)  # type: ignore[call-overload]


def test_every_server_has_the_legs_that_its_hosts_configuration_has(network: Network, servers: dict[str, Server]):
    assert set(servers) == {host.name for host in bare_metal(network)}
    for host in bare_metal(network):
        legs = {leg.device: leg for leg in servers[host.name].legs}
        ports = {port.interface: port for port in interfaces.zone_ports(network, host)}
        assert set(legs) == set(ports), host.name
        for device, port in ports.items():
            assert point(port.address.ip) in legs[device].addresses
            assert legs[device].segment == port.zone


def test_a_server_sends_by_its_zones_gateway_and_answers_for_its_management_address_by_that_zones(
    network: Network, servers: dict[str, Server]
):
    for host in bare_metal(network):
        if host.role is Role.EDGE:
            continue
        server = servers[host.name]
        own = interfaces.service_interface(network, host)
        management = interfaces.management_interface(network, host)
        assert (ALL_V4, own) in server.routes
        assert (point(host.management_address), ALL_V4, management) in server.source_routes
        file = networkd.files(network, host)[f"40-{management}.network"]
        assert f"From={host.management_address}" in file, "as systemd-networkd is told"


def test_an_edge_has_its_public_address_the_gateways_and_a_tunnel_end_for_each_tunnel(
    network: Network, servers: dict[str, Server]
):
    for host in bare_metal(network):
        if host.role is not Role.EDGE:
            continue
        server = servers[host.name]
        uplink = interfaces.uplink_interface(network, host.place)
        leg = next(leg for leg in server.legs if leg.device == uplink)
        assert server.forwards
        assert point(host.public_address) in leg.addresses
        assert (ALL_V4, uplink) in server.routes
        for port in interfaces.zone_ports(network, host):
            assert point(port.gateway) in next(leg for leg in server.legs if leg.device == port.interface).addresses
        ends = {end.device: end for end in server.tunnels}
        expected = {tunnel.interface: tunnel for tunnel in tunnels.of_edge(network, host)}
        assert set(ends) == set(expected)
        for device, tunnel in expected.items():
            assert ends[device].address == point(tunnel.edge_address)
            assert ends[device].key == f"tunnel {tunnel.inside_cidr} to {host.public_address}"


def test_tunnels_lead_to_the_block_of_their_region_only(network: Network, servers: dict[str, Server]):
    for server in servers.values():
        for end in server.tunnels:
            assert len(texts(end.reaches)) == 2, "the region's block, and the tunnel's own addresses"


def test_a_site_announces_its_block_over_each_of_its_tunnels(network: Network, servers: dict[str, Server]):
    announced = declared.announcements(network)
    assert set(announced) == {end.key for server in servers.values() for end in server.tunnels}
    assert {tuple(texts(each)) for each in announced.values()} == {("10.77.176.0/20",), ("10.77.192.0/20",)}


def test_two_networks_share_no_tunnel_and_no_site_name():
    one, two = example(), example("juno", 78)
    assert set(declared.announcements(one)).isdisjoint(declared.announcements(two))
    assert {site.name for site in declared.sites(one)}.isdisjoint(site.name for site in declared.sites(two))


def instance(name: str, type_: str = declared.INSTANCE) -> Resource:
    return Resource(f"urn:pulumi:osmosis::estate::{type_}::{name}", type_, name, f"i-{name}", {}, {})


def test_an_instance_is_known_by_its_logical_name_and_only_a_vpn_gateway_forwards(network: Network):
    cloud = [host for host in hosts(network) if host.in_cloud]
    found = declared.guests(network, [instance(f"{host.name}-instance") for host in cloud])
    assert {guest.name for guest in found.values()} == {host.name for host in cloud}
    for guest in found.values():
        gateway = guest.labels["Role"] == "vpn"
        assert guest.forwards is gateway
        assert bool(guest.pools) is gateway


def test_clients_of_a_vpn_gateway_have_the_addresses_of_its_regions_pool(network: Network):
    gateway = next(host for host in hosts(network) if host.role is Role.VPN and host.place == "eu-west-1")
    (guest,) = declared.guests(network, [instance(f"{gateway.name}-instance")]).values()
    assert guest.pools == {interfaces.VPN_INTERFACE: (block("10.77.241.0/24"),)}


def test_what_the_declaration_does_not_know_is_nobodys_guest(network: Network):
    host = next(host for host in hosts(network) if host.in_cloud)
    strangers = [instance("jump"), instance(host.name), instance(f"{host.name}-instance", "aws:ec2/volume:Volume")]
    assert declared.guests(network, strangers) == {}
