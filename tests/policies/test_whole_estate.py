"""Rules on databases, secrets, regions and permissions, and on Google Cloud: what passes, and each way to break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi_policy import ResourceValidationPolicy
from pulumi_policy.policy import PolicyProviderResource
from pulumi_policy.proxy import UnknownValueError

from policies.rules import (
    default_network,
    deletion_protection,
    described_rule,
    egress_to_everything,
    encrypted_database,
    encrypted_file_system,
    encrypted_logs,
    encrypted_message,
    encrypted_secret,
    encrypted_table,
    encrypted_volume,
    firewall_log,
    granting_permission,
    hidden_database,
    hidden_validator,
    iam_wildcard,
    instance_access,
    key_policy,
    key_rotation,
    log_retention,
    managed_policy,
    metadata_key,
    own_identity,
    passed_role,
    primitive_role,
    protected_validator,
    proxy_tls,
    public_member,
    public_ssh,
    readable_document,
    registry,
    resource_policy,
    restorable_data,
    role_trust,
    serial_port,
    shielded_instance,
    signing_lock,
    stated_tags,
    static_key,
    table_regions,
    tunnel_certificate,
    world_open_port,
)
from tests.policies import test_rules
from tests.policies.judging import BOOLEAN, NUMBER, STRING, TAGS, judged
from tests.policies.sound import GOOGLE_KEY, KEY, KEY_POLICY, LABELS, METADATA, NAMED, SHIELDED, document

HEAD = "arn:aws:dynamodb:us-east-1:123456789012:table/cosmoshub-signing-head"
INSTANCE, VOLUME = "aws:ec2/instance:Instance", "aws:ebs/volume:Volume"
TABLE = "aws:dynamodb/table:Table"
POLICY, ROLE, ROLE_POLICY = "aws:iam/policy:Policy", "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
QUEUE, TOPIC, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sns/topic:Topic", "aws:sqs/queuePolicy:QueuePolicy"
SECRET, PARAMETER = "aws:secretsmanager/secret:Secret", "aws:ssm/parameter:Parameter"
DATABASE, CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

MACHINE, DISK = "gcp:compute/instance:Instance", "gcp:compute/disk:Disk"
FIREWALL = "gcp:compute/firewall:Firewall"
FIREWALL_RULE = "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule"
GOOGLE_SECRET, GOOGLE_DATABASE = "gcp:secretmanager/secret:Secret", "gcp:sql/databaseInstance:DatabaseInstance"
GOOGLE_KEY_TYPE = "gcp:kms/cryptoKey:CryptoKey"
GOOGLE_LOG = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
PROJECT_MEMBER, BUCKET_MEMBER = "gcp:projects/iAMMember:IAMMember", "gcp:storage/bucketIAMMember:BucketIAMMember"
BUCKET_BINDING, BUCKET_ENTRY = (
    "gcp:storage/bucketIAMBinding:BucketIAMBinding",
    "gcp:storage/bucketAccessControl:BucketAccessControl",
)
ITEM, PROJECT_METADATA = (
    "gcp:compute/projectMetadataItem:ProjectMetadataItem",
    "gcp:compute/projectMetadata:ProjectMetadata",
)
TUNNEL = "gcp:compute/vPNTunnel:VPNTunnel"


def trust(principal: Any, **more: Any) -> dict[str, str]:
    return {"assumeRolePolicy": document("sts:AssumeRole", "*", Principal=principal, **more)}


def table(*replicas: str, witness: str | None = None, region: Any = "us-east-1", **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"region": region} if region else {}
    given["replicas"] = [{"regionName": name, "consistencyMode": "STRONG"} for name in replicas]
    if witness:
        given["globalTableWitness"] = {"regionName": witness}
    return given | more


def firewall(
    *ports: str, protocol: str = "tcp", sources: Any = ("0.0.0.0/0",), tags: Any = ("seed",), **more: Any
) -> dict:
    allowed = {"protocol": protocol, **({"ports": list(ports)} if ports else {})}
    given = {"direction": "INGRESS", "allows": [allowed], "sourceRanges": list(sources), "targetTags": list(tags)}
    return given | more


def policy_rule(*ports: str, sources: Any = ("0.0.0.0/0",), action: str = "allow", **more: Any) -> dict:
    match = {"srcIpRanges": list(sources), "layer4Configs": [{"ipProtocol": "tcp", "ports": list(ports)}]}
    return {"direction": "INGRESS", "action": action, "match": match} | more


def settings(**given: Any) -> dict[str, Any]:
    return {"settings": given}


def nic(**given: Any) -> dict[str, Any]:
    return {"networkInterfaces": [given]}


PASS_ROLE = ("iam:PassRole", "arn:aws:iam::123456789012:role/flow-logs")
PASSED_TO = {"Condition": {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}}}
SOURCE = {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:alarms"}}}
TOKEN = {
    "Condition": {"StringEquals": {"token.actions.example:sub": "repo:estate", "token.actions.example:aud": "sts"}}
}
OIDC = {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.example"}
HIDDEN = {"tags": {**TAGS, "Role": "validator", "Tier": "private"}, "associatePublicIpAddress": False}
SEED = {"tags": {**TAGS, "Role": "seed", "Tier": "public"}}
AUTOMATIC = {"replication": {"auto": {"customerManagedEncryption": {"kmsKeyName": GOOGLE_KEY}}}}
LABELLED_VALIDATOR = {"labels": {**LABELS, "role": "validator"}}

PASSES = [
    (encrypted_volume, DISK, {"diskEncryptionKey": {"kmsKeySelfLink": STRING}}),
    (encrypted_volume, MACHINE, {"bootDisk": {"kmsKeySelfLink": GOOGLE_KEY}}),
    (encrypted_logs, GOOGLE_LOG, {"cmekSettings": {"kmsKeyName": STRING}}),
    (encrypted_table, TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}, "replicas": []}),
    (encrypted_secret, SECRET, {"kmsKeyId": STRING}),
    (encrypted_secret, SECRET, {"kmsKeyId": KEY, "replicas": [{"region": "eu-west-1", "kmsKeyId": KEY}]}),
    (encrypted_secret, PARAMETER, {"type": "SecureString", "keyId": KEY}),
    (encrypted_secret, GOOGLE_SECRET, AUTOMATIC),
    (encrypted_message, QUEUE, {"kmsMasterKeyId": KEY}),
    (encrypted_message, TOPIC, {"kmsMasterKeyId": STRING}),
    (encrypted_message, "gcp:pubsub/topic:Topic", {"kmsKeyName": GOOGLE_KEY}),
    (encrypted_file_system, "aws:efs/fileSystem:FileSystem", {"encrypted": True, "kmsKeyId": STRING}),
    (encrypted_database, DATABASE, {"storageEncrypted": True, "kmsKeyId": STRING}),
    (
        encrypted_database,
        GOOGLE_DATABASE,
        {"encryptionKeyName": STRING} | settings(ipConfiguration={"sslMode": "ENCRYPTED_ONLY"}),
    ),
    (hidden_database, CLUSTER, {"publiclyAccessible": False}),
    (hidden_database, GOOGLE_DATABASE, settings(ipConfiguration={"ipv4Enabled": False})),
    (restorable_data, TABLE, {"pointInTimeRecovery": {"enabled": True}}),
    (restorable_data, DATABASE, {"backupRetentionPeriod": 7}),
    (
        signing_lock,
        ROLE_POLICY,
        {"policy": document("dynamodb:UpdateItem", HEAD, Condition={"StringLike": {"dynamodb:LeadingKeys": "x|*"}})},
    ),
    (table_regions, TABLE, {"region": "sa-east-1"}),
    (table_regions, TABLE, table("us-east-2", "us-west-2")),
    (table_regions, TABLE, table("us-east-2", witness="us-west-2")),
    (table_regions, TABLE, table("eu-west-2", witness="eu-west-3", region="eu-central-1")),
    (table_regions, TABLE, table("ap-northeast-2", "ap-northeast-3", region="ap-northeast-1")),
    (passed_role, POLICY, {"policy": document(*PASS_ROLE, **PASSED_TO)}),
    (granting_permission, ROLE_POLICY, {"policy": document("s3:GetObject", "arn:aws:s3:::b/k")}),
    (
        granting_permission,
        POLICY,
        {"policy": document("kms:CreateGrant", KEY, Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})},
    ),
    (managed_policy, ROLE, {"managedPolicyArns": ["arn:aws:iam::123456789012:policy/own"]}),
    (managed_policy, ATTACHMENT, {"policyArn": "arn:aws:iam::123456789012:policy/own"}),
    (resource_policy, QUEUE_POLICY, {"policy": document("sqs:SendMessage", "arn", Principal=NAMED)}),
    (resource_policy, TOPIC, {}),
    (
        resource_policy,
        QUEUE_POLICY,
        {"policy": document("sqs:SendMessage", "arn", Principal="*", **SOURCE)},
    ),
    (resource_policy, ENDPOINT, {}),
    (resource_policy, ENDPOINT, {"policy": document("s3:GetObject", "arn:aws:s3:::b/*", Principal="*")}),
    (role_trust, ROLE, trust(NAMED, Condition={"StringEquals": {"sts:ExternalId": "cosmoshub"}})),
    (role_trust, ROLE, trust(OIDC, **TOKEN)),
    (readable_document, POLICY, {"policy": document("s3:GetObject", "arn")}),
    (readable_document, POLICY, {"policy": STRING}),
    (static_key, POLICY, {}),
    (static_key, "pulumi:providers:aws", {"region": "us-east-1"}),
    (hidden_validator, INSTANCE, HIDDEN),
    (hidden_validator, INSTANCE, SEED),
    (hidden_validator, "aws:ec2/eip:Eip", SEED),
    (hidden_validator, MACHINE, LABELLED_VALIDATOR | nic(subnetwork="s")),
    (hidden_validator, MACHINE, {"labels": {"role": "seed"}} | nic(accessConfigs=[{}])),
    (protected_validator, INSTANCE, SEED),
    (protected_validator, INSTANCE, {"tags": {**TAGS, "Role": "validator", "Stage": "testnet"}}),
    (shielded_instance, MACHINE, {"shieldedInstanceConfig": SHIELDED}),
    (metadata_key, MACHINE, {"metadata": METADATA}),
    (metadata_key, PROJECT_METADATA, {"metadata": METADATA}),
    (metadata_key, ITEM, {"key": "enable-oslogin", "value": "TRUE"}),
    (serial_port, MACHINE, {"metadata": {"serial-port-enable": "FALSE"}}),
    (serial_port, ITEM, {"key": "serial-port-enable", "value": "false"}),
    (public_member, BUCKET_MEMBER, {"member": "group:validators@example.org"}),
    (public_member, BUCKET_BINDING, {"members": ["user:a@example.org", STRING]}),
    (primitive_role, PROJECT_MEMBER, {"role": "roles/logging.logWriter"}),
    (primitive_role, "gcp:serviceaccount/iAMMember:IAMMember", {"role": "roles/iam.serviceAccountUser"}),
    (own_identity, MACHINE, {}),
    (own_identity, MACHINE, {"serviceAccount": {"email": "seed@p.iam.gserviceaccount.com"}}),
    (default_network, MACHINE, nic(subnetwork="projects/p/regions/r/subnetworks/private")),
    (default_network, MACHINE, nic(subnetwork=STRING)),
    (default_network, "gcp:compute/network:Network", {"autoCreateSubnetworks": False}),
    (firewall_log, FIREWALL, {"logConfig": {"metadata": "EXCLUDE_ALL_METADATA"}}),
    (firewall_log, FIREWALL_RULE, {"enableLogging": True}),
    (key_rotation, GOOGLE_KEY_TYPE, {"rotationPeriod": "31536000s", "destroyScheduledDuration": "2592000s"}),
    (key_rotation, GOOGLE_KEY_TYPE, {"purpose": "ASYMMETRIC_SIGN", "destroyScheduledDuration": "2592000s"}),
    (proxy_tls, "gcp:compute/targetHttpsProxy:TargetHttpsProxy", {"sslPolicy": STRING}),
    (proxy_tls, "gcp:compute/sSLPolicy:SSLPolicy", {"minTlsVersion": "TLS_1_3", "profile": "RESTRICTED"}),
    (log_retention, GOOGLE_LOG, {"retentionDays": 365}),
    (tunnel_certificate, TUNNEL, {"sharedSecretWo": STRING, "ikeVersion": 2}),
    (stated_tags, MACHINE, {"labels": {**LABELS, "role": "seed"}, "tags": ["seed"]}),
    (stated_tags, GOOGLE_DATABASE, settings(userLabels=LABELS)),
    (deletion_protection, MACHINE, {"labels": {**LABELS, "stage": "testnet"}}),
    (described_rule, FIREWALL, {"description": "p2p-internet-seed"}),
    (instance_access, MACHINE, {"metadata": {"startup-script": "systemctl start seed"}}),
    (public_ssh, FIREWALL, firewall("22", sources=("10.0.0.0/8",))),
    (public_ssh, FIREWALL, firewall("23-80")),
    (public_ssh, FIREWALL, firewall("22", direction="EGRESS")),
    (public_ssh, FIREWALL, {"direction": "INGRESS", "denies": [{"protocol": "all"}], "sourceRanges": ["0.0.0.0/0"]}),
    (public_ssh, FIREWALL, {"allows": [{"protocol": "tcp", "ports": ["22"]}], "sourceTags": ["vpn"]}),
    (public_ssh, FIREWALL_RULE, policy_rule("22", action="deny")),
    (public_ssh, FIREWALL_RULE, policy_rule("22", sources=("fd20::/20",))),
    (world_open_port, FIREWALL, firewall("26656")),
    (world_open_port, FIREWALL, firewall("443", sources=("10.0.0.0/8",), tags=())),
    (egress_to_everything, FIREWALL, firewall("443", direction="EGRESS", destinationRanges=["10.0.0.0/8"])),
    (egress_to_everything, FIREWALL, {"direction": "EGRESS", "denies": [{"protocol": "all"}]}),
]

BREAKS = [
    (encrypted_volume, DISK, {}, "the disk names no key"),
    (encrypted_volume, MACHINE, {"bootDisk": {}}, "the boot disk names no key"),
    (encrypted_volume, MACHINE, {"bootDisk": {"kmsKeySelfLink": "k"}, "attachedDisks": [{}]}, "an attached disk"),
    (encrypted_volume, MACHINE, {"bootDisk": {"kmsKeySelfLink": "k"}, "scratchDisks": [{}]}, "scratch disks"),
    (encrypted_logs, GOOGLE_LOG, {"cmekSettings": {}}, "names no key"),
    (
        encrypted_table,
        TABLE,
        {"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}, "replicas": [{"regionName": "us-east-2"}]},
        "the replica in us-east-2 names no key",
    ),
    (encrypted_secret, SECRET, {}, "the secret names no key"),
    (encrypted_secret, SECRET, {"kmsKeyId": KEY, "replicas": [{"region": "eu-west-1"}]}, "a replica names no key"),
    (encrypted_secret, PARAMETER, {"type": "String", "keyId": KEY}, "type is String"),
    (encrypted_secret, PARAMETER, {"type": "SecureString"}, "the parameter names no key"),
    (encrypted_secret, GOOGLE_SECRET, {}, "names no key"),
    (encrypted_secret, GOOGLE_SECRET, {"replication": {"auto": {}}}, "names no key"),
    (
        encrypted_secret,
        GOOGLE_SECRET,
        {"replication": {"userManaged": {"replicas": [{"location": "x"}]}}},
        "names no key",
    ),
    (encrypted_secret, GOOGLE_SECRET, {"replication": {"userManaged": STRING}}, "names no key"),
    (encrypted_secret, SECRET, {"kmsKeyId": "alias/aws/secretsmanager"}, "the secret names no key"),
    (encrypted_volume, VOLUME, {"encrypted": True, "kmsKeyId": "arn:aws:kms:x:1:alias/aws/ebs"}, "no key of ours"),
    (encrypted_logs, "aws:cloudwatch/logGroup:LogGroup", {"kmsKeyId": "alias/aws/logs"}, "no key of ours"),
    (
        encrypted_table,
        TABLE,
        {"serverSideEncryption": {"enabled": True, "kmsKeyArn": "arn:aws:kms:x:1:alias/aws/dynamodb"}},
        "alias/aws/dynamodb",
    ),
    (encrypted_message, QUEUE, {}, "kmsMasterKeyId is None"),
    (encrypted_message, TOPIC, {"kmsMasterKeyId": "alias/aws/sns"}, "alias/aws/sns"),
    (encrypted_message, "gcp:pubsub/topic:Topic", {}, "kmsKeyName is None"),
    (encrypted_file_system, "aws:efs/fileSystem:FileSystem", {"encrypted": True}, "kmsKeyId is None"),
    (encrypted_file_system, "aws:efs/fileSystem:FileSystem", {"encrypted": BOOLEAN, "kmsKeyId": KEY}, "is unknown"),
    (encrypted_database, CLUSTER, {"kmsKeyId": KEY}, "storageEncrypted is None"),
    (encrypted_database, GOOGLE_DATABASE, {"encryptionKeyName": "k"}, "sslMode is None"),
    (
        encrypted_database,
        GOOGLE_DATABASE,
        settings(ipConfiguration={"sslMode": "ENCRYPTED_ONLY"}),
        "the database names no key",
    ),
    (hidden_database, DATABASE, {}, "publiclyAccessible is None"),
    (hidden_database, DATABASE, {"publiclyAccessible": True}, "publiclyAccessible is True"),
    (hidden_database, GOOGLE_DATABASE, {"settings": STRING}, "ipv4Enabled is unknown"),
    (hidden_database, GOOGLE_DATABASE, settings(tier="db-f1"), "ipv4Enabled is None"),
    (restorable_data, TABLE, {}, "pointInTimeRecovery.enabled is None"),
    (
        restorable_data,
        TABLE,
        {"pointInTimeRecovery": {"enabled": True}, "replicas": [{"regionName": "us-east-2"}]},
        "a replica's pointInTimeRecovery is None",
    ),
    (restorable_data, DATABASE, {"backupRetentionPeriod": 0}, "backupRetentionPeriod is 0"),
    (restorable_data, DATABASE, {"backupRetentionPeriod": NUMBER}, "backupRetentionPeriod is unknown"),
    (restorable_data, GOOGLE_DATABASE, settings(backupConfiguration={"enabled": True}), "pointInTimeRecoveryEnabled"),
    (deletion_protection, TABLE, {"deletionProtectionEnabled": True, "replicas": [{}]}, "a replica's"),
    (deletion_protection, DATABASE, {"tags": TAGS}, "deletionProtection is None"),
    (deletion_protection, MACHINE, {"labels": LABELS}, "deletionProtection is None"),
    (deletion_protection, GOOGLE_DATABASE, settings(tier="x"), "settings.deletionProtectionEnabled is None"),
    (signing_lock, ROLE_POLICY, {"policy": document("dynamodb:DeleteItem", HEAD)}, "allowed on a table *-signing-head"),
    (table_regions, TABLE, table("us-east-2"), "exactly three regions"),
    (table_regions, TABLE, table("us-east-2", "us-west-2", witness="us-east-1"), "exactly three regions"),
    (table_regions, TABLE, table("us-east-1", "us-west-2"), "exactly three regions"),
    (table_regions, TABLE, table("us-east-2", "us-west-1"), "one set"),
    (table_regions, TABLE, table("us-east-2", witness="eu-west-1"), "one set"),
    (table_regions, TABLE, table("eu-north-1", "eu-west-1", region="eu-central-1"), "eu-west-1, eu-west-2, eu-west-3"),
    (table_regions, TABLE, table("us-east-2", STRING), "is not known"),
    (table_regions, TABLE, table("us-east-2", "us-west-2", region=None), "is not known"),
    (table_regions, TABLE, {"region": "us-east-1", "replicas": STRING}, "is unknown"),
    (
        table_regions,
        TABLE,
        {"region": "us-east-1", "replicas": [{"regionName": "us-east-2", "consistencyMode": "EVENTUAL"}]},
        "consistencyMode is EVENTUAL",
    ),
    (
        table_regions,
        TABLE,
        {"region": "us-east-1", "replicas": [{"regionName": "us-east-2"}]},
        "consistencyMode is None",
    ),
    (table_regions, TABLE, table("us-east-2", "us-west-2", ttl={"enabled": True}), "ttl is enabled"),
    (table_regions, TABLE, table("us-east-2", "us-west-2", localSecondaryIndexes=[{}]), "local secondary indexes"),
    (passed_role, POLICY, {"policy": document("iam:PassRole", "arn:aws:iam::1:role/*", **PASSED_TO)}, "role/*"),
    (passed_role, POLICY, {"policy": document("iam:passrole", "*", **PASSED_TO)}, "on *"),
    (passed_role, ROLE_POLICY, {"policy": document(*PASS_ROLE)}, "to any service"),
    (passed_role, ROLE, {"inlinePolicies": [{"policy": document(*PASS_ROLE)}]}, "to any service"),
    (granting_permission, POLICY, {"policy": document("iam:AttachRolePolicy", "arn")}, "iam:AttachRolePolicy"),
    (granting_permission, ROLE_POLICY, {"policy": document("ssm:StartSession", "arn")}, "ssm:StartSession"),
    (granting_permission, POLICY, {"policy": document("kms:CreateGrant", KEY)}, "kms:CreateGrant"),
    (managed_policy, ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}, "is attached"),
    (managed_policy, ROLE, {"managedPolicyArns": ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]}, "ReadOnlyAccess"),
    (managed_policy, ROLE, {"managedPolicyArns": [STRING]}, "unknown is attached"),
    (managed_policy, ATTACHMENT, {"policyArn": "arn:aws:iam::aws:policy/service-role/X"}, "service-role/X"),
    (resource_policy, QUEUE_POLICY, {"policy": document("sqs:SendMessage", "arn", Principal="*")}, "to anyone"),
    (
        resource_policy,
        QUEUE_POLICY,
        {"policy": document("sqs:SendMessage", "arn", Principal={"AWS": "*"})},
        "to anyone",
    ),
    (resource_policy, QUEUE_POLICY, {"policy": document("sqs:SendMessage", "arn", NotPrincipal=NAMED)}, "to anyone"),
    (resource_policy, QUEUE_POLICY, {"policy": document("sqs:*", "arn", Principal=NAMED)}, "sqs:* is allowed"),
    (resource_policy, ENDPOINT, {"policy": document("*", "*", Principal="*")}, "lets anyone use everything"),
    (role_trust, ROLE, trust({"Service": "*"}), "anyone may assume"),
    (role_trust, ROLE, trust(OIDC), "which subject"),
    (
        role_trust,
        ROLE,
        trust(OIDC, Condition={"StringEquals": {"token.actions.example:sub": "repo:estate"}}),
        "for which audience",
    ),
    (readable_document, POLICY, {"policy": "{"}, "is no JSON"),
    (readable_document, POLICY, {"policy": "[]"}, "has no Statement"),
    (readable_document, ROLE, {"assumeRolePolicy": '{"Statement": {"Effect": "allow"}}'}, "Effect allow"),
    (readable_document, "aws:kms/key:Key", {"policy": '{"Statement": ["*"]}'}, "no mapping"),
    (iam_wildcard, POLICY, {"policy": document("s3:Get?bject", "arn:aws:s3:::b/k")}, "s3:Get?bject"),
    (key_policy, "aws:kms/key:Key", {"policy": KEY_POLICY, "bypassPolicyLockoutSafetyCheck": True}, "bypassPolicy"),
    (static_key, "aws:iam/accessKey:AccessKey", {}, "AccessKey is made"),
    (static_key, "gcp:serviceaccount/key:Key", {}, "Key is made"),
    (static_key, "pulumi:providers:aws", {"secretKey": STRING}, "is given secretKey"),
    (static_key, "pulumi:providers:gcp", {"credentials": "{}"}, "is given credentials"),
    (hidden_validator, INSTANCE, {**HIDDEN, "tags": {**TAGS, "Role": "signer", "Tier": "public"}}, "in tier public"),
    (hidden_validator, INSTANCE, {"tags": HIDDEN["tags"]}, "associatePublicIpAddress is None"),
    (hidden_validator, INSTANCE, {"tags": {**TAGS, "Role": STRING, "Tier": "public"}}, "in tier public"),
    (hidden_validator, "aws:ec2/eip:Eip", {"tags": HIDDEN["tags"]}, "is given an elastic address"),
    (hidden_validator, MACHINE, LABELLED_VALIDATOR | nic(accessConfigs=[{}]), "access configuration"),
    (hidden_validator, MACHINE, LABELLED_VALIDATOR | nic(ipv6AccessConfigs=STRING), "access configuration"),
    (protected_validator, INSTANCE, HIDDEN, "protect is off on a validator"),
    (protected_validator, MACHINE, LABELLED_VALIDATOR, "protect is off on a validator"),
    (shielded_instance, MACHINE, {}, "enableSecureBoot is None"),
    (shielded_instance, MACHINE, {"shieldedInstanceConfig": SHIELDED | {"enableVtpm": False}}, "enableVtpm is False"),
    (metadata_key, MACHINE, {}, "enable-oslogin is None"),
    (metadata_key, MACHINE, {"metadata": METADATA | {"enable-oslogin": "FALSE"}}, "enable-oslogin is FALSE"),
    (metadata_key, MACHINE, {"metadata": {"enable-oslogin": "TRUE"}}, "block-project-ssh-keys is None"),
    (metadata_key, MACHINE, {"metadata": METADATA | {"ssh-keys": "a:ssh-ed25519 A"}}, "ssh-keys are given"),
    (metadata_key, MACHINE, {"metadata": STRING}, "metadata are unknown"),
    (metadata_key, PROJECT_METADATA, {"metadata": {"sshKeys": "a"}}, "the project has SSH keys"),
    (metadata_key, ITEM, {"key": "ssh-keys", "value": "a"}, "have ssh-keys"),
    (serial_port, MACHINE, {"metadata": {"serial-port-enable": "1"}}, "serial-port-enable is 1"),
    (serial_port, MACHINE, {"metadata": {"serial-port-enable": STRING}}, "is unknown"),
    (serial_port, ITEM, {"key": "serial-port-enable", "value": "true"}, "for the project"),
    (public_member, BUCKET_MEMBER, {"member": "allUsers"}, "allUsers is granted"),
    (public_member, BUCKET_BINDING, {"members": ["user:a@b", "allAuthenticatedUsers"]}, "allAuthenticatedUsers"),
    (public_member, BUCKET_ENTRY, {"entity": "allUsers"}, "allUsers is given access"),
    (primitive_role, PROJECT_MEMBER, {"role": "roles/owner"}, "roles/owner is granted"),
    (primitive_role, PROJECT_MEMBER, {"role": STRING}, "unknown is granted"),
    (primitive_role, PROJECT_MEMBER, {"role": "roles/iam.serviceAccountTokenCreator"}, "whole project"),
    (own_identity, MACHINE, {"serviceAccount": {"scopes": []}}, "service account is None"),
    (own_identity, MACHINE, {"serviceAccount": {"email": "1-compute@developer.gserviceaccount.com"}}, "1-compute"),
    (default_network, MACHINE, nic(network="default"), "in default"),
    (default_network, MACHINE, nic(network="projects/p/global/networks/default"), "networks/default"),
    (default_network, MACHINE, nic(nicType="GVNIC"), "names no network"),
    (default_network, "gcp:compute/network:Network", {}, "autoCreateSubnetworks is None"),
    (default_network, "gcp:organizations/project:Project", {}, "autoCreateNetwork is None"),
    (firewall_log, FIREWALL, {}, "logConfig is None"),
    (firewall_log, FIREWALL_RULE, {"enableLogging": BOOLEAN}, "enableLogging is unknown"),
    (key_rotation, GOOGLE_KEY_TYPE, {"destroyScheduledDuration": "2592000s"}, "rotationPeriod is None"),
    (
        key_rotation,
        GOOGLE_KEY_TYPE,
        {"rotationPeriod": "63072000s", "destroyScheduledDuration": "2592000s"},
        "rotationPeriod is 63072000s",
    ),
    (key_rotation, GOOGLE_KEY_TYPE, {"rotationPeriod": "7776000s", "destroyScheduledDuration": "86400s"}, "86400s"),
    (proxy_tls, "gcp:compute/sSLPolicy:SSLPolicy", {"minTlsVersion": "TLS_1_0", "profile": "MODERN"}, "TLS_1_0"),
    (proxy_tls, "gcp:compute/regionSslPolicy:RegionSslPolicy", {"minTlsVersion": "TLS_1_2"}, "profile is None"),
    (proxy_tls, "gcp:compute/targetSSLProxy:TargetSSLProxy", {}, "no SSL policy"),
    (proxy_tls, "gcp:compute/targetHttpProxy:TargetHttpProxy", {}, "in clear"),
    (log_retention, GOOGLE_LOG, {"retentionDays": 30}, "retentionDays is 30"),
    (tunnel_certificate, TUNNEL, {"sharedSecret": STRING}, "sharedSecret is given"),
    (tunnel_certificate, TUNNEL, {"ikeVersion": 1}, "ikeVersion is 1"),
    (stated_tags, MACHINE, {"labels": LABELS, "tags": ["seed"]}, "role are missing"),
    (stated_tags, GOOGLE_DATABASE, settings(userLabels={"network": "x"}), "owner, stage are missing"),
    (described_rule, FIREWALL, {}, "the description is empty"),
    (instance_access, MACHINE, {"metadata": {"startup-script": "export PASSWORD=hunter2"}}, "has a secret"),
    (public_ssh, FIREWALL, firewall("22"), "TCP 22 is open to 0.0.0.0/0"),
    (public_ssh, FIREWALL, firewall("20-30", sources=("::/0",)), "TCP 22 is open to ::/0"),
    (public_ssh, FIREWALL, firewall("22", sources=("35.235.240.0/20",)), "35.235.240.0/20"),
    (public_ssh, FIREWALL, firewall(protocol="all", sources=("203.0.113.7/32",)), "203.0.113.7/32"),
    (public_ssh, FIREWALL, firewall(protocol="tcp"), "TCP 22"),
    (public_ssh, FIREWALL, {"allows": [{"protocol": "tcp", "ports": ["22"]}]}, "0.0.0.0/0"),
    (public_ssh, FIREWALL, {"allows": STRING, "sourceRanges": ["0.0.0.0/0"]}, "TCP 22"),
    (public_ssh, FIREWALL_RULE, policy_rule("22"), "TCP 22 is open to 0.0.0.0/0"),
    (public_ssh, FIREWALL_RULE, {"direction": "INGRESS", "action": "allow", "match": STRING}, "open to unknown"),
    (world_open_port, FIREWALL, firewall("26656", tags=("validator",)), "of validator is open"),
    (world_open_port, FIREWALL, firewall("26656", tags=()), "all instances"),
    (world_open_port, FIREWALL, firewall("26656-26660"), "(26656, 26660)"),
    (world_open_port, FIREWALL, firewall("26660"), "(26660, 26660)"),
    (world_open_port, FIREWALL, firewall(protocol="all"), "on every port"),
    (world_open_port, FIREWALL_RULE, policy_rule("26656"), "open to the world"),
    (egress_to_everything, FIREWALL, firewall("443", direction="EGRESS"), "everything may be sent to 0.0.0.0/0"),
    (
        egress_to_everything,
        FIREWALL_RULE,
        policy_rule("443", direction="EGRESS"),
        "everything may be sent to 0.0.0.0/0",
    ),
    (
        egress_to_everything,
        FIREWALL,
        firewall("443", direction="EGRESS", destinationRanges=["10.0.0.0/8", STRING]),
        "everything may be sent to unknown",
    ),
    (
        egress_to_everything,
        FIREWALL,
        firewall(protocol="all", direction="EGRESS", destinationRanges=["10.0.0.0/8"]),
        "every protocol goes out",
    ),
]


@pytest.mark.parametrize(("rule", "type_", "properties"), PASSES)
def test_what_is_right_passes(rule: Any, type_: str, properties: dict) -> None:
    assert judged(rule.RULE, type_, properties) == []


@pytest.mark.parametrize(("rule", "type_", "properties", "said"), BREAKS)
def test_what_is_wrong_is_said(rule: Any, type_: str, properties: dict, said: str) -> None:
    found = judged(rule.RULE, type_, properties)
    assert any(said in message for message in found), found


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        (passed_role, POLICY, {"policy": STRING}),
        (granting_permission, POLICY, {"policy": STRING}),
        (managed_policy, ATTACHMENT, {"policyArn": STRING}),
        (resource_policy, QUEUE_POLICY, {"policy": STRING}),
        (resource_policy, ENDPOINT, {"policy": STRING}),
        (role_trust, ROLE, {"assumeRolePolicy": STRING}),
        (own_identity, MACHINE, {"serviceAccount": {"email": STRING}}),
    ],
)
def test_what_honestly_waits_for_another_resource_is_left_to_the_update(
    rule: Any, type_: str, properties: dict
) -> None:
    with pytest.raises(UnknownValueError):
        judged(rule.RULE, type_, properties)


def test_a_table_without_a_region_of_its_own_is_in_its_providers() -> None:
    provider = PolicyProviderResource("pulumi:providers:aws", {"region": "us-east-1"}, "urn", "aws")
    given = table("us-east-2", "us-west-2", region=None)
    assert judged(table_regions.RULE, TABLE, given, provider=provider) == []


def test_regions_of_no_set_are_refused_with_the_sets() -> None:
    (message,) = judged(table_regions.RULE, TABLE, table("ca-central-1", "us-east-2"))
    for regions in table_regions.REGION_SETS.values():
        assert ", ".join(regions) in message


def test_a_rule_that_denies_is_no_grant() -> None:
    denied = json.dumps({"Statement": {"Effect": "Deny", "Action": "iam:*", "Resource": "*", "Principal": "*"}})
    for rule, type_ in ((passed_role, POLICY), (granting_permission, POLICY), (resource_policy, QUEUE_POLICY)):
        assert judged(rule.RULE, type_, {"policy": denied}) == []


def test_every_rule_on_single_resources_has_a_passing_and_a_failing_case() -> None:
    alone = {module.RULE.name for module in registry.MODULES if isinstance(module.RULE, ResourceValidationPolicy)}
    assert {case[0].RULE.name for case in (*BREAKS, *test_rules.BREAKS)} == alone
    assert {case[0].RULE.name for case in (*PASSES, *test_rules.PASSES)} == alone
