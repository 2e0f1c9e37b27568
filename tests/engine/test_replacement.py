"""Which host is replaced, what else its plan may do, and when it must not begin."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from engine import replacement
from engine.preview import Change
from engine.replacement import Replacement, obstacles, refuse_others
from estate.declaration import files
from estate.errors import CheckFailed, UsageError
from estate.model import Network, Role
from estate.plan import addressing
from estate.plan.hosts import of_role
from tests.conftest import ROOT

NAMED = Replacement("hub-seed-01", "urn:pulumi:hub::estate::aws:ec2/instance:Instance::hub-seed-01-instance")
OWN = Change("replace", "Instance", "hub-seed-01-instance", ("ami",))


@pytest.fixture(scope="module")
def network() -> Network:
    return files.read(ROOT, "cosmoshub")


def state(*urns: str, **more: object) -> dict[str, object]:
    return {"deployment": {"resources": [{"urn": urn, **more} for urn in urns]}}


def test_the_instance_is_found_by_its_host(network: Network) -> None:
    one, other, *_ = of_role(network, Role.SEED)
    urns = [f"urn:pulumi:cosmoshub::estate::T::{host.name}-instance" for host in (other, one)]
    assert replacement.of(one, state(*urns)) == Replacement(one.name, urns[1])


@pytest.mark.parametrize("more", [{"delete": True}, {}])
def test_a_host_that_has_no_instance_cannot_be_replaced(network: Network, more: dict[str, bool]) -> None:
    host = of_role(network, Role.SEED)[0]
    urns = [f"urn:pulumi:cosmoshub::estate::T::{host.name}-instance"] if more else []
    with pytest.raises(CheckFailed, match="run the same command without --replace"):
        replacement.of(host, state(*urns, **more))


def test_a_server_is_exchanged_by_a_person(network: Network) -> None:
    with pytest.raises(UsageError, match="a person must exchange a server"):
        replacement.of(of_role(network, Role.VALIDATOR)[0], state())


def test_a_plan_may_replace_the_named_instance_and_what_belongs_to_it() -> None:
    refuse_others(NAMED, [OWN, Change("replace", "VolumeAttachment", "x"), Change("update", "Instance", "y")])


@pytest.mark.parametrize("operation", ["replace", "delete"])
def test_a_plan_that_ends_another_instance_is_refused(operation: str) -> None:
    with pytest.raises(CheckFailed, match="would also end hub-seed-02-instance"):
        refuse_others(NAMED, [OWN, Change(operation, "Instance", "hub-seed-02-instance")])


def test_a_plan_that_does_not_replace_it_is_refused() -> None:
    with pytest.raises(CheckFailed, match="does not replace hub-seed-01-instance"):
        refuse_others(NAMED, [Change("create", "Instance", "hub-seed-01-instance")])


def test_a_host_may_be_replaced_while_all_others_are_healthy_even_if_it_is_not(network: Network) -> None:
    for host in of_role(network, Role.SEED, Role.MONITOR, Role.VPN, Role.PUBLIC_SENTRY):
        assert obstacles(network, host, {}, [IPv4Address("192.0.2.1")]) == []
        assert obstacles(network, host, {host.name: "could not be reached"}, []) == []


def test_nothing_is_replaced_while_any_other_host_is_ill(network: Network) -> None:
    seed, validator = of_role(network, Role.SEED)[0], of_role(network, Role.VALIDATOR)[0]
    assert obstacles(network, seed, {validator.name: "9 blocks behind"}, []) == [f"{validator.name}: 9 blocks behind"]


def test_the_last_healthy_host_of_its_role_is_not_replaced(network: Network) -> None:
    one, other = of_role(network, Role.MONITOR)
    found = obstacles(network, one, {other.name: "could not be reached"}, [])
    assert any("no other monitor is healthy" in each for each in found)
    alone = network.model_copy(update={"nodes": tuple(each for each in network.nodes if each.role != Role.MONITOR)})
    assert any("no other monitor is healthy" in each for each in obstacles(alone, one, {}, []))


def test_the_gateway_that_one_is_connected_through_is_not_replaced(network: Network) -> None:
    one, other = of_role(network, Role.VPN)
    mine = addressing.vpn_pool(network, one.place)[7]
    assert any("connect through another region's" in each for each in obstacles(network, one, {}, [mine]))
    assert obstacles(network, other, {}, [mine]) == []
    assert any("it is unknown" in each for each in obstacles(network, one, {}, None))
    assert obstacles(network, of_role(network, Role.SEED)[0], {}, [mine]) == []
