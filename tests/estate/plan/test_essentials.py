"""What hosts must exchange beside the flows: only what they need, only with whom they need it."""

from __future__ import annotations

from estate.model import Role
from estate.plan import addressing, essentials
from estate.plan.essentials import Need
from estate.plan.hosts import hosts, of_role
from tests.estate.declarations import sound


def test_a_cloud_host_needs_dhcp_and_only_root_reads_its_metadata() -> None:
    network = sound()
    for host in hosts(network):
        if host.in_cloud:
            dhcp, metadata = essentials.of_host(network, host)
            assert (dhcp.need, dhcp.own_port, dhcp.port) == (Need.DHCP, 68, 67)
            assert metadata.root_only and metadata.outbound and not metadata.inbound


def test_validators_and_signers_need_nothing() -> None:
    network = sound()
    assert [essentials.of_host(network, host) for host in of_role(network, Role.VALIDATOR, Role.SIGNER)] == [()] * 8


def test_an_edge_speaks_vrrp_in_every_zone_with_the_other_edge_of_its_site() -> None:
    network = sound()
    for edge in of_role(network, Role.EDGE):
        vrrp = [each for each in essentials.of_host(network, edge) if each.need is Need.VRRP]
        assert {each.zone for each in vrrp} == set(network.sites[edge.place].zones)
        other = 3 - edge.number
        for each in vrrp:
            assert each.zone is not None and each.peers is not None
            (peer,) = each.peers
            assert peer.network_address == addressing.edge_zone_address(network, edge.place, each.zone, other)
            assert each.own_address == addressing.edge_zone_address(network, edge.place, each.zone, edge.number)


def test_esp_leaves_from_the_public_address_only() -> None:
    network = sound()
    for edge in of_role(network, Role.EDGE):
        (esp,) = [each for each in essentials.of_host(network, edge) if each.need is Need.ESP]
        assert esp.own_address == edge.public_address


def test_essentials_stay_within_bounds_that_are_written_out_here() -> None:
    """The prover tolerates what the plan lists, and the firewalls are rendered from the same list."""
    network = sound()
    for host in hosts(network):
        for each in essentials.of_host(network, host):
            if each.peers is None:
                assert (each.protocol, each.own_port, each.port) == ("udp", 68, 67)
            elif each.protocol == "tcp":
                assert (each.port, [str(peer) for peer in each.peers]) == (80, ["169.254.169.254/32"])
            else:
                assert each.need in (Need.VRRP, Need.ESP)
                assert host.role is Role.EDGE
