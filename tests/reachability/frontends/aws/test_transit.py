"""Transit gateways."""

from __future__ import annotations

from typing import Any

from tests.reachability.frontends.aws.builders import (
    Estate,
    associated,
    elastic,
    entry,
    group,
    instance,
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
GATEWAY = resource("ec2transitgateway/transitGateway", "tgw")
THERE = table(ONE, "there", [{"cidrBlock": "0.0.0.0/0", "transitGatewayId": GATEWAY.id}])
BACK = table(TWO, "back", [{"cidrBlock": "10.0.0.0/16", "transitGatewayId": GATEWAY.id}])
BASE = [ONE, TWO, A, B, OPEN_A, OPEN_B, X, Y, THERE, BACK, associated(THERE, A), associated(BACK, B)]


def attachment(of: Any, at: Any, name: str, **more: Any) -> Any:
    return resource(
        "ec2transitgateway/vpcAttachment", name, vpcId=of.id, subnetIds=[at.id], transitGatewayId=GATEWAY.id, **more
    )


BOTH = [attachment(ONE, A, "to-one"), attachment(TWO, B, "to-two")]


def gateway(**more: Any) -> Any:
    return resource("ec2transitgateway/transitGateway", "tgw", **more)


def test_attached_vpcs_reach_each_other_by_the_default_table() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
    estate = Estate(BASE, GATEWAY, BOTH)
    assert estate.unmodelled == ()
    assert estate.outcome("x", "10.1.1.10") == "delivered to y"
    assert estate.reply("x", "10.1.1.10") == "passes"
    assert "no route" in estate.outcome("x", "10.2.1.10")


def test_a_vpc_that_is_not_attached_sends_nothing() -> None:
    assert Estate(BASE, GATEWAY, BOTH[1]).outcome("x", "10.1.1.10") == "dropped by one is not attached to tgw"


def test_an_attachment_without_a_table_leads_nowhere() -> None:
    closed = gateway(defaultRouteTableAssociation="disable", defaultRouteTablePropagation="disable")
    assert Estate(BASE, closed, BOTH).outcome("x", "10.1.1.10") == "dropped by to-one is associated with no table"


def test_tables_of_ones_own_separate_attachments() -> None:
    closed = gateway(defaultRouteTableAssociation="disable", defaultRouteTablePropagation="disable")
    own = resource("ec2transitgateway/routeTable", "own", transitGatewayId=closed.id)
    tied = [
        resource(
            "ec2transitgateway/routeTableAssociation",
            f"tied-{each.name}",
            transitGatewayAttachmentId=each.id,
            transitGatewayRouteTableId=own.id,
        )
        for each in BOTH
    ]
    told = [
        resource(
            "ec2transitgateway/routeTablePropagation",
            f"told-{each.name}",
            transitGatewayAttachmentId=each.id,
            transitGatewayRouteTableId=own.id,
        )
        for each in BOTH
    ]
    assert Estate(BASE, closed, BOTH, own, tied, told).outcome("x", "10.1.1.10") == "delivered to y"
    assert "no route" in Estate(BASE, closed, BOTH, own, tied, told[0]).outcome("x", "10.1.1.10")


def test_a_declared_route_beats_a_propagated_one_and_may_be_a_black_hole() -> None:
    hole = resource(
        "ec2transitgateway/route",
        "hole",
        destinationCidrBlock="10.1.0.0/16",
        blackhole=True,
        transitGatewayRouteTableId=GATEWAY.id,
    )
    outcome = Estate(BASE, GATEWAY, BOTH, hole).outcome("x", "10.1.1.10")
    assert outcome == "dropped by tgw (default): 10.1.0.0/16 to a black hole"


def test_a_vpc_may_send_to_the_internet_by_the_nat_gateway_of_another() -> None:
    # the attachment's subnet has a table of its own: https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-nat-igw.html
    ip = elastic("ip", "203.0.113.9")
    front = subnet(TWO, "front", "10.1.9.0/24")
    nat = resource("ec2/natGateway", "nat", subnetId=front.id, allocationId=ip.id, privateIp="10.1.9.200")
    middle = subnet(TWO, "middle", "10.1.8.0/24")
    outward = table(TWO, "outward", [{"cidrBlock": "0.0.0.0/0", "natGatewayId": nat.id}])
    roads = public(TWO, front)
    home = resource(
        "ec2/route", "home", routeTableId=roads[1].id, destinationCidrBlock="10.0.0.0/16", transitGatewayId=GATEWAY.id
    )
    default = resource(
        "ec2transitgateway/route",
        "default",
        destinationCidrBlock="0.0.0.0/0",
        transitGatewayAttachmentId="vpcattachment-to-two",
        transitGatewayRouteTableId=GATEWAY.id,
    )
    ends = [attachment(ONE, A, "to-one"), attachment(TWO, middle, "to-two")]
    parts = [ip, front, nat, middle, outward, associated(outward, middle), *roads, home, *ends]
    estate = Estate(BASE, GATEWAY, parts, default)
    assert estate.outcome("x", "198.51.100.7") == "delivered to internet"
    assert estate.reply("x", "198.51.100.7") == "passes"
    assert "no route" in Estate(BASE, GATEWAY, parts).outcome("x", "198.51.100.7")


def test_the_acl_of_the_attachments_subnet_judges_what_leaves_it() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html
    middle = subnet(TWO, "middle", "10.1.8.0/24")
    closed = resource("ec2/networkAcl", "closed", vpcId=TWO.id, subnetIds=[middle.id], ingress=[], egress=[])
    ends = [attachment(ONE, A, "to-one"), attachment(TWO, middle, "to-two")]
    assert Estate(BASE, GATEWAY, middle, ends).outcome("x", "10.1.1.10") == "delivered to y"
    assert "closed out" in Estate(BASE, GATEWAY, middle, ends, closed).outcome("x", "10.1.1.10")


def test_a_subnet_reaches_a_gateway_only_from_a_zone_that_the_attachment_is_in() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html (resource attachments)
    far = subnet(ONE, "far", "10.0.5.0/24", "eu-central-1b")
    host = instance(far, "host", "10.0.5.10", [OPEN_A])
    estate = Estate(BASE, GATEWAY, BOTH, far, host, associated(THERE, far))
    assert estate.outcome("host", "10.1.1.10") == "dropped by to-one has no subnet in eu-central-1b"
    assert estate.outcome("x", "10.1.1.10") == "delivered to y"
    wide = resource(
        "ec2transitgateway/vpcAttachment",
        "to-one",
        vpcId=ONE.id,
        subnetIds=[A.id, far.id],
        transitGatewayId=GATEWAY.id,
    )
    estate = Estate(BASE, GATEWAY, wide, BOTH[1], far, host, associated(THERE, far))
    assert estate.outcome("host", "10.1.1.10") == "delivered to y"
    assert estate.reply("host", "10.1.1.10") == "passes"


def test_a_vpn_may_hang_on_a_transit_gateway() -> None:
    customer = resource("ec2/customerGateway", "edge", ipAddress="192.0.2.1")
    vpn = resource(
        "ec2/vpnConnection",
        "vpn",
        transitGatewayId=GATEWAY.id,
        customerGatewayId=customer.id,
        staticRoutesOnly=True,
        transitGatewayAttachmentId="tgw-attach-vpn",
    )
    far = resource(
        "ec2transitgateway/route",
        "far",
        destinationCidrBlock="10.8.0.0/16",
        transitGatewayAttachmentId="tgw-attach-vpn",
        transitGatewayRouteTableId=GATEWAY.id,
    )
    beyond = resource("ec2/vpnConnectionRoute", "beyond", vpnConnectionId=vpn.id, destinationCidrBlock="10.8.0.0/16")
    estate = Estate(BASE, GATEWAY, BOTH, customer, vpn, far, beyond)
    assert estate.unmodelled == ()
    assert estate.outcome("x", "10.8.0.1").startswith("delivered to outside vpn tunnel")
    assert estate.outcome("outside vpn tunnel 1", "10.1.1.10", source="10.8.0.1") == "delivered to y"


def test_two_gateways_that_peer_lead_from_one_to_the_other() -> None:
    other = resource("ec2transitgateway/transitGateway", "far")
    link = resource(
        "ec2transitgateway/peeringAttachment", "link", transitGatewayId=GATEWAY.id, peerTransitGatewayId=other.id
    )
    taken = resource("ec2transitgateway/peeringAttachmentAccepter", "taken", transitGatewayAttachmentId=link.id)
    far_end = resource(
        "ec2transitgateway/vpcAttachment", "to-two", vpcId=TWO.id, subnetIds=[B.id], transitGatewayId=other.id
    )
    ties = [
        resource(
            "ec2transitgateway/routeTableAssociation",
            f"tied-{end.name}",
            transitGatewayAttachmentId=link.id,
            transitGatewayRouteTableId=end.id,
        )
        for end in (GATEWAY, other)
    ]
    roads = [
        resource(
            "ec2transitgateway/route",
            f"road-{end.name}",
            destinationCidrBlock=to,
            transitGatewayAttachmentId=link.id,
            transitGatewayRouteTableId=end.id,
        )
        for end, to in ((GATEWAY, "10.1.0.0/16"), (other, "10.0.0.0/16"))
    ]
    base = [each for each in BASE if each is not BACK]
    back = table(TWO, "back", [{"cidrBlock": "10.0.0.0/16", "transitGatewayId": other.id}])
    parts = [base, back, GATEWAY, other, BOTH[0], far_end, link, ties, roads]
    estate = Estate(*parts, taken)
    assert estate.unmodelled == ()
    assert estate.outcome("x", "10.1.1.10") == "delivered to y"
    assert estate.reply("x", "10.1.1.10") == "passes"
    assert Estate(*parts).outcome("x", "10.1.1.10") == "dropped by transit peering link is not accepted"


def test_a_reference_to_a_group_works_where_gateway_and_attachments_support_it() -> None:
    # https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html#vpc-attachment-security
    own = group(TWO, "own", ingress=[entry(443, securityGroups=[OPEN_A.id])])
    host = instance(B, "host", "10.1.1.20", [own])
    supporting = gateway(securityGroupReferencingSupport="enable")
    assert Estate(BASE, own, host, supporting, BOTH).outcome("x", "10.1.1.20") == "delivered to host"
    assert Estate(BASE, own, host, GATEWAY, BOTH).outcome("x", "10.1.1.20").startswith("dropped")
