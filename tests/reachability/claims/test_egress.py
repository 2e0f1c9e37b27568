"""What hosts send is declared, and the rest is dropped and logged."""

from __future__ import annotations

import pytest

from estate.model import Role
from reachability.claims import Outcome
from tests.reachability.claims.estates import Built, packet, sentences

pytestmark = pytest.mark.slow

REGION, SITE = "us-east-2", "dal1"


def test_a_host_that_both_layers_let_send_mail_is_shown(sound: Built):
    host = sound.host(Role.SEED, REGION)
    changed = sound.permitting("seed", REGION, "tcp", 25, "0.0.0.0/0", egress=True)
    found = changed.accepting(host, "output", "tcp dport 25 accept").verdict("egress-allow-list")
    assert found.outcome is Outcome.REFUTED
    assert (packet(found)["src"], packet(found)["dst_port"]) == (str(host.address), 25)
    assert f"{host.name} sends to" in sentences(found)


def test_what_one_layer_stops_is_not_sent(sound: Built):
    host = sound.host(Role.SEED, REGION)
    only_host = sound.accepting(host, "output", "ip daddr 203.0.113.9 tcp dport 25 accept")
    only_group = sound.permitting("seed", REGION, "tcp", 25, "0.0.0.0/0", egress=True)
    assert only_host.verdict("egress-allow-list").outcome is Outcome.PROVED
    assert only_group.verdict("egress-allow-list").outcome is Outcome.PROVED


def test_a_forged_source_that_gets_out_is_shown(sound: Built):
    """The edges forward one port of one address that no host has; a validator may write that address."""
    validator = sound.host(Role.VALIDATOR, SITE)
    forged = f"{validator.address.exploded.rsplit('.', 1)[0]}.200"
    changed = sound.accepting(validator, "output", "udp dport 5353 accept")
    changed = changed.accepting(sound.host(Role.EDGE, SITE), "forward", f"ip saddr {forged} udp dport 5353 accept")
    found = changed.verdict("egress-allow-list")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["src"] == forged
    assert "from a forged source address" in sentences(found)


def test_no_group_stops_what_a_host_sends_to_its_hypervisor(sound: Built):
    host = sound.host(Role.SEED, REGION)
    found = sound.accepting(host, "output", "tcp dport 8080 accept").verdict("egress-allow-list")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["dst"] in ("10.77.0.2", "169.254.169.254"), "its resolver, its metadata"


@pytest.mark.parametrize("role", [Role.SEED, Role.SIGNER])
def test_a_host_that_logs_nothing_of_what_it_drops_is_named(sound: Built, role: Role):
    host = sound.host(role)
    text = "\n".join(line for line in sound.rulesets[host.name].splitlines() if "estate-drop-out" not in line) + "\n"
    found = sound.loading(host, text).verdict("egress-allow-list")
    assert found.outcome is Outcome.REFUTED
    assert f"{host.name}: the last chain of its output hook does not log what it drops" in sentences(found)


def test_a_host_without_a_firewall_logs_nothing(sound: Built):
    host = sound.host(Role.SIGNER)
    found = sound.loading(host, None).verdict("egress-allow-list")
    assert found.outcome is Outcome.REFUTED
    assert f"{host.name} has no host firewall" in sentences(found)


def test_an_output_that_accepts_by_policy_is_shown(sound: Built):
    host = sound.host(Role.SIGNER, SITE)
    head = "type filter hook output priority filter; policy"
    changed = sound.edited(host, f"{head} drop;", f"{head} accept;")
    assert changed.verdict("egress-allow-list").outcome is Outcome.REFUTED
