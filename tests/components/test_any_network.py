"""What holds for a network that nobody has declared yet, when its declaration changes."""

from __future__ import annotations

from collections import Counter

import pytest

from components.recording import Recorded, record
from estate.clouds.aws import QUOTAS
from estate.model import Network

pytestmark = pytest.mark.slow

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def inputs(recorded: Recorded) -> dict[str, object]:
    return {each.urn: each.inputs for each in recorded.resources}


def test_a_new_networks_names_are_unique_and_within_limits(small_recorded: Recorded) -> None:
    names = Counter(each.name for each in small_recorded.resources if each.type.startswith("aws:"))
    assert [name for name, count in names.items() if count > 1] == []
    for type_ in (INGRESS, EGRESS):
        counts = Counter(each.property_dependencies["securityGroupId"][0] for each in small_recorded.of(type_))
        assert max(counts.values()) <= QUOTAS["rules_per_security_group"].default


def test_no_logical_name_has_a_list_position(small: Network, small_recorded: Recorded) -> None:
    """Declared in another order, the same network registers the same resources."""
    reordered = small.model_copy(
        update={
            "nodes": tuple(reversed(small.nodes)),
            "regions": dict(reversed(small.regions.items())),
            "sites": dict(reversed(small.sites.items())),
            "partners": dict(reversed(small.partners.items())),
            "leases": dict(reversed(small.leases.items())),
            "operators": dict(reversed(small.operators.items())),
        }
    )
    again = record(reordered)
    assert inputs(again) == inputs(small_recorded)
    assert again.inventory == small_recorded.inventory


def test_a_preview_registers_the_same_resources(small: Network, small_recorded: Recorded) -> None:
    """Nothing's existence depends on what the cloud answers."""
    assert set(inputs(record(small, preview=True))) == set(inputs(small_recorded))


def test_a_testnet_can_be_taken_down(small: Network) -> None:
    testnet = record(small.model_copy(update={"stage": "testnet"}))
    assert [each.name for each in testnet.resources if each.protect or each.retain_on_delete] == []


@pytest.mark.parametrize("role", ["public-sentry", "seed"])
def test_removing_a_host_moves_nothing_else(small: Network, small_recorded: Recorded, role: str) -> None:
    """Its own resources and the rules that name it go; no other resource is changed, let alone replaced."""
    gone = next(node for node in small.nodes if node.role == role)
    less = inputs(record(small.model_copy(update={"nodes": tuple(node for node in small.nodes if node != gone)})))
    before = inputs(small_recorded)
    assert set(less) < set(before)
    assert {urn: given for urn, given in before.items() if urn in less} == less


def test_a_lost_partner_takes_its_routes_and_rules_with_it(small: Network, small_recorded: Recorded) -> None:
    cidrs = {str(cidr) for partner in small.partners.values() for cidr in partner.cidrs}
    assert cidrs, "the example declares a partner in its first two regions"
    less = record(small.model_copy(update={"partners": {}}))
    named = {each.inputs.get("destinationCidrBlock") or each.inputs.get("cidrIpv4") for each in less.resources}
    assert not cidrs & named
    assert set(inputs(less)) < set(inputs(small_recorded))
