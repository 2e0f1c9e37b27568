"""A revised proof says what a proof from scratch says."""

from __future__ import annotations

import pytest

from reachability.assembly import assemble
from reachability.claims import Report
from reachability.revision import Revisable, changed_filters
from tests.reachability.claims.estates import INGRESS, Built

pytestmark = pytest.mark.slow


def told(report: Report) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    return [(each.claim.id, str(each.outcome), each.sentences, each.reasons) for each in report.verdicts]


def rule_to(built: Built, port: int) -> str:
    return next(each.name for each in built.resources if each.type == INGRESS and each.properties.get("toPort") == port)


def changes(built: Built) -> dict[str, Built]:
    scraped = rule_to(built, 9100)
    region = built.resource(scraped).properties["region"]
    return {
        "a rule for another known service": built.setting(scraped, fromPort=26660, toPort=26660),
        "a rule for a service that nothing used": built.setting(scraped, fromPort=4444, toPort=4444),
        "a rule that is gone": built.without(lambda each: each.name == scraped),
        "SSH for the world": built.permitting("public-sentry", region, "tcp", 22, "0.0.0.0/0").filtering_nothing(
            region
        ),
        "another route": built.setting(
            f"{built.network.name}-{region}-public-internet", destinationCidrBlock="0.0.0.0/1"
        ),
    }


@pytest.mark.parametrize("what", ["a rule for another known service", "a rule for a service that nothing used",
                                  "a rule that is gone", "SSH for the world", "another route"])  # fmt: skip
def test_a_revised_proof_says_what_a_new_one_says(sound: Built, what: str) -> None:
    changed = changes(sound)[what]
    proof = Revisable.begin(sound.subject(), sound.network)
    first = told(proof.report)
    assert told(proof.revise(changed.subject())) == told(Revisable.begin(changed.subject(), sound.network).report)
    assert told(proof.revise(sound.subject())) == first


def test_most_walks_are_kept_when_one_rule_changes(sound: Built) -> None:
    proof = Revisable.begin(sound.subject(), sound.network)
    before = proof.prover
    after = assemble(changes(sound)["a rule for another known service"].subject(), prior=proof.assembly)
    changed = changed_filters(proof.assembly, after)
    assert changed is not None
    assert len(changed) == 1
    kept = before.revised(after, changed)
    assert 0 < len(before._walked) - len(kept._walked) < len(before._walked) / 4


def test_a_change_of_routes_is_proved_from_scratch(sound: Built) -> None:
    before = assemble(sound.subject())
    assert changed_filters(before, assemble(changes(sound)["another route"].subject(), prior=before)) is None
