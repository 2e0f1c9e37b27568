"""Many distinct rules: an answer, or a refusal that says why."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from reachability import space
from reachability.prover import Prover
from reachability.question import Places, ask, asked_services
from reachability.space import TooManyAtoms
from reachability.walk import MANY
from tests.reachability.frontends.aws.builders import Estate, everything, group, instance, public, subnet, vpc

NET = vpc()
A = subnet(NET, "a", "10.0.1.0/24")


def rules(count: int) -> list[dict[str, Any]]:
    """Rules of one group with a block and a range of ports of its own each."""
    pick = Random(7)
    found = []
    for _ in range(count):
        block = f"{pick.randrange(20, 200)}.{pick.randrange(256)}.{pick.randrange(256)}.0/{pick.randrange(16, 29)}"
        found.append({"protocol": "tcp", "fromPort": pick.randrange(1, 65000), "toPort": 65535, "cidrBlocks": [block]})
    return found


def estate(count: int, *, egress: bool = False) -> Estate:
    own = {"egress": rules(count)} if egress else {"ingress": rules(count), "egress": [everything()]}
    many = group(NET, "many", **own)
    return Estate(NET, A, many, instance(A, "host", "10.0.1.10", [many], publicIp="203.0.113.9"), public(NET, A))


def test_classes_that_are_told_apart_at_once_are_those_that_are_told_apart_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = estate(150)

    def reached() -> set[Any]:
        prover = Prover(made.assembly)
        return {box for each in prover.arrivals(prover.internet()) for box in each.flows()}

    before = reached()
    assert len(before) > 100
    monkeypatch.setattr("reachability.walk.MANY", 2)
    monkeypatch.setattr("reachability.chains.SHORT", 1)
    monkeypatch.setattr("reachability.chains.LONG", 1)
    assert reached() == before


def test_a_question_reads_only_what_it_asks_about() -> None:
    made = estate(60)
    asked = asked_services("tcp", 40000)
    (arrival,) = made.prover.arrivals(made.sender("internet"))
    few = {(sources, destinations) for sources, destinations, sent in arrival.flows(asked) if sent}
    assert few < {(sources, destinations) for sources, destinations, _ in arrival.flows()}
    answer = ask(made.prover, made.sender("internet"), Places(made.prover, ()).target("host"), asked)
    assert [flow.verdict for flow in answer.flows] == ["reachable"]


@pytest.mark.slow
def test_thousands_of_rules_of_one_group_are_answered() -> None:
    made = estate(4000)
    assert made.assembly.space.class_count > MANY
    target = Places(made.prover, ()).target("host")
    verdicts = [
        flow.verdict for flow in ask(made.prover, made.sender("internet"), target, asked_services("tcp", 443)).flows
    ]
    assert verdicts == ["reachable"]


def test_rules_whose_sets_need_too_much_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MOST_HELD", 1 << 20)
    made = estate(120, egress=True)
    with pytest.raises(TooManyAtoms, match="more rules than the prover follows"):
        made.reached("host")


def test_rules_that_are_too_many_are_refused_before_any_of_their_sets_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MOST_HELD", 1 << 24)
    made = estate(600, egress=True)
    held = made.assembly.space._held
    with pytest.raises(TooManyAtoms, match="more rules than the prover follows"):
        made.reached("host")
    assert made.assembly.space._held - held < 1 << 20
