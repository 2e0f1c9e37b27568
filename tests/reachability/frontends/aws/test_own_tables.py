"""The main table, the default group and the default ACL of a VPC, held as plain resources; routes that lead nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.aws.builders import (
    Estate,
    entry,
    everything,
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

OWN = {
    "mainRouteTableId": "rtb-main",
    "defaultRouteTableId": "rtb-main",
    "defaultNetworkAclId": "acl-default",
    "defaultSecurityGroupId": "sg-default",
}
NET = vpc(**OWN)
A = subnet(NET, "a", "10.0.1.0/24")
OPEN = group(NET)
HOST = instance(A, "host", "10.0.1.10", [OPEN], publicIp="203.0.113.5")
GATEWAY = internet_gateway(NET)
OUT = [{"cidrBlock": "0.0.0.0/0", "gatewayId": GATEWAY.id}]


def goes_out(*resources: Resource) -> bool:
    estate = Estate(NET, A, OPEN, HOST, GATEWAY, *resources)
    return estate.outcome("host", "192.0.2.1") == "delivered to internet"


def test_a_table_whose_id_the_vpc_names_as_its_main_one_is_its_main_table() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    assert not goes_out(table(NET, "plain", OUT, id="rtb-other"))
    assert goes_out(table(NET, "plain", OUT, id="rtb-main"))


def test_an_association_makes_a_table_the_main_one_whatever_the_vpc_said_before() -> None:
    own = table(NET, "own", OUT, id="rtb-other")
    main = resource("ec2/mainRouteTableAssociation", "main", vpcId=NET.id, routeTableId=own.id)
    assert goes_out(own, main)
    assert goes_out(own, main, table(NET, "before", [], id="rtb-main"))
    assert not goes_out(own, table(NET, "before", [], id="rtb-main"))


def test_a_default_table_that_is_no_longer_the_main_one_routes_nothing_by_default() -> None:
    net = vpc(**OWN | {"mainRouteTableId": "rtb-now"})
    gateway = internet_gateway(net)
    adopted = resource(
        "ec2/defaultRouteTable", "adopted", id="rtb-main", vpcId=net.id, defaultRouteTableId="rtb-main", routes=OUT
    )
    base = [net, subnet(net, "a", "10.0.1.0/24"), group(net), HOST, gateway, adopted]
    unknown = Estate(base)
    assert "rtb-now, the main route table of net, is not among the resources" in unknown.outcome("host", "192.0.2.1")
    assert "internet" not in unknown.reached("host", may=False)
    closed = Estate(base, table(net, "now", [], id="rtb-now"))
    assert closed.outcome("host", "192.0.2.1").startswith("dropped")
    separate = route(adopted, "separate", "192.0.2.0/24", gatewayId=gateway.id)
    assert Estate(base, table(net, "now", [], id="rtb-now"), separate).unmodelled == ()


@pytest.mark.parametrize("told", [{"id": "sg-default"}, {"name": "default"}])
def test_a_group_that_is_the_vpcs_default_one_has_the_interfaces_that_name_no_group(told: dict[str, Any]) -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
    held = resource(
        "ec2/securityGroup", "held", vpcId=NET.id, ingress=[entry(22, cidrBlocks=["0.0.0.0/0"])], egress=[everything()]
    )
    held = replace(held, id=told.get("id", held.id), properties={**held.properties, **told})
    bare = instance(A, "bare", "10.0.1.20", publicIp="203.0.113.6")
    estate = Estate(NET, A, held, bare, *public(NET, A))
    assert estate.outcome("internet", "203.0.113.6", tcp(22)) == "delivered to bare"
    assert estate.outcome("internet", "203.0.113.6", tcp(23)).startswith("dropped")


def test_an_acl_whose_id_the_vpc_names_as_its_default_one_filters_every_subnet_without_another() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html
    allow = {"ruleNo": 100, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0", "fromPort": 0, "toPort": 0}
    deny = allow | {"ruleNo": 90, "action": "deny", "protocol": "tcp", "fromPort": 22, "toPort": 22}

    def outcome(id_: str) -> str:
        acl = resource("ec2/networkAcl", "acl", id=id_, vpcId=NET.id, ingress=[deny, allow], egress=[allow])
        return Estate(NET, A, OPEN, HOST, acl, *public(NET, A)).outcome("internet", "203.0.113.5", tcp(22))

    assert outcome("acl-default").startswith("dropped by acl-default acl: in 90 deny")
    assert outcome("acl-other") == "delivered to host"


def test_a_route_that_aws_reports_as_a_black_hole_leads_nowhere_if_its_target_is_gone() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html
    way = table(NET, "way", [], id="rtb-main")
    gone = route(way, "gone", "0.0.0.0/0", gatewayId="igw-gone", state="blackhole")
    assert Estate(NET, A, OPEN, HOST, way, gone).outcome("host", "192.0.2.1").startswith("dropped")
    kept = route(way, "kept", "0.0.0.0/0", gatewayId="igw-gone", state="active")
    assert Estate(NET, A, OPEN, HOST, way, kept).outcome("host", "192.0.2.1") == "delivered to internet"


def test_an_internet_gateway_elsewhere_is_one_of_the_vpc_whose_routes_lead_to_it() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    way = table(NET, "way", [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-elsewhere"}], id="rtb-main")
    estate = Estate(NET, A, OPEN, HOST, way)
    assert estate.outcome("internet", "203.0.113.5") == "delivered to host"
    assert estate.reply("internet", "203.0.113.5") == "passes"
    both = Estate(NET, A, OPEN, HOST, GATEWAY, way)
    assert both.outcome("host", "192.0.2.1").startswith("not modelled")
    assert both.outcome("internet", "203.0.113.5") == "delivered to host"


@pytest.mark.parametrize("target", [{"transitGatewayId": "tgw-elsewhere"}, {"gatewayId": "vgw-elsewhere"},
                                    {"coreNetworkArn": "arn-elsewhere"}])  # fmt: skip
def test_a_network_behind_a_gateway_elsewhere_may_send_and_what_it_is_sent_is_not_modelled(
    target: dict[str, str],
) -> None:
    way = table(NET, "way", [{"cidrBlock": "192.168.0.0/16", **target}], id="rtb-main")
    estate = Estate(NET, A, OPEN, HOST, way)
    (outside,) = estate.assembly.outsides
    assert "host" in estate.reached(outside)
    assert any("which is not among the resources" in each for each in estate.prover.unmodelled(estate.sender("host")))


def test_a_black_hole_whose_gateway_is_here_leaves_unknown_what_passes_the_gateway() -> None:
    way = table(NET, "way", [], id="rtb-main")
    estate = Estate(
        NET, A, OPEN, HOST, GATEWAY, way, route(way, "lost", "0.0.0.0/0", gatewayId=GATEWAY.id, state="blackhole")
    )
    assert ("internet" in estate.reached("host"), "internet" in estate.reached("host", may=False)) == (True, False)
    assert ("host" in estate.reached("internet"), "host" in estate.reached("internet", may=False)) == (True, False)


def test_a_default_vpc_leads_to_the_internet_as_it_was_created() -> None:
    # https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html
    net = resource("ec2/defaultVpc", "default", cidrBlock="172.31.0.0/16", **OWN)
    on = resource("ec2/defaultSubnet", "a", vpcId=net.id, cidrBlock="172.31.0.0/20", availabilityZone="eu-central-1a")
    web = group(net, "web", ingress=[entry(443, cidrBlocks=["0.0.0.0/0"])])
    host = instance(on, "host", "172.31.0.10", [web])
    estate = Estate(net, on, web, host)
    assert estate.unmodelled == ()
    assert estate.reached("internet") == {"host": ["tcp 443"]}
    assert estate.outcome("host", "192.0.2.1") == "delivered to internet"
    apart = Estate(net, on, web, host, table(net, "apart", [], id="rtb-main"))
    assert apart.outcome("host", "192.0.2.1").startswith("dropped")


def test_a_group_that_is_not_told_may_be_one_that_is_not_here() -> None:
    host = instance(A, "hidden", "10.0.1.30", [], publicIp="203.0.113.7")
    hidden = replace(
        host,
        properties={**host.properties, "vpcSecurityGroupIds": UNKNOWN},
        concealed=frozenset({"vpcSecurityGroupIds"}),
    )
    shut = group(NET, "shut", ingress=[], egress=[])
    estate = Estate(NET, A, shut, hidden, *public(NET, A))
    assert ("hidden" in estate.reached("internet"), "hidden" in estate.reached("internet", may=False)) == (True, False)
