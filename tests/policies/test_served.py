"""What nothing serves is refused on a live deploy to production, and accepted by an exception that ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from pulumi_policy import PolicyResource

from engine import stack
from estate.model import Network
from estate.plan.served import in_words, unserved
from policies import declaration
from policies.exceptions import read
from policies.rules import what_is_declared_is_served as rule
from tests.estate.declarations import sound
from tests.policies.judging import is_whole, options

NAME = "example"
VPN = "example-vpn-us-east-2-01"
LIVE: dict[str, str] = {}
LAB = {"ESTATE_REHEARSAL": "true", "PULUMI_DEBUG_PROVIDERS": "aws:40123,gcp:40123"}


def resource(type_: str, name: str, project: str = "estate") -> PolicyResource:
    urn = f"urn:pulumi:{NAME}::{project}::{type_}::{name}"
    return PolicyResource(type_, {}, urn, name, options(protect=False), None, None, [], {})


STACK = resource("pulumi:pulumi:Stack", f"estate-{NAME}")
RESOURCES = [STACK, resource("pulumi:providers:aws", "aws"), resource("aws:ec2/instance:Instance", VPN)]


def found(
    monkeypatch: pytest.MonkeyPatch, network: Network | None, environment: Mapping[str, str]
) -> list[tuple[str, str]]:
    for name in LAB:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(declaration, "network", lambda _: network)
    return list(rule.check(RESOURCES))


def test_everything_that_is_not_served_is_refused_where_it_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    network = sound()
    said = found(monkeypatch, network, LIVE)
    assert len(said) == len([entry for part in unserved(network) for entry in part.entries]) > 0
    assert all(is_whole(message) for message, _ in said)
    by_urn = {urn: message for message, urn in reversed(said)}
    assert by_urn[RESOURCES[2].urn].startswith(f"VPN service of {VPN} is declared and not served")
    assert set(by_urn) == {STACK.urn, RESOURCES[2].urn}


@pytest.mark.parametrize(
    "environment",
    [
        LIVE,
        LAB | {"ESTATE_REHEARSAL": ""},
        LAB | {"ESTATE_REHEARSAL": "1"},
        LAB | {"PULUMI_DEBUG_PROVIDERS": ""},
        LAB | {"PULUMI_DEBUG_PROVIDERS": "gcp:40123"},
        {"PULUMI_DEBUG_PROVIDERS": "aws:40123"},
    ],
)
def test_whatever_is_not_known_to_be_a_rehearsal_is_live(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    assert found(monkeypatch, sound(), environment)


def test_a_rehearsal_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, sound(), LAB) == []


def test_a_provider_that_is_no_stand_in_makes_it_a_live_deploy() -> None:
    assert rule.is_rehearsal(LAB, RESOURCES)
    assert not rule.is_rehearsal(LAB, [*RESOURCES, resource("pulumi:providers:azure", "azure")])
    assert not rule.is_rehearsal(LAB, [*RESOURCES, resource("azure:core/group:Group", "group")])
    assert not rule.is_rehearsal(LAB, [STACK])


def test_a_testnet_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, sound({"stage": "testnet"}), LIVE) == []


def test_a_declaration_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> Network:
        raise ValueError("no such file")

    monkeypatch.setattr(declaration, "network", unreadable)
    monkeypatch.delenv("ESTATE_REHEARSAL", raising=False)
    ((message, urn),) = rule.check(RESOURCES)
    assert message.startswith("the declaration cannot be read: no such file")
    assert urn == STACK.urn


def test_a_stack_of_another_project_is_not_judged() -> None:
    assert list(rule.check([resource("x:y/z:Z", "z", project="other")])) == []


def test_an_exception_accepts_it_for_one_host_until_a_day() -> None:
    """The VPN of one gateway is accepted, and nothing else with it."""
    text = (
        "exceptions:\n- {rule: what-is-declared-is-served, owner: operations, expires: 2030-12-31,\n"
        f"   reason: operators come by a bastion, resource: 'urn:pulumi:{NAME}::estate::*::{VPN}'}}\n"
    )
    exemptions = read(text, {rule.RULE.name: rule.RULE.about.firm}, date(2030, 6, 1))
    assert exemptions.problems == ()
    assert exemptions.of(rule.RULE.name, RESOURCES[2].urn) is not None
    assert exemptions.of(rule.RULE.name, STACK.urn) is None
    assert read(text, {rule.RULE.name: ""}, date(2031, 1, 1)).problems


def test_the_lab_and_the_policy_mean_one_variable() -> None:
    assert rule.REHEARSAL == stack.REHEARSAL


def test_the_words_name_each_part_once_with_what_follows() -> None:
    said = in_words(sound())
    assert [each.split()[0] for each in said] == ["VPN", "monitoring", "Vault"]
    assert all(": " in each for each in said)
    assert in_words(sound())[0].startswith("VPN service of vpn-eu-west-1-01, vpn-us-east-2-01: OpenVPN")
