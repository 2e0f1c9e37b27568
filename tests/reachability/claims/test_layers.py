"""Every layer says the same, and a report says which does not."""

from __future__ import annotations

import pytest

from estate.model import Role
from reachability.claims import Estate, Outcome, verdict
from reachability.resources import UNKNOWN
from tests.reachability.claims.estates import CLAIMS, EGRESS, INGRESS, Built, sentences

pytestmark = pytest.mark.slow

REGION, SITE = "us-east-2", "dal1"


def test_a_rule_that_the_group_lacks_is_named(sound: Built):
    group = sound.group("seed", REGION).id
    changed = sound.without(
        lambda each: (
            each.type == INGRESS
            and each.properties["securityGroupId"] == group
            and each.properties.get("fromPort") == 9100
        )
    )
    found = changed.verdict("layers-agree")
    assert found.outcome is Outcome.REFUTED
    assert "the topology permits tcp 9100 from" in sentences(found)
    assert f"to {sound.host(Role.SEED, REGION).name}, the security group does not" in sentences(found)


def test_a_range_one_port_too_wide_is_told_by_that_port(sound: Built):
    group = sound.group("vpn", REGION).id
    rule = next(
        each
        for each in sound.resources
        if each.type == INGRESS and each.properties["securityGroupId"] == group and each.properties["fromPort"] == 1194
    )
    found = sound.setting(rule.name, toPort=1195).verdict("layers-agree")
    assert found.outcome is Outcome.REFUTED
    assert any("the security group permits udp 1195 from" in each for each in found.sentences)


def test_a_wider_block_is_told_by_the_addresses_that_are_too_many(sound: Built):
    host = sound.host(Role.PRIVATE_SENTRY, "eu-west-1")
    found = sound.edited(host, "ip saddr 172.20.77.0/24", "ip saddr 172.20.76.0/23").verdict("layers-agree")
    assert found.outcome is Outcome.REFUTED
    assert f"the host firewall permits tcp 26656 from 172.20.76.0/24 to {host.name}" in sentences(found)


def test_an_egress_rule_of_the_group_is_compared_too(sound: Built):
    changed = sound.permitting("monitor", REGION, "udp", 8125, "203.0.113.0/24", egress=True)
    assert "permits udp 8125 from" in sentences(changed.verdict("layers-agree"))
    assert any(each.type == EGRESS for each in changed.resources)


def test_a_router_that_forwards_more_is_named(sound: Built):
    edge = sound.host(Role.EDGE, SITE)
    found = sound.accepting(edge, "forward", "tcp dport 8080 accept").verdict("layers-agree")
    assert f"the host firewall has {edge.name} forward tcp 8080" in sentences(found)


def test_a_router_that_forwards_less_is_named(sound: Built):
    edge = sound.host(Role.EDGE, SITE)
    line = next(each for each in sound.rulesets[edge.name].splitlines() if "forward-privval-dal1 accept" in each)
    found = sound.edited(edge, f"{line}\n", "").verdict("layers-agree")
    assert f"the topology has {edge.name} forward tcp 26659" in sentences(found)


def test_a_target_on_another_port_is_named_from_both_sides(sound: Built):
    seed = sound.host(Role.SEED, REGION).name
    found = sound.setting(f"osmosis-{REGION}-endpoint-rpc-{seed}", port=9999).verdict("layers-agree")
    assert f"a load balancer forwards to {seed} on 9999, the topology does not" in sentences(found)
    assert f"the topology requires a load balancer target {seed} on 26657, there is none" in sentences(found)


def test_a_target_that_is_not_known_yet_leaves_the_claim_open(sound: Built):
    seed = sound.host(Role.SEED, REGION).name
    found = sound.setting(f"osmosis-{REGION}-endpoint-rpc-{seed}", port=UNKNOWN).verdict("layers-agree")
    assert found.outcome is not Outcome.PROVED


def test_a_node_that_listens_where_nobody_is_let_in_is_named(sound: Built):
    case = sound.case()
    seed = sound.host(Role.SEED, REGION)
    taken = {seed.name: (26656, 26657, 1317, 26660)}
    agreeing = Estate(case.prover, [sound.network], case.estate.resources, taken)
    assert verdict(agreeing.case(sound.network), CLAIMS["layers-agree"]).outcome is Outcome.PROVED
    taken[seed.name] = (*taken[seed.name], 26659)
    differing = Estate(case.prover, [sound.network], case.estate.resources, taken)
    found = verdict(differing.case(sound.network), CLAIMS["layers-agree"])
    assert f"the node of {seed.name} listens on tcp 26659, which the topology does not open" in sentences(found)
