"""Which instances a plan may replace, as the policies see it."""

from __future__ import annotations

import pytest
from pulumi_policy import PolicyResource

from policies.rules.one_host_is_replaced_at_a_time import INSTANCE, RULE
from tests.policies.judging import BOOLEAN, TAGS, is_whole, judged_together, options, resource


def instance(name: str, role: str, *, protect: bool = True, stage: str = "production", **properties) -> PolicyResource:
    made = resource(INSTANCE, name, {"tags": {**TAGS, "Role": role, "Stage": stage}, **properties})
    made.opts = options(protect=protect)
    return made


def released(name: str, role: str, **more) -> PolicyResource:
    return instance(name, role, protect=False, forceDestroy=True, **more)


@pytest.mark.parametrize(
    "stack",
    [
        [instance("a", "seed"), instance("b", "seed")],
        [released("a", "seed"), instance("b", "seed"), released("c", "monitor")],
        [released("a", "seed", stage="testnet"), released("b", "seed", stage="testnet")],
        [instance("a", "seed", protect=False, stage="testnet")],
        [resource("aws:ec2/subnet:Subnet", "subnet")],
    ],
)
def test_one_of_a_role_may_be_replaced(stack: list[PolicyResource]) -> None:
    assert judged_together(RULE, stack) == []


@pytest.mark.parametrize("flag", [True, BOOLEAN])
def test_two_of_a_role_may_not(flag: object) -> None:
    stack = [released("a", "seed"), instance("b", "seed", forceDestroy=flag), released("c", "monitor")]
    found = judged_together(RULE, stack)
    assert {name for _, name in found} == {"a", "b"}
    assert all("2 instances of the role seed are released" in message and is_whole(message) for message, _ in found)


def test_an_instance_that_nobody_released_is_protected() -> None:
    ((message, name),) = judged_together(RULE, [instance("a", "seed", protect=False), instance("b", "seed")])
    assert name == "a"
    assert "protect is off" in message
    assert is_whole(message)
