"""The estate as it is written keeps every promise."""

from __future__ import annotations

import pytest

from reachability.claims import Outcome, Report, claims, prove
from tests.reachability.claims.estates import Built, deployed, example

pytestmark = pytest.mark.slow

IDS = [
    *("no-public-ssh", "ssh-from-vpn-only", "validator-hidden", "signer-dials-out", "private-sentry-hidden"),
    *("public-sentry-p2p-only", "public-endpoints-tls", "partner-scope", "vpn-scope", "no-instance-traversal"),
    *("egress-allow-list", "regions-meshed", "validator-fed", "nat-survives-zone", "feed-survives-region"),
    *("feed-survives-sentries-down", "layers-agree"),
]


@pytest.fixture(scope="module")
def report(sound: Built) -> Report:
    return prove(sound.case())


def test_the_claims_are_these_in_this_order():
    assert [claim.id for claim in claims()] == IDS


@pytest.mark.parametrize("claim", IDS)
def test_a_new_network_keeps_the_promise(report: Report, claim: str):
    found = next(each for each in report.verdicts if each.claim.id == claim)
    assert (found.outcome, found.sentences, found.reasons) == (Outcome.PROVED, (), ())


def test_every_claim_says_what_it_promises_and_what_exactly_is_checked():
    for claim in claims():
        assert claim.statement and claim.explanation.endswith("."), claim.id


def test_a_preview_proves_as_much_as_a_stack_that_stands():
    report = prove(deployed(example(), preview=True).case())
    assert {each.claim.id: (each.outcome, each.reasons) for each in report.verdicts} == dict.fromkeys(
        IDS, (Outcome.PROVED, ())
    )


def test_two_networks_beside_each_other_keep_the_promises_each(sound: Built, other: Built):
    for one, two in ((sound, other), (other, sound)):
        report = prove(one.beside(two).case())
        assert [each.claim.id for each in report.verdicts if each.outcome is not Outcome.PROVED] == []


def test_a_report_is_the_document_that_the_command_line_promises(report: Report):
    document = report.document()
    assert set(document) == {"network", "verdict", "claims", "coverage", "seconds"}
    assert (document["network"], document["verdict"]) == ("osmosis", "proved")
    assert set(document["claims"][0]) >= {"id", "statement", "verdict", "witness"}
    assert document["claims"][0]["witness"] is None


def test_coverage_counts_each_rule_once_and_names_those_that_no_claim_exercised(report: Report):
    coverage = report.coverage
    assert coverage["rules"] == sum(each["rules"] for each in coverage["by_origin"].values())
    assert coverage["exercised"] == sum(each["exercised"] for each in coverage["by_origin"].values())
    assert len(coverage["unexercised"]) == coverage["rules"] - coverage["exercised"]
    assert coverage["exercised"] / coverage["rules"] > 0.8
