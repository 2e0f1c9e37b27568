"""What is hidden stays hidden: validators, signers, private sentries."""

from __future__ import annotations

import asyncio

import pytest

from estate.model import Network, Role
from reachability.claims import Outcome
from reachability.resources import Resource
from tests.reachability.claims.estates import Built, deployed, example, packet, sentences

pytestmark = pytest.mark.slow

SITE, REGION = "dal1", "us-east-2"


def passing(built: Built, source: Role, target: Role, rule: str) -> Built:
    """A connection between two hosts of a site that every firewall on its way lets through."""
    changed = built.accepting(built.host(source, SITE), "output", rule)
    for number in (1, 2):
        changed = changed.accepting(built.host(Role.EDGE, SITE, number), "forward", rule)
    return changed.accepting(built.host(target, SITE), "input", rule)


def test_a_signer_that_reaches_more_of_a_validator_than_privval_is_shown(sound: Built):
    found = passing(sound, Role.SIGNER, Role.VALIDATOR, "tcp dport 26656 accept").verdict("validator-hidden")
    signer, validator = sound.host(Role.SIGNER, SITE), sound.host(Role.VALIDATOR, SITE)
    assert found.outcome is Outcome.REFUTED
    assert f"{signer.name} reaches {validator.name}" in sentences(found)
    assert (packet(found)["src"], packet(found)["dst_port"]) == (str(signer.address), 26656)


def test_a_monitor_that_reaches_a_port_it_does_not_read_is_shown(sound: Built):
    monitor, validator = sound.host(Role.MONITOR, REGION), sound.host(Role.VALIDATOR, SITE)
    changed = sound.permitting("monitor", REGION, "tcp", 26657, f"{validator.management_address}/32", egress=True)
    changed = changed.accepting(monitor, "output", "tcp dport 26657 accept")
    for number in (1, 2):
        changed = changed.accepting(sound.host(Role.EDGE, SITE, number), "forward", "tcp dport 26657 accept")
    found = changed.accepting(validator, "input", "tcp dport 26657 accept").verdict("validator-hidden")
    assert (found.outcome, packet(found)["dst"]) == (Outcome.REFUTED, str(validator.management_address))


@pytest.fixture(scope="module")
def scraped() -> Built:
    """The declaration that the first proof of this estate refuted: the monitors read the signers too."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    network: Network = example()
    jobs = dict(network.monitoring)
    jobs["host"] = jobs["host"].model_copy(update={"roles": (*jobs["host"].roles, Role.SIGNER)})
    return deployed(network.model_copy(update={"monitoring": jobs}))


def test_monitors_that_read_a_signer_open_a_connection_to_it(scraped: Built):
    found = scraped.verdict("signer-dials-out")
    signer = scraped.host(Role.SIGNER, SITE)
    assert found.outcome is Outcome.REFUTED
    assert (packet(found)["dst"], packet(found)["dst_port"]) == (str(signer.management_address), 9100)


def test_a_signer_that_dials_a_resolver_is_shown(sound: Built):
    changed = sound.accepting(sound.host(Role.SIGNER, SITE), "output", "udp dport 53 accept")
    changed = changed.accepting(sound.host(Role.EDGE, SITE), "forward", "udp dport 53 accept")
    found = changed.verdict("signer-dials-out")
    assert found.outcome is Outcome.REFUTED
    assert (packet(found)["protocol"], packet(found)["dst_port"]) == ("udp", 53)
    assert f"{sound.host(Role.SIGNER, SITE).name} opens connections to" in sentences(found)


def test_a_rule_of_the_signer_alone_changes_nothing_that_the_edges_stop(sound: Built):
    changed = sound.accepting(sound.host(Role.SIGNER, SITE), "output", "ip daddr 192.0.2.200 udp dport 53 accept")
    assert changed.verdict("signer-dials-out").outcome is Outcome.PROVED
    assert changed.verdict("layers-agree").outcome is Outcome.REFUTED


def test_a_private_sentry_with_a_public_address_is_not_hidden(sound: Built):
    sentry = sound.host(Role.PRIVATE_SENTRY, REGION)
    instance = sound.resource(f"{sentry.name}-instance")
    address = Resource(
        "urn:pulumi:osmosis::estate::aws:ec2/eip:Eip::stray", "aws:ec2/eip:Eip", "stray", "eipalloc-0stray",
        {"domain": "vpc", "region": REGION, "publicIp": "198.51.100.88"}, {},
    )  # fmt: skip
    association = Resource(
        "urn:pulumi:osmosis::estate::aws:ec2/eipAssociation:EipAssociation::stray",
        "aws:ec2/eipAssociation:EipAssociation", "stray-association", "eipassoc-0stray",
        {"allocationId": "eipalloc-0stray", "instanceId": instance.id, "region": REGION}, {},
    )  # fmt: skip
    found = sound.adding(address, association).verdict("private-sentry-hidden")
    assert found.outcome is Outcome.REFUTED
    assert f"{sentry.name} has the public address 198.51.100.88 on ens5" in sentences(found)


def test_a_seed_that_reaches_p2p_of_a_private_sentry_is_shown(sound: Built):
    seed, sentry = sound.host(Role.SEED, REGION), sound.host(Role.PRIVATE_SENTRY, REGION)
    changed = (
        sound.permitting("seed", REGION, "tcp", 26656, f"{sentry.address}/32", egress=True)
        .permitting("private-sentry", REGION, "tcp", 26656, f"{seed.address}/32")
        .accepting(seed, "output", "tcp dport 26656 accept")
        .accepting(sentry, "input", "tcp dport 26656 accept")
    )
    found = changed.verdict("private-sentry-hidden")
    assert (found.outcome, packet(found)["src"]) == (Outcome.REFUTED, str(seed.address))
