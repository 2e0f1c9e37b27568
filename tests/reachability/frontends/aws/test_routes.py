"""Which route wins, and where it leads."""

from __future__ import annotations

from reachability.resources import UNKNOWN
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

NET = vpc()
A, B = subnet(NET, "a", "10.0.1.0/24"), subnet(NET, "b", "10.0.2.0/24")
OPEN = group(NET)
WEB = instance(A, "web", "10.0.1.10", [OPEN])
DATA = instance(B, "data", "10.0.2.10", [OPEN])
BASE = [NET, A, B, OPEN, WEB, DATA]


def test_neighbours_in_a_subnet_and_in_other_subnets_reach_each_other_by_the_local_route() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    other = instance(A, "other", "10.0.1.11", [OPEN])
    estate = Estate(BASE, other)
    assert estate.unmodelled == ()
    assert estate.outcome("web", "10.0.2.10") == "delivered to data"
    assert estate.outcome("web", "10.0.1.11") == "delivered to other"
    assert estate.outcome("web", "10.0.3.1").startswith("dropped")


def test_a_subnet_without_a_table_of_its_own_uses_the_main_one() -> None:
    gateway = internet_gateway(NET)
    main = resource(
        "ec2/defaultRouteTable",
        "main",
        defaultRouteTableId="rtb-main",
        routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}],
    )
    net = vpc(defaultRouteTableId="rtb-main")
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    base = [net, *BASE[1:], gateway, ip]
    assert Estate(base, main).outcome("web", "198.51.100.7") == "delivered to internet"
    assert "no route" in Estate(base).outcome("web", "198.51.100.7")
    own = table(NET, "own")
    assert "no route" in Estate(base, main, own, associated(own, A)).outcome("web", "198.51.100.7")


def test_a_table_may_be_made_the_main_one() -> None:
    gateway = internet_gateway(NET)
    chosen = table(NET, "chosen", [{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}])
    made_main = resource("ec2/mainRouteTableAssociation", "main", vpcId=NET.id, routeTableId=chosen.id)
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    assert Estate(BASE, gateway, chosen, ip, made_main).outcome("web", "198.51.100.7") == "delivered to internet"
    assert "no route" in Estate(BASE, gateway, chosen, ip).outcome("web", "198.51.100.7")


def test_the_longest_prefix_wins_and_a_route_without_a_target_is_a_black_hole() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    outward = public(NET, A)
    hole = route(outward[1], "hole", "198.51.100.0/24")
    assert Estate(BASE, ip, outward).outcome("web", "198.51.100.7") == "delivered to internet"
    estate = Estate(BASE, ip, outward, hole)
    assert (
        estate.outcome("web", "198.51.100.7")
        == "dropped by routetable-net-public net-public: 198.51.100.0/24 to nothing"
    )
    assert estate.outcome("web", "198.51.101.7") == "delivered to internet"


def test_a_route_to_a_list_of_prefixes_counts_for_each_of_them() -> None:
    listed = resource("ec2/managedPrefixList", "list", entries=[{"cidr": "198.51.100.0/24"}])
    more = resource("ec2/managedPrefixListEntry", "more", prefixListId=listed.id, cidr="192.0.2.0/24")
    gateway = internet_gateway(NET)
    chosen = table(NET, "chosen", [{"destinationPrefixListId": listed.id, "gatewayId": gateway.id}])
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    estate = Estate(BASE, gateway, chosen, associated(chosen, A), ip, listed, more)
    assert estate.outcome("web", "198.51.100.7") == "delivered to internet"
    assert estate.outcome("web", "192.0.2.7") == "delivered to internet"
    assert "no route" in estate.outcome("web", "198.51.101.7")


def test_a_route_beats_that_of_a_list_with_the_same_prefix() -> None:
    listed = resource("ec2/managedPrefixList", "list", entries=[{"cidr": "198.51.100.0/24"}])
    outward = public(NET, A)
    by_list = resource("ec2/route", "listed", routeTableId=outward[1].id, destinationPrefixListId=listed.id)
    direct = route(outward[1], "direct", "198.51.100.0/24", gatewayId=outward[0].id)
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    assert "list to nothing" in Estate(BASE, outward, listed, by_list, ip).outcome("web", "198.51.100.7")
    assert Estate(BASE, outward, listed, by_list, direct, ip).outcome("web", "198.51.100.7") == "delivered to internet"


