"""VPN gateways and connections."""

from __future__ import annotations

from typing import Any

from tests.reachability.frontends.aws.builders import (
    Estate,
    associated,
    cidr,
    group,
    instance,
    internet_gateway,
    resource,
    route,
    subnet,
    table,
    tcp,
    vpc,
)

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")
OPEN = group(NET)
X = instance(A, "x", "10.0.1.10", [OPEN])
GATEWAY = resource("ec2/vpnGateway", "vgw", vpcId=NET.id)
CUSTOMER = resource("ec2/customerGateway", "edge", ipAddress="192.0.2.1", bgpAsn="64901", type="ipsec.1")
KEYS = ("tunnel 169.254.8.16/30 to 192.0.2.1", "tunnel 169.254.8.20/30 to 192.0.2.1")


def connection(name: str = "vpn", **more: Any) -> Any:
    given = {
        "vpnGatewayId": GATEWAY.id,
        "customerGatewayId": CUSTOMER.id,
        "tunnel1InsideCidr": "169.254.8.16/30",
        "tunnel2InsideCidr": "169.254.8.20/30",
        "staticRoutesOnly": False,
    }
    return resource("ec2/vpnConnection", name, **(given | more))


def tables(*routes: dict) -> list[Any]:
    own = table(NET, "own", list(routes))
    return [own, associated(own, A)]


def propagated() -> Any:
    return resource(
        "ec2/vpnGatewayRoutePropagation", "propagated", vpnGatewayId=GATEWAY.id, routeTableId="routetable-own"
    )


BASE = [NET, A, OPEN, X, GATEWAY, CUSTOMER]
STATIC = [
    connection(staticRoutesOnly=True),
    resource("ec2/vpnConnectionRoute", "far", vpnConnectionId="vpnconnection-vpn", destinationCidrBlock="10.8.0.0/16"),
]


def test_static_routes_lead_into_the_tunnels() -> None:
    # https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-static-dynamic.html
    estate = Estate(BASE, STATIC, tables(), propagated())
    assert estate.unmodelled == ()
    assert estate.outcome("x", "10.8.0.1") in ("delivered to outside vpn tunnel 1", "delivered to outside vpn tunnel 2")
    assert estate.outcome("x", "10.9.0.1").startswith("dropped by no route")


def test_without_propagation_a_table_needs_a_route() -> None:
    assert "no route" in Estate(BASE, STATIC, tables()).outcome("x", "10.8.0.1")
    by_hand = tables({"cidrBlock": "10.8.0.0/16", "gatewayId": GATEWAY.id})
    assert Estate(BASE, STATIC, by_hand).outcome("x", "10.8.0.1").startswith("delivered to outside vpn")
    by_table = table(NET, "own", propagatingVgws=[GATEWAY.id])
    assert Estate(BASE, STATIC, by_table, associated(by_table, A)).outcome("x", "10.8.0.1").startswith("delivered")


def test_what_a_site_announces_is_propagated() -> None:
    announced = {key: cidr("10.8.0.0/16") for key in KEYS}
    estate = Estate(BASE, connection(), tables(), propagated(), announced=announced)
    assert estate.trace("x", "10.8.0.1", tcp(443), may=False).hops[-1].at.startswith("edge 0")
    assert "no route" in estate.outcome("x", "10.9.0.1")


def test_what_a_site_announces_may_be_any_private_block_while_nobody_tells() -> None:
    estate = Estate(BASE, connection(), tables(), propagated())
    assert estate.outcome("x", "10.9.0.1").startswith("delivered to outside vpn")
    assert estate.outcome("x", "10.9.0.1", may=False).startswith("dropped")
    assert "no route" in estate.outcome("x", "198.51.100.7")


def test_an_unknown_announcement_may_be_narrower_than_a_declared_route() -> None:
    there = tables({"cidrBlock": "10.9.0.0/16", "natGatewayId": ""})
    estate = Estate(BASE, connection(), there, propagated())
    assert "outside vpn tunnel 1" in estate.reached("x")
    assert estate.outcome("x", "10.9.0.1", may=False).startswith("dropped")


def test_a_declared_route_beats_a_propagated_one_with_the_same_prefix() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
    announced = {key: cidr("10.8.0.0/16") for key in KEYS}
    hole = tables({"cidrBlock": "10.8.0.0/16"})
    estate = Estate(BASE, connection(), hole, propagated(), announced=announced)
    assert estate.outcome("x", "10.8.0.1") == "dropped by routetable-own own: 10.8.0.0/16 to nothing"
    narrower = {key: cidr("10.8.1.0/24") for key in KEYS}
    estate = Estate(BASE, connection(), hole, propagated(), announced=narrower)
    assert estate.trace("x", "10.8.1.1", tcp(443)).hops[-1].at.startswith("edge 0")


def test_the_local_route_beats_a_narrower_propagated_one() -> None:
    # https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html
    b = subnet(NET, "b", "10.0.2.0/24")
    y = instance(b, "y", "10.0.2.10", [OPEN])
    announced = {key: cidr("10.0.2.0/25") for key in KEYS}
    estate = Estate(BASE, b, y, connection(), tables(), propagated(), announced=announced)
    assert estate.outcome("x", "10.0.2.10") == "delivered to y"


def test_what_comes_by_a_vpn_ends_in_the_vpc() -> None:
    gateway = internet_gateway(NET)
    out = route(tables()[0], "out", "0.0.0.0/0", gatewayId=gateway.id)
    estate = Estate(BASE, STATIC, tables(), propagated(), gateway, out)
    assert estate.outcome("outside vpn tunnel 1", "10.0.1.10", source="10.8.0.1") == "delivered to x"
    assert estate.reply("outside vpn tunnel 1", "10.0.1.10", source="10.8.0.1") == "passes"
    assert estate.outcome("outside vpn tunnel 1", "198.51.100.7", source="10.8.0.1").startswith("dropped")
    assert estate.outcome("outside vpn tunnel 1", "10.8.0.9", source="10.8.0.1").startswith("dropped")


def test_a_gateway_that_is_attached_nowhere_leads_nowhere() -> None:
    gateway = resource("ec2/vpnGateway", "vgw")
    base = [each for each in BASE if each is not GATEWAY]
    by_hand = tables({"cidrBlock": "10.8.0.0/16", "gatewayId": GATEWAY.id})
    estate = Estate(base, gateway, STATIC, by_hand)
    assert estate.outcome("x", "10.8.0.1") == "dropped by vgw is not attached to net"
    attached = resource("ec2/vpnGatewayAttachment", "attached", vpcId=NET.id, vpnGatewayId=GATEWAY.id)
    assert Estate(base, gateway, attached, STATIC, by_hand).outcome("x", "10.8.0.1").startswith("delivered")


def test_a_tunnel_joins_the_site_that_has_its_other_end() -> None:
    announced = {KEYS[0]: cidr("10.8.0.0/16")}
    estate = Estate(BASE, connection(), tables(), propagated(), announced=announced)
    assert "outside vpn tunnel 2" in estate.assembly.outsides
    assert estate.trace("x", "10.8.0.1", tcp(443)).hops
