"""What the internet may reach: each promise broken by one change, and shown by a packet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from estate.model import Role
from reachability import addresses
from reachability.claims import Outcome
from reachability.frontends.aws_tokens import BALANCING
from reachability.resources import UNKNOWN, Resource
from tests.reachability.claims.estates import Built, deciding, packet, sentences

pytestmark = pytest.mark.slow

REGION = "us-east-2"


def opened(built: Built, role: Role, port: int, *, cidr: str = "0.0.0.0/0") -> Built:
    """A port opened to the world by both layers, as in haste."""
    host = built.host(role, REGION)
    changed = built.filtering_nothing(REGION).permitting(role.value, REGION, "tcp", port, cidr)
    return changed.accepting(host, "input", f"tcp dport {port} accept")


def public_address(built: Built, name: str) -> str:
    machine = built.case().machine(name)
    assert machine is not None
    return addresses.text(machine.interfaces[0].public[0])


def test_ssh_that_every_layer_opens_is_shown_by_a_packet_to_the_public_address(sound: Built):
    changed = opened(sound, Role.PUBLIC_SENTRY, 22)
    found = changed.verdict("no-public-ssh")
    sentry = sound.host(Role.PUBLIC_SENTRY, REGION)
    assert found.outcome is Outcome.REFUTED
    shown = packet(found)
    assert (shown["dst"], shown["protocol"], shown["dst_port"]) == (public_address(sound, sentry.name), "tcp", 22)
    assert f"the internet reaches SSH of {sentry.name}" in sentences(found)
    assert any("in tcp 22 from 0.0.0.0/0" in decided for decided in deciding(found)), "the group's rule decides"
    assert any("tcp dport 22 accept" in decided for decided in deciding(found)), "so does the host's"


def test_ssh_that_only_the_group_opens_is_stopped_by_the_host(sound: Built):
    changed = sound.permitting("public-sentry", REGION, "tcp", 22, "0.0.0.0/0")
    assert changed.verdict("no-public-ssh").outcome is Outcome.PROVED
    found = changed.verdict("layers-agree")
    assert found.outcome is Outcome.REFUTED, "the layers no longer say the same"
    assert "the security group permits tcp 22 from 0.0.0.0/" in sentences(found)


def test_ssh_that_only_the_host_opens_is_stopped_by_the_group(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    changed = sound.accepting(host, "input", "tcp dport 22 accept")
    assert changed.verdict("no-public-ssh").outcome is Outcome.PROVED
    assert "the host firewall permits tcp 22 from" in sentences(changed.verdict("layers-agree"))


def test_the_networks_acl_stops_ssh_that_group_and_host_let_in(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    changed = sound.permitting("public-sentry", REGION, "tcp", 22, "0.0.0.0/0")
    changed = changed.accepting(host, "input", "tcp dport 22 accept")
    assert changed.verdict("no-public-ssh").outcome is Outcome.PROVED


def test_ssh_of_a_host_without_a_firewall_is_open_where_its_group_is(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    changed = sound.filtering_nothing(REGION).permitting("public-sentry", REGION, "tcp", 22, "0.0.0.0/0")
    changed = changed.loading(host, None)
    assert changed.verdict("no-public-ssh").outcome is Outcome.REFUTED


def over_v6(built: Built, *, group: str) -> Built:
    """A public sentry with an IPv6 address, as one tick in a console makes it; ``group`` is whom its group lets in."""
    sentry = built.host(Role.PUBLIC_SENTRY, REGION)
    gateway = next(
        each
        for each in built.resources
        if each.type == "aws:ec2/internetGateway:InternetGateway" and each.properties.get("region") == REGION
    )
    table = built.resource(f"osmosis-{REGION}-public-routes-all")
    route = Resource(
        "urn:pulumi:osmosis::estate::aws:ec2/route:Route::six", "aws:ec2/route:Route", "six", "r-six",
        {"routeTableId": table.id, "destinationIpv6CidrBlock": "::/0", "gatewayId": gateway.id, "region": REGION}, {},
    )  # fmt: skip
    everything = {"action": "allow", "protocol": "-1", "fromPort": 0, "toPort": 0}
    entries = [
        {**everything, "ruleNo": 100, "cidrBlock": "0.0.0.0/0"}, {**everything, "ruleNo": 101, "ipv6CidrBlock": "::/0"},
    ]  # fmt: skip
    return (
        built.setting(f"osmosis-{REGION}-network-vpc", ipv6CidrBlock="2001:db8:77::/56")
        .setting(f"osmosis-{REGION}-public-a", ipv6CidrBlock="2001:db8:77::/64")
        .setting(f"{sentry.name}-instance", ipv6Addresses=["2001:db8:77::17"])
        .setting(f"osmosis-{REGION}-network-default-acl", ingress=entries, egress=entries)
        .adding(route)
        .permitting("public-sentry", REGION, "tcp", 22, group)
        .accepting(sentry, "input", "tcp dport 22 accept")
    )


def test_ssh_over_v6_is_public_ssh(sound: Built):
    found = over_v6(sound, group="::/0").verdict("no-public-ssh")
    assert found.outcome is Outcome.REFUTED
    assert (packet(found)["dst"], packet(found)["dst_port"]) == ("2001:db8:77::17", 22)


def test_a_rule_of_v4_opens_nothing_over_v6(sound: Built):
    changed = over_v6(sound, group="10.77.0.0/16")
    assert changed.verdict("no-public-ssh").outcome is Outcome.PROVED
    assert changed.verdict("ssh-from-vpn-only").outcome is Outcome.PROVED, "nobody has a rule to send it"


def test_another_port_that_the_host_translates_to_ssh_is_public_ssh(sound: Built):
    host = sound.host(Role.PUBLIC_SENTRY, REGION)
    text = sound.rulesets[host.name].replace(
        "\tchain input {",
        "\tchain early {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
        "\t\ttcp dport 26656 redirect to :22\n\t}\n\n\tchain input {",
    )
    found = sound.loading(host, text).accepting(host, "input", "tcp dport 22 accept").verdict("no-public-ssh")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["dst_port"] == 26656, "what the sender wrote"


def test_a_listener_on_port_22_is_public_ssh_if_the_internet_gets_to_it(sound: Built):
    listening = sound.setting(f"osmosis-{REGION}-endpoint-rpc-listener", port=22)
    assert listening.verdict("no-public-ssh").outcome is Outcome.PROVED, "its group and the network ACL stop SSH"
    opened = listening.permitting("load-balancer", REGION, "tcp", 22, "0.0.0.0/0")
    assert opened.verdict("no-public-ssh").outcome is Outcome.PROVED, "the network ACL still does"
    found = opened.filtering_nothing(REGION).verdict("no-public-ssh")
    assert found.outcome is Outcome.REFUTED
    assert packet(found)["dst_port"] == 22


def test_a_public_sentry_that_answers_rpc_is_shown(sound: Built):
    found = opened(sound, Role.PUBLIC_SENTRY, 26657).verdict("public-sentry-p2p-only")
    assert (found.outcome, packet(found)["dst_port"]) == (Outcome.REFUTED, 26657)


def test_p2p_and_errors_about_packets_are_all_that_a_public_sentry_takes(sound: Built):
    found = sound.verdict("public-sentry-p2p-only")
    assert (found.outcome, found.witness) == (Outcome.PROVED, None)


def test_a_seed_that_answers_rpc_past_the_balancer_is_shown(sound: Built):
    found = opened(sound, Role.SEED, 26657).verdict("public-endpoints-tls")
    seed = sound.host(Role.SEED, REGION)
    assert found.outcome is Outcome.REFUTED
    assert f"the internet reaches {seed.name} past the load balancer" in sentences(found)
    assert (packet(found)["dst"], packet(found)["dst_port"]) == (public_address(sound, seed.name), 26657)


def test_a_listener_without_tls_is_named(sound: Built):
    found = sound.setting(f"osmosis-{REGION}-endpoint-lcd-listener", protocol="TCP").verdict("public-endpoints-tls")
    assert found.outcome is Outcome.REFUTED
    assert f"osmosis-{REGION}-endpoint-lcd-listener listens on 1317 with TCP, which is not TLS" in sentences(found)


@pytest.mark.parametrize("module", BALANCING)
def test_a_listener_without_tls_is_named_under_every_token_of_its_type(sound: Built, module: str):
    plain = sound.setting(f"osmosis-{REGION}-endpoint-lcd-listener", protocol="TCP")
    renamed = replace(
        plain,
        resources=tuple(replace(each, type=each.type.replace("aws:lb/", f"aws:{module}/")) for each in plain.resources),
    )
    found = renamed.verdict("public-endpoints-tls")
    assert found.outcome is Outcome.REFUTED
    assert f"osmosis-{REGION}-endpoint-lcd-listener listens on 1317 with TCP, which is not TLS" in sentences(found)
    assert renamed.verdict("layers-agree").outcome is Outcome.PROVED, "targets are found by the same table"


def test_a_protocol_that_only_the_deployment_will_tell_is_not_taken_for_tls(sound: Built):
    found = sound.setting(f"osmosis-{REGION}-endpoint-lcd-listener", protocol=UNKNOWN).verdict("public-endpoints-tls")
    assert found.outcome is not Outcome.PROVED


def test_whatever_else_answers_to_the_internet_breaks_the_endpoints_promise(sound: Built):
    host = sound.host(Role.VPN, REGION)
    changed = sound.permitting("vpn", REGION, "tcp", 8443, "0.0.0.0/0").accepting(
        host, "input", "tcp dport 8443 accept"
    )
    found = changed.verdict("public-endpoints-tls")
    assert (found.outcome, packet(found)["dst_port"]) == (Outcome.REFUTED, 8443)


def test_an_instance_that_nobody_declares_is_held_to_the_promises_too(sound: Built):
    sentry = sound.resource(f"{sound.host(Role.PUBLIC_SENTRY, REGION).name}-instance")
    subnet = sound.resource(f"osmosis-{REGION}-public-a")
    group = Resource(
        "urn:pulumi:osmosis::estate::aws:ec2/securityGroup:SecurityGroup::jump",
        "aws:ec2/securityGroup:SecurityGroup", "jump", "sg-0jump",
        {"vpcId": subnet.properties["vpcId"], "name": "jump", "region": REGION,
         "ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]}, {},
    )  # fmt: skip
    jump = Resource(
        "urn:pulumi:osmosis::estate::aws:ec2/instance:Instance::jump", sentry.type, "jump", "i-0jump",
        {"subnetId": subnet.id, "privateIp": "10.77.0.200", "vpcSecurityGroupIds": ["sg-0jump"], "region": REGION,
         "associatePublicIpAddress": True, "publicIp": "198.51.100.77"}, {},
    )  # fmt: skip
    changed = sound.filtering_nothing(REGION).adding(group, jump)
    for claim in ("no-public-ssh", "ssh-from-vpn-only", "public-endpoints-tls"):
        assert changed.verdict(claim).outcome is Outcome.REFUTED, claim
