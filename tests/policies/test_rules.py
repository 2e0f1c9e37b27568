"""Each rule: what passes, and each way to break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi_policy.proxy import UnknownValueError

from policies.reading.properties import UNKNOWN
from policies.rules import (
    deletion_is_refused,
    disks_are_encrypted,
    egress_is_listed,
    instances_have_no_shared_key_and_no_secret,
    irreplaceable_resources_are_protected,
    keys_rotate_and_have_one_administrator,
    listeners_speak_tls,
    logs_are_encrypted,
    logs_are_kept,
    metadata_takes_a_token,
    no_undeclared_port_is_open_to_the_world,
    permissions_have_no_wildcard,
    private_tier_has_no_public_address,
    roles_name_who_may_assume_them,
    security_groups_are_described,
    ssh_is_never_public,
    tables_are_encrypted,
    tags_are_stated,
    tunnels_have_certificates,
)
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
    (private_tier_has_no_public_address, INSTANCE, tagged(Tier="private") | {"associatePublicIpAddress": False}),
    (private_tier_has_no_public_address, INSTANCE, tagged(Tier="public")),
    (
        private_tier_has_no_public_address,
        "aws:ec2/subnet:Subnet",
        tagged(Tier="private") | {"mapPublicIpOnLaunch": False},
    ),
    (private_tier_has_no_public_address, "aws:ec2/subnet:Subnet", tagged(Tier="ingress")),
    (private_tier_has_no_public_address, "aws:ec2/eip:Eip", tagged(Tier="public")),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress()),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(cidr="::/0")),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(port=1317, exposure="lcd", role="load-balancer")),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(port=1194, protocol="udp", exposure="vpn", role="vpn")),
    (
        no_undeclared_port_is_open_to_the_world,
        INGRESS,
        ingress(protocol="icmp", exposure="path-mtu", fromPort=3, toPort=4),
    ),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(cidr="10.1.0.0/16", port=22, exposure=None)),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(cidr="198.51.100.10/32", port=9100, exposure=None)),
    (
        no_undeclared_port_is_open_to_the_world,
        INGRESS,
        ingress(cidr=None, exposure=None, referencedSecurityGroupId=STRING),
    ),
    (no_undeclared_port_is_open_to_the_world, "aws:ec2/securityGroup:SecurityGroup", tagged()),
    (ssh_is_never_public, INGRESS, ingress(cidr="10.1.0.97/32", port=22)),
    (ssh_is_never_public, INGRESS, ingress(cidr="0.0.0.0/0", port=26656)),
    (ssh_is_never_public, INGRESS, ingress(cidr="0.0.0.0/0", port=22, protocol="udp")),
    (egress_is_listed, EGRESS, {"ipProtocol": "tcp", "cidrIpv4": "0.0.0.0/5"}),
    (disks_are_encrypted, VOLUME, {"encrypted": True, "kmsKeyId": STRING}),
    (disks_are_encrypted, INSTANCE, ROOT_DISK),
    (logs_are_encrypted, GROUP, {"kmsKeyId": STRING}),
    (tables_are_encrypted, TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": STRING}}),
    (metadata_takes_a_token, INSTANCE, METADATA),
    (deletion_is_refused, INSTANCE, tagged() | {"disableApiTermination": True}),
    (deletion_is_refused, INSTANCE, tagged(Stage="testnet")),
    (deletion_is_refused, "aws:lb/loadBalancer:LoadBalancer", tagged() | {"enableDeletionProtection": True}),
    (deletion_is_refused, TABLE, tagged() | {"deletionProtectionEnabled": True}),
    (irreplaceable_resources_are_protected, VOLUME, tagged(Stage="testnet")),
    (tags_are_stated, "aws:iam/policy:Policy", tagged()),
    (tags_are_stated, INSTANCE, tagged(Role="seed", Tier="public")),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow("kms:Encrypt", "arn:aws:kms:us-east-1:123456789012:key/1"))},
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow(["ec2:DescribeInstances"], "*", **REGIONS))},
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": policy({"Effect": "Deny", "Action": "*", "Resource": "*"})},
    ),
    (permissions_have_no_wildcard, ROLE, {"permissionsBoundary": STRING}),
    (roles_name_who_may_assume_them, ROLE, {"assumeRolePolicy": TRUST_EC2}),
    (keys_rotate_and_have_one_administrator, KEY, GOOD_KEY),
    (security_groups_are_described, INGRESS, {"description": "p2p-internet-seed"}),
    (listeners_speak_tls, LISTENER, GOOD_LISTENER),
    (logs_are_kept, GROUP, {"retentionInDays": 365}),
    (tunnels_have_certificates, "aws:ec2/customerGateway:CustomerGateway", {"certificateArn": "arn"}),
    (tunnels_have_certificates, "aws:ec2/vpnConnection:VpnConnection", {}),
    (
        instances_have_no_shared_key_and_no_secret,
        INSTANCE,
        {"userData": "#cloud-config\nssh_authorized_keys: [ssh-ed25519 AAAA alice]\nssh_pwauth: false\n"},
    ),
]

BREAKS = [
    (
        private_tier_has_no_public_address,
        INSTANCE,
        tagged(Tier="private") | {"associatePublicIpAddress": True},
        "associatePublicIpAddress is True",
    ),
    (private_tier_has_no_public_address, INSTANCE, tagged(Tier="private"), "associatePublicIpAddress is None"),
    (
        private_tier_has_no_public_address,
        INSTANCE,
        tagged(Tier="private") | {"associatePublicIpAddress": BOOLEAN},
        "is unknown",
    ),
    (private_tier_has_no_public_address, INSTANCE, tagged(), "associatePublicIpAddress is None"),
    (
        private_tier_has_no_public_address,
        INSTANCE,
        tagged(Tier="private") | {"associatePublicIpAddress": False, "ipv6AddressCount": 1},
        "IPv6 addresses are set",
    ),
    (
        private_tier_has_no_public_address,
        "aws:ec2/subnet:Subnet",
        tagged(Tier="private") | {"mapPublicIpOnLaunch": True},
        "mapPublicIpOnLaunch is True",
    ),
    (
        private_tier_has_no_public_address,
        "aws:ec2/subnet:Subnet",
        tagged(Tier="ingress") | {"mapPublicIpOnLaunch": True},
        "mapPublicIpOnLaunch is True",
    ),
    (private_tier_has_no_public_address, "aws:ec2/eip:Eip", tagged(Tier="private"), "tagged Tier: private"),
    (private_tier_has_no_public_address, "aws:ec2/eip:Eip", {"tags": {**TAGS, "Tier": STRING}}, "tagged Tier: unknown"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(port=22), "open to the internet"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(cidr="::/0", port=22), "open to the internet"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(exposure=None), "Exposure: None"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(exposure="web"), "Exposure: web"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(role="private-sentry"), "of private-sentry"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(role="validator"), "of validator"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(port=26657, exposure="rpc", role="seed"), "of seed"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(protocol="udp"), "udp 26656"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(toPort=26660), "26656-26660"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(port=26660), "none that operators or signers use"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(protocol="-1", exposure=None), "-1"),
    (
        no_undeclared_port_is_open_to_the_world,
        INGRESS,
        ingress(protocol="icmp", exposure="path-mtu", fromPort=-1, toPort=-1),
        "type 3 code 4",
    ),
    (
        no_undeclared_port_is_open_to_the_world,
        INGRESS,
        ingress(cidr="0.0.0.0/1", port=80, exposure=None),
        "open to the internet",
    ),
    (
        no_undeclared_port_is_open_to_the_world,
        INGRESS,
        ingress(cidr="2000::/3", port=80, exposure=None),
        "open to the internet",
    ),
    (
        no_undeclared_port_is_open_to_the_world,
        INGRESS,
        ingress(cidr="198.51.0.0/16", port=80, exposure=None),
        "open to the internet",
    ),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(cidr=None, cidrIpv4=STRING), "the source is unknown"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(port=NUMBER), "must set protocol and ports"),
    (no_undeclared_port_is_open_to_the_world, INGRESS, ingress(cidr=None, prefixListId="pl-1"), "prefix list"),
    (
        no_undeclared_port_is_open_to_the_world,
        "aws:ec2/securityGroup:SecurityGroup",
        {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]},
        "inline",
    ),
    (ssh_is_never_public, INGRESS, ingress(cidr="203.0.113.7/32", port=22), "TCP 22 is open to 203.0.113.7/32"),
    (ssh_is_never_public, INGRESS, ingress(cidr="2001:db8::1/128", port=22), "TCP 22 is open to 2001:db8::1/128"),
    (ssh_is_never_public, INGRESS, ingress(cidr="203.0.113.7/32", fromPort=1, toPort=65535), "TCP 22"),
    (ssh_is_never_public, INGRESS, ingress(cidr="203.0.113.7/32", protocol="-1"), "TCP 22"),
    (ssh_is_never_public, INGRESS, ingress(cidr="203.0.113.7/32", port=NUMBER), "TCP 22"),
    (egress_is_listed, EGRESS, {"ipProtocol": "tcp", "cidrIpv4": "0.0.0.0/0"}, "everything may be sent"),
    (egress_is_listed, EGRESS, {"ipProtocol": "tcp", "cidrIpv6": "::/0"}, "everything may be sent"),
    (egress_is_listed, EGRESS, {"ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8"}, "protocol is -1"),
    (egress_is_listed, EGRESS, {"ipProtocol": "tcp", "cidrIpv4": STRING}, "unknown"),
    (disks_are_encrypted, VOLUME, {"encrypted": False, "kmsKeyId": "k"}, "encrypted: False"),
    (disks_are_encrypted, VOLUME, {"kmsKeyId": "k"}, "encrypted: None"),
    (disks_are_encrypted, VOLUME, {"encrypted": BOOLEAN, "kmsKeyId": "k"}, "encrypted: unknown"),
    (disks_are_encrypted, VOLUME, {"encrypted": True}, "has no customer-managed key"),
    (disks_are_encrypted, INSTANCE, {}, "the root disk is None"),
    (disks_are_encrypted, INSTANCE, {"rootBlockDevice": {"encrypted": False, "kmsKeyId": "k"}}, "encrypted: False"),
    (disks_are_encrypted, INSTANCE, {**ROOT_DISK, "ebsBlockDevices": [{"encrypted": False}]}, "encrypted: False"),
    (logs_are_encrypted, GROUP, {}, "has no customer-managed key"),
    (tables_are_encrypted, TABLE, {}, "enabled is None"),
    (tables_are_encrypted, TABLE, {"serverSideEncryption": {"enabled": True}}, "kmsKeyArn is None"),
    (
        tables_are_encrypted,
        TABLE,
        {"serverSideEncryption": {"enabled": BOOLEAN, "kmsKeyArn": "k"}},
        "enabled is unknown",
    ),
    (metadata_takes_a_token, INSTANCE, {}, "httpTokens is None"),
    (
        metadata_takes_a_token,
        INSTANCE,
        {"metadataOptions": {"httpTokens": "optional", "httpPutResponseHopLimit": 1}},
        "httpTokens is optional",
    ),
    (
        metadata_takes_a_token,
        INSTANCE,
        {"metadataOptions": {"httpTokens": STRING, "httpPutResponseHopLimit": 1}},
        "httpTokens is unknown",
    ),
    (
        metadata_takes_a_token,
        INSTANCE,
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2}},
        "HopLimit is 2",
    ),
    (deletion_is_refused, INSTANCE, tagged(), "disableApiTermination is None"),
    (deletion_is_refused, INSTANCE, {"disableApiTermination": False}, "disableApiTermination is False"),
    (deletion_is_refused, INSTANCE, tagged() | {"disableApiTermination": BOOLEAN}, "disableApiTermination is unknown"),
    (deletion_is_refused, "aws:lb/loadBalancer:LoadBalancer", tagged(), "enableDeletionProtection is None"),
    (deletion_is_refused, TABLE, tagged(), "deletionProtectionEnabled is None"),
    (irreplaceable_resources_are_protected, VOLUME, tagged(), "protect is off"),
    (irreplaceable_resources_are_protected, KEY, {}, "protect is off"),
    (tags_are_stated, "aws:iam/policy:Policy", {}, "Name, Network, Owner, Stage are missing"),
    (tags_are_stated, "aws:iam/policy:Policy", {"tags": {**TAGS, "Owner": ""}}, "Owner are missing"),
    (tags_are_stated, INSTANCE, tagged(Role="seed"), "Tier are missing"),
    (tags_are_stated, INSTANCE, tagged(Tier="public"), "Role are missing"),
    (tags_are_stated, INSTANCE, tagged(Role="seed", Tier="dmz"), "Tier is dmz"),
    (tags_are_stated, "aws:ec2/vpnConnection:VpnConnection", tagged(), "Site are missing"),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow("*", "arn:aws:s3:::b/k"))},
        "actions *",
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow(["s3:Get*"], "arn:aws:s3:::b/k"))},
        "s3:Get*",
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": policy(allow("s3:GetObject", "*"))},
        "on every resource",
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/rolePolicy:RolePolicy",
        {"policy": policy(allow("s3:GetObject", "arn:aws:s3:::*"))},
        "on every resource",
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow("ec2:DescribeInstances", "*"))},
        "on every resource",
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy(allow(["ec2:DescribeInstances", "s3:GetObject"], "*", **REGIONS))},
        "on every resource",
    ),
    (
        permissions_have_no_wildcard,
        "aws:iam/policy:Policy",
        {"policy": policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:x"})},
        "NotAction",
    ),
    (permissions_have_no_wildcard, ROLE, {}, "has no boundary"),
    (
        permissions_have_no_wildcard,
        ROLE,
        {"permissionsBoundary": "b", "inlinePolicies": [STRING]},
        "an inline policy is unknown",
    ),
    (
        permissions_have_no_wildcard,
        ROLE,
        {"permissionsBoundary": "b", "inlinePolicies": [{"policy": policy(allow("*", "*"))}]},
        "actions *",
    ),
    (
        roles_name_who_may_assume_them,
        ROLE,
        {"assumeRolePolicy": policy({"Effect": "Allow", "Principal": "*"})},
        "anyone may assume",
    ),
    (
        roles_name_who_may_assume_them,
        ROLE,
        {"assumeRolePolicy": policy({"Effect": "Allow", "Principal": {"AWS": ["*"]}})},
        "anyone may assume",
    ),
    (
        roles_name_who_may_assume_them,
        ROLE,
        {"assumeRolePolicy": policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/vault"}})},
        "without sts:ExternalId",
    ),
    (
        keys_rotate_and_have_one_administrator,
        KEY,
        {**GOOD_KEY, "enableKeyRotation": False},
        "enableKeyRotation is False",
    ),
    (
        keys_rotate_and_have_one_administrator,
        KEY,
        {**GOOD_KEY, "enableKeyRotation": BOOLEAN},
        "enableKeyRotation is unknown",
    ),
    (keys_rotate_and_have_one_administrator, KEY, {**GOOD_KEY, "deletionWindowInDays": 7}, "deletionWindowInDays is 7"),
    (
        keys_rotate_and_have_one_administrator,
        KEY,
        {key: value for key, value in GOOD_KEY.items() if key != "policy"},
        "has no policy",
    ),
    (
        keys_rotate_and_have_one_administrator,
        KEY,
        {**GOOD_KEY, "policy": policy({**ACCOUNT, "Principal": "*"})},
        "anyone may use",
    ),
    (
        keys_rotate_and_have_one_administrator,
        KEY,
        {**GOOD_KEY, "policy": policy({**ACCOUNT, "Principal": {"AWS": "*"}})},
        "anyone may use",
    ),
    (
        keys_rotate_and_have_one_administrator,
        KEY,
        {**GOOD_KEY, "policy": policy({**ACCOUNT, "Principal": {"Service": "logs.amazonaws.com"}})},
        "every action on the key",
    ),
    (security_groups_are_described, INGRESS, {}, "the description is empty"),
    (security_groups_are_described, EGRESS, {"description": "Managed by Pulumi"}, "Managed by Pulumi"),
    (security_groups_are_described, "aws:ec2/securityGroup:SecurityGroup", {"description": STRING}, "unknown"),
    (listeners_speak_tls, LISTENER, {**GOOD_LISTENER, "protocol": "TCP"}, "the protocol is TCP"),
    (listeners_speak_tls, LISTENER, {**GOOD_LISTENER, "protocol": STRING}, "the protocol is unknown"),
    (
        listeners_speak_tls,
        LISTENER,
        {**GOOD_LISTENER, "sslPolicy": "ELBSecurityPolicy-2016-08"},
        "sslPolicy is ELBSecurityPolicy-2016-08",
    ),
    (listeners_speak_tls, LISTENER, {"protocol": "TLS", "certificateArn": "a"}, "sslPolicy is None"),
    (
        listeners_speak_tls,
        LISTENER,
        {key: value for key, value in GOOD_LISTENER.items() if key != "certificateArn"},
        "no certificate",
    ),
    (logs_are_kept, GROUP, {}, "retentionInDays is None"),
    (logs_are_kept, GROUP, {"retentionInDays": 0}, "retentionInDays is 0"),
    (logs_are_kept, GROUP, {"retentionInDays": 364}, "retentionInDays is 364"),
    (logs_are_kept, GROUP, {"retentionInDays": NUMBER}, "retentionInDays is unknown"),
    (tunnels_have_certificates, "aws:ec2/customerGateway:CustomerGateway", {}, "has no certificate"),
    (
        tunnels_have_certificates,
        "aws:ec2/vpnConnection:VpnConnection",
        {"tunnel1PresharedKey": STRING},
        "tunnel1PresharedKey is set",
    ),
    (instances_have_no_shared_key_and_no_secret, INSTANCE, {"keyName": "shared"}, "keyName is set"),
    (
        instances_have_no_shared_key_and_no_secret,
        INSTANCE,
        {"userData": "#!/bin/sh\nexport VAULT_TOKEN=hvs." + "a" * 24},
        "has a secret",
    ),
    (instances_have_no_shared_key_and_no_secret, INSTANCE, {"userData": "password: hunter2"}, "has a secret"),
    (instances_have_no_shared_key_and_no_secret, INSTANCE, {"userData": STRING}, "is unknown"),
]


@pytest.mark.parametrize(("rule", "type_", "properties"), PASSES)
def test_what_is_right_passes(rule: Any, type_: str, properties: dict) -> None:
    assert judged(rule.RULE, type_, properties) == []


@pytest.mark.parametrize(("rule", "type_", "properties", "said"), BREAKS)
def test_what_is_wrong_is_said(rule: Any, type_: str, properties: dict, said: str) -> None:
    found = judged(rule.RULE, type_, properties)
    assert any(said in message for message in found), found


def test_a_protected_disk_passes() -> None:
    assert judged(irreplaceable_resources_are_protected.RULE, VOLUME, tagged(), protect=True) == []


def test_a_policy_document_that_a_preview_cannot_know_is_never_passed() -> None:
    """The rule stops, the pack reports that it could not run, and the update decides before the resource is made."""
    with pytest.raises(UnknownValueError):
        judged(permissions_have_no_wildcard.RULE, "aws:iam/rolePolicy:RolePolicy", {"policy": STRING})
    with pytest.raises(UnknownValueError):
        judged(keys_rotate_and_have_one_administrator.RULE, KEY, {**GOOD_KEY, "policy": STRING})


def test_an_unknown_value_cannot_be_taken_for_true_or_false() -> None:
    with pytest.raises(TypeError, match="unknown value"):
        bool(UNKNOWN)
