"""VPC endpoints."""

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
    tcp,
    vpc,
)

NET = vpc()
A, B = subnet(NET, "a", "10.0.1.0/24"), subnet(NET, "b", "10.0.2.0/24")
OPEN = group(NET)
X = instance(A, "x", "10.0.1.10", [OPEN])
OWN = table(NET, "own")
BASE = [NET, A, B, OPEN, X, OWN, associated(OWN, A)]


def gateway(**more: Any) -> Any:
    given = {"vpcId": NET.id, "serviceName": "com.amazonaws.eu-central-1.s3", "routeTableIds": [OWN.id]}
    return resource("ec2/vpcEndpoint", "s3", **(given | more))


def interface(**more: Any) -> Any:
    given = {
        "vpcId": NET.id,
        "serviceName": "com.amazonaws.eu-central-1.kms",
        "vpcEndpointType": "Interface",
        "subnetIds": [B.id],
        "subnetConfigurations": [{"subnetId": B.id, "ipv4": "10.0.2.50"}],
        "securityGroupIds": [OPEN.id],
    }
    return resource("ec2/vpcEndpoint", "kms", **(given | more))


def test_a_gateway_endpoint_takes_what_goes_to_its_service() -> None:
    # https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
    estate = Estate(BASE, gateway(cidrBlocks=["52.219.0.0/16"]))
    assert estate.outcome("x", "52.219.0.1") == "delivered to s3"
    assert "no route" in estate.outcome("x", "52.218.0.1")
    elsewhere = Estate(BASE, gateway(cidrBlocks=["52.219.0.0/16"], routeTableIds=[]))
    assert "no route" in elsewhere.outcome("x", "52.219.0.1")


def test_a_table_may_be_tied_to_a_gateway_endpoint_by_a_resource() -> None:
    tie = resource("ec2/vpcEndpointRouteTableAssociation", "tie", vpcEndpointId="vpcendpoint-s3", routeTableId=OWN.id)
    estate = Estate(BASE, gateway(cidrBlocks=["52.219.0.0/16"], routeTableIds=[]), tie)
    assert estate.outcome("x", "52.219.0.1") == "delivered to s3"


def test_where_the_addresses_of_a_service_are_unknown_either_way_may_be_taken() -> None:
    net_out = public(NET)
    base = [each for each in BASE if each.name not in ("own", "own-a")]
    ip = elastic("ip", "203.0.113.5", instance=X.id)
    estate = Estate(base, net_out, associated(net_out[1], A), ip, gateway(routeTableIds=[net_out[1].id]))
    assert {"s3", "internet"} <= set(estate.reached("x"))
    assert estate.outcome("x", "52.219.0.1", may=False).startswith("dropped")


def test_an_interface_endpoint_is_an_interface_with_groups() -> None:
    # https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html
    assert Estate(BASE, interface()).outcome("x", "10.0.2.50", tcp(443)) == "delivered to kms"
    tight = group(NET, "tight", ingress=[entry(443, cidrBlocks=["10.0.1.10/32"])])
    estate = Estate(BASE, tight, interface(securityGroupIds=[tight.id]))
    assert estate.outcome("x", "10.0.2.50", tcp(443)) == "delivered to kms"
    assert estate.outcome("x", "10.0.2.50", tcp(80)).startswith("dropped by securitygroup-tight tight in")
    assert estate.reply("x", "10.0.2.50") == "passes"


def test_an_interface_endpoint_without_groups_has_the_default_one() -> None:
    outcome = Estate(BASE, interface(securityGroupIds=[])).outcome("x", "10.0.2.50", tcp(443))
    assert outcome.startswith("dropped by net default group in")


def test_what_is_behind_a_gateway_balancers_endpoint_is_not_modelled() -> None:
    through = resource(
        "ec2/vpcEndpoint",
        "gwlb",
        vpcId=NET.id,
        vpcEndpointType="GatewayLoadBalancer",
        serviceName="s",
        subnetIds=[B.id],
    )
    road = resource(
        "ec2/route", "road", routeTableId=OWN.id, destinationCidrBlock="0.0.0.0/0", vpcEndpointId=through.id
    )
    estate = Estate(BASE, through, road)
    assert "Gateway Load Balancer endpoints are not modelled" in estate.outcome("x", "198.51.100.7")
