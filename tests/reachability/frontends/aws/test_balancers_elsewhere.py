"""Load balancers of other stacks: what may come through them is unknown, for their targets alone."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.question import Places, ask, asked_services
from reachability.resources import UNKNOWN, Resource
from tests.reachability.frontends.aws.builders import Estate, entry, group, instance, public, resource, subnet, vpc

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")
INSIDE = group(NET, "inside", ingress=[entry(8080, cidrBlocks=["10.0.0.0/16"])])
WEB, OTHER = instance(A, "web", "10.0.1.10", [INSIDE]), instance(A, "other", "10.0.1.11", [INSIDE])
BASE = [NET, A, INSIDE, WEB, OTHER, *public(NET, A)]
ELSEWHERE = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/theirs/1"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/theirs/1"


def verdicts(estate: Estate, sender: str, to: str, port: int) -> set[str]:
    places = Places(estate.prover, ())
    return {
        flow.verdict
        for flow in ask(estate.prover, places.sender(sender), places.target(to), asked_services("tcp", port)).flows
    }


def behind(**more: Any) -> Resource:
    given = {"port": 8080, "protocol": "HTTP", "vpcId": NET.id, "targetType": "instance"}
    return resource("lb/targetGroup", "behind", arn="arn-behind", **(given | more))


def attached(to: str = "arn-behind", target: Any = None, **more: Any) -> Resource:
    return resource("lb/targetGroupAttachment", "tie", targetGroupArn=to, targetId=target or WEB.id, **more)


def listener(of: str = BALANCER) -> Resource:
    actions = [{"type": "forward", "targetGroupArn": "arn-behind"}]
    return resource("lb/listener", "heard", loadBalancerArn=of, port=80, protocol="HTTP", defaultActions=actions)


def listener_rule() -> Resource:
    actions = [{"type": "forward", "targetGroupArn": "arn-behind"}]
    return resource("lb/listenerRule", "rule", listenerArn=f"{BALANCER}/l", actions=actions)


def scaling(**more: Any) -> list[Resource]:
    template = resource("ec2/launchTemplate", "t", id="lt-1", vpcSecurityGroupIds=[INSIDE.id])
    return [
        template,
        resource("autoscaling/group", "web", vpcZoneIdentifiers=[A.id], launchTemplate={"id": "lt-1"}, **more),
    ]


SAID: dict[str, list[Resource]] = {
    "an attachment to their group": [attached(ELSEWHERE)],
    "an attachment of an address": [attached(ELSEWHERE, "10.0.1.10")],
    "a group that no listener here serves": [behind(), attached()],
    "a group of their balancer": [behind(loadBalancerArns=[BALANCER]), attached()],
    "their listener": [behind(), attached(), listener()],
    "a rule of their listener": [behind(), attached(), listener_rule()],
    "a tie to their classic balancer": [resource("elb/attachment", "tie", elb="theirs", instance=WEB.id)],
}


@pytest.mark.parametrize("said", SAID)
def test_what_may_come_through_a_balancer_elsewhere_is_unknown_for_its_target_alone(said: str) -> None:
    estate = Estate(BASE, SAID[said])
    assert estate.unmodelled == ()
    assert verdicts(estate, "internet", "web", 443) == {"not-modelled"}, "it may listen at any port"
    assert verdicts(estate, "internet", "other", 443) == {"unreachable"}
    assert verdicts(estate, "other", "web", 443) == {"not-modelled"}, "it may be inside the VPC"
    assert verdicts(estate, "web", "other", 443) == {"unreachable"}
    assert verdicts(estate, "other", "web", 8080) == {"reachable"}


@pytest.mark.parametrize("more", [{"targetGroupArns": [ELSEWHERE]}, {"loadBalancers": ["theirs"]}])
def test_a_scaling_group_that_registers_elsewhere_is_a_target(more: dict[str, Any]) -> None:
    base = [each for each in BASE if each is not WEB]
    estate = Estate(base, scaling(**more))
    assert estate.unmodelled == ()
    assert verdicts(estate, "internet", "web", 443) == {"not-modelled"}
    assert verdicts(Estate(base, scaling()), "internet", "web", 443) == {"unreachable"}


def test_a_group_of_another_stack_that_may_come_in_may_be_a_balancers() -> None:
    theirs = group(NET, "theirs", ingress=[entry(8080, securityGroups=["sg-elsewhere"])])
    estate = Estate(BASE, theirs, instance(A, "app", "10.0.1.12", [theirs]))
    assert estate.unmodelled == ()
    assert verdicts(estate, "internet", "app", 443) == {"not-modelled"}
    assert verdicts(estate, "internet", "web", 443) == {"unreachable"}


@pytest.mark.parametrize(
    "more",
    [
        [behind(loadBalancerArns=[]), attached()],
        [behind(loadBalancerArns=UNKNOWN), attached()],
        [behind(), attached(target="i-elsewhere", to=ELSEWHERE)],
        [attached(ELSEWHERE, port=9090)],
    ],
)
def test_what_no_balancer_elsewhere_serves_or_no_group_admits_stays_unreachable(more: list[Resource]) -> None:
    estate = Estate(BASE, more)
    assert estate.unmodelled == ()
    assert verdicts(estate, "internet", "web", 443) == {"unreachable"}


def test_a_vpc_without_a_gateway_has_no_balancer_on_the_internet() -> None:
    estate = Estate(NET, A, INSIDE, WEB, OTHER, attached(ELSEWHERE))
    assert verdicts(estate, "internet", "web", 443) == {"unreachable"}
    assert verdicts(estate, "other", "web", 443) == {"not-modelled"}
