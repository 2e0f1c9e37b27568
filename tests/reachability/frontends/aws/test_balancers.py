"""Load balancers: what they hear, where they send it, and by whose address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reachability.addresses import text
from reachability.resources import UNKNOWN
from tests.reachability.frontends.aws.builders import (
    Estate,
    elastic,
    entry,
    everything,
    group,
    instance,
    public,
    resource,
    subnet,
    tcp,
    udp,
    vpc,
)

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")
B = subnet(NET, "b", "10.0.2.0/24", "eu-central-1b")
OPEN = group(NET)
WEB = instance(B, "web", "10.0.2.10", [OPEN])
BASE = [NET, A, B, OPEN, WEB, *public(NET, A)]
IP = elastic("front-ip", "203.0.113.5")


def balancer(kind: str = "network", at: Any = A, **more: Any) -> Any:
    given: dict[str, Any] = {"loadBalancerType": kind, "internal": False, "enableCrossZoneLoadBalancing": True}
    if kind == "network":
        given["subnetMappings"] = [{"subnetId": at.id, "allocationId": IP.id}]
    else:
        given |= {"subnets": [at.id], "securityGroups": [OPEN.id]}
    return resource("lb/loadBalancer", "front", **(given | more))


def targets(*at: Any, port: int = 8443, kind: str = "instance", **more: Any) -> list[Any]:
    found = resource("lb/targetGroup", "targets", vpcId=NET.id, port=port, protocol="TCP", targetType=kind, **more)
    ties = [
        resource(
            "lb/targetGroupAttachment",
            f"tie-{number}",
            targetGroupArn=found.properties["arn"],
            targetId=each if isinstance(each, str) else each.id,
        )
        for number, each in enumerate(at)
    ]
    return [found, *ties]


def listener(of: Any, to: Any, port: int = 443, protocol: str = "TCP", **more: Any) -> Any:
    action = {"type": "forward", "targetGroupArn": to.properties["arn"]}
    arn = of.properties["arn"]
    return resource(
        "lb/listener", f"on-{port}", loadBalancerArn=arn, port=port, protocol=protocol, defaultActions=[action], **more
    )


def network(**more: Any) -> list[Any]:
    front, behind = balancer(), targets(WEB, **more)
    return [IP, front, *behind, listener(front, behind[0])]


def test_a_network_balancer_brings_what_it_hears_to_its_targets() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html
    estate = Estate(BASE, network())
    assert estate.unmodelled == ()
    found = estate.trace("internet", "203.0.113.5", tcp(443))
    assert (found.outcome, found.to) == ("delivered", WEB.urn)
    assert found.hops[-1].packet.service == tcp(8443)
    refused = "dropped by load balancer front listens on tcp 443 only"
    assert estate.outcome("internet", "203.0.113.5", tcp(80)) == refused
    assert estate.outcome("internet", "203.0.113.5", udp(443)).startswith("dropped")


@pytest.mark.parametrize(("keeps", "source"), [(None, "198.51.100.7"), ("false", "10.0.1"), ("true", "198.51.100.7")])
def test_targets_by_instance_see_the_client_unless_told_otherwise(keeps: str | None, source: str) -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation
    estate = Estate(BASE, network(**({} if keeps is None else {"preserveClientIp": keeps})))
    found = estate.trace("internet", "203.0.113.5", tcp(443))
    assert text(found.hops[-1].packet.source).startswith(source)
    assert estate.prover.reply(found) == "passes"


def test_targets_by_address_see_the_balancer() -> None:
    front, behind = balancer(), targets("10.0.2.10", kind="ip")
    estate = Estate(BASE, IP, front, behind, listener(front, behind[0]))
    found = estate.trace("internet", "203.0.113.5", tcp(443))
    assert found.delivered
    assert text(found.hops[-1].packet.source).startswith("10.0.1")
    assert estate.prover.reply(found) == "passes"


def test_a_client_within_the_vpc_comes_through_too() -> None:
    estate = Estate(BASE, network(), instance(A, "client", "10.0.1.9", [OPEN]))
    node = next(name for name in estate.assembly.stages if name.startswith("interface front in a ingress"))
    assert node
    assert estate.outcome("internet", "203.0.113.5") == "delivered to web"


def test_the_groups_of_a_balancer_count_and_those_of_its_targets() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
    only_web = group(NET, "front", ingress=[entry(443, cidrBlocks=["0.0.0.0/0"])])
    front, behind = balancer(securityGroups=[only_web.id]), targets(WEB)
    parts = [IP, only_web, front, behind, listener(front, behind[0]), listener(front, behind[0], 80)]
    estate = Estate(BASE, parts)
    assert estate.outcome("internet", "203.0.113.5", tcp(443)) == "delivered to web"
    assert estate.outcome("internet", "203.0.113.5", tcp(80)).startswith("dropped by securitygroup-front front in")
    closed = group(NET, "closed", ingress=[])
    base = [each for each in BASE if each is not WEB]
    estate = Estate(base, closed, instance(B, "web", "10.0.2.10", [closed]), parts)
    assert estate.outcome("internet", "203.0.113.5", tcp(443)).startswith("dropped by securitygroup-closed closed in")


def test_a_target_that_lets_in_the_balancers_group_takes_its_clients() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-register-targets.html (target groups)
    own = group(NET, "front", ingress=[everything()])
    behind_it = group(NET, "behind", ingress=[entry(8443, securityGroups=[own.id])])
    front, behind = balancer(securityGroups=[own.id]), targets(WEB)
    base = [each for each in BASE if each is not WEB]
    estate = Estate(
        base,
        IP,
        own,
        behind_it,
        instance(B, "web", "10.0.2.10", [behind_it]),
        front,
        behind,
        listener(front, behind[0]),
    )
    found = estate.trace("internet", "203.0.113.5", tcp(443))
    assert found.delivered
    assert text(found.hops[-1].packet.source) == "198.51.100.7"
    assert estate.prover.reply(found) == "passes"
    client = instance(A, "client", "10.0.1.9", [OPEN])
    direct = Estate(base, own, behind_it, instance(B, "web", "10.0.2.10", [behind_it]), client)
    assert direct.outcome("client", "10.0.2.10", tcp(8443)).startswith("dropped")


def test_without_cross_zone_a_node_serves_its_own_zone() -> None:
    front = balancer(enableCrossZoneLoadBalancing=False)
    behind = targets(WEB)
    estate = Estate(BASE, IP, front, behind, listener(front, behind[0]))
    assert estate.outcome("internet", "203.0.113.5") == "delivered to front"
    near = instance(A, "near", "10.0.1.10", [OPEN])
    both = targets(WEB, near)
    estate = Estate(BASE, IP, near, front, both, listener(front, both[0]))
    assert estate.outcome("internet", "203.0.113.5") == "delivered to near"
    assert "web" not in estate.reached("internet")


def test_an_application_balancer_sends_by_its_own_address_whatever_its_rules_choose() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/introduction.html
    front = balancer("application")
    behind, other = targets(WEB), instance(B, "other", "10.0.2.11", [OPEN])
    second = resource("lb/targetGroup", "second", vpcId=NET.id, port=9000, protocol="HTTP", targetType="instance")
    tie = resource("lb/targetGroupAttachment", "tie-second", targetGroupArn=second.properties["arn"], targetId=other.id)
    heard = listener(front, behind[0], 443, "HTTPS")
    rule = resource(
        "lb/listenerRule",
        "rule",
        listenerArn=heard.properties["arn"],
        actions=[{"type": "forward", "forward": {"targetGroups": [{"arn": second.properties["arn"], "weight": 1}]}}],
    )
    estate = Estate(BASE, other, front, behind, second, tie, heard, rule)
    assert estate.unmodelled == ()
    assert estate.reached("internet") == {"web": ["tcp 443"], "other": ["tcp 443"], "front": ["tcp 443"]}


def test_a_balancer_that_answers_by_itself_is_reached_itself() -> None:
    front = balancer("application")
    heard = resource(
        "lb/listener",
        "redirect",
        loadBalancerArn=front.properties["arn"],
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "redirect", "redirect": {"statusCode": "HTTP_301"}}],
    )
    assert Estate(BASE, front, heard).reached("internet") == {"front": ["tcp 80"]}


def test_an_application_balancer_whose_targets_refuse_it_answers_by_itself() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
    closed = group(NET, "closed", ingress=[])
    shut = instance(A, "shut", "10.0.1.77", [closed])
    front, behind = balancer("application"), targets(shut)
    estate = Estate(BASE, closed, shut, front, behind, listener(front, behind[0], 8080, "HTTP"))
    assert estate.reached("internet") == {"front": ["tcp 8080"]}


def test_an_internal_balancer_is_not_on_the_internet() -> None:
    front = balancer("network", internal=True, subnetMappings=[{"subnetId": A.id, "privateIpv4Address": "10.0.1.50"}])
    behind = targets(WEB)
    client = instance(A, "client", "10.0.1.9", [OPEN])
    estate = Estate(BASE, client, front, behind, listener(front, behind[0]))
    assert estate.reached("internet") == {}
    assert estate.outcome("client", "10.0.1.50") == "delivered to web"
    assert estate.reply("client", "10.0.1.50") == "passes"


def test_a_network_balancer_may_stand_before_an_application_balancer() -> None:
    inner = resource("lb/loadBalancer", "inner", loadBalancerType="application", internal=True, subnets=[B.id],
                     securityGroups=[OPEN.id])  # fmt: skip
    inner_targets = targets(WEB)
    front = balancer()
    outer = resource("lb/targetGroup", "outer", vpcId=NET.id, port=80, protocol="TCP", targetType="alb")
    tie = resource(
        "lb/targetGroupAttachment",
        "tie-outer",
        targetGroupArn=outer.properties["arn"],
        targetId=inner.properties["arn"],
    )
    inner_heard = listener(inner, inner_targets[0], 80, "HTTP")
    estate = Estate(BASE, IP, inner, inner_targets, inner_heard, front, outer, tie, listener(front, outer))
    assert estate.outcome("internet", "203.0.113.5", tcp(443)) == "delivered to web"


def test_people_may_ask_for_a_balancer_by_name_or_arn() -> None:
    estate = Estate(BASE, network())
    assert {"front", balancer().urn, balancer().properties["arn"]} <= set(estate.assembly.names)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"loadBalancerType": "gateway"}, "type 'gateway' are not modelled"),
        ({"subnetMappings": [{"subnetId": "subnet-elsewhere"}]}, "subnet-elsewhere, which is not among the resources"),
        ({"subnetMappings": []}, "it is in no subnet"),
    ],
)
def test_a_balancer_that_is_not_understood_is_a_reason(more: dict, reason: str) -> None:
    assert any(reason in each for each in Estate(BASE, IP, balancer(**more)).unmodelled)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("balancer", "ipAddressType"),
        ("targets", "port"),
        ("targets", "loadBalancingCrossZoneEnabled"),
        ("targets", "preserveClientIp"),
        ("tie", "port"),
    ],
)
def test_a_concealed_value_that_decides_where_packets_go_is_never_taken_for_the_default(part: str, name: str) -> None:
    front, (behind, tie) = balancer(), targets(WEB)
    parts = {"balancer": front, "targets": behind, "tie": tie}
    kept = parts[part]
    parts[part] = replace(kept, properties={**kept.properties, name: UNKNOWN}, concealed=frozenset({name}))
    estate = Estate(BASE, IP, *parts.values(), listener(front, behind))
    assert any(f"{name} is set to a value that is unknown" in reason for reason in estate.unmodelled), estate.unmodelled


def test_a_tls_listener_of_a_network_balancer_is_reached_whether_or_not_its_targets_are() -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-tls-listener.html: it ends the connection
    closed = instance(B, "web", "10.0.2.10", [group(NET, "closed", ingress=[])])
    base = [each for each in BASE if each is not WEB]
    front, behind = balancer(), targets(closed)
    for protocol, reached in (("TLS", True), (UNKNOWN, True), ("TCP", False)):
        hears = listener(front, behind[0], protocol=protocol, references={"protocol": ("urn:x",)})
        estate = Estate(base, closed, group(NET, "closed", ingress=[]), IP, front, *behind, hears)
        assert ("front" in estate.reached("internet")) is reached, protocol
        assert "web" not in estate.reached("internet")


CLOSED = group(NET, "closed", ingress=[entry(8080, securityGroups=[OPEN.id])])
BEHIND = instance(B, "behind", "10.0.2.20", [CLOSED])


def classic(**more: Any) -> Any:
    hears = [{"lbPort": 80, "lbProtocol": "http", "instancePort": 8080, "instanceProtocol": "http"}]
    given = {"subnets": [A.id], "securityGroups": [OPEN.id], "internal": False, "listeners": hears}
    return resource("elb/loadBalancer", "classic", **given | more)


def tied(of: Any, to: str) -> Any:
    return resource("elb/attachment", "tie", elb=of.id, instance=to)


@pytest.mark.parametrize("registered", ["instances", "attachment", "older token"])
def test_a_classic_balancer_brings_what_it_hears_to_its_instances(registered: str) -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-listener-config.html
    front = classic(instances=[BEHIND.id] if registered == "instances" else [])
    more = [] if registered == "instances" else [tied(front, BEHIND.id)]
    if registered == "older token":
        front, *more = (
            replace(each, type=each.type.replace(":elb/", ":elasticloadbalancing/")) for each in (front, *more)
        )
    estate = Estate(BASE, CLOSED, BEHIND, front, more)
    assert estate.unmodelled == ()
    reached = estate.reached("internet")
    assert (reached["behind"], reached["classic"]) == (["tcp 80"], ["tcp 80"])
    (arrival,) = (each for each in estate.prover.arrivals(estate.sender("internet")) if each.to == BEHIND.urn)
    found = estate.prover.trace(estate.sender("internet"), arrival.packet(), BEHIND.urn)
    assert (text(found.hops[-1].packet.source)[:7], found.hops[-1].packet.service) == ("10.0.1.", tcp(8080))
    assert "behind" not in Estate(BASE, CLOSED, BEHIND, classic(instances=[]), []).reached("internet")


def test_an_instance_behind_a_classic_balancer_that_is_not_known_concerns_its_clients_only() -> None:
    estate = Estate(BASE, CLOSED, BEHIND, classic(instances=["i-elsewhere"]))
    assert estate.unmodelled == ()
    assert any("i-elsewhere" in each for each in estate.prover.unmodelled(estate.sender("internet")))
    heard = ((tcp(80), tcp(80)),)
    assert estate.prover.unmodelled(estate.sender("internet"), services=((tcp(443), tcp(443)),)) == ()
    assert estate.prover.unmodelled(estate.sender("internet"), services=heard) != ()


def test_a_scaling_group_behind_a_classic_balancer_is_reached_through_it() -> None:
    template = resource("ec2/launchTemplate", "made", vpcSecurityGroupIds=[CLOSED.id])
    scaled = {"vpcZoneIdentifiers": [B.id], "launchTemplate": {"id": template.id}}
    front = classic()
    by_name = resource("autoscaling/group", "many", loadBalancers=[front.id], **scaled)
    plain = resource("autoscaling/group", "many", **scaled)
    tie = resource("autoscaling/attachment", "tie", autoscalingGroupName=plain.id, elb=front.id)
    for made in ([by_name], [plain, tie]):
        estate = Estate(BASE, CLOSED, template, front, made)
        assert estate.unmodelled == ()
        assert estate.reached("internet")["many"] == ["tcp 80"]
    assert "many" not in Estate(BASE, CLOSED, template, front, plain).reached("internet")
