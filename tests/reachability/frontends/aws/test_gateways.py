"""Ways out of a VPC and into it: internet, egress-only and NAT gateways."""

from __future__ import annotations

from tests.reachability.frontends.aws.builders import (
    Estate,
    associated,
    elastic,
    group,
    instance,
    internet_gateway,
    public,
    resource,
    route,
    subnet,
    table,
    tcp,
    vpc,
)

NET = vpc(ipv6CidrBlock="2001:db8:1::/56", assignGeneratedIpv6CidrBlock=True)
A = subnet(NET, "a", "10.0.1.0/24", ipv6CidrBlock="2001:db8:1::/64")
B = subnet(NET, "b", "10.0.2.0/24", ipv6CidrBlock="2001:db8:1:1::/64")
OPEN = group(NET)
WEB = instance(A, "web", "10.0.1.10", [OPEN], ipv6Addresses=["2001:db8:1::10"])
DATA = instance(B, "data", "10.0.2.10", [OPEN], ipv6Addresses=["2001:db8:1:1::10"])
BASE = [NET, A, B, OPEN, WEB, DATA]
WEB_IP = elastic("web-ip", "203.0.113.5", instance=WEB.id)
NAT_IP = elastic("nat-ip", "203.0.113.9")
NAT = resource("ec2/natGateway", "nat", subnetId=A.id, allocationId=NAT_IP.id, privateIp="10.0.1.200")
THROUGH_NAT = table(NET, "through-nat", [{"cidrBlock": "0.0.0.0/0", "natGatewayId": NAT.id}])
WITH_NAT = [NAT_IP, NAT, THROUGH_NAT, associated(THROUGH_NAT, B)]


def test_an_internet_gateway_translates_public_addresses_one_to_one() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    estate = Estate(BASE, public(NET, A), WEB_IP)
    assert estate.outcome("internet", "203.0.113.5") == "delivered to web"
    assert estate.reply("internet", "203.0.113.5") == "passes"
    found = estate.trace("web", "198.51.100.7", tcp(443))
    assert found.delivered
    assert any(hop.packet.document()["src"] == "203.0.113.5" for hop in found.hops)
    assert estate.prover.reply(found) == "passes"


def test_an_instance_without_a_public_address_sends_nothing_by_an_internet_gateway() -> None:
    outcome = Estate(BASE, public(NET, A)).outcome("web", "198.51.100.7")
    assert "sources without a public address" in outcome


def test_a_private_address_is_nobodys_on_the_internet() -> None:
    estate = Estate(BASE, public(NET, A), WEB_IP)
    assert estate.outcome("internet", "10.0.1.10").startswith("dropped")


def test_a_public_address_in_a_subnet_without_a_way_out_takes_packets_and_gives_no_answer() -> None:
    estate = Estate(BASE, internet_gateway(NET), WEB_IP)
    assert estate.outcome("internet", "203.0.113.5") == "delivered to web"
    assert estate.reply("internet", "203.0.113.5") == "dropped"


def test_a_public_address_in_a_vpc_without_a_gateway_reaches_nobody() -> None:
    assert Estate(BASE, WEB_IP).outcome("internet", "203.0.113.5") == "dropped by net has no internet gateway"


def test_a_gateway_may_be_attached_by_a_resource_of_its_own() -> None:
    gateway = resource("ec2/internetGateway", "igw")
    attached = resource("ec2/internetGatewayAttachment", "attached", internetGatewayId=gateway.id, vpcId=NET.id)
    assert Estate(BASE, gateway, attached, WEB_IP).outcome("internet", "203.0.113.5") == "delivered to web"
    assert Estate(BASE, gateway, WEB_IP).outcome("internet", "203.0.113.5").startswith("dropped")


