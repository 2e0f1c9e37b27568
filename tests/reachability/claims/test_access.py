"""Who may come in, and how far."""

from __future__ import annotations

import pytest

from estate.model import Role
from reachability.claims import Outcome
from tests.reachability.claims.estates import Built, packet, sentences

pytestmark = pytest.mark.slow

REGION = "eu-west-1"
PARTNER_BLOCK = "172.20.77.0/24"


def test_ssh_from_node_to_node_is_shown(sound: Built):
    source, target = sound.host(Role.PUBLIC_SENTRY, REGION), sound.host(Role.PRIVATE_SENTRY, REGION)
    changed = (
        sound.permitting("public-sentry", REGION, "tcp", 22, f"{target.address}/32", egress=True)
        .permitting("private-sentry", REGION, "tcp", 22, f"{source.address}/32")
        .accepting(source, "output", "tcp dport 22 accept")
        .accepting(target, "input", "tcp dport 22 accept")
    )
    found = changed.verdict("ssh-from-vpn-only")
    assert found.outcome is Outcome.REFUTED
    assert (packet(found)["src"], packet(found)["dst"]) == (str(source.address), str(target.address))


def test_ssh_from_the_vpn_of_another_instance_is_node_to_node(sound: Built, other: Built):
    gateway = other.host(Role.VPN, REGION)
    target = sound.host(Role.PUBLIC_SENTRY, REGION)
    changed = (
        sound.filtering_nothing(REGION)
        .permitting("public-sentry", REGION, "tcp", 22, "0.0.0.0/0")
        .accepting(target, "input", "tcp dport 22 accept")
        .beside(
            other.permitting("vpn", REGION, "tcp", 22, "0.0.0.0/0", egress=True).accepting(
                gateway, "output", "tcp dport 22 accept"
            )
        )
    )
    assert f"{gateway.name} reaches SSH of {target.name}" in sentences(changed.verdict("ssh-from-vpn-only"))


def test_a_partner_that_reaches_ssh_of_a_private_sentry_is_shown(sound: Built):
    target = sound.host(Role.PRIVATE_SENTRY, REGION)
    changed = sound.filtering_nothing(REGION).permitting("private-sentry", REGION, "tcp", 22, PARTNER_BLOCK)
    changed = changed.accepting(target, "input", "tcp dport 22 accept")
    found = changed.verdict("partner-scope")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["src"].startswith("172.20.77.") and packet(found)["dst_port"] == 22
    assert f"partner northwind reaches {target.name}" in sentences(found)


def test_a_route_for_more_than_the_partners_block_lets_it_pose_as_one_of_ours(sound: Built):
    """Without the route the answers would go elsewhere; with it a forged address opens connections."""
    requests = sound.resource("osmosis-partner-northwind-request")
    route = next(
        each
        for each in sound.resources
        if each.type == "aws:ec2/route:Route" and each.properties.get("vpcPeeringConnectionId") == requests.id
    )
    changed = sound.setting(route.name, destinationCidrBlock="10.77.0.0/24")
    found = changed.verdict("partner-scope")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["src"].startswith("10.77."), "an address of our own other region"


def test_a_peering_with_a_vpc_that_is_no_declared_partners_reaches_nothing(sound: Built):
    found = sound.setting("osmosis-partner-northwind-request", peerVpcId="vpc-0123456789abcdef0").verdict(
        "partner-scope"
    )
    assert found.outcome is Outcome.REFUTED
    assert "which is not a declared partner" in sentences(found)


def test_vpn_clients_that_are_forwarded_to_the_internet_are_shown(sound: Built):
    gateway = sound.host(Role.VPN, REGION)
    changed = sound.permitting("vpn", REGION, "tcp", 443, "0.0.0.0/0", egress=True).accepting(
        gateway, "forward", 'iifname "tun0" tcp dport 443 accept'
    )
    found = changed.verdict("vpn-scope")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["src"].startswith("10.77.24"), "a client of the pool"
    assert packet(found)["dst_port"] == 443
    assert f"clients of {gateway.name} reach internet" in sentences(found)
