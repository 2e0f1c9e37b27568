"""A concealed value is never read as absent, nor as its default: neither what may pass nor what surely passes changes
by hiding it, but for becoming unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from reachability.question import NOT_MODELLED, REACHABLE, UNREACHABLE, Places, ask, asked_services
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.aws.builders import (
    Estate,
    associated,
    elastic,
    everything,
    group,
    instance,
    internet_gateway,
    public,
    resource,
    subnet,
    table,
    vpc,
)

ONE, TWO = vpc("one", "10.0.0.0/16"), vpc("two", "10.1.0.0/16")
A, B = subnet(ONE, "a", "10.0.1.0/24"), subnet(TWO, "b", "10.1.1.0/24")
OPEN_A, OPEN_B = group(ONE, "open-a"), group(TWO, "open-b")
X, Y = instance(A, "x", "10.0.1.10", [OPEN_A]), instance(B, "y", "10.1.1.10", [OPEN_B])
BASE = [ONE, TWO, A, B, OPEN_A, OPEN_B, X, Y]
PEERING = resource("ec2/vpcPeeringConnection", "pcx", vpcId=ONE.id, peerVpcId=TWO.id, autoAccept=True)
GATEWAY = resource("ec2transitgateway/transitGateway", "tgw")
TO_ONE, TO_TWO = (
    resource("ec2transitgateway/vpcAttachment", name, vpcId=of.id, subnetIds=[at.id], transitGatewayId=GATEWAY.id)
    for name, of, at in (("to-one", ONE, A), ("to-two", TWO, B))
)


def hidden(of: Resource, *names: str) -> Resource:
    return replace(of, properties={**of.properties, **dict.fromkeys(names, UNKNOWN)}, concealed=frozenset(names))


def joined(key: str, by: Resource) -> list[Resource]:
    """Route tables of both VPCs that lead to the other by a gateway or peering."""
    there = table(ONE, "there", [{"cidrBlock": "10.1.0.0/16", key: by.id}])
    back = table(TWO, "back", [{"cidrBlock": "10.0.0.0/16", key: by.id}])
    return [there, back, associated(there, A), associated(back, B)]


def answer(resources: Iterable[Resource], source: str, target: str) -> tuple[str, bool, bool]:
    """(verdict, whether there are reasons, whether it is surely reachable) of tcp 22."""
    resources = list(resources)
    estate = Estate(resources)
    places = Places(estate.prover, resources)
    found = ask(estate.prover, places.sender(source), places.target(target), asked_services("tcp", 22))
    (flow,) = found.flows
    return flow.verdict, bool(flow.reasons), not found.unexpected(REACHABLE)


@pytest.mark.parametrize("name", ["autoAccept", "acceptStatus", "peerVpcId", "vpcId"])
def test_a_peering_with_a_concealed_end_or_state_is_neither_absent_nor_active(name: str) -> None:
    ways = joined("vpcPeeringConnectionId", PEERING)
    assert answer([*BASE, *ways, PEERING], "x", "y") == (REACHABLE, False, True)
    verdict, reasons, surely = answer([*BASE, *ways, hidden(PEERING, name)], "x", "y")
    assert verdict != UNREACHABLE and reasons and not surely


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (TO_TWO, "transitGatewayDefaultRouteTableAssociation"),
        (TO_TWO, "transitGatewayDefaultRouteTablePropagation"),
        (TO_TWO, "subnetIds"),
        (TO_TWO, "ipv6Support"),
        (GATEWAY, "defaultRouteTableAssociation"),
        (GATEWAY, "defaultRouteTablePropagation"),
        (GATEWAY, "securityGroupReferencingSupport"),
    ],
)
def test_a_transit_gateway_with_a_concealed_setting_is_not_read_by_its_default(of: Resource, name: str) -> None:
    parts = [GATEWAY, TO_ONE, TO_TWO]
    ways = joined("transitGatewayId", GATEWAY)
    assert answer([*BASE, *ways, *parts], "x", "y") == (REACHABLE, False, True)
    changed = [hidden(each, name) if each is of else each for each in parts]
    verdict, reasons, surely = answer([*BASE, *ways, *changed], "x", "y")
    assert verdict != UNREACHABLE and reasons and not surely


def test_a_route_of_a_transit_gateway_may_be_a_black_hole() -> None:
    own = [resource("ec2transitgateway/routeTable", "rt", transitGatewayId=GATEWAY.id)]
    tied = {"transitGatewayAttachmentId": TO_ONE.id, "transitGatewayRouteTableId": own[0].id}
    own.append(resource("ec2transitgateway/routeTableAssociation", "tied", **tied))
    to = {**tied, "transitGatewayAttachmentId": TO_TWO.id, "destinationCidrBlock": "10.1.0.0/16"}
    way = resource("ec2transitgateway/route", "way", **to)
    rest = [*BASE, *joined("transitGatewayId", GATEWAY), GATEWAY, TO_ONE, TO_TWO, *own]
    assert answer([*rest, way], "x", "y")[0] == REACHABLE
    assert answer([*rest, hidden(way, "blackhole")], "x", "y")[0] == NOT_MODELLED


@pytest.mark.parametrize("name", ["subnetIds", "ingress", "egress"])
def test_an_acl_whose_subnets_or_entries_are_concealed_may_stop_what_passes_without_it(name: str) -> None:
    web = instance(A, "web", "10.0.1.11", [OPEN_A], publicIp="203.0.113.9")
    everything = {
        "ruleNo": 1,
        "action": "allow",
        "protocol": "-1",
        "fromPort": 0,
        "toPort": 0,
        "cidrBlock": "0.0.0.0/0",
    }
    acl = resource("ec2/networkAcl", "acl", vpcId=ONE.id, subnetIds=[A.id], ingress=[everything], egress=[everything])
    rest = [ONE, A, OPEN_A, web, *public(ONE, A)]
    assert answer([*rest, acl], "internet", "web") == (REACHABLE, False, True)
    verdict, _, surely = answer([*rest, hidden(acl, name)], "internet", "web")
    assert verdict != UNREACHABLE and not surely


SIX = vpc("six", "10.6.0.0/16", ipv6CidrBlock="2001:db8:600::/56")
DUAL = subnet(SIX, "dual", "10.6.1.0/24", ipv6CidrBlock="2001:db8:600:1::/64")
ONLY = resource(
    "ec2/subnet", "only", vpcId=SIX.id, ipv6Native=True, ipv6CidrBlock="2001:db8:600:2::/64",
    availabilityZone="eu-central-1a",
)  # fmt: skip
ADMITS = group(SIX, "admits")


@pytest.mark.parametrize("name", ["ipv6AddressCount", "ipv6Addresses"])
def test_an_instance_may_have_ipv6_addresses_that_are_concealed(name: str) -> None:
    host = instance(DUAL, "host", "10.6.1.9", [ADMITS])
    rest = [SIX, DUAL, ADMITS, *public(SIX, DUAL)]
    assert answer([*rest, host], "internet", "host")[0] == UNREACHABLE
    assert answer([*rest, hidden(host, name)], "internet", "host")[0] != UNREACHABLE


def test_an_interface_may_have_further_private_addresses_of_a_concealed_number() -> None:
    client = group(SIX, "client", ingress=[], egress=[])
    card = resource(
        "ec2/networkInterface", "card", subnetId=DUAL.id, privateIps=["10.6.1.9"], securityGroups=[client.id]
    )
    assert len(Estate(SIX, DUAL, client, card).assembly.public) == len(Estate(SIX, DUAL, client).assembly.public)
    plain, more = (
        Estate(SIX, DUAL, client, each, instance(DUAL, "i", None, networkInterfaces=[{"networkInterfaceId": each.id}]))
        for each in (card, hidden(card, "privateIpsCount"))
    )
    count = [sum(len(leg.addresses) for each in (estate.assembly.machines.values()) for leg in each.interfaces)
             for estate in (plain, more)]  # fmt: skip
    assert count[1] > count[0] == 1


@pytest.mark.parametrize("more", [{"ipv6Addresses": ["2001:db8:600:2::10"]}, {"ipv6AddressCount": 1}, {}])
def test_an_instance_of_an_ipv6_only_subnet_has_no_ipv4_address(more: dict[str, object]) -> None:
    host = resource("ec2/instance", "host", subnetId=ONLY.id, vpcSecurityGroupIds=[ADMITS.id], **more)
    rest = [SIX, ONLY, ADMITS, host]
    estate = Estate(*rest, *public(SIX, ONLY))
    assert estate.unmodelled == ()
    (machine,) = estate.assembly.machines.values()
    assert all(point >= 1 << 128 for leg in machine.interfaces for point in leg.addresses)
    assert answer([*rest, *public(SIX, ONLY)], "internet", "host")[0] == REACHABLE
    closed = resource("ec2/egressOnlyInternetGateway", "eig", vpcId=SIX.id)
    out = table(SIX, "out", [{"ipv6CidrBlock": "::/0", "egressOnlyGatewayId": closed.id}])
    assert answer([*rest, closed, out, associated(out, ONLY)], "internet", "host")[0] == UNREACHABLE
    assert answer([*rest, closed, out, associated(out, ONLY)], "host", "internet")[0] == REACHABLE


def test_an_ipv4_address_is_asked_about_by_its_nat64_address_too() -> None:
    host = resource(
        "ec2/instance", "host", subnetId=ONLY.id, vpcSecurityGroupIds=[ADMITS.id], ipv6Addresses=["2001:db8:600:2::10"]
    )
    address = elastic("ip", "203.0.113.77")
    nat = resource("ec2/natGateway", "nat", subnetId=DUAL.id, allocationId=address.id, privateIp="10.6.1.99")
    out = table(SIX, "out", [{"ipv6CidrBlock": "64:ff9b::/96", "natGatewayId": nat.id}])
    rest = [SIX, DUAL, ONLY, ADMITS, host, address, nat, *public(SIX, DUAL)]
    assert answer([*rest, out, associated(out, ONLY)], "host", "203.0.113.200")[0] == NOT_MODELLED
    assert answer(rest, "host", "203.0.113.200")[0] == UNREACHABLE


def test_what_an_unknown_route_may_take_surely_takes_no_other() -> None:
    web = instance(A, "web", "10.0.1.11", [OPEN_A], publicIp="203.0.113.9")
    gateway = internet_gateway(ONE)
    default = {"cidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}
    plain = table(ONE, "out", [default])
    vague = table(ONE, "out", [default, {"cidrBlock": UNKNOWN, "networkInterfaceId": "eni-gone"}])
    rest = [ONE, A, OPEN_A, web, gateway]
    assert answer([*rest, plain, associated(plain, A)], "web", "internet") == (REACHABLE, False, True)
    verdict, _, surely = answer([*rest, vague, associated(vague, A)], "web", "internet")
    assert verdict == NOT_MODELLED and not surely


def balanced() -> list[Resource]:
    front = resource("lb/loadBalancer", "front", loadBalancerType="network", internal=False, subnets=[A.id])
    behind = resource("lb/targetGroup", "behind", port=22, protocol="TCP", vpcId=ONE.id, targetType="instance")
    tie = resource("lb/targetGroupAttachment", "tie", targetGroupArn=behind.properties["arn"], targetId=X.id)
    forward = [{"type": "forward", "targetGroupArn": behind.properties["arn"]}]
    heard = resource(
        "lb/listener", "on", loadBalancerArn=front.properties["arn"], port=22, protocol="TCP", defaultActions=forward
    )
    return [front, behind, tie, heard]


@pytest.mark.parametrize(
    ("position", "name"),
    [(0, "loadBalancerType"), (0, "enableCrossZoneLoadBalancing"), (1, "targetType"), (3, "port"), (3, "protocol")],
)
def test_a_balancer_with_a_concealed_setting_surely_sends_nothing(position: int, name: str) -> None:
    parts = balanced()
    rest = [ONE, A, OPEN_A, X, *public(ONE, A)]
    assert answer([*rest, *parts], "internet", "x") == (REACHABLE, False, True)
    parts[position] = hidden(parts[position], name)
    verdict, reasons, surely = answer([*rest, *parts], "internet", "x")
    assert verdict == NOT_MODELLED and reasons and not surely


def test_a_service_whose_place_is_unknown_is_not_modelled_and_not_something_without_packets() -> None:
    service = resource("ecs/service", "service", networkConfiguration={}, launchType="FARGATE")
    rest = [ONE, A, OPEN_A, X]
    assert answer([*rest, hidden(service, "networkConfiguration")], "internet", "service")[:2] == (NOT_MODELLED, True)


@pytest.mark.parametrize(
    ("public_access", "verdict"), [(True, NOT_MODELLED), (None, NOT_MODELLED), (False, UNREACHABLE)]
)
def test_the_public_endpoint_of_a_cluster_is_not_said_to_be_unreachable(
    public_access: bool | None, verdict: str
) -> None:
    config = {"subnetIds": [A.id], "vpcId": ONE.id, "endpointPublicAccess": public_access}
    for shape in (config, [config]):
        cluster = resource("eks/cluster", "cluster", vpcConfig=shape)
        assert answer([ONE, A, cluster], "internet", "cluster")[0] == verdict


def test_a_concealed_elastic_address_may_be_one_that_rules_name() -> None:
    narrow = group(ONE, "narrow", egress=[everything(cidrBlocks=["198.51.100.0/24"], ipv6CidrBlocks=[])])
    client = instance(A, "client", "10.0.1.30", [narrow], publicIp="203.0.113.9")
    host = instance(A, "host", "10.0.1.31", [OPEN_A])
    address = elastic("ip", "198.51.100.7", instance=host.id)
    rest = [ONE, A, OPEN_A, narrow, client, host, *public(ONE, A)]
    assert answer([*rest, address], "client", "host")[0] == REACHABLE
    assert answer([*rest, hidden(address, "publicIp")], "client", "host")[0] == NOT_MODELLED


def test_a_tunnel_whose_customer_gateway_is_concealed_may_be_one_that_is_known() -> None:
    line = resource(
        "ec2/vpnConnection", "line", vpnGatewayId="vpngateway-g", customerGatewayId="cgw-1", staticRoutesOnly=False
    )
    gateway = resource("ec2/vpnGateway", "g", vpcId=ONE.id)
    assert Estate(ONE, A, X, OPEN_A, gateway, line).unmodelled == ()
    settled = replace(line, properties={**line.properties, "tunnel1InsideCidr": "169.254.1.0/30"})
    assert any(
        "customerGatewayId" in each
        for each in Estate(ONE, A, X, OPEN_A, gateway, hidden(settled, "customerGatewayId")).unmodelled
    )
