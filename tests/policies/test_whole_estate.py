"""Rules on databases, secrets, regions and permissions, and on Google Cloud: what passes, and each way to break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi_policy import ResourceValidationPolicy
from pulumi_policy.policy import PolicyProviderResource
from pulumi_policy.proxy import UnknownValueError

from policies.rules import (
    attached_policies_are_ours,
    data_can_be_restored,
    databases_are_encrypted,
    databases_have_no_public_address,
    deletion_is_refused,
    disks_are_encrypted,
    egress_is_listed,
    file_systems_are_encrypted,
    firewall_rules_log,
    google_instances_are_shielded,
    google_keys_rotate,
    instances_have_an_identity_of_their_own,
    instances_have_no_shared_key_and_no_secret,
    keys_rotate_and_have_one_administrator,
    logs_are_encrypted,
    logs_are_kept,
    messages_are_encrypted,
    no_credential_lasts,
    no_default_network,
    no_key_stands_in_metadata,
    no_permission_grants_more,
    no_undeclared_port_is_open_to_the_world,
    nothing_is_granted_to_everyone,
    permissions_have_no_wildcard,
    policy_documents_can_be_read,
    proxies_speak_tls,
    registry,
    resource_policies_name_who,
    roles_are_not_basic,
    roles_are_passed_by_name,
    roles_name_who_may_assume_them,
    secrets_are_encrypted,
    security_groups_are_described,
    serial_ports_are_shut,
    signing_watermark_only_rises,
    ssh_is_never_public,
    tables_agree_across_regions,
    tables_are_encrypted,
    tags_are_stated,
    tunnels_have_certificates,
    validators_are_hidden,
    validators_are_protected,
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
    (disks_are_encrypted, DISK, {"diskEncryptionKey": {"kmsKeySelfLink": STRING}}),
    (disks_are_encrypted, MACHINE, {"bootDisk": {"kmsKeySelfLink": GOOGLE_KEY}}),
    (logs_are_encrypted, GOOGLE_LOG, {"cmekSettings": {"kmsKeyName": STRING}}),
    (tables_are_encrypted, TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}, "replicas": []}),
    (secrets_are_encrypted, SECRET, {"kmsKeyId": STRING}),
    (secrets_are_encrypted, SECRET, {"kmsKeyId": KEY, "replicas": [{"region": "eu-west-1", "kmsKeyId": KEY}]}),
    (secrets_are_encrypted, PARAMETER, {"type": "SecureString", "keyId": KEY}),
    (secrets_are_encrypted, GOOGLE_SECRET, AUTOMATIC),
    (messages_are_encrypted, QUEUE, {"kmsMasterKeyId": KEY}),
    (messages_are_encrypted, TOPIC, {"kmsMasterKeyId": STRING}),
    (messages_are_encrypted, "gcp:pubsub/topic:Topic", {"kmsKeyName": GOOGLE_KEY}),
    (file_systems_are_encrypted, "aws:efs/fileSystem:FileSystem", {"encrypted": True, "kmsKeyId": STRING}),
    (databases_are_encrypted, DATABASE, {"storageEncrypted": True, "kmsKeyId": STRING}),
    (
        databases_are_encrypted,
        GOOGLE_DATABASE,
        {"encryptionKeyName": STRING} | settings(ipConfiguration={"sslMode": "ENCRYPTED_ONLY"}),
    ),
    (databases_have_no_public_address, CLUSTER, {"publiclyAccessible": False}),
    (databases_have_no_public_address, GOOGLE_DATABASE, settings(ipConfiguration={"ipv4Enabled": False})),
    (data_can_be_restored, TABLE, {"pointInTimeRecovery": {"enabled": True}}),
    (data_can_be_restored, DATABASE, {"backupRetentionPeriod": 7}),
    (
        signing_watermark_only_rises,
        ROLE_POLICY,
        {"policy": document("dynamodb:UpdateItem", HEAD, Condition={"StringLike": {"dynamodb:LeadingKeys": "x|*"}})},
    ),
    (tables_agree_across_regions, TABLE, {"region": "sa-east-1"}),
    (tables_agree_across_regions, TABLE, table("us-east-2", "us-west-2")),
    (tables_agree_across_regions, TABLE, table("us-east-2", witness="us-west-2")),
    (tables_agree_across_regions, TABLE, table("eu-west-2", witness="eu-west-3", region="eu-central-1")),
    (tables_agree_across_regions, TABLE, table("ap-northeast-2", "ap-northeast-3", region="ap-northeast-1")),
    (roles_are_passed_by_name, POLICY, {"policy": document(*PASS_ROLE, **PASSED_TO)}),
    (no_permission_grants_more, ROLE_POLICY, {"policy": document("s3:GetObject", "arn:aws:s3:::b/k")}),
    (
        no_permission_grants_more,
        POLICY,
        {"policy": document("kms:CreateGrant", KEY, Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})},
    ),
    (attached_policies_are_ours, ROLE, {"managedPolicyArns": ["arn:aws:iam::123456789012:policy/own"]}),
    (attached_policies_are_ours, ATTACHMENT, {"policyArn": "arn:aws:iam::123456789012:policy/own"}),
    (resource_policies_name_who, QUEUE_POLICY, {"policy": document("sqs:SendMessage", "arn", Principal=NAMED)}),
    (resource_policies_name_who, TOPIC, {}),
    (
        resource_policies_name_who,
        QUEUE_POLICY,
        {"policy": document("sqs:SendMessage", "arn", Principal="*", **SOURCE)},
    ),
    (resource_policies_name_who, ENDPOINT, {}),
    (resource_policies_name_who, ENDPOINT, {"policy": document("s3:GetObject", "arn:aws:s3:::b/*", Principal="*")}),
    (roles_name_who_may_assume_them, ROLE, trust(NAMED, Condition={"StringEquals": {"sts:ExternalId": "cosmoshub"}})),
    (roles_name_who_may_assume_them, ROLE, trust(OIDC, **TOKEN)),
    (policy_documents_can_be_read, POLICY, {"policy": document("s3:GetObject", "arn")}),
    (policy_documents_can_be_read, POLICY, {"policy": STRING}),
    (no_credential_lasts, POLICY, {}),
    (no_credential_lasts, "pulumi:providers:aws", {"region": "us-east-1"}),
    (validators_are_hidden, INSTANCE, HIDDEN),
    (validators_are_hidden, INSTANCE, SEED),
    (validators_are_hidden, "aws:ec2/eip:Eip", SEED),
    (validators_are_hidden, MACHINE, LABELLED_VALIDATOR | nic(subnetwork="s")),
    (validators_are_hidden, MACHINE, {"labels": {"role": "seed"}} | nic(accessConfigs=[{}])),
    (validators_are_protected, INSTANCE, SEED),
    (validators_are_protected, INSTANCE, {"tags": {**TAGS, "Role": "validator", "Stage": "testnet"}}),
    (google_instances_are_shielded, MACHINE, {"shieldedInstanceConfig": SHIELDED}),
    (no_key_stands_in_metadata, MACHINE, {"metadata": METADATA}),
    (no_key_stands_in_metadata, PROJECT_METADATA, {"metadata": METADATA}),
    (no_key_stands_in_metadata, ITEM, {"key": "enable-oslogin", "value": "TRUE"}),
    (serial_ports_are_shut, MACHINE, {"metadata": {"serial-port-enable": "FALSE"}}),
    (serial_ports_are_shut, ITEM, {"key": "serial-port-enable", "value": "false"}),
    (nothing_is_granted_to_everyone, BUCKET_MEMBER, {"member": "group:validators@example.org"}),
    (nothing_is_granted_to_everyone, BUCKET_BINDING, {"members": ["user:a@example.org", STRING]}),
    (roles_are_not_basic, PROJECT_MEMBER, {"role": "roles/logging.logWriter"}),
    (roles_are_not_basic, "gcp:serviceaccount/iAMMember:IAMMember", {"role": "roles/iam.serviceAccountUser"}),
    (instances_have_an_identity_of_their_own, MACHINE, {}),
    (instances_have_an_identity_of_their_own, MACHINE, {"serviceAccount": {"email": "seed@p.iam.gserviceaccount.com"}}),
    (no_default_network, MACHINE, nic(subnetwork="projects/p/regions/r/subnetworks/private")),
    (no_default_network, MACHINE, nic(subnetwork=STRING)),
    (no_default_network, "gcp:compute/network:Network", {"autoCreateSubnetworks": False}),
    (firewall_rules_log, FIREWALL, {"logConfig": {"metadata": "EXCLUDE_ALL_METADATA"}}),
    (firewall_rules_log, FIREWALL_RULE, {"enableLogging": True}),
    (google_keys_rotate, GOOGLE_KEY_TYPE, {"rotationPeriod": "31536000s", "destroyScheduledDuration": "2592000s"}),
    (google_keys_rotate, GOOGLE_KEY_TYPE, {"purpose": "ASYMMETRIC_SIGN", "destroyScheduledDuration": "2592000s"}),
    (proxies_speak_tls, "gcp:compute/targetHttpsProxy:TargetHttpsProxy", {"sslPolicy": STRING}),
    (proxies_speak_tls, "gcp:compute/sSLPolicy:SSLPolicy", {"minTlsVersion": "TLS_1_3", "profile": "RESTRICTED"}),
    (logs_are_kept, GOOGLE_LOG, {"retentionDays": 365}),
    (tunnels_have_certificates, TUNNEL, {"sharedSecretWo": STRING, "ikeVersion": 2}),
    (tags_are_stated, MACHINE, {"labels": {**LABELS, "role": "seed"}, "tags": ["seed"]}),
    (tags_are_stated, GOOGLE_DATABASE, settings(userLabels=LABELS)),
    (deletion_is_refused, MACHINE, {"labels": {**LABELS, "stage": "testnet"}}),
    (security_groups_are_described, FIREWALL, {"description": "p2p-internet-seed"}),
    (instances_have_no_shared_key_and_no_secret, MACHINE, {"metadata": {"startup-script": "systemctl start seed"}}),
    (ssh_is_never_public, FIREWALL, firewall("22", sources=("10.0.0.0/8",))),
    (ssh_is_never_public, FIREWALL, firewall("23-80")),
    (ssh_is_never_public, FIREWALL, firewall("22", direction="EGRESS")),
    (
        ssh_is_never_public,
        FIREWALL,
        {"direction": "INGRESS", "denies": [{"protocol": "all"}], "sourceRanges": ["0.0.0.0/0"]},
    ),
    (ssh_is_never_public, FIREWALL, {"allows": [{"protocol": "tcp", "ports": ["22"]}], "sourceTags": ["vpn"]}),
    (ssh_is_never_public, FIREWALL_RULE, policy_rule("22", action="deny")),
    (ssh_is_never_public, FIREWALL_RULE, policy_rule("22", sources=("fd20::/20",))),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall("26656")),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall("443", sources=("10.0.0.0/8",), tags=())),
    (egress_is_listed, FIREWALL, firewall("443", direction="EGRESS", destinationRanges=["10.0.0.0/8"])),
    (egress_is_listed, FIREWALL, {"direction": "EGRESS", "denies": [{"protocol": "all"}]}),
]

BREAKS = [
    (disks_are_encrypted, DISK, {}, "the disk names no key"),
    (disks_are_encrypted, MACHINE, {"bootDisk": {}}, "the boot disk names no key"),
    (disks_are_encrypted, MACHINE, {"bootDisk": {"kmsKeySelfLink": "k"}, "attachedDisks": [{}]}, "an attached disk"),
    (disks_are_encrypted, MACHINE, {"bootDisk": {"kmsKeySelfLink": "k"}, "scratchDisks": [{}]}, "scratch disks"),
    (logs_are_encrypted, GOOGLE_LOG, {"cmekSettings": {}}, "has no customer-managed key"),
    (
        tables_are_encrypted,
        TABLE,
        {"serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY}, "replicas": [{"regionName": "us-east-2"}]},
        "the replica in us-east-2 names no key",
    ),
    (secrets_are_encrypted, SECRET, {}, "the secret names no key"),
    (secrets_are_encrypted, SECRET, {"kmsKeyId": KEY, "replicas": [{"region": "eu-west-1"}]}, "a replica names no key"),
    (secrets_are_encrypted, PARAMETER, {"type": "String", "keyId": KEY}, "type is String"),
    (secrets_are_encrypted, PARAMETER, {"type": "SecureString"}, "the parameter names no key"),
    (secrets_are_encrypted, GOOGLE_SECRET, {}, "names no key"),
    (secrets_are_encrypted, GOOGLE_SECRET, {"replication": {"auto": {}}}, "names no key"),
    (
        secrets_are_encrypted,
        GOOGLE_SECRET,
        {"replication": {"userManaged": {"replicas": [{"location": "x"}]}}},
        "names no key",
    ),
    (secrets_are_encrypted, GOOGLE_SECRET, {"replication": {"userManaged": STRING}}, "names no key"),
    (secrets_are_encrypted, SECRET, {"kmsKeyId": "alias/aws/secretsmanager"}, "the secret names no key"),
    (
        disks_are_encrypted,
        VOLUME,
        {"encrypted": True, "kmsKeyId": "arn:aws:kms:x:1:alias/aws/ebs"},
        "no customer-managed key",
    ),
    (logs_are_encrypted, "aws:cloudwatch/logGroup:LogGroup", {"kmsKeyId": "alias/aws/logs"}, "no customer-managed key"),
    (
        tables_are_encrypted,
        TABLE,
        {"serverSideEncryption": {"enabled": True, "kmsKeyArn": "arn:aws:kms:x:1:alias/aws/dynamodb"}},
        "alias/aws/dynamodb",
    ),
    (messages_are_encrypted, QUEUE, {}, "kmsMasterKeyId is None"),
    (messages_are_encrypted, TOPIC, {"kmsMasterKeyId": "alias/aws/sns"}, "alias/aws/sns"),
    (messages_are_encrypted, "gcp:pubsub/topic:Topic", {}, "kmsKeyName is None"),
    (file_systems_are_encrypted, "aws:efs/fileSystem:FileSystem", {"encrypted": True}, "kmsKeyId is None"),
    (
        file_systems_are_encrypted,
        "aws:efs/fileSystem:FileSystem",
        {"encrypted": BOOLEAN, "kmsKeyId": KEY},
        "is unknown",
    ),
    (databases_are_encrypted, CLUSTER, {"kmsKeyId": KEY}, "storageEncrypted is None"),
    (databases_are_encrypted, GOOGLE_DATABASE, {"encryptionKeyName": "k"}, "sslMode is None"),
    (
        databases_are_encrypted,
        GOOGLE_DATABASE,
        settings(ipConfiguration={"sslMode": "ENCRYPTED_ONLY"}),
        "the database names no key",
    ),
    (databases_have_no_public_address, DATABASE, {}, "publiclyAccessible is None"),
    (databases_have_no_public_address, DATABASE, {"publiclyAccessible": True}, "publiclyAccessible is True"),
    (databases_have_no_public_address, GOOGLE_DATABASE, {"settings": STRING}, "ipv4Enabled is unknown"),
    (databases_have_no_public_address, GOOGLE_DATABASE, settings(tier="db-f1"), "ipv4Enabled is None"),
    (data_can_be_restored, TABLE, {}, "pointInTimeRecovery.enabled is None"),
    (
        data_can_be_restored,
        TABLE,
        {"pointInTimeRecovery": {"enabled": True}, "replicas": [{"regionName": "us-east-2"}]},
        "a replica's pointInTimeRecovery is None",
    ),
    (data_can_be_restored, DATABASE, {"backupRetentionPeriod": 0}, "backupRetentionPeriod is 0"),
    (data_can_be_restored, DATABASE, {"backupRetentionPeriod": NUMBER}, "backupRetentionPeriod is unknown"),
    (
        data_can_be_restored,
        GOOGLE_DATABASE,
        settings(backupConfiguration={"enabled": True}),
        "pointInTimeRecoveryEnabled",
    ),
    (deletion_is_refused, TABLE, {"deletionProtectionEnabled": True, "replicas": [{}]}, "a replica's"),
    (deletion_is_refused, DATABASE, {"tags": TAGS}, "deletionProtection is None"),
    (deletion_is_refused, MACHINE, {"labels": LABELS}, "deletionProtection is None"),
    (deletion_is_refused, GOOGLE_DATABASE, settings(tier="x"), "settings.deletionProtectionEnabled is None"),
    (
        signing_watermark_only_rises,
        ROLE_POLICY,
        {"policy": document("dynamodb:DeleteItem", HEAD)},
        "allowed on a table *-signing-head",
    ),
    (tables_agree_across_regions, TABLE, table("us-east-2"), "exactly three regions"),
    (tables_agree_across_regions, TABLE, table("us-east-2", "us-west-2", witness="us-east-1"), "exactly three regions"),
    (tables_agree_across_regions, TABLE, table("us-east-1", "us-west-2"), "exactly three regions"),
    (tables_agree_across_regions, TABLE, table("us-east-2", "us-west-1"), "one set"),
    (tables_agree_across_regions, TABLE, table("us-east-2", witness="eu-west-1"), "one set"),
    (
        tables_agree_across_regions,
        TABLE,
        table("eu-north-1", "eu-west-1", region="eu-central-1"),
        "eu-west-1, eu-west-2, eu-west-3",
    ),
    (tables_agree_across_regions, TABLE, table("us-east-2", STRING), "is not known"),
    (tables_agree_across_regions, TABLE, table("us-east-2", "us-west-2", region=None), "is not known"),
    (tables_agree_across_regions, TABLE, {"region": "us-east-1", "replicas": STRING}, "is unknown"),
    (
        tables_agree_across_regions,
        TABLE,
        {"region": "us-east-1", "replicas": [{"regionName": "us-east-2", "consistencyMode": "EVENTUAL"}]},
        "consistencyMode is EVENTUAL",
    ),
    (
        tables_agree_across_regions,
        TABLE,
        {"region": "us-east-1", "replicas": [{"regionName": "us-east-2"}]},
        "consistencyMode is None",
    ),
    (tables_agree_across_regions, TABLE, table("us-east-2", "us-west-2", ttl={"enabled": True}), "ttl is enabled"),
    (
        tables_agree_across_regions,
        TABLE,
        table("us-east-2", "us-west-2", localSecondaryIndexes=[{}]),
        "local secondary indexes",
    ),
    (
        roles_are_passed_by_name,
        POLICY,
        {"policy": document("iam:PassRole", "arn:aws:iam::1:role/*", **PASSED_TO)},
        "role/*",
    ),
    (roles_are_passed_by_name, POLICY, {"policy": document("iam:passrole", "*", **PASSED_TO)}, "on *"),
    (roles_are_passed_by_name, ROLE_POLICY, {"policy": document(*PASS_ROLE)}, "to any service"),
    (roles_are_passed_by_name, ROLE, {"inlinePolicies": [{"policy": document(*PASS_ROLE)}]}, "to any service"),
    (no_permission_grants_more, POLICY, {"policy": document("iam:AttachRolePolicy", "arn")}, "iam:AttachRolePolicy"),
    (no_permission_grants_more, ROLE_POLICY, {"policy": document("ssm:StartSession", "arn")}, "ssm:StartSession"),
    (no_permission_grants_more, POLICY, {"policy": document("kms:CreateGrant", KEY)}, "kms:CreateGrant"),
    (
        attached_policies_are_ours,
        ROLE,
        {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        "is attached",
    ),
    (
        attached_policies_are_ours,
        ROLE,
        {"managedPolicyArns": ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]},
        "ReadOnlyAccess",
    ),
    (attached_policies_are_ours, ROLE, {"managedPolicyArns": [STRING]}, "unknown is attached"),
    (attached_policies_are_ours, ATTACHMENT, {"policyArn": "arn:aws:iam::aws:policy/service-role/X"}, "service-role/X"),
    (
        resource_policies_name_who,
        QUEUE_POLICY,
        {"policy": document("sqs:SendMessage", "arn", Principal="*")},
        "to anyone",
    ),
    (
        resource_policies_name_who,
        QUEUE_POLICY,
        {"policy": document("sqs:SendMessage", "arn", Principal={"AWS": "*"})},
        "to anyone",
    ),
    (
        resource_policies_name_who,
        QUEUE_POLICY,
        {"policy": document("sqs:SendMessage", "arn", NotPrincipal=NAMED)},
        "to anyone",
    ),
    (
        resource_policies_name_who,
        QUEUE_POLICY,
        {"policy": document("sqs:*", "arn", Principal=NAMED)},
        "sqs:* is allowed",
    ),
    (resource_policies_name_who, ENDPOINT, {"policy": document("*", "*", Principal="*")}, "lets anyone use everything"),
    (roles_name_who_may_assume_them, ROLE, trust({"Service": "*"}), "anyone may assume"),
    (roles_name_who_may_assume_them, ROLE, trust(OIDC), "which subject"),
    (
        roles_name_who_may_assume_them,
        ROLE,
        trust(OIDC, Condition={"StringEquals": {"token.actions.example:sub": "repo:estate"}}),
        "for which audience",
    ),
    (policy_documents_can_be_read, POLICY, {"policy": "{"}, "is not JSON"),
    (policy_documents_can_be_read, POLICY, {"policy": "[]"}, "has no Statement"),
    (policy_documents_can_be_read, ROLE, {"assumeRolePolicy": '{"Statement": {"Effect": "allow"}}'}, "Effect allow"),
    (policy_documents_can_be_read, "aws:kms/key:Key", {"policy": '{"Statement": ["*"]}'}, "not a mapping"),
    (permissions_have_no_wildcard, POLICY, {"policy": document("s3:Get?bject", "arn:aws:s3:::b/k")}, "s3:Get?bject"),
    (
        keys_rotate_and_have_one_administrator,
        "aws:kms/key:Key",
        {"policy": KEY_POLICY, "bypassPolicyLockoutSafetyCheck": True},
        "bypassPolicy",
    ),
    (no_credential_lasts, "aws:iam/accessKey:AccessKey", {}, "AccessKey is created"),
    (no_credential_lasts, "gcp:serviceaccount/key:Key", {}, "Key is created"),
    (no_credential_lasts, "pulumi:providers:aws", {"secretKey": STRING}, "is given secretKey"),
    (no_credential_lasts, "pulumi:providers:gcp", {"credentials": "{}"}, "is given credentials"),
    (
        validators_are_hidden,
        INSTANCE,
        {**HIDDEN, "tags": {**TAGS, "Role": "signer", "Tier": "public"}},
        "in tier public",
    ),
    (validators_are_hidden, INSTANCE, {"tags": HIDDEN["tags"]}, "associatePublicIpAddress is None"),
    (validators_are_hidden, INSTANCE, {"tags": {**TAGS, "Role": STRING, "Tier": "public"}}, "in tier public"),
    (validators_are_hidden, "aws:ec2/eip:Eip", {"tags": HIDDEN["tags"]}, "has an elastic address"),
    (validators_are_hidden, MACHINE, LABELLED_VALIDATOR | nic(accessConfigs=[{}]), "access configuration"),
    (validators_are_hidden, MACHINE, LABELLED_VALIDATOR | nic(ipv6AccessConfigs=STRING), "access configuration"),
    (validators_are_protected, INSTANCE, HIDDEN, "protect is off on a validator"),
    (validators_are_protected, MACHINE, LABELLED_VALIDATOR, "protect is off on a validator"),
    (google_instances_are_shielded, MACHINE, {}, "enableSecureBoot is None"),
    (
        google_instances_are_shielded,
        MACHINE,
        {"shieldedInstanceConfig": SHIELDED | {"enableVtpm": False}},
        "enableVtpm is False",
    ),
    (no_key_stands_in_metadata, MACHINE, {}, "enable-oslogin is None"),
    (
        no_key_stands_in_metadata,
        MACHINE,
        {"metadata": METADATA | {"enable-oslogin": "FALSE"}},
        "enable-oslogin is FALSE",
    ),
    (no_key_stands_in_metadata, MACHINE, {"metadata": {"enable-oslogin": "TRUE"}}, "block-project-ssh-keys is None"),
    (
        no_key_stands_in_metadata,
        MACHINE,
        {"metadata": METADATA | {"ssh-keys": "a:ssh-ed25519 A"}},
        "ssh-keys are given",
    ),
    (no_key_stands_in_metadata, MACHINE, {"metadata": STRING}, "metadata are unknown"),
    (no_key_stands_in_metadata, PROJECT_METADATA, {"metadata": {"sshKeys": "a"}}, "the project has SSH keys"),
    (no_key_stands_in_metadata, ITEM, {"key": "ssh-keys", "value": "a"}, "have ssh-keys"),
    (serial_ports_are_shut, MACHINE, {"metadata": {"serial-port-enable": "1"}}, "serial-port-enable is 1"),
    (serial_ports_are_shut, MACHINE, {"metadata": {"serial-port-enable": STRING}}, "is unknown"),
    (serial_ports_are_shut, ITEM, {"key": "serial-port-enable", "value": "true"}, "for the project"),
    (nothing_is_granted_to_everyone, BUCKET_MEMBER, {"member": "allUsers"}, "allUsers has"),
    (
        nothing_is_granted_to_everyone,
        BUCKET_BINDING,
        {"members": ["user:a@b", "allAuthenticatedUsers"]},
        "allAuthenticatedUsers",
    ),
    (nothing_is_granted_to_everyone, BUCKET_ENTRY, {"entity": "allUsers"}, "allUsers has access"),
    (roles_are_not_basic, PROJECT_MEMBER, {"role": "roles/owner"}, "roles/owner is granted"),
    (roles_are_not_basic, PROJECT_MEMBER, {"role": STRING}, "unknown is granted"),
    (roles_are_not_basic, PROJECT_MEMBER, {"role": "roles/iam.serviceAccountTokenCreator"}, "whole project"),
    (instances_have_an_identity_of_their_own, MACHINE, {"serviceAccount": {"scopes": []}}, "service account is None"),
    (
        instances_have_an_identity_of_their_own,
        MACHINE,
        {"serviceAccount": {"email": "1-compute@developer.gserviceaccount.com"}},
        "1-compute",
    ),
    (no_default_network, MACHINE, nic(network="default"), "in default"),
    (no_default_network, MACHINE, nic(network="projects/p/global/networks/default"), "networks/default"),
    (no_default_network, MACHINE, nic(nicType="GVNIC"), "names no network"),
    (no_default_network, "gcp:compute/network:Network", {}, "autoCreateSubnetworks is None"),
    (no_default_network, "gcp:organizations/project:Project", {}, "autoCreateNetwork is None"),
    (firewall_rules_log, FIREWALL, {}, "logConfig is None"),
    (firewall_rules_log, FIREWALL_RULE, {"enableLogging": BOOLEAN}, "enableLogging is unknown"),
    (google_keys_rotate, GOOGLE_KEY_TYPE, {"destroyScheduledDuration": "2592000s"}, "rotationPeriod is None"),
    (
        google_keys_rotate,
        GOOGLE_KEY_TYPE,
        {"rotationPeriod": "63072000s", "destroyScheduledDuration": "2592000s"},
        "rotationPeriod is 63072000s",
    ),
    (
        google_keys_rotate,
        GOOGLE_KEY_TYPE,
        {"rotationPeriod": "7776000s", "destroyScheduledDuration": "86400s"},
        "86400s",
    ),
    (
        proxies_speak_tls,
        "gcp:compute/sSLPolicy:SSLPolicy",
        {"minTlsVersion": "TLS_1_0", "profile": "MODERN"},
        "TLS_1_0",
    ),
    (proxies_speak_tls, "gcp:compute/regionSslPolicy:RegionSslPolicy", {"minTlsVersion": "TLS_1_2"}, "profile is None"),
    (proxies_speak_tls, "gcp:compute/targetSSLProxy:TargetSSLProxy", {}, "no SSL policy"),
    (proxies_speak_tls, "gcp:compute/targetHttpProxy:TargetHttpProxy", {}, "plain HTTP"),
    (logs_are_kept, GOOGLE_LOG, {"retentionDays": 30}, "retentionDays is 30"),
    (tunnels_have_certificates, TUNNEL, {"sharedSecret": STRING}, "sharedSecret is set"),
    (tunnels_have_certificates, TUNNEL, {"ikeVersion": 1}, "ikeVersion is 1"),
    (tags_are_stated, MACHINE, {"labels": LABELS, "tags": ["seed"]}, "role are missing"),
    (tags_are_stated, GOOGLE_DATABASE, settings(userLabels={"network": "x"}), "owner, stage are missing"),
    (security_groups_are_described, FIREWALL, {}, "the description is empty"),
    (
        instances_have_no_shared_key_and_no_secret,
        MACHINE,
        {"metadata": {"startup-script": "export PASSWORD=hunter2"}},
        "has a secret",
    ),
    (ssh_is_never_public, FIREWALL, firewall("22"), "TCP 22 is open to 0.0.0.0/0"),
    (ssh_is_never_public, FIREWALL, firewall("20-30", sources=("::/0",)), "TCP 22 is open to ::/0"),
    (ssh_is_never_public, FIREWALL, firewall("22", sources=("35.235.240.0/20",)), "35.235.240.0/20"),
    (ssh_is_never_public, FIREWALL, firewall(protocol="all", sources=("203.0.113.7/32",)), "203.0.113.7/32"),
    (ssh_is_never_public, FIREWALL, firewall(protocol="tcp"), "TCP 22"),
    (ssh_is_never_public, FIREWALL, {"allows": [{"protocol": "tcp", "ports": ["22"]}]}, "0.0.0.0/0"),
    (ssh_is_never_public, FIREWALL, {"allows": STRING, "sourceRanges": ["0.0.0.0/0"]}, "TCP 22"),
    (ssh_is_never_public, FIREWALL_RULE, policy_rule("22"), "TCP 22 is open to 0.0.0.0/0"),
    (
        ssh_is_never_public,
        FIREWALL_RULE,
        {"direction": "INGRESS", "action": "allow", "match": STRING},
        "open to unknown",
    ),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall("26656", tags=("validator",)), "of validator is open"),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall("26656", tags=()), "all instances"),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall("26656-26660"), "(26656, 26660)"),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall("26660"), "(26660, 26660)"),
    (no_undeclared_port_is_open_to_the_world, FIREWALL, firewall(protocol="all"), "on every port"),
    (no_undeclared_port_is_open_to_the_world, FIREWALL_RULE, policy_rule("26656"), "open to the internet"),
    (egress_is_listed, FIREWALL, firewall("443", direction="EGRESS"), "everything may be sent to 0.0.0.0/0"),
    (
        egress_is_listed,
        FIREWALL_RULE,
        policy_rule("443", direction="EGRESS"),
        "everything may be sent to 0.0.0.0/0",
    ),
    (
        egress_is_listed,
        FIREWALL,
        firewall("443", direction="EGRESS", destinationRanges=["10.0.0.0/8", STRING]),
        "everything may be sent to unknown",
    ),
    (
        egress_is_listed,
        FIREWALL,
        firewall(protocol="all", direction="EGRESS", destinationRanges=["10.0.0.0/8"]),
        "every protocol is allowed out",
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
        (roles_are_passed_by_name, POLICY, {"policy": STRING}),
        (no_permission_grants_more, POLICY, {"policy": STRING}),
        (attached_policies_are_ours, ATTACHMENT, {"policyArn": STRING}),
        (resource_policies_name_who, QUEUE_POLICY, {"policy": STRING}),
        (resource_policies_name_who, ENDPOINT, {"policy": STRING}),
        (roles_name_who_may_assume_them, ROLE, {"assumeRolePolicy": STRING}),
        (instances_have_an_identity_of_their_own, MACHINE, {"serviceAccount": {"email": STRING}}),
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
    assert judged(tables_agree_across_regions.RULE, TABLE, given, provider=provider) == []


def test_regions_of_no_set_are_refused_with_the_sets() -> None:
    (message,) = judged(tables_agree_across_regions.RULE, TABLE, table("ca-central-1", "us-east-2"))
    for regions in tables_agree_across_regions.REGION_SETS.values():
        assert ", ".join(regions) in message


def test_a_rule_that_denies_is_no_grant() -> None:
    denied = json.dumps({"Statement": {"Effect": "Deny", "Action": "iam:*", "Resource": "*", "Principal": "*"}})
    for rule, type_ in (
        (roles_are_passed_by_name, POLICY),
        (no_permission_grants_more, POLICY),
        (resource_policies_name_who, QUEUE_POLICY),
    ):
        assert judged(rule.RULE, type_, {"policy": denied}) == []


def test_every_rule_on_single_resources_has_a_passing_and_a_failing_case() -> None:
    alone = {module.RULE.name for module in registry.MODULES if isinstance(module.RULE, ResourceValidationPolicy)}
    assert {case[0].RULE.name for case in (*BREAKS, *test_rules.BREAKS)} == alone
    assert {case[0].RULE.name for case in (*PASSES, *test_rules.PASSES)} == alone
