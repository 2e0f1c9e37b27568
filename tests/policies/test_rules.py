"""Each rule: what passes, and each way to break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi_policy.proxy import UnknownValueError

from policies.rules import (
    deletion_protection,
    described_rule,
    egress_to_everything,
    encrypted_logs,
    encrypted_table,
    encrypted_volume,
    engine_protection,
    iam_wildcard,
    instance_access,
    instance_metadata,
    key_policy,
    listener_tls,
    log_retention,
    private_tier_address,
    public_ssh,
    role_trust,
    stated_tags,
    tunnel_certificate,
    world_open_port,
)
from policies.rules.reading import UNKNOWN
from tests.policies.judging import BOOLEAN, NUMBER, STRING, TAGS, judged

INSTANCE = "aws:ec2/instance:Instance"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
VOLUME = "aws:ebs/volume:Volume"
TABLE = "aws:dynamodb/table:Table"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
ROLE = "aws:iam/role:Role"
KEY = "aws:kms/key:Key"
LISTENER = "aws:lb/listener:Listener"


def tagged(**more: str) -> dict[str, dict[str, str]]:
    return {"tags": {**TAGS, **more}}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def ingress(
    cidr: str | None = "0.0.0.0/0",
    port: Any = 26656,
    *,
    protocol: str = "tcp",
    exposure: str | None = "p2p",
    role: str = "seed",
    **more: Any,
) -> dict:
    tags = tagged(Role=role, **({"Exposure": exposure} if exposure else {}))
    source = {} if cidr is None else {"cidrIpv6" if ":" in cidr else "cidrIpv4": cidr}
    return {**tags, **source, "ipProtocol": protocol, "fromPort": port, "toPort": port, "description": "p2p", **more}


ROOT_DISK = {"rootBlockDevice": {"encrypted": True, "kmsKeyId": STRING}}
METADATA = {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}}
ACCOUNT = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}
GOOD_KEY = {"enableKeyRotation": True, "deletionWindowInDays": 30, "policy": policy(ACCOUNT)}
TRUST_EC2 = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})
GOOD_LISTENER = {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "certificateArn": STRING}
REGIONS = {"Condition": {"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}}}

PASSES = [
    (private_tier_address, INSTANCE, tagged(Tier="private") | {"associatePublicIpAddress": False}),
    (private_tier_address, INSTANCE, tagged(Tier="public")),
    (private_tier_address, "aws:ec2/subnet:Subnet", tagged(Tier="private") | {"mapPublicIpOnLaunch": False}),
    (private_tier_address, "aws:ec2/subnet:Subnet", tagged(Tier="ingress")),
    (private_tier_address, "aws:ec2/eip:Eip", tagged(Tier="public")),
    (world_open_port, INGRESS, ingress()),
    (world_open_port, INGRESS, ingress(cidr="::/0")),
    (world_open_port, INGRESS, ingress(port=1317, exposure="lcd", role="load-balancer")),
    (world_open_port, INGRESS, ingress(port=1194, protocol="udp", exposure="vpn", role="vpn")),
    (world_open_port, INGRESS, ingress(protocol="icmp", exposure="path-mtu", fromPort=3, toPort=4)),
    (world_open_port, INGRESS, ingress(cidr="10.1.0.0/16", port=22, exposure=None)),
    (world_open_port, INGRESS, ingress(cidr="198.51.100.10/32", port=9100, exposure=None)),
    (world_open_port, INGRESS, ingress(cidr=None, exposure=None, referencedSecurityGroupId=STRING)),
    (world_open_port, "aws:ec2/securityGroup:SecurityGroup", tagged()),
    (public_ssh, INGRESS, ingress(cidr="10.1.0.97/32", port=22)),
    (public_ssh, INGRESS, ingress(cidr="0.0.0.0/0", port=26656)),
    (public_ssh, INGRESS, ingress(cidr="0.0.0.0/0", port=22, protocol="udp")),
    (egress_to_everything, EGRESS, {"ipProtocol": "tcp", "cidrIpv4": "0.0.0.0/5"}),
    (encrypted_volume, VOLUME, {"encrypted": True, "kmsKeyId": STRING}),
    (encrypted_volume, INSTANCE, ROOT_DISK),
    (encrypted_logs, GROUP, {"kmsKeyId": STRING}),
    (encrypted_table, TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": STRING}}),
    (instance_metadata, INSTANCE, METADATA),
    (deletion_protection, INSTANCE, tagged() | {"disableApiTermination": True}),
    (deletion_protection, INSTANCE, tagged(Stage="testnet")),
    (deletion_protection, "aws:lb/loadBalancer:LoadBalancer", tagged() | {"enableDeletionProtection": True}),
    (deletion_protection, TABLE, tagged() | {"deletionProtectionEnabled": True}),
    (engine_protection, VOLUME, tagged(Stage="testnet")),
    (stated_tags, "aws:iam/policy:Policy", tagged()),
    (stated_tags, INSTANCE, tagged(Role="seed", Tier="public")),
    (
        iam_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow("kms:Encrypt", "arn:aws:kms:us-east-1:123456789012:key/1"))},
    ),
    (iam_wildcard, "aws:iam/policy:Policy", {"policy": policy(allow(["ec2:DescribeInstances"], "*", **REGIONS))}),
    (
        iam_wildcard,
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": policy({"Effect": "Deny", "Action": "*", "Resource": "*"})},
    ),
    (iam_wildcard, ROLE, {"permissionsBoundary": STRING}),
    (role_trust, ROLE, {"assumeRolePolicy": TRUST_EC2}),
    (key_policy, KEY, GOOD_KEY),
    (described_rule, INGRESS, {"description": "p2p-internet-seed"}),
    (listener_tls, LISTENER, GOOD_LISTENER),
    (log_retention, GROUP, {"retentionInDays": 365}),
    (tunnel_certificate, "aws:ec2/customerGateway:CustomerGateway", {"certificateArn": "arn"}),
    (tunnel_certificate, "aws:ec2/vpnConnection:VpnConnection", {}),
    (
        instance_access,
        INSTANCE,
        {"userData": "#cloud-config\nssh_authorized_keys: [ssh-ed25519 AAAA alice]\nssh_pwauth: false\n"},
    ),
]

BREAKS = [
    (
        private_tier_address,
        INSTANCE,
        tagged(Tier="private") | {"associatePublicIpAddress": True},
        "associatePublicIpAddress is True",
    ),
    (private_tier_address, INSTANCE, tagged(Tier="private"), "associatePublicIpAddress is None"),
    (private_tier_address, INSTANCE, tagged(Tier="private") | {"associatePublicIpAddress": BOOLEAN}, "is unknown"),
    (private_tier_address, INSTANCE, tagged(), "associatePublicIpAddress is None"),
    (
        private_tier_address,
        INSTANCE,
        tagged(Tier="private") | {"associatePublicIpAddress": False, "ipv6AddressCount": 1},
        "IPv6 addresses are given",
    ),
    (
        private_tier_address,
        "aws:ec2/subnet:Subnet",
        tagged(Tier="private") | {"mapPublicIpOnLaunch": True},
        "mapPublicIpOnLaunch is True",
    ),
    (
        private_tier_address,
        "aws:ec2/subnet:Subnet",
        tagged(Tier="ingress") | {"mapPublicIpOnLaunch": True},
        "mapPublicIpOnLaunch is True",
    ),
    (private_tier_address, "aws:ec2/eip:Eip", tagged(Tier="private"), "tagged Tier: private"),
    (private_tier_address, "aws:ec2/eip:Eip", {"tags": {**TAGS, "Tier": STRING}}, "tagged Tier: unknown"),
    (world_open_port, INGRESS, ingress(port=22), "open to the world"),
    (world_open_port, INGRESS, ingress(cidr="::/0", port=22), "open to the world"),
    (world_open_port, INGRESS, ingress(exposure=None), "Exposure: None"),
    (world_open_port, INGRESS, ingress(exposure="web"), "Exposure: web"),
    (world_open_port, INGRESS, ingress(role="private-sentry"), "of private-sentry"),
    (world_open_port, INGRESS, ingress(role="validator"), "of validator"),
    (world_open_port, INGRESS, ingress(port=26657, exposure="rpc", role="seed"), "of seed"),
    (world_open_port, INGRESS, ingress(protocol="udp"), "udp 26656"),
    (world_open_port, INGRESS, ingress(toPort=26660), "26656-26660"),
    (world_open_port, INGRESS, ingress(port=26660), "none that is for operators"),
    (world_open_port, INGRESS, ingress(protocol="-1", exposure=None), "-1"),
    (world_open_port, INGRESS, ingress(protocol="icmp", exposure="path-mtu", fromPort=-1, toPort=-1), "packet too big"),
    (world_open_port, INGRESS, ingress(cidr="0.0.0.0/1", port=80, exposure=None), "open to the world"),
    (world_open_port, INGRESS, ingress(cidr="2000::/3", port=80, exposure=None), "open to the world"),
    (world_open_port, INGRESS, ingress(cidr="198.51.0.0/16", port=80, exposure=None), "open to the world"),
    (world_open_port, INGRESS, ingress(cidr=None, cidrIpv4=STRING), "the source is unknown"),
    (world_open_port, INGRESS, ingress(port=NUMBER), "states all of it"),
    (world_open_port, INGRESS, ingress(cidr=None, prefixListId="pl-1"), "prefix list"),
    (world_open_port, "aws:ec2/securityGroup:SecurityGroup", {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]}, "inline"),
    (public_ssh, INGRESS, ingress(cidr="203.0.113.7/32", port=22), "TCP 22 is open to 203.0.113.7/32"),
    (public_ssh, INGRESS, ingress(cidr="2001:db8::1/128", port=22), "TCP 22 is open to 2001:db8::1/128"),
    (public_ssh, INGRESS, ingress(cidr="203.0.113.7/32", fromPort=1, toPort=65535), "TCP 22"),
    (public_ssh, INGRESS, ingress(cidr="203.0.113.7/32", protocol="-1"), "TCP 22"),
    (public_ssh, INGRESS, ingress(cidr="203.0.113.7/32", port=NUMBER), "TCP 22"),
    (egress_to_everything, EGRESS, {"ipProtocol": "tcp", "cidrIpv4": "0.0.0.0/0"}, "everything may be sent"),
    (egress_to_everything, EGRESS, {"ipProtocol": "tcp", "cidrIpv6": "::/0"}, "everything may be sent"),
    (egress_to_everything, EGRESS, {"ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8"}, "protocol -1"),
    (egress_to_everything, EGRESS, {"ipProtocol": "tcp", "cidrIpv4": STRING}, "unknown"),
    (encrypted_volume, VOLUME, {"encrypted": False, "kmsKeyId": "k"}, "encrypted: False"),
    (encrypted_volume, VOLUME, {"kmsKeyId": "k"}, "encrypted: None"),
    (encrypted_volume, VOLUME, {"encrypted": BOOLEAN, "kmsKeyId": "k"}, "encrypted: unknown"),
    (encrypted_volume, VOLUME, {"encrypted": True}, "names no key"),
    (encrypted_volume, INSTANCE, {}, "the root disk is None"),
    (encrypted_volume, INSTANCE, {"rootBlockDevice": {"encrypted": False, "kmsKeyId": "k"}}, "encrypted: False"),
    (encrypted_volume, INSTANCE, {**ROOT_DISK, "ebsBlockDevices": [{"encrypted": False}]}, "encrypted: False"),
    (encrypted_logs, GROUP, {}, "names no key"),
    (encrypted_table, TABLE, {}, "enabled is None"),
    (encrypted_table, TABLE, {"serverSideEncryption": {"enabled": True}}, "kmsKeyArn is None"),
    (encrypted_table, TABLE, {"serverSideEncryption": {"enabled": BOOLEAN, "kmsKeyArn": "k"}}, "enabled is unknown"),
    (instance_metadata, INSTANCE, {}, "httpTokens is None"),
    (
        instance_metadata,
        INSTANCE,
        {"metadataOptions": {"httpTokens": "optional", "httpPutResponseHopLimit": 1}},
        "httpTokens is optional",
    ),
    (
        instance_metadata,
        INSTANCE,
        {"metadataOptions": {"httpTokens": STRING, "httpPutResponseHopLimit": 1}},
        "httpTokens is unknown",
    ),
    (
        instance_metadata,
        INSTANCE,
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2}},
        "HopLimit is 2",
    ),
    (deletion_protection, INSTANCE, tagged(), "disableApiTermination is None"),
    (deletion_protection, INSTANCE, {"disableApiTermination": False}, "disableApiTermination is False"),
    (deletion_protection, INSTANCE, tagged() | {"disableApiTermination": BOOLEAN}, "disableApiTermination is unknown"),
    (deletion_protection, "aws:lb/loadBalancer:LoadBalancer", tagged(), "enableDeletionProtection is None"),
    (deletion_protection, TABLE, tagged(), "deletionProtectionEnabled is None"),
    (engine_protection, VOLUME, tagged(), "protect is off"),
    (engine_protection, KEY, {}, "protect is off"),
    (stated_tags, "aws:iam/policy:Policy", {}, "Name, Network, Owner, Stage are missing"),
    (stated_tags, "aws:iam/policy:Policy", {"tags": {**TAGS, "Owner": ""}}, "Owner are missing"),
    (stated_tags, INSTANCE, tagged(Role="seed"), "Tier are missing"),
    (stated_tags, INSTANCE, tagged(Tier="public"), "Role are missing"),
    (stated_tags, INSTANCE, tagged(Role="seed", Tier="dmz"), "Tier is dmz"),
    (stated_tags, "aws:ec2/vpnConnection:VpnConnection", tagged(), "Site are missing"),
    (iam_wildcard, "aws:iam/policy:Policy", {"policy": policy(allow("*", "arn:aws:s3:::b/k"))}, "actions *"),
    (iam_wildcard, "aws:iam/policy:Policy", {"policy": policy(allow(["s3:Get*"], "arn:aws:s3:::b/k"))}, "s3:Get*"),
    (
        iam_wildcard,
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": policy(allow("s3:GetObject", "*"))},
        "on every resource",
    ),
    (
        iam_wildcard,
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": policy(allow("s3:GetObject", "arn:aws:s3:::*"))},
        "on every resource",
    ),
    (
        iam_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow("ec2:DescribeInstances", "*"))},
        "on every resource",
    ),
    (
        iam_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow(["ec2:DescribeInstances", "s3:GetObject"], "*", **REGIONS))},
        "on every resource",
    ),
    (
        iam_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:x"})},
        "NotAction",
    ),
    (iam_wildcard, ROLE, {}, "has no boundary"),
    (iam_wildcard, ROLE, {"permissionsBoundary": "b", "inlinePolicies": [STRING]}, "an inline policy is unknown"),
    (
        iam_wildcard,
        ROLE,
        {"permissionsBoundary": "b", "inlinePolicies": [{"policy": policy(allow("*", "*"))}]},
        "actions *",
    ),
    (role_trust, ROLE, {"assumeRolePolicy": policy({"Effect": "Allow", "Principal": "*"})}, "anyone may assume"),
    (
        role_trust,
        ROLE,
        {"assumeRolePolicy": policy({"Effect": "Allow", "Principal": {"AWS": ["*"]}})},
        "anyone may assume",
    ),
    (
        role_trust,
        ROLE,
        {"assumeRolePolicy": policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/vault"}})},
        "without sts:ExternalId",
    ),
    (key_policy, KEY, {**GOOD_KEY, "enableKeyRotation": False}, "enableKeyRotation is False"),
    (key_policy, KEY, {**GOOD_KEY, "enableKeyRotation": BOOLEAN}, "enableKeyRotation is unknown"),
    (key_policy, KEY, {**GOOD_KEY, "deletionWindowInDays": 7}, "deletionWindowInDays is 7"),
    (key_policy, KEY, {key: value for key, value in GOOD_KEY.items() if key != "policy"}, "has no policy"),
    (key_policy, KEY, {**GOOD_KEY, "policy": policy({**ACCOUNT, "Principal": "*"})}, "anyone may use"),
    (key_policy, KEY, {**GOOD_KEY, "policy": policy({**ACCOUNT, "Principal": {"AWS": "*"}})}, "anyone may use"),
    (
        key_policy,
        KEY,
        {**GOOD_KEY, "policy": policy({**ACCOUNT, "Principal": {"Service": "logs.amazonaws.com"}})},
        "all may be done",
    ),
    (described_rule, INGRESS, {}, "the description is empty"),
    (described_rule, EGRESS, {"description": "Managed by Pulumi"}, "Managed by Pulumi"),
    (described_rule, "aws:ec2/securityGroup:SecurityGroup", {"description": STRING}, "unknown"),
    (listener_tls, LISTENER, {**GOOD_LISTENER, "protocol": "TCP"}, "the protocol is TCP"),
    (listener_tls, LISTENER, {**GOOD_LISTENER, "protocol": STRING}, "the protocol is unknown"),
    (
        listener_tls,
        LISTENER,
        {**GOOD_LISTENER, "sslPolicy": "ELBSecurityPolicy-2016-08"},
        "sslPolicy is ELBSecurityPolicy-2016-08",
    ),
    (listener_tls, LISTENER, {"protocol": "TLS", "certificateArn": "a"}, "sslPolicy is None"),
    (
        listener_tls,
        LISTENER,
        {key: value for key, value in GOOD_LISTENER.items() if key != "certificateArn"},
        "no certificate",
    ),
    (log_retention, GROUP, {}, "retentionInDays is None"),
    (log_retention, GROUP, {"retentionInDays": 0}, "retentionInDays is 0"),
    (log_retention, GROUP, {"retentionInDays": 364}, "retentionInDays is 364"),
    (log_retention, GROUP, {"retentionInDays": NUMBER}, "retentionInDays is unknown"),
    (tunnel_certificate, "aws:ec2/customerGateway:CustomerGateway", {}, "has no certificate"),
    (
        tunnel_certificate,
        "aws:ec2/vpnConnection:VpnConnection",
        {"tunnel1PresharedKey": STRING},
        "tunnel1PresharedKey is given",
    ),
    (instance_access, INSTANCE, {"keyName": "shared"}, "a key pair is given"),
    (instance_access, INSTANCE, {"userData": "#!/bin/sh\nexport VAULT_TOKEN=hvs." + "a" * 24}, "has a secret"),
    (instance_access, INSTANCE, {"userData": "password: hunter2"}, "has a secret"),
    (instance_access, INSTANCE, {"userData": STRING}, "is unknown"),
]


@pytest.mark.parametrize(("rule", "type_", "properties"), PASSES)
def test_what_is_right_passes(rule: Any, type_: str, properties: dict) -> None:
    assert judged(rule.RULE, type_, properties) == []


@pytest.mark.parametrize(("rule", "type_", "properties", "said"), BREAKS)
def test_what_is_wrong_is_said(rule: Any, type_: str, properties: dict, said: str) -> None:
    found = judged(rule.RULE, type_, properties)
    assert any(said in message for message in found), found


def test_a_protected_disk_passes() -> None:
    assert judged(engine_protection.RULE, VOLUME, tagged(), protect=True) == []


def test_a_policy_document_that_a_preview_cannot_know_is_never_passed() -> None:
    """The rule stops, the pack reports that it could not run, and the update decides before the resource is made."""
    with pytest.raises(UnknownValueError):
        judged(iam_wildcard.RULE, "aws:iam/rolePolicy:RolePolicy", {"policy": STRING})
    with pytest.raises(UnknownValueError):
        judged(key_policy.RULE, KEY, {**GOOD_KEY, "policy": STRING})


def test_an_unknown_value_cannot_be_taken_for_true_or_false() -> None:
    with pytest.raises(TypeError, match="unknown value"):
        bool(UNKNOWN)