def test_a_route_to_the_gateway_of_another_vpc_leads_nowhere() -> None:
    other = vpc("other", "10.1.0.0/16")
    gateway = internet_gateway(other, "theirs")
    wrong = table(NET, "wrong", [{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}])
    estate = Estate(BASE, other, gateway, wrong, associated(wrong, A), WEB_IP)
    assert estate.outcome("web", "198.51.100.7") == "dropped by theirs is not attached to net"


def test_an_ipv6_address_is_public_wherever_there_is_an_internet_gateway() -> None:
    estate = Estate(BASE, public(NET, A))
    assert estate.outcome("internet", "2001:db8:1::10") == "delivered to web"
    assert estate.reply("internet", "2001:db8:1::10") == "passes"
    assert estate.outcome("web", "2001:db8:ffff::7") == "delivered to internet"


def test_an_egress_only_gateway_lets_ipv6_out_and_nothing_new_in() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html
    gateway = resource("ec2/egressOnlyInternetGateway", "eigw", vpcId=NET.id)
    outward = table(NET, "outward", [{"ipv6CidrBlock": "::/0", "egressOnlyGatewayId": gateway.id}])
    estate = Estate(BASE, gateway, outward, associated(outward, B))
    found = estate.trace("data", "2001:db8:ffff::7", tcp(443))
    assert found.delivered
    assert estate.prover.reply(found) == "passes"
    assert "no new connection comes in" in estate.outcome("internet", "2001:db8:1:1::10")


def test_a_nat_gateway_sends_for_a_private_subnet_and_brings_back_the_answers() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
    estate = Estate(BASE, public(NET, A), WITH_NAT)
    found = estate.trace("data", "198.51.100.7", tcp(443))
    assert found.delivered
    assert found.hops[-1].packet.document()["src"] == "203.0.113.9"
    assert estate.prover.reply(found) == "passes"


def test_a_nat_gateway_takes_no_new_connection() -> None:
    estate = Estate(BASE, public(NET, A), WITH_NAT)
    assert estate.outcome("internet", "203.0.113.9") == "dropped by NAT gateway nat takes no new connection"
    assert estate.outcome("web", "10.0.1.200") == "dropped by NAT gateway nat takes no new connection"


def test_ipv6_comes_in_even_where_a_subnet_has_no_way_out_and_no_answer_goes_back() -> None:
    estate = Estate(BASE, public(NET, A), WITH_NAT)
    assert estate.outcome("internet", "2001:db8:1:1::10") == "delivered to data"
    assert estate.reply("internet", "2001:db8:1:1::10") == "dropped"


def test_a_public_nat_gateway_needs_a_subnet_that_leads_to_an_internet_gateway() -> None:
    estate = Estate(BASE, internet_gateway(NET), WITH_NAT)
    assert "no route to 198.51.100.7" in estate.outcome("data", "198.51.100.7")


def test_a_private_nat_gateway_hides_addresses_and_does_not_lead_to_the_internet() -> None:
    private = resource("ec2/natGateway", "nat", subnetId=A.id, connectivityType="private", privateIp="10.0.1.200")
    estate = Estate(BASE, public(NET, A), private, THROUGH_NAT, associated(THROUGH_NAT, B))
    assert "sources without a public address" in estate.outcome("data", "198.51.100.7")


def test_the_acl_of_the_nat_gateways_subnet_applies() -> None:
    entries = [
        {"ruleNo": 100, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0", "fromPort": 0, "toPort": 0}
    ]
    closed = resource("ec2/networkAcl", "closed", vpcId=NET.id, subnetIds=[A.id], ingress=[], egress=entries)
    estate = Estate(BASE, public(NET, A), WITH_NAT, closed)
    assert "closed in" in estate.outcome("data", "198.51.100.7")


def test_a_route_leads_out_only_where_it_is_associated() -> None:
    outward = public(NET)
    estate = Estate(BASE, outward, WEB_IP, route(THROUGH_NAT, "more", "192.0.2.0/24", natGatewayId=NAT.id), WITH_NAT)
    assert "no route" in estate.outcome("web", "198.51.100.7")