def test_a_route_into_the_vpcs_own_block_leads_only_to_interfaces() -> None:
    outward = public(NET, A)
    inside = route(outward[1], "inside", "10.0.2.0/24", gatewayId=outward[0].id)
    assert any("lies within net" in reason for reason in Estate(BASE, outward, inside).unmodelled)


def test_a_route_may_send_a_neighbouring_subnet_through_an_appliance() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html#route-tables-appliance-routing
    middle = subnet(NET, "middle", "10.0.9.0/24")
    through = table(NET, "through", [{"cidrBlock": "10.0.2.0/24", "networkInterfaceId": "eni-appliance"}])
    named = instance(
        middle, "appliance", "10.0.9.10", [OPEN], sourceDestCheck=False, primaryNetworkInterfaceId="eni-appliance"
    )
    found = Estate(BASE, middle, named, through, associated(through, A)).trace("web", "10.0.2.10", tcp(443))
    assert any("appliance" in hop.at for hop in found.hops)
    assert found.delivered


def test_the_source_destination_check_stops_what_a_route_brings_for_others() -> None:
    middle = subnet(NET, "middle", "10.0.9.0/24")
    through = table(NET, "through", [{"cidrBlock": "10.0.2.0/24", "networkInterfaceId": "eni-appliance"}])
    named = instance(middle, "appliance", "10.0.9.10", [OPEN], primaryNetworkInterfaceId="eni-appliance")
    outcome = Estate(BASE, middle, named, through, associated(through, A)).outcome("web", "10.0.2.10")
    assert "appliance: source/destination check" in outcome


def test_a_route_to_something_that_is_not_here_is_not_modelled_on_its_way() -> None:
    chosen = table(NET, "chosen", [{"cidrBlock": "0.0.0.0/0", "transitGatewayId": "tgw-elsewhere"}])
    estate = Estate(BASE, chosen, associated(chosen, A))
    (reason,) = estate.prover.unmodelled(estate.sender("web"))
    assert "tgw-elsewhere, which is not among the resources" in reason
    assert "outside tgw-elsewhere from net" not in estate.reached("web", may=False)
    assert estate.outcome("web", "10.0.2.10") == "delivered to data"


def test_a_target_that_the_cloud_fills_in_is_no_target() -> None:
    outward = public(NET, A)
    road = route(
        outward[1], "road", "192.0.2.0/24", gatewayId=outward[0].id, networkInterfaceId=UNKNOWN, instanceId=UNKNOWN
    )
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    assert Estate(BASE, outward, road, ip).outcome("web", "192.0.2.7", may=False) == "delivered to internet"


def test_a_target_that_is_not_known_yet_is_not_modelled() -> None:
    own = table(NET, "own")
    road = route(own, "road", "192.0.2.0/24", networkInterfaceId=UNKNOWN, references={"networkInterfaceId": ("urn:x",)})
    estate = Estate(BASE, own, associated(own, A), road)
    assert estate.outcome("web", "192.0.2.7").startswith("not modelled")


def test_a_destination_that_is_not_known_yet_may_be_narrower_than_any_route() -> None:
    outward = public(NET, A)
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    hole = resource("ec2/route", "hole", routeTableId=outward[1].id, destinationCidrBlock=UNKNOWN)
    estate = Estate(BASE, outward, ip, hole)
    assert estate.outcome("web", "198.51.100.7") == "delivered to internet"
    assert estate.outcome("web", "198.51.100.7", may=False).startswith("dropped")
    assert estate.outcome("web", "10.0.2.10", may=False) == "delivered to data"


def test_a_gateway_table_sends_what_comes_in_through_an_appliance() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/gateway-route-tables.html
    middle = subnet(NET, "middle", "10.0.9.0/24")
    named = instance(
        middle, "appliance", "10.0.9.10", [OPEN], sourceDestCheck=False, primaryNetworkInterfaceId="eni-appliance"
    )
    outward = public(NET, A)
    edge = table(NET, "edge", [{"cidrBlock": "10.0.1.0/24", "networkInterfaceId": "eni-appliance"}])
    at_gateway = resource("ec2/routeTableAssociation", "edge", routeTableId=edge.id, gatewayId=outward[0].id)
    ip = elastic("ip", "203.0.113.5", instance=WEB.id)
    direct = Estate(BASE, middle, named, outward, ip).trace("internet", "203.0.113.5", tcp(443))
    around = Estate(BASE, middle, named, outward, ip, edge, at_gateway).trace("internet", "203.0.113.5", tcp(443))
    assert not any("appliance" in hop.at for hop in direct.hops)
    assert any("appliance" in hop.at for hop in around.hops)
    assert around.delivered
