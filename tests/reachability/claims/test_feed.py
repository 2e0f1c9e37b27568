"""What must get through does, also when something fails; where it does not, every setting in the way is named."""

from __future__ import annotations

import pytest

from estate.model import Role
from reachability.claims import Outcome
from tests.reachability.claims.estates import EGRESS, INGRESS, Built, deciding, sentences

pytestmark = pytest.mark.slow

ONE, TWO, SITE = "us-east-2", "eu-west-1", "dal1"


def refusing(built: Built, role: str, region: str, cidr: str, *, egress: bool = False) -> Built:
    """Without the rules of a role's group that let p2p through from (or to) a block."""
    group = built.group(role, region).id
    return built.without(
        lambda each: (
            each.type == (EGRESS if egress else INGRESS)
            and each.properties["securityGroupId"] == group
            and each.properties.get("fromPort") == 26656
            and each.properties.get("cidrIpv4") == cidr
        )
    )


def test_a_missing_rule_between_regions_is_named_with_what_it_stops(sound: Built):
    source, target = sound.host(Role.PRIVATE_SENTRY, ONE), sound.host(Role.PRIVATE_SENTRY, TWO)
    found = refusing(sound, "private-sentry", TWO, f"{source.address}/32").verdict("regions-meshed")
    assert found.outcome is Outcome.REFUTED
    assert f"{source.name} must reach {target.name} on tcp 26656, but cannot" in sentences(found)
    assert any("private-sentry-group in" in decided for decided in deciding(found))


def test_every_setting_in_the_way_is_told_at_once(sound: Built):
    source, target = sound.host(Role.PRIVATE_SENTRY, ONE), sound.host(Role.PRIVATE_SENTRY, TWO)
    changed = refusing(sound, "private-sentry", TWO, f"{source.address}/32")
    changed = refusing(changed, "private-sentry", ONE, f"{target.address}/32", egress=True)
    found = changed.verdict("regions-meshed")
    pair = next(each for each in found.sentences if each.startswith(f"{source.name} must reach {target.name}"))
    assert "private-sentry-group out" in pair and "private-sentry-group in" in pair


def test_answers_that_a_stateless_filter_drops_break_the_mesh(sound: Built):
    """Questions pass; the client ports of the answers do not."""
    name = f"osmosis-{ONE}-network-default-acl"
    rules = sound.resource(name).properties["ingress"]
    stop = {
        "action": "deny", "ruleNo": 1, "protocol": "tcp", "fromPort": 50000, "toPort": 50100,
        "cidrBlock": "10.77.16.0/20",
    }  # fmt: skip
    found = sound.setting(name, ingress=[stop, *rules]).verdict("regions-meshed")
    assert found.outcome is Outcome.REFUTED
    assert "the answers do not come back" in sentences(found)


def test_a_validator_is_fed_by_whichever_edge_holds_the_gateway(sound: Built):
    edge = sound.host(Role.EDGE, SITE, 2)
    line = next(
        each for each in sound.rulesets[edge.name].splitlines() if "forward-p2p-validator-sentry accept" in each
    )
    found = sound.edited(edge, f"{line}\n", "").verdict("validator-fed")
    assert found.outcome is Outcome.REFUTED
    assert all(f"by {edge.name}" in each for each in found.sentences), "the other edge forwards it"


def test_two_sentries_in_one_region_are_not_enough(sound: Built):
    changed = refusing(sound, "public-sentry", TWO, "0.0.0.0/0")
    for host in (sound.host(Role.VALIDATOR, SITE), sound.host(Role.VALIDATOR, SITE, 2)):
        for role in ("public-sentry", "private-sentry"):
            changed = refusing(changed, role, TWO, f"{host.address}/32")
    found = changed.verdict("validator-fed")
    assert found.outcome is Outcome.REFUTED
    assert "reaches p2p in 1 regions" in sentences(found)


def test_both_zones_behind_one_nat_gateway_do_not_survive_its_zone(sound: Built):
    gateway = sound.resource(f"osmosis-{ONE}-nat-a")
    found = sound.setting(f"osmosis-{ONE}-nat-b-internet", natGatewayId=gateway.id).verdict("nat-survives-zone")
    assert found.outcome is Outcome.REFUTED
    assert f"without {ONE}a, " in sentences(found) and "cannot reach the internet" in sentences(found)


def test_validators_that_only_one_region_feeds_do_not_survive_it(sound: Built):
    changed = refusing(sound, "public-sentry", TWO, "0.0.0.0/0")
    for number in (1, 2):
        for role in ("public-sentry", "private-sentry"):
            changed = refusing(changed, role, TWO, f"{sound.host(Role.VALIDATOR, SITE, number).address}/32")
    found = changed.verdict("feed-survives-region")
    assert found.outcome is Outcome.REFUTED
    assert f"without {ONE}, {sound.host(Role.VALIDATOR, SITE).name} reaches p2p of no sentry" in sentences(found)


def test_validators_that_only_public_sentries_feed_do_not_survive_without_them(sound: Built):
    changed = sound
    for region in (ONE, TWO):
        changed = refusing(changed, "private-sentry", region, f"{sound.host(Role.VALIDATOR, SITE).address}/32")
    found = changed.verdict("feed-survives-sentries-down")
    assert found.outcome is Outcome.REFUTED
    assert "without all public sentries" in sentences(found)
    assert changed.verdict("validator-fed").outcome is Outcome.PROVED, "while everything stands, it is fed"
