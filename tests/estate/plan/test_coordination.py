"""Which hosts sign through a gate, by which lease, and where the gates meet."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given

from estate.model import Network, Role
from estate.plan import coordination
from estate.plan.coordination import Endpoint
from estate.plan.hosts import of_role
from estate.rules import promises
from tests.estate import strategies
from tests.estate.declarations import UNCOORDINATED, edited, problems, sound


def test_the_active_signer_of_each_coordinated_site_is_gated_and_no_other_host() -> None:
    network = sound()
    gated = {host.name for host in of_role(network, *Role) if coordination.is_gated(network, host)}
    assert gated == {"example-signer-dal1-01", "example-signer-hel1-01"}


def test_a_site_that_is_not_coordinated_has_no_gate() -> None:
    network = sound({"signing.coordination.sites.hel1": "(removed)", "leases.gate-hel1": "(removed)"})
    assert coordination.signing_sites(network) == ("dal1",)
    assert {host.place for host in of_role(network, Role.SIGNER) if coordination.is_gated(network, host)} == {"dal1"}


def test_without_coordination_the_site_of_custody_signs_and_nothing_is_gated() -> None:
    network = sound(UNCOORDINATED)
    assert coordination.signing_sites(network) == ("dal1",)
    assert coordination.endpoints(network) == ()
    assert not coordination.multi_region(network)
    for host in of_role(network, Role.SIGNER):
        assert not coordination.is_gated(network, host)
        assert coordination.lease_of(network, host) is None


def test_the_endpoints_are_those_of_the_replicas_in_the_order_of_the_declaration() -> None:
    turned = {"us-east-2": "coordination-2", "us-east-1": "coordination"}
    ohio = Endpoint("us-east-2", "dynamodb.us-east-2.amazonaws.com", (IPv4Address("198.51.100.17"),), 443)
    virginia = Endpoint("us-east-1", "dynamodb.us-east-1.amazonaws.com", (IPv4Address("198.51.100.16"),), 443)
    assert coordination.endpoints(sound()) == (virginia, ohio)
    assert coordination.endpoints(sound({"signing.coordination.replicas": turned})) == (ohio, virginia)


def test_a_replica_is_reached_through_its_own_service_and_then_through_its_detours_in_their_order() -> None:
    changes: dict[str, object] = {"signing.coordination.detours": {"us-east-2": ["second", "first"]}}
    for name, address in (("first", "198.51.100.18"), ("second", "198.51.100.19")):
        changes[f"services.{name}"] = {"address": address, "port": 443, "consumers": ["signer"]}
    virginia, ohio = coordination.endpoints(sound(changes))
    assert virginia.addresses == (IPv4Address("198.51.100.16"),)
    assert [str(each) for each in ohio.addresses] == ["198.51.100.17", "198.51.100.19", "198.51.100.18"]


def test_a_home_region_is_not_several() -> None:
    home = {
        "signing.coordination.replicas": {"eu-central-1": "coordination"},
        "signing.coordination.witness": "(removed)",
        "services.coordination-2": "(removed)",
    }
    assert not coordination.multi_region(sound(home))
    assert coordination.multi_region(sound())


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_gates_lease_is_taken_by_its_own_host_only(network: Network) -> None:
    signers = of_role(network, Role.SIGNER)
    for lease in coordination.gate_leases(network):
        (taker,) = [host for host in signers if coordination.may_take(network, host, lease)]
        assert coordination.lease_of(network, taker) == lease
    for host in of_role(network, *Role):
        for name, declared in network.leases.items():
            assert not coordination.may_take(network, host, name) or host.role in declared.roles


@pytest.mark.slow
@strategies.QUICK
@given(strategies.networks())
def test_a_signer_may_call_what_leads_to_the_table_and_nothing_of_that_name_otherwise(network: Network) -> None:
    extra = promises.signer_services(network) - {"packages", "time", "logs", "vault"}
    assert {network.services[name].address for name in extra} == {
        address for each in coordination.endpoints(network) for address in each.addresses
    }


def test_one_coordinated_site_is_allowed_so_that_a_second_can_be_added_in_a_step_of_its_own() -> None:
    assert problems(edited({"signing.coordination.sites.hel1": "(removed)", "leases.gate-hel1": "(removed)"})) == ()
