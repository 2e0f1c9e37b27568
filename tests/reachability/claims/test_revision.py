"""A revised proof says what a proof from scratch says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from reachability.assembly import assemble, revised
from reachability.claims import Report
from reachability.prover import Prover
from reachability.resources import Resource
from reachability.revision import Revisable, changed_filters
from reachability.subject import Subject
from tests.reachability.claims.estates import EGRESS, INGRESS, Built
from verification.oracles import generate

pytestmark = pytest.mark.slow


RULES = (INGRESS, EGRESS)


def told(report: Report) -> tuple[object, ...]:
    verdicts = [(each.claim.id, str(each.outcome), each.sentences, each.reasons) for each in report.verdicts]
    return *verdicts, report.coverage


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


def single_changes(built: Built, pick: Random) -> Iterator[Built]:
    """Estates that differ from ``built`` or from the one before in one resource each: mostly a rule of a group."""
    now = built
    ports = sorted({each.properties["toPort"] for each in built.resources if each.type == INGRESS})
    while True:
        rules = [each for each in now.resources if each.type in RULES and each.properties.get("toPort") is not None]
        rule, port = pick.choice(rules), pick.choice(ports)
        kind = pick.randrange(8)
        if kind < 4:
            now = now.setting(rule.name, fromPort=port, toPort=port)
        elif kind == 4:
            block = pick.choice(rules).properties.get("cidrIpv4", "0.0.0.0/0")
            now = now.setting(rule.name, cidrIpv4=block)
        elif kind == 5:
            now = now.without(lambda each, gone=rule: each is gone)  # type: ignore[misc]
        elif kind == 6:
            region = rule.properties["region"]
            now = now.setting(f"{now.network.name}-{region}-network-default-acl", ingress=[], egress=[])
        else:
            now = built
        yield now


def test_random_single_changes_are_told_as_by_new_proofs(sound: Built) -> None:
    proof = Revisable.begin(sound.subject(), sound.network)
    for _, changed in zip(range(7), single_changes(sound, Random(11)), strict=False):
        assert told(proof.revise(changed.subject())) == told(Revisable.begin(changed.subject(), sound.network).report)


def test_a_rule_at_other_ports_is_compiled_alone_and_as_if_everything_were_compiled(sound: Built) -> None:
    subject, pick, compiled = sound.subject(), Random(5), 0
    before = assemble(subject)
    rules = [each for each in sound.resources if each.type in RULES and each.properties.get("toPort") is not None]
    for rule in pick.sample(rules, 16):
        port = pick.choice(rules).properties["toPort"]
        changed = sound.setting(rule.name, fromPort=port, toPort=port).subject()
        after = revised(before, subject, changed)
        if after is not None:
            compiled += 1
            assert after.stages == assemble(changed).stages
    assert compiled > 3


def rewritten(subject: Subject, pick: Random) -> Subject | None:
    """A generated estate with one filter changed: a number of a rule, or a whole rule left out."""
    filters = [
        number
        for number, each in enumerate(subject.resources)
        if each.type in RULES or each.type.endswith(("SecurityGroup", "NetworkAcl", ":Firewall"))
    ]
    if not filters:
        return None
    number = pick.choice(filters)
    resources = list(subject.resources)
    resources[number] = other_numbers(resources[number], pick)
    return replace(subject, resources=tuple(resources))


def other_numbers(resource: Resource, pick: Random) -> Resource:
    def other(value: Any, name: str = "") -> Any:
        if isinstance(value, list) and value and name in ("ingress", "egress") and pick.random() < 0.3:
            return value[1:]
        if isinstance(value, list):
            return [other(each) for each in value]
        if isinstance(value, dict):
            return {key: other(each, key) for key, each in value.items()}
        if name in ("fromPort", "toPort") and isinstance(value, int) and value > 0 and pick.random() < 0.5:
            return pick.choice((22, 80, 443, 26656))
        return value

    return replace(resource, properties=other(dict(resource.properties)))


def arriving(prover: Prover) -> dict[tuple[str, str, str, int, bool], int]:
    """The packets that arrive, by sender, place, device, atom of the source and reading."""
    found: dict[tuple[str, str, str, int, bool], int] = {}
    space = prover.assembly.space
    for sender in prover.senders():
        for may in (True, False):
            for arrival in prover.arrivals(sender, may=may):
                for sources, destinations, services in arrival.flows():
                    packets = space.mask(destinations=destinations, services=services)
                    for low, high in sources:
                        for atom in range(space.sources.atom(low), space.sources.atom(high) + 1):
                            key = sender.name, arrival.to, arrival.device, atom, may
                            found[key] = found.get(key, 0) | packets
    return found


def test_walks_that_are_kept_are_those_of_a_new_prover() -> None:
    pick, compared, kept = Random(3), 0, 0
    for seed in range(24):
        subject = generate.estate(seed)
        before = assemble(subject)
        old = Prover(before)
        arriving(old)
        changed = rewritten(subject, pick)
        after = assemble(changed, prior=before) if changed is not None else before
        filters = changed_filters(before, after)
        if filters:
            revised_prover, new = old.revised(after, filters), Prover(after)
            kept += len(revised_prover._walked)
            assert arriving(revised_prover) == arriving(new), seed
            senders = new.senders()
            assert revised_prover.exercised(senders) == new.exercised(senders), seed
            compared += 1
    assert compared > 2
    assert kept > 2
