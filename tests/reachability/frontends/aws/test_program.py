"""The resources of our own stacks, as deployed and as planned."""

from __future__ import annotations

import pytest

from components.recording import Recorded
from reachability.frontends import aws
from reachability.resources import Resource
from tests.reachability.frontends.aws.builders import Estate, previewed


def resources(recorded: Recorded) -> list[Resource]:
    return [
        Resource(each.urn, each.type, each.name, each.id, each.state, each.property_dependencies)
        for each in recorded.resources
        if each.custom
    ]


def reached(estate: Estate) -> set[tuple[str, str, str, tuple]]:
    return {
        (sender.name, arrival.to, arrival.device, arrival.services())
        for sender in estate.prover.senders()
        for arrival in estate.prover.arrivals(sender)
    }


def test_every_resource_of_the_program_is_understood(recorded: Recorded) -> None:
    fragment = aws.compile(resources(recorded), {})
    assert fragment.unmodelled == []
    instances = [each for each in recorded.resources if each.type == "aws:ec2/instance:Instance"]
    assert {each.name for each in fragment.machines} == {each.urn for each in instances}


@pytest.mark.slow
def test_a_plan_is_read_as_what_it_will_be(recorded: Recorded) -> None:
    deployed = resources(recorded)
    planned = [each for each in previewed(deployed) if each.type.startswith("aws:")]
    estate = Estate(planned)
    assert estate.unmodelled == ()
    assert reached(estate) == reached(Estate(deployed))


def test_the_internet_reaches_ssh_nowhere(recorded: Recorded) -> None:
    assert not any(
        "tcp 22" in shown for each in Estate(resources(recorded)).reached("internet").values() for shown in each
    )
