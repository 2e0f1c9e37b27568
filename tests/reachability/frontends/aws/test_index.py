"""What is not modelled, and what cannot be read, is a reason and never a traceback."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.frontends import aws
from reachability.frontends.aws import UNDERSTOOD, reviewed
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.aws import test_balancers, test_endpoints, test_peering, test_transit, test_vpn
from tests.reachability.frontends.aws.builders import (
    Estate,
    associated,
    elastic,
    entry,
    group,
    instance,
    previewed,
    public,
    resource,
    subnet,
    table,
    vpc,
)


@pytest.mark.parametrize(
    "type_",
    [
        "ec2clientvpn/endpoint",
        "networkfirewall/firewall",
        "directconnect/gateway",
        "vpclattice/service",
        "globalaccelerator/accelerator",
        "elasticbeanstalk/environment",
        "ec2/fleet",
        "ec2/vpcBlockPublicAccessOptions",
        "ec2/vpcEndpointService",
        "route53/resolverEndpoint",
        "ec2/somethingNew",
    ],
)
def test_a_type_that_may_touch_the_network_is_not_modelled(type_: str) -> None:
    given = resource(type_, "thing")
    (reason,) = Estate(given).unmodelled
    assert reason == f"{given.urn}: {given.type} may touch the network and is not modelled"


@pytest.mark.parametrize(
    "type_",
    [
        *("iam/role", "kms/key", "cloudwatch/logGroup", "route53/record", "dynamodb/table", "ec2/flowLog"),
        *("ebs/volume", "wafv2/webAcl", "ses/domainIdentity", "sfn/stateMachine", "ecs/cluster", "scheduler/schedule"),
        *("cloudfront/distribution", "apigateway/restApi", "autoscaling/policy", "rds/subnetGroup"),
    ],
)
def test_a_type_that_no_packet_meets_is_no_concern(type_: str) -> None:
    assert Estate(resource(type_, "thing")).unmodelled == ()


def test_what_is_understood_is_on_no_list_of_what_is_harmless() -> None:
    assert not UNDERSTOOD & reviewed.TYPES
    inside = {type_ for type_ in UNDERSTOOD if type_.split(":")[1].partition("/")[0] in reviewed.MODULES}
    assert inside == {
        "aws:cloudwatch/eventTarget:EventTarget", "aws:lambda/function:Function", "aws:scheduler/schedule:Schedule",
    }, "they are in a VPC only where they are given one"  # fmt: skip


def _estate() -> list[Resource]:
    """At least one resource of nearly every type, well connected."""
    net = vpc("net", ipv6CidrBlock="2001:db8:1::/56")
    a = subnet(net, "a", "10.0.1.0/24", ipv6CidrBlock="2001:db8:1::/64", assignIpv6AddressOnCreation=True)
    b = subnet(net, "b", "10.0.2.0/24", mapPublicIpOnLaunch=True)
    listed = resource("ec2/managedPrefixList", "list", entries=[{"cidr": "10.0.1.9/32"}])
    first = group(net, "first", ingress=[entry(443, cidrBlocks=["0.0.0.0/0"], securityGroups=["securitygroup-second"],
                                               prefixListIds=[listed.id], self=True)])  # fmt: skip
    second = group(net, "second", ingress=[entry(22, securityGroups=["securitygroup-first"])])
    web = instance(a, "web", "10.0.1.10", [first], ipv6Addresses=["2001:db8:1::10"], secondaryPrivateIps=["10.0.1.11"])
    data = instance(b, "data", "10.0.2.10", [second], sourceDestCheck=False)
    more = resource("ec2/networkInterface", "more", subnetId=b.id, privateIps=["10.0.2.20"], securityGroups=[first.id])
    tie = resource(
        "ec2/networkInterfaceAttachment", "tie", instanceId=web.id, networkInterfaceId=more.id, deviceIndex=1
    )
    nat_ip, web_ip = elastic("nat-ip", "203.0.113.9"), elastic("web-ip", "203.0.113.5")
    web_tie = resource("ec2/eipAssociation", "web-tie", allocationId=web_ip.id, instanceId=web.id)
    nat = resource("ec2/natGateway", "nat", subnetId=a.id, allocationId=nat_ip.id, privateIp="10.0.1.200")
    inner = table(net, "inner", [{"cidrBlock": "0.0.0.0/0", "natGatewayId": nat.id},
                                 {"destinationPrefixListId": listed.id, "networkInterfaceId": more.id}])  # fmt: skip
    eigw = resource("ec2/egressOnlyInternetGateway", "eigw", vpcId=net.id)
    road = resource(
        "ec2/route", "road", routeTableId=inner.id, destinationIpv6CidrBlock="::/0", egressOnlyGatewayId=eigw.id
    )
    rules = [
        resource("vpc/securityGroupIngressRule", "in", securityGroupId=first.id, ipProtocol="tcp", fromPort=80.0,
                 toPort=80.0, cidrIpv4="0.0.0.0/0"),
        resource("vpc/securityGroupEgressRule", "out", securityGroupId=first.id, ipProtocol="-1",
                 referencedSecurityGroupId=second.id),
        resource("ec2/securityGroupRule", "rule", type="ingress", securityGroupId=second.id, protocol="icmp",
                 fromPort=8, toPort=0, sourceSecurityGroupId=first.id),
    ]  # fmt: skip
    entries = [
        {"ruleNo": 100, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0", "fromPort": 0, "toPort": 0}
    ]
    acl = resource("ec2/networkAcl", "acl", vpcId=net.id, subnetIds=[b.id], ingress=entries, egress=entries)
    acl_rule = resource("ec2/networkAclRule", "acl-rule", networkAclId=acl.id, ruleNumber=200, egress=False,
                        ruleAction="deny", protocol="tcp", cidrBlock="10.0.0.0/8", fromPort=22, toPort=22)  # fmt: skip
    return [
        net, a, b, listed, first, second, web, data, more, tie, nat_ip, web_ip, web_tie, nat, inner, eigw, road, *rules,
        acl, acl_rule, associated(inner, b), *public(net, a),
    ]  # fmt: skip


def _flat(*given: Any) -> list[Resource]:
    flat: list[Resource] = []
    for each in given:
        flat += [each] if isinstance(each, Resource) else _flat(*each)
    return flat


ESTATES = {
    "vpc": _estate(),
    "balancers": _flat(test_balancers.BASE, test_balancers.network()),
    "endpoints": _flat(test_endpoints.BASE, test_endpoints.gateway(), test_endpoints.interface()),
    "peering": _flat(test_peering.BASE, test_peering.peering(), test_peering.ways(test_peering.peering())),
    "transit": _flat(test_transit.BASE, test_transit.GATEWAY, test_transit.BOTH),
    "vpn": _flat(test_vpn.BASE, test_vpn.STATIC, test_vpn.tables(), test_vpn.propagated()),
}
JUNK = [None, "", "junk", "10.0.0.0/8", -1, 3.5, 10**400, float("nan"), True, [], [None], ["junk"], [[]], {}, {"a": 1}]


@pytest.mark.parametrize("name", ESTATES)
def test_the_estates_below_are_understood(name: str) -> None:
    assert aws.compile(ESTATES[name], {}).unmodelled == []
    assert aws.compile(previewed(ESTATES[name]), {}).unmodelled == []


@pytest.mark.parametrize("name", ESTATES)
def test_a_plan_reaches_what_will_be_reached(name: str) -> None:
    now, planned = Estate(ESTATES[name]), Estate(previewed(ESTATES[name]))
    for sender in now.prover.senders():
        short = sender.name.rsplit("::", 1)[-1]
        assert planned.reached(short) == now.reached(short)


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTATES)
def test_junk_in_any_property_is_never_a_traceback(name: str) -> None:
    estate = ESTATES[name]
    for position, given in enumerate(estate):
        for key in given.properties:
            for junk in (*JUNK, UNKNOWN, [UNKNOWN], {"subnetId": UNKNOWN}):
                broken = Resource(
                    given.urn, given.type, given.name, given.id, {**given.properties, key: junk}, given.references
                )
                aws.compile([*estate[:position], broken, *estate[position + 1 :]], {})


@pytest.mark.parametrize("name", ESTATES)
def test_a_part_that_is_missing_is_never_a_traceback(name: str) -> None:
    estate = ESTATES[name]
    for position in range(len(estate)):
        aws.compile([*estate[:position], *estate[position + 1 :]], {})


def test_a_thousand_rules_that_refer_to_each_other_compile_at_once() -> None:
    net = vpc()
    on = subnet(net)
    groups = [group(net, f"g{number}", ingress=[], egress=[]) for number in range(40)]
    rules = [
        resource("vpc/securityGroupIngressRule", f"r{one}-{other}", securityGroupId=groups[one].id, ipProtocol="-1",
                 referencedSecurityGroupId=groups[other].id)
        for one in range(40)
        for other in range(25)
    ]  # fmt: skip
    hosts = [instance(on, f"h{number}", f"10.0.1.{number + 10}", [groups[number]]) for number in range(40)]
    assert aws.compile([net, on, *groups, *rules, *hosts], {}).unmodelled == []
