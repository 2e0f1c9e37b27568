"""What must be proved together, and what may be proved by itself."""

from __future__ import annotations

from typing import Any

from reachability import parts
from reachability.frontends.sites import Server, Site, TunnelEnd
from reachability.resources import UNKNOWN, Resource
from reachability.subject import Subject

VPC = "aws:ec2/vpc:Vpc"
PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"


def resource(stack: str, type_: str, name: str, id_: Any, references: dict[str, tuple[str, ...]] | None = None, **properties: Any) -> Resource:  # fmt: skip  # noqa: E501
    return Resource(f"urn:pulumi:{stack}::estate::{type_}::{name}", type_, name, id_, properties, references or {})


def network(stack: str, *more: Resource) -> Subject:
    return Subject((resource(stack, VPC, "vpc", f"vpc-0000000{stack}", cidrBlock="10.0.0.0/16"), *more))


def test_networks_that_nothing_joins_are_proved_one_by_one() -> None:
    assert parts.together({"a": network("a"), "b": network("b")}) == (("a",), ("b",))


def test_a_peering_joins_the_two_that_it_names() -> None:
    peered = network("a", resource("a", PEERING, "to-b", "pcx-1", vpcId="vpc-0000000a", peerVpcId="vpc-0000000b"))
    found = parts.together({"a": peered, "b": network("b"), "c": network("c")})
    assert found == (("a", "b"), ("c",))


def test_who_is_joined_to_a_third_is_joined_to_both() -> None:
    def to(stack: str, other: str) -> Subject:
        return network(
            stack, resource(stack, PEERING, "peering", f"pcx-{stack}", routes=[{"target": f"vpc-0000000{other}"}])
        )

    assert parts.together({"a": to("a", "c"), "b": to("b", "c"), "c": network("c")}) == (("a", "b", "c"),)


def test_at_preview_the_urn_joins_where_the_id_is_not_known() -> None:
    there = resource("b", VPC, "vpc", UNKNOWN)
    here = resource("a", PEERING, "to-b", UNKNOWN, {"peerVpcId": (there.urn,)}, peerVpcId=UNKNOWN)
    assert parts.together({"a": network("a", here), "b": Subject((there,))}) == (("a", "b"),)


def test_two_ends_of_a_tunnel_join() -> None:
    def site(name: str, key: str) -> Subject:
        end = TunnelEnd("vti", key, (), 1)
        return Subject((), sites=(Site(name, (), (Server(f"{name}-edge", (), (), tunnels=(end,)),)),))

    assert parts.together({"a": site("a", "tunnel 1"), "b": site("b", "tunnel 1"), "c": site("c", "tunnel 2")}) == (
        ("a", "b"),
        ("c",),
    )


def test_equal_private_addresses_join_nothing() -> None:
    assert len(parts.together({"a": network("a"), "b": network("b")})) == 2
