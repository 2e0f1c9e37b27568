"""What the names in a query stand for: never silently one of several, never a longer name, and an unknown is said."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.assembly import assemble
from reachability.places import QuestionError
from reachability.prover import Prover
from reachability.question import NOT_MODELLED, REACHABLE, UNREACHABLE, Places, all_pairs, ask, asked_services
from reachability.resources import Resource
from reachability.subject import Subject
from tests.reachability.frontends.aws.builders import group, resource, subnet, vpc

NET = vpc(mainRouteTableId="rtb-0", defaultNetworkAclId="acl-0", defaultSecurityGroupId="sg-0")
SUBNET, EMPTY = subnet(NET), subnet(NET, "empty", "10.0.2.0/24")
OPEN, CLOSED = group(NET), group(NET, "closed", ingress=[])


def instance(name: str, last: int, of: Resource = OPEN, **more: Any) -> Resource:
    more = {"subnetId": SUBNET.id, "privateIp": f"10.0.1.{last}", "vpcSecurityGroupIds": [of.id], **more}
    return resource("ec2/instance", name, sourceDestCheck=True, **more)


class Asked:
    def __init__(self, *resources: Resource) -> None:
        all_ = (NET, SUBNET, EMPTY, OPEN, CLOSED, *resources)
        self.prover = Prover(assemble(Subject(all_)))
        self.places = Places(self.prover, all_)

    def __call__(self, source: str, target: str) -> tuple[str, str, tuple[str, ...]]:
        """(target, verdict, reasons) of tcp 22."""
        asked = asked_services("tcp", 22)
        answer = ask(self.prover, self.places.sender(source), self.places.target(target), asked)
        (flow,) = answer.flows
        return answer.target, flow.verdict, flow.reasons


def test_a_name_that_two_have_is_no_answer_about_one_of_them():
    one, other = instance("1", 11, tags={"Name": "web"}), instance("2", 12, CLOSED, tags={"Name": "web"})
    asked = Asked(one, other, instance("client", 13))
    for question in (("web", "client"), ("client", "web")):
        with pytest.raises(QuestionError, match="may be any of .*Instance::1, .*Instance::2") as refused:
            asked(*question)
        assert "URN or id" in str(refused.value)
    assert asked("client", one.id)[1] == REACHABLE and asked("client", other.urn)[1] == UNREACHABLE


def test_an_id_comes_before_a_name():
    one = instance("1", 11)
    asked = Asked(one, instance("2", 12, CLOSED, tags={"Name": one.id}), instance("client", 13))
    assert asked("client", one.id)[:2] == (one.urn, REACHABLE)


def test_a_name_comes_before_what_another_name_ends_in():
    asked = Asked(instance("lb", 11), instance("my-lb", 12, CLOSED), instance("client", 13))
    assert asked("client", "lb")[1] == REACHABLE
    with pytest.raises(QuestionError, match="'b' is not a host"):
        Asked(instance("a-b", 11))("internet", "b")


def test_of_things_with_one_name_only_those_with_a_place_count():
    named = group(NET, "web")
    asked = Asked(named, instance("web", 11, named), instance("client", 13))
    assert asked("client", "web")[1] == REACHABLE
    with pytest.raises(QuestionError, match=r"SecurityGroup, which takes no packets"):
        asked("client", named.id)


def test_an_interface_is_asked_about_by_its_id():
    host = instance("host", 11, primaryNetworkInterfaceId="eni-1")
    attached = {"subnetId": EMPTY.id, "privateIps": ["10.0.2.9"], "privateIp": "10.0.2.9"}
    attachment = [{"instance": host.id, "deviceIndex": 1}]
    second = resource(
        "ec2/networkInterface", "two", id="eni-2", securityGroups=[CLOSED.id], attachments=attachment, **attached
    )
    asked = Asked(host, second, instance("client", 13))
    assert asked("client", "eni-1")[1] == REACHABLE
    assert asked("client", "eni-2")[1] == asked("client", second.urn)[1] == UNREACHABLE
    assert asked("client", host.id)[1] == REACHABLE


@pytest.mark.parametrize("name", [EMPTY.id, EMPTY.urn, "10.0.2.7", "10.0.2.0/28"])
def test_what_else_is_in_a_subnet_without_machines_is_not_known(name: str):
    asked = Asked(instance("host", 11, CLOSED))
    for question in ((name, "host"), ("host", name)):
        _, verdict, reasons = asked(*question)
        assert verdict == NOT_MODELLED and EMPTY.urn in reasons[0]
    assert asked("internet", "10.0.2.7")[1] == UNREACHABLE, "a private address is not routed on the internet"
    assert asked("192.168.9.9", "host")[1] == UNREACHABLE, "and no subnet here has these addresses"


def test_the_matrix_has_instances_whose_place_is_unknown():
    lost = instance("lost", 11, subnetId="subnet-of-another-stack", publicIp="203.0.113.9")
    asked = Asked(lost)
    answers = list(all_pairs(asked.prover, asked.places, asked_services("tcp", 22)))
    found = {(each.sender, each.target): each.flows[0] for each in answers}
    for pair in (("internet", lost.urn), (lost.urn, "internet")):
        assert found[pair].verdict == NOT_MODELLED
        assert any("not among the resources" in reason for reason in found[pair].reasons)
    assert asked("internet", "lost")[1] == asked("lost", "internet")[1] == NOT_MODELLED


def test_machines_are_labelled_as_people_call_them():
    one, two = instance("1", 11, tags={"Name": "web"}), instance("2", 12, tags={"Name": "web"})
    places = Asked(one, two, instance("client", 13)).places
    assert places.label(one.urn) == f"web ({one.id})"
    assert [places.label(each.name) for each in places.everyone()][-1] == "client"
    assert places.label("internet") == "internet"
