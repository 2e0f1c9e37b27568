"""Verdicts fail closed: what is not modelled or not known is never taken for fine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from estate.model import Role
from reachability.assembly import assemble
from reachability.claims import Estate, Outcome, claims, prove
from reachability.prover import Prover
from reachability.resources import UNKNOWN, Resource
from reachability.subject import Subject
from tests.reachability.claims.estates import EGRESS, INGRESS, Built, sentences

pytestmark = pytest.mark.slow

REGION = "us-east-2"


def unknown_type(name: str) -> Resource:
    return Resource(f"urn:pulumi:osmosis::estate::{name}::stray", name, "stray", "stray-0", {}, {})


def test_a_resource_that_touches_the_network_and_is_not_understood_leaves_every_claim_open(sound: Built):
    changed = sound.adding(unknown_type("aws:networkfirewall/firewall:Firewall"))
    report = prove(changed.case())
    assert report.outcome is Outcome.NOT_MODELLED
    for found in report.verdicts:
        assert found.outcome is Outcome.NOT_MODELLED, found.claim.id
        assert any("networkfirewall" in reason for reason in found.reasons), found.claim.id


def test_what_is_refuted_for_certain_stays_refuted_beside_what_is_not_understood(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    changed = (
        sound.adding(unknown_type("aws:networkfirewall/firewall:Firewall"))
        .permitting("public-sentry", REGION, "tcp", 26657, "0.0.0.0/0")
        .accepting(host, "input", "tcp dport 26657 accept")
    )
    found = changed.verdict("public-sentry-p2p-only")
    assert found.outcome is Outcome.REFUTED
    assert found.reasons, "and says what is not modelled"


def test_a_block_that_only_the_deployment_will_tell_may_be_the_whole_world(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    group = sound.group("public-sentry", REGION)
    name = "unknown-block"
    rule = Resource(
        f"urn:pulumi:osmosis::estate::{INGRESS}::{name}", INGRESS, name, UNKNOWN,
        {"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": 26657, "toPort": 26657, "cidrIpv4": UNKNOWN,
         "region": REGION}, {},
    )  # fmt: skip
    found = sound.adding(rule).accepting(host, "input", "tcp dport 26657 accept").verdict("public-sentry-p2p-only")
    assert found.outcome is Outcome.NOT_MODELLED
    assert any("is unknown until the deployment" in reason for reason in found.reasons)
    assert found.witness is not None, "the packet that might get through"


def test_a_ruleset_that_cannot_be_read_is_not_taken_for_closed(sound: Built):
    host = sound.host(Role.VALIDATOR)
    found = sound.loading(host, "table inet estate { chain input { type filter").verdict("validator-hidden")
    assert found.outcome is Outcome.NOT_MODELLED
    assert any(host.name in reason for reason in found.reasons)


def test_a_declared_host_that_nothing_is_deployed_as_leaves_its_claims_open(sound: Built):
    sentry = sound.host(Role.PRIVATE_SENTRY, REGION)
    changed = sound.without(lambda each: each.name == f"{sentry.name}-instance")
    assert changed.verdict("private-sentry-hidden").outcome is Outcome.NOT_MODELLED
    found = changed.verdict("regions-meshed")
    assert found.outcome is Outcome.REFUTED
    assert f"{sentry.name} is declared but not deployed" in sentences(found)


def test_nothing_at_all_is_not_proved(sound: Built):
    estate = Estate(Prover(assemble(Subject(()))), [sound.network], ())
    report = prove(estate.case(sound.network))
    assert [each.claim.id for each in report.verdicts if each.outcome is Outcome.PROVED] == []


def test_an_estate_without_any_rule_is_refuted_where_something_must_get_through(sound: Built):
    changed = replace(sound, resources=tuple(each for each in sound.resources if each.type not in (INGRESS, EGRESS)))
    report = prove(changed.case())
    outcomes = {each.claim.id: each.outcome for each in report.verdicts}
    for claim in ("regions-meshed", "validator-fed", "feed-survives-region", "nat-survives-zone", "layers-agree"):
        assert outcomes[claim] is Outcome.REFUTED, claim
    assert outcomes["no-public-ssh"] is Outcome.PROVED


def test_a_report_says_the_same_whichever_claims_were_asked_before(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    changed = sound.permitting("public-sentry", REGION, "tcp", 26657, "0.0.0.0/0")
    changed = changed.accepting(host, "input", "tcp dport 26657 accept")
    case = changed.case()
    forward = prove(case, claims()).document()["claims"]
    backward = prove(case, tuple(reversed(claims()))).document()["claims"]
    assert forward == list(reversed(backward))
