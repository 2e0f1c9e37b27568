"""A call's work depends on its resource, not on the rest: the provider does not slow down as an estate grows."""

from collections.abc import Callable

import pytest

from lab.clouds.aws.services import tokens as t
from tests.lab.clouds.aws.landscape import IMAGE, Landscape

STATEMENTS_A_CREATION = 20
"""SQL statements, on average."""


def statements(land: Landscape, work: Callable[[], int]) -> float:
    """How many SQL statements one call of ``work`` runs, by its number of calls."""
    seen: list[str] = []
    land.aws.store._connection.set_trace_callback(seen.append)
    try:
        calls = work()
    finally:
        land.aws.store._connection.set_trace_callback(None)
    return len(seen) / calls


def make_a_network(land: Landscape, network: int) -> int:
    vpc = land.make(f"vpc {network}", t.VPC, cidrBlock=f"10.{network}.0.0/16")
    subnet = land.make(f"subnet {network}", t.SUBNET, vpcId=vpc, cidrBlock=f"10.{network}.0.0/24")
    group = land.make(f"group {network}", t.SECURITY_GROUP, vpcId=vpc, name="nodes")
    for port in range(50):
        land.make(
            f"rule {network} {port}",
            t.SECURITY_GROUP_INGRESS_RULE,
            securityGroupId=group,
            ipProtocol="tcp",
            fromPort=port,
            toPort=port,
            cidrIpv4="10.0.0.0/8",
        )
    for host in range(47):
        placed = {"subnetId": subnet, "vpcSecurityGroupIds": [group]}
        land.make(f"node {network} {host}", t.INSTANCE, ami=IMAGE, instanceType="m7i.large", **placed)
    return 100


@pytest.mark.slow
def test_a_creation_costs_the_same_in_a_larger_estate(land: Landscape) -> None:
    land.granted(on_demand_standard_vcpus=1000)
    costs = [statements(land, lambda network=network: make_a_network(land, network)) for network in range(4)]
    assert len(land.made) == 400
    assert costs[-1] <= costs[0] * 1.1, f"statements a creation, by network: {costs}"
    assert max(costs) <= STATEMENTS_A_CREATION, f"statements a creation, by network: {costs}"


@pytest.mark.slow
def test_a_resource_is_compared_without_looking_at_what_exists(estate: Landscape) -> None:
    def compare() -> int:
        for made in estate.made.values():
            estate.aws.check(made.token, made.urn, made.inputs, made.inputs)
            estate.aws.diff(made.token, made.id, estate.settings, made.inputs, made.properties, made.inputs)
        return len(estate.made)

    compare()
    assert statements(estate, compare) == 0
