"""Host names: unique, valid, and of the length that everything which carries them allows."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate.clouds import aws
from estate.model import Network, Role
from estate.plan import naming
from estate.plan.hosts import hosts, of_role
from tests.estate import strategies
from tests.estate.declarations import sound

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A label of a DNS name (RFC 1123)."""


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_every_host_has_a_name_of_its_own_that_is_a_dns_label(network: Network) -> None:
    names = [host.name for host in hosts(network)]
    assert (
        len(names) == len(set(names)) == len(network.nodes) + sum(len(site.servers) for site in network.sites.values())
    )
    assert all(LABEL.fullmatch(name) and name.startswith(f"{network.name}-") for name in names)
    assert names == sorted(names)


@given(st.text("abcdefghij-", min_size=1, max_size=120), st.integers(20, 63))
def test_a_name_that_is_too_long_is_cut_and_told_apart_by_its_hash(name: str, limit: int) -> None:
    assert len(naming.safe(name, limit)) <= limit
    assert naming.safe(name, limit) == name or naming.safe(f"{name}x", limit) != naming.safe(name, limit)


def test_every_tunnel_interface_fits_in_linux_and_is_told_apart() -> None:
    names = [
        naming.tunnel_interface(region, edge, tunnel) for region, edge, tunnel in product(aws.REGIONS, (1, 2), (0, 1))
    ]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 15


def test_cloud_hosts_take_ssh_where_they_serve_and_servers_in_the_management_zone() -> None:
    for host in hosts(sound()):
        assert (host.address == host.management_address) == host.in_cloud


def test_only_edges_and_nodes_of_public_subnets_have_public_addresses() -> None:
    public = {host.role for host in hosts(sound()) if host.public}
    assert public == {Role.PUBLIC_SENTRY, Role.SEED, Role.VPN, Role.EDGE}


def test_hosts_are_found_by_role() -> None:
    assert {host.role for host in of_role(sound(), Role.SIGNER, Role.VALIDATOR)} == {Role.SIGNER, Role.VALIDATOR}
