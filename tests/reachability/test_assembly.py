"""What is too large or cannot be read ends as *not modelled*, with a reason, and never as a wait without end."""

from __future__ import annotations

import pytest

from reachability import assembly, space
from reachability.addresses import ALL_V4, address
from reachability.frontends import nftables
from reachability.network import Arrive, Deliver, Firewall, Fragment, Interface, Machine
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.subject import Subject


def alone() -> Fragment:
    leg = Interface("host/ens5", "host", "ens5", (address("10.0.0.1"),), "out")
    return Fragment(
        stages={"in": Arrive("host", "ens5"), "out": Deliver("elsewhere")},
        machines=[Machine("host", (leg,), ((ALL_V4, "ens5"),))],
    )


def ruleset(count: int) -> str:
    rules = "\n".join(
        f"ip saddr 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255} accept" for number in range(count)
    )
    return f"table inet filter {{\nchain input {{ type filter hook input priority 0; policy drop;\n{rules}\n}}\n}}\n"


def test_a_firewall_with_more_rules_than_are_followed_is_not_modelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MOST_RULES", 100)
    built = assembly.join([alone()], rulesets={"host": ruleset(101)})
    assert built.unmodelled == ("the ruleset of host: it has 101 rules; the limit for one host is 100",)
    assert assembly.join([alone()], rulesets={"host": ruleset(100)}).unmodelled == ()


def test_a_ruleset_that_cannot_be_read_is_not_modelled_and_not_open() -> None:
    built = assembly.join([alone()], rulesets={"host": "table inet filter { chain input {"})
    assert "the ruleset of host cannot be read: line 1" in built.unmodelled[0]


def test_more_atoms_than_a_set_can_hold_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "MOST_BITS", 1000)
    monkeypatch.setattr(assembly, "_space", lambda *parts: _small() if not parts[1] else _too_large())
    built = assembly.join([alone()])
    assert "prove fewer networks together" in built.unmodelled[0]
    assert built.machines == {}
    assert Prover(built).arrivals(Prover(built).internet()) == ()


def _small() -> space.Space:
    limit, space.MOST_BITS = space.MOST_BITS, 1 << 28
    try:
        return space.Space(sources=[(ALL_V4,)], destinations=[], services_used=[], source_ports=[])
    finally:
        space.MOST_BITS = limit


def _too_large() -> space.Space:
    return space.Space(
        sources=[], destinations=[(number, number) for number in range(100)], services_used=[], source_ports=[]
    )


def test_a_provider_that_is_not_read_is_named() -> None:
    type_ = "azure-native:network:VirtualNetwork"
    azure = Resource(f"urn:pulumi:a::b::{type_}::v", type_, "v", "id", {}, {})
    built = assembly.assemble(Subject((azure,)))
    assert built.unmodelled == (f"{type_} belongs to a provider that is not supported (supported: aws, gcp)",)


def test_a_ruleset_is_compiled_once_by_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ruleset(1)
    rulesets = {"one": text, "two": text}
    compiled: list[str] = []
    firewall = nftables.firewall

    def counted(given: str) -> Firewall:
        compiled.append(given)
        return firewall(given)

    monkeypatch.setattr(nftables, "firewall", counted)
    made = [Fragment(machines=[Machine(name, (), ()) for name in rulesets])]
    joined = assembly.join(made, rulesets=rulesets)
    assert compiled == [text]
    assert joined.firewalls["one"] is joined.firewalls["two"]
    assembly.join(made, rulesets=rulesets)
    assert compiled == [text, text], "nothing is kept beyond the assembly"
