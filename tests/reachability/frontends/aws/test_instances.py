"""Instances that forward, have several interfaces, come from a launch template, or show a public address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reachability.addresses import address
from reachability.assembly import assemble
from reachability.prover import Prover
from reachability.resources import UNKNOWN, Resource
from reachability.subject import Guest, Subject
from tests.reachability.frontends.aws.builders import (
    Estate,
    associated,
    entry,
    group,
    instance,
    public,
    resource,
    subnet,
    table,
    tcp,
    vpc,
)

NET = vpc()
A, B = subnet(NET, "a", "10.0.1.0/24"), subnet(NET, "b", "10.0.2.0/24")
OPEN = group(NET)
CLIENT = instance(B, "client", "10.0.2.10", [OPEN])
ROUTER = instance(A, "router", "10.0.1.5", [OPEN], publicIp="203.0.113.5", sourceDestCheck=False)
BASE = [NET, A, B, OPEN, CLIENT, *public(NET, A)]
UNKNOWN_WORK = "forwards, and how it routes and translates packets is unknown"


def behind_router(to: str = "0.0.0.0/0") -> list[Resource]:
    way = table(NET, "way", [{"cidrBlock": to, "networkInterfaceId": "eni-router"}])
    router = replace(ROUTER, properties={**ROUTER.properties, "primaryNetworkInterfaceId": "eni-router"})
    return [router, way, associated(way, B)]


def unmodelled(estate: Estate, sender: str) -> bool:
    return any(UNKNOWN_WORK in each for each in estate.prover.unmodelled(estate.sender(sender)))


@pytest.mark.parametrize("to", ["0.0.0.0/0", "192.168.0.0/16"])
def test_what_a_machine_that_forwards_does_is_unknown_without_its_ruleset(to: str) -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html
    estate = Estate(BASE, behind_router(to))
    assert unmodelled(estate, "client")
    assert estate.outcome("client", "192.168.7.7", may=False).startswith("not modelled")


def test_what_a_machine_that_forwards_translates_to_others_is_unknown_too() -> None:
    assert unmodelled(Estate(BASE, behind_router()), "internet")
    estate = Estate(BASE, behind_router())
    assert any(
        "whose packets it sends is unknown" in each for each in estate.prover.unmodelled(estate.sender("router"))
    )


def test_only_packets_that_a_router_gets_are_unknown() -> None:
    closed = group(NET, "closed", ingress=[])
    shut = instance(A, "router", "10.0.1.5", [closed], publicIp="203.0.113.5", sourceDestCheck=False)
    assert not unmodelled(Estate(BASE, closed, shut), "internet")


RULES = """
table ip t {
  chain c { type filter hook forward priority 0; policy accept; }
}
"""


@pytest.mark.parametrize(("forwards", "unknown"), [(None, True), (True, False), (False, False)])
def test_a_declared_router_is_taken_at_its_word(forwards: bool | None, unknown: bool) -> None:
    resources = (*BASE, *behind_router())
    guests = {ROUTER.urn: Guest("router", forwards=forwards)}
    for rulesets in ({}, {"router": RULES}):
        prover = Prover(assemble(Subject(resources, guests=guests, rulesets=rulesets)))
        found = prover.unmodelled(prover.machine(CLIENT.urn))
        assert any(UNKNOWN_WORK in each for each in found) is (unknown and not rulesets)


PUBLISHED = """
table ip nat {
  chain pre { type nat hook prerouting priority -100; tcp dport 8080 dnat to 172.17.0.2:80 }
}
table ip filter {
  chain in { type filter hook input priority 0; policy drop; tcp dport 22 accept }
}
"""


@pytest.mark.parametrize(("guest", "unknown"), [(None, True), (Guest("host"), True), (Guest("host", False), False)])
def test_a_port_that_a_host_publishes_for_something_within_it_is_not_modelled(
    guest: Guest | None, unknown: bool
) -> None:
    # https://docs.docker.com/engine/network/packet-filtering-firewalls/
    host = instance(A, "host", "10.0.1.10", [OPEN], publicIp="203.0.113.9")
    subject = Subject(
        (*BASE, host),
        guests={host.urn: guest} if guest else {},
        rulesets={guest.name if guest else host.urn: PUBLISHED},
    )
    prover = Prover(assemble(subject))
    reasons = prover.unmodelled(prover.internet())
    assert any("translates packets to addresses behind it" in each for each in reasons) is unknown


def test_a_port_that_a_router_translates_to_a_machine_of_the_network_is_followed() -> None:
    rules = PUBLISHED.replace("172.17.0.2", "10.0.2.10")
    prover = Prover(assemble(Subject((*BASE, ROUTER), rulesets={ROUTER.urn: rules})))
    assert prover.unmodelled(prover.internet()) == ()
    assert CLIENT.urn in {each.to for each in prover.arrivals(prover.internet())}


def second(at: Resource, ip: str, groups: list[Resource], **more: Any) -> Resource:
    ids = [each.id for each in groups]
    tied = [{"instance": "instance-host", "deviceIndex": 1}]
    return resource(
        "ec2/networkInterface", "second", id="eni-2", subnetId=at.id, privateIps=[ip], privateIp=ip,
        securityGroups=ids, attachments=tied, **more,
    )  # fmt: skip


def test_of_two_interfaces_in_one_subnet_the_first_sends() -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
    quiet = group(NET, "quiet", egress=[])
    host, peer = instance(A, "host", "10.0.1.11", [OPEN]), instance(A, "peer", "10.0.1.12", [OPEN])
    estate = Estate(BASE, quiet, host, peer, second(A, "10.0.1.21", [quiet]))
    assert estate.outcome("host", "10.0.1.12", tcp(22)) == "delivered to peer"
    assert estate.reply("peer", "10.0.1.11", tcp(22)) == "passes"


def test_a_public_address_that_an_instance_shows_is_on_its_first_interface_whoever_made_that() -> None:
    first = resource("ec2/networkInterface", "first", id="eni-1", subnetId=A.id, privateIps=["10.0.1.11"],
                     privateIp="10.0.1.11", securityGroups=[OPEN.id])  # fmt: skip
    given = {"networkInterfaces": [{"networkInterfaceId": "eni-1", "deviceIndex": 0}]}
    shown = resource("ec2/instance", "host", publicIp="203.0.113.9", **given)
    assert Estate(BASE, first, shown).outcome("internet", "203.0.113.9") == "delivered to host"
    none = resource("ec2/instance", "host", publicIp="", **given)
    assert "host" not in Estate(BASE, first, none).reached("internet")


def test_a_public_address_that_the_export_conceals_may_be_anywhere() -> None:
    host = instance(A, "host", "10.0.1.10", [OPEN], publicIp=UNKNOWN)
    hidden = replace(host, concealed=frozenset({"publicIp"}))
    estate = Estate(BASE, hidden)
    assert "host" in estate.reached("internet")
    assert "host" not in estate.reached("internet", may=False)
    assert "host" not in Estate(BASE, host).reached("internet")


def test_an_interface_is_known_by_its_id() -> None:
    host = instance(A, "host", "10.0.1.11", [OPEN], primaryNetworkInterfaceId="eni-1")
    estate = Estate(BASE, host, second(B, "10.0.2.21", [OPEN]))
    machine = estate.assembly.machines[host.urn]
    assert [leg.id for leg in machine.interfaces] == ["eni-1", "eni-2"]


def test_an_interface_without_delegated_prefixes_says_so() -> None:
    counts = {"ipv4PrefixCount": 0, "ipv4Prefixes": [], "ipv6PrefixCount": 0, "ipv6Prefixes": []}
    host = instance(A, "host", "10.0.1.11", [OPEN])
    assert Estate(BASE, host, second(B, "10.0.2.21", [OPEN], **counts)).unmodelled == ()
    (reason, *_) = Estate(BASE, host, second(B, "10.0.2.21", [OPEN], **counts | {"ipv4PrefixCount": 1})).unmodelled
    assert "ipv4PrefixCount: delegated prefixes are not modelled" in reason


TEMPLATE = {"id": "lt-1", "version": "$Latest"}


def test_an_instance_of_a_launch_template_is_what_its_state_tells() -> None:
    told = instance(A, "host", "10.0.1.11", [OPEN], publicIp="203.0.113.9", launchTemplate=TEMPLATE)
    assert Estate(BASE, told).outcome("internet", "203.0.113.9") == "delivered to host"


@pytest.mark.parametrize("missing", ["subnetId", "privateIp", "vpcSecurityGroupIds"])
def test_what_a_launch_template_may_decide_and_no_state_tells_is_not_modelled(missing: str) -> None:
    told = instance(A, "host", "10.0.1.11", [OPEN], launchTemplate=TEMPLATE)
    planned = replace(told, properties={**told.properties, missing: UNKNOWN})
    assert any(f"{missing} may come from its launch template" in each for each in Estate(BASE, planned).unmodelled)


def test_a_launch_template_with_several_interfaces_is_not_modelled() -> None:
    told = instance(A, "host", "10.0.1.11", [OPEN], launchTemplate=TEMPLATE)
    template = resource("ec2/launchTemplate", "t", id="lt-1", networkInterfaces=[{}, {}])
    assert any("several interfaces" in each for each in Estate(BASE, told, template).unmodelled)
    other = resource("ec2/launchTemplate", "t", id="lt-2", networkInterfaces=[{}, {}])
    assert Estate(BASE, told, other).unmodelled == ()


def test_reasons_are_those_of_the_packets_that_were_asked_about() -> None:
    foreign = table(NET, "foreign", [{"cidrBlock": "192.168.0.0/16", "gatewayId": "igw-elsewhere"}])
    shut = group(NET, "shut", ingress=[entry(443, cidrBlocks=["10.0.0.0/8"])])
    host = instance(A, "host", "10.0.1.10", [shut])
    estate = Estate(BASE, shut, host, foreign, associated(foreign, B))
    client = estate.sender("client")
    assert estate.prover.unmodelled(client)
    inside = ((address("10.0.1.10"), address("10.0.1.10")),)
    assert estate.prover.unmodelled(client, None, inside) == ()
    assert estate.prover.unmodelled(client, None, ((address("192.168.1.1"), address("192.168.1.1")),))


def test_a_gateway_elsewhere_says_nothing_of_packets_for_others() -> None:
    shut = group(NET, "shut", ingress=[entry(443, cidrBlocks=["10.0.0.0/8"])])
    host = instance(A, "host", "10.0.1.10", [shut])
    own = ((address("10.0.1.10"), address("10.0.1.10")),)

    def reasons(**target: str) -> tuple[str, ...]:
        way = table(NET, "way", [{"cidrBlock": "0.0.0.0/0", **target}])
        estate = Estate(BASE, shut, host, way, associated(way, B))
        return estate.prover.unmodelled(estate.sender("client"), reaching=own)

    assert reasons(gatewayId="igw-elsewhere") == reasons(natGatewayId="nat-elsewhere") == ()
    assert "eni-elsewhere, which is not among the resources" in reasons(networkInterfaceId="eni-elsewhere")[0]
