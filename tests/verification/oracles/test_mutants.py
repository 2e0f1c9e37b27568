"""Planted mistakes that break a promise are refuted, others are not: ``verification.oracles.mutants``, for a few."""

from __future__ import annotations

from random import Random

import pytest

from verification.oracles import google
from verification.oracles.facts import Facts
from verification.oracles.mutants import Bed, beds, chosen, judge, judge_google, refuted
from verification.oracles.promises import CLAIMS, Promises

pytestmark = pytest.mark.slow
QUICK = frozenset(
    {
        "world-open rule", "open at both layers", "TLS made TCP", "missing route", "peering not accepted",
        "NAT gateway removed", "public address on a private host", "port range widened", "rule after a drop: tcp 22",
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def bed() -> Bed:
    return next(beds(["cosmoshub"]))


@pytest.fixture(scope="module")
def rows(bed):
    picked, counts = [], dict.fromkeys(QUICK, 0)
    for mutant in chosen(bed, 1):
        if mutant.kind in QUICK and counts[mutant.kind] < 1:
            counts[mutant.kind] += 1
            picked.append(mutant)
    return [judge(mutant, bed) for mutant in picked] + list(judge_google(45, 1, bed.networks[0]))


def test_the_estate_itself_breaks_no_promise(bed):
    promises = Promises(Facts(bed.subject), bed.networks, ("cosmoshub-public-sentry-us-east-1-01",))
    assert [str(broken) for claim in CLAIMS for broken in promises.check(claim)] == []
    assert refuted(bed.subject, bed) == {}


def test_every_mutant_that_z3_confirms_is_caught(rows):
    assert [f"{row.kind}: {row.name}: {row.broken}" for row in rows if row.verdict == "missed"] == []
    assert sum(row.verdict == "caught" for row in rows) >= 9


def test_no_alarm_is_raised_on_an_equivalent_mutant(rows):
    alarms = [f"{row.kind}: {row.name}: {row.refuted}" for row in rows if row.verdict == "false alarm"]
    assert alarms == []
    assert sum(row.verdict in ("equivalent", "setting only") for row in rows) >= 12


def test_mutants_of_a_seed_are_the_same_each_time():
    one = [(kind, name) for kind, name, _, _ in google.mutants(Random(1))]
    assert one == [(kind, name) for kind, name, _, _ in google.mutants(Random(1))]
