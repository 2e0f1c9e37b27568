"""Both ends of every tunnel agree, and no two tunnels are the same."""

from __future__ import annotations

import pytest
from hypothesis import given

from estate.model import Network, Role
from estate.plan import tunnels
from estate.plan.hosts import of_role
from tests.estate import strategies


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_an_edge_has_two_tunnels_to_each_region_that_its_site_is_linked_to(network: Network) -> None:
    for edge in of_role(network, Role.EDGE):
        found = tunnels.of_edge(network, edge)
        assert [(each.region, each.number) for each in found] == [
            (region, number) for region in network.sites[edge.place].links for number in (0, 1)
        ]
        assert {(each.site, each.edge) for each in found} <= {(edge.place, edge.number)}


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_each_tunnel_has_addresses_and_a_number_of_its_own(network: Network) -> None:
    every = [each for edge in of_role(network, Role.EDGE) for each in tunnels.of_edge(network, edge)]
    assert len({each.inside_cidr for each in every}) == len(every)
    assert len({each.id for each in every}) == len(every)
    for each in every:
        assert each.inside_cidr.prefixlen == 30
        assert (each.cloud_address, each.edge_address) == tuple(each.inside_cidr.hosts())
        assert (each.cloud_asn, each.edge_asn) == (network.regions[each.region].asn, network.sites[each.site].asn)
