"""The table of roles is complete, and each row agrees with itself."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

import pytest

from components import machines
from estate.declaration import load
from estate.findings import DeclarationError
from estate.model import (
    CHAIN_ROLES,
    CLOUD_ROLES,
    ROLES,
    SENTRY_ROLES,
    SITE_ROLES,
    CloudRole,
    Offer,
    Role,
    Side,
    SiteRole,
    Tier,
)
from tests.estate.declarations import edited, problems, sound


def test_every_role_has_a_row_and_belongs_to_one_side() -> None:
    assert tuple(ROLES) == tuple(Role)
    assert set(CLOUD_ROLES) | set(SITE_ROLES) == set(Role)
    assert not set(CLOUD_ROLES) & set(SITE_ROLES)
    assert set(SENTRY_ROLES) < set(CHAIN_ROLES)


@pytest.mark.parametrize("role", Role)
def test_a_row_says_what_its_side_needs_and_nothing_of_the_other(role: Role) -> None:
    spec = ROLES[role]
    in_cloud = spec.side is Side.CLOUD
    assert (spec.tier is not None, spec.component is not None) == (in_cloud, in_cloud)
    assert (spec.zone is not None, bool(spec.zone_reason)) == (not in_cloud, not in_cloud)
    assert not (in_cloud and (spec.apart or spec.public_address))


@pytest.mark.parametrize("role", Role)
def test_numbers_of_a_role_fit_in_a_subnet(role: Role) -> None:
    assert ROLES[role].offset >= 1
    assert 30 + ROLES[role].offset <= 254, "the last address of a /24 is its broadcast address"


def test_roles_that_share_a_subnet_do_not_share_addresses() -> None:
    for tier in Tier:
        offsets = sorted(spec.offset for spec in ROLES.values() if spec.tier is tier)
        assert all(after - before > 30 for before, after in zip(offsets, offsets[1:], strict=False))


def test_site_roles_do_not_share_management_addresses() -> None:
    offsets = sorted(ROLES[role].offset for role in SITE_ROLES)
    assert all(after - before > 30 for before, after in zip(offsets, offsets[1:], strict=False))


@pytest.mark.parametrize("role", Role)
def test_every_host_module_and_component_exists(role: Role) -> None:
    spec = ROLES[role]
    assert callable(import_module(f"hosts.roles.{spec.host_module}").apply)
    if spec.component:
        assert machines.KINDS[role].token == f"estate:host:{spec.component}"


@pytest.mark.parametrize("role", CHAIN_ROLES)
def test_a_chain_node_is_consistent(role: Role) -> None:
    node = ROLES[role].node
    assert node is not None and Offer.P2P in ROLES[role].offers
    assert node.public_p2p or node.inbound_peers == 0, "nobody else is let in"
    assert not (node.hidden and node.peer_exchange), "peer exchange would give the hidden node away"
    assert all(ROLES[peer].node is not None for peer in node.persistent_peers)
    assert not node.behind_sentries or (set(node.persistent_peers) <= set(SENTRY_ROLES) and not node.dials_public)
    assert node.keeps_history or Offer.RPC not in ROLES[role].offers, "whoever answers RPC must have what is asked for"


def test_the_declaration_takes_exactly_the_roles_of_its_side() -> None:
    assert get_args(CloudRole) == CLOUD_ROLES
    assert get_args(SiteRole) == SITE_ROLES
    network = sound()
    assert all(type(node.role) is Role for node in network.nodes)
    assert all(type(server.role) is Role for site in network.sites.values() for server in site.servers)


def test_a_role_without_hosts_needs_no_lease_operator_service_or_scrape_job() -> None:
    role = Role.SEED.value
    document = edited({})
    document["nodes"] = [node for node in document["nodes"] if node["role"] != role]
    for section, field in (
        ("operators", "roles"),
        ("services", "consumers"),
        ("leases", "roles"),
        ("monitoring", "roles"),
    ):
        for name, each in list(document[section].items()):
            each[field] = [other for other in each[field] if other != role]
            if not each[field]:
                del document[section][name]
    assert {problem.path for problem in problems(document)} == {"nodes"}, "only the endpoints miss their seeds"


@pytest.mark.parametrize("role", SITE_ROLES)
def test_a_bare_metal_role_is_refused_in_the_cloud(role: Role) -> None:
    with pytest.raises(DeclarationError):
        load.network(edited({"nodes.0.role": role.value}), source="test")
