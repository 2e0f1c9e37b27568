"""What is deployed in the lab's cloud, as the prover reads it."""

from __future__ import annotations

from lab.clouds.store import Resource
from lab.probing import deployed as deployed_state


def test_what_aws_makes_by_itself_is_left_out_but_for_the_addresses_of_a_balancers_nodes() -> None:
    balancer = Resource(
        "urn:pulumi:s::p::aws:lb/loadBalancer:LoadBalancer::seeds",
        deployed_state.BALANCER,
        "arn:lb",
        "eu-west-1",
        {"name": "seeds"},
    )
    node = {"subnetId": "subnet-1", "privateIp": "10.0.1.9", "publicIp": "203.0.113.9"}
    made = [
        balancer,
        Resource("", deployed_state.INTERFACE, "eni-1", "eu-west-1", node, made_for="arn:lb"),
        Resource("", deployed_state.INTERFACE, "eni-2", "eu-west-1", {"subnetId": "subnet-2"}, made_for="i-1"),
    ]
    address, found = deployed_state._read(made)
    assert found.name == "seeds"
    assert found.properties["subnetMappings"] == [
        {"subnetId": "subnet-1", "privateIpv4Address": "10.0.1.9", "allocationId": address.id}
    ]
    assert (address.type, address.properties["publicIp"]) == (deployed_state.ADDRESS, "203.0.113.9")


def test_an_internal_balancers_node_has_no_public_address() -> None:
    node = Resource(
        "",
        deployed_state.INTERFACE,
        "eni-1",
        "eu-west-1",
        {"subnetId": "subnet-1", "privateIp": "10.0.1.9"},
        made_for="arn:lb",
    )
    balancer = Resource("urn:pulumi:s::p::t::seeds", deployed_state.BALANCER, "arn:lb", "eu-west-1", {})
    (found,) = deployed_state._read([balancer, node])
    assert found.properties["subnetMappings"] == [{"subnetId": "subnet-1", "privateIpv4Address": "10.0.1.9"}]
