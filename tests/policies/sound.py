"""A stack that breaks no rule, with one resource of each reviewed type, and the same with one thing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationPolicy
from pulumi_policy.proxy import unknown_checking_proxy

from policies.reading.types import LABELLED, TAGGED
from policies.rule import Example
from tests.policies.judging import TAGS, judged, judged_together, options

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
GOOGLE_KEY = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"
LABELS = {"network": "cosmoshub", "owner": "network-operations", "stage": "production"}


@dataclass(frozen=True)
class Declared:
    """``refers``: the name of the resource that a property is taken from."""

    type: str
    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    refers: Mapping[str, str] = field(default_factory=dict)
    protect: bool = True

    @property
    def urn(self) -> str:
        return f"urn:pulumi:x::example::{self.type}::{self.name}"


def document(action: str, resource: str, **more: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]})


OWN = document("s3:GetObject", "arn:aws:s3:::backups/validator")
NAMED = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/vault"}
USED_BY_US = document("sqs:SendMessage", "arn:aws:sqs:x", Principal=NAMED)
TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}
)
KEY_POLICY = document("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
METADATA = {"enable-oslogin": "TRUE", "block-project-ssh-keys": "TRUE"}
SHIELDED = {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": True}
INGRESS_RULE = {
    "tags": {"Role": "seed", "Exposure": "p2p"},
    "ipProtocol": "tcp",
    "fromPort": 26656,
    "toPort": 26656,
    "description": "p2p-internet-seed",
}
MEMBER = {"member": "serviceAccount:sentry@p.iam.gserviceaccount.com", "role": "roles/storage.objectViewer"}
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"

RESOURCES = (
    Declared("pulumi:pulumi:Stack", "estate-example"),
    Declared("pulumi:providers:aws", "aws", {"region": "us-east-1", "allowedAccountIds": f'["{ACCOUNT}"]'}),
    Declared("pulumi:providers:gcp", "gcp", {"project": "p"}),
    Declared("estate:network:Vpc", "network"),
    Declared("aws:ec2/vpc:Vpc", "vpc", {"cidrBlock": "10.1.0.0/16"}),
    Declared("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default-group", refers={"vpcId": "vpc"}),
    Declared("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl", "default-acl"),
    Declared("aws:ec2/defaultRouteTable:DefaultRouteTable", "default-table"),
    Declared("aws:ec2/flowLog:FlowLog", "flow", {"trafficType": "ALL"}, {"vpcId": "vpc"}),
    Declared("aws:cloudwatch/logGroup:LogGroup", "log", {"kmsKeyId": KEY, "retentionInDays": 365}),
    Declared("aws:cloudwatch/metricAlarm:MetricAlarm", "alarm"),
    Declared("aws:ec2/subnet:Subnet", "subnet", {"tags": {"Tier": "public"}}, {"vpcId": "vpc"}),
    Declared("aws:ec2/routeTable:RouteTable", "table", {"tags": {"Tier": "public"}}, {"vpcId": "vpc"}),
    Declared(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "table-association",
        refers={"subnetId": "subnet", "routeTableId": "table"},
    ),
    Declared("aws:ec2/internetGateway:InternetGateway", "gateway", refers={"vpcId": "vpc"}),
    Declared("aws:ec2/route:Route", "route", refers={"routeTableId": "table", "gatewayId": "gateway"}),
    Declared("aws:ec2/natGateway:NatGateway", "nat", {"tags": {"Tier": "public"}}, {"subnetId": "subnet"}),
    Declared("aws:ec2/vpcEndpoint:VpcEndpoint", "endpoint"),
    Declared("aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "peering"),
    Declared("aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter", "accepter"),
    Declared("aws:ec2/vpnGateway:VpnGateway", "vpn-gateway"),
    Declared("aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation", "propagation"),
    Declared(
        "aws:ec2/customerGateway:CustomerGateway",
        "customer",
        {"tags": {"Site": "frankfurt"}, "certificateArn": CERTIFICATE},
    ),
    Declared("aws:ec2/vpnConnection:VpnConnection", "connection", {"tags": {"Site": "frankfurt"}}),
    Declared("aws:ec2/securityGroup:SecurityGroup", "group", {"tags": {"Role": "seed"}, "description": "of seeds"}),
    Declared(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "ingress",
        INGRESS_RULE | {"cidrIpv4": "10.0.0.0/8"},
    ),
    Declared(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "egress",
        {
            "tags": {"Role": "seed"},
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "cidrIpv4": "10.0.0.0/8",
            "description": "packages-seed",
        },
    ),
    Declared(
        "aws:ec2/instance:Instance",
        "instance",
        {
            "tags": {"Role": "seed", "Tier": "public"},
            "rootBlockDevice": {"encrypted": True, "kmsKeyId": KEY},
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            "disableApiTermination": True,
            "userData": "#cloud-config\nssh_pwauth: false\n",
        },
        {"subnetId": "subnet"},
    ),
    Declared(
        "aws:ebs/volume:Volume",
        "volume",
        {"tags": {"Role": "seed", "Tier": "public"}, "encrypted": True, "kmsKeyId": KEY},
    ),
    Declared("aws:ec2/volumeAttachment:VolumeAttachment", "volume-attachment"),
    Declared("aws:ec2/eip:Eip", "address", {"tags": {"Role": "seed", "Tier": "public"}}),
    Declared("aws:ec2/eipAssociation:EipAssociation", "address-association", refers={"instanceId": "instance"}),
    Declared(
        "aws:lb/loadBalancer:LoadBalancer",
        "balancer",
        {"tags": {"Role": "load-balancer", "Tier": "ingress"}, "enableDeletionProtection": True},
    ),
    Declared(
        "aws:lb/listener:Listener",
        "listener",
        {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "certificateArn": CERTIFICATE},
    ),
    Declared("aws:lb/targetGroup:TargetGroup", "targets"),
    Declared("aws:lb/targetGroupAttachment:TargetGroupAttachment", "target"),
    Declared("aws:acm/certificate:Certificate", "certificate"),
    Declared("aws:acm/certificateValidation:CertificateValidation", "certificate-validation"),
    Declared("aws:route53/zone:Zone", "zone"),
    Declared("aws:route53/record:Record", "record"),
    Declared("aws:route53/healthCheck:HealthCheck", "health"),
    Declared("aws:kms/key:Key", "key", {"enableKeyRotation": True, "deletionWindowInDays": 30, "policy": KEY_POLICY}),
    Declared("aws:kms/alias:Alias", "alias"),
    Declared("aws:iam/policy:Policy", "policy", {"policy": OWN}),
    Declared("aws:iam/rolePolicy:RolePolicy", "role-policy", {"policy": OWN}),
    Declared("aws:iam/role:Role", "role", {"assumeRolePolicy": TRUST, "permissionsBoundary": "arn:boundary"}),
    Declared(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "role-attachment",
        {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/own"},
    ),
    Declared("aws:iam/instanceProfile:InstanceProfile", "profile"),
    Declared("aws:s3/bucket:Bucket", "bucket"),
    Declared(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "bucket-encryption",
        refers={"bucket": "bucket"},
    ),
    Declared(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "bucket-block",
        dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True),
        {"bucket": "bucket"},
    ),
    Declared(
        "aws:s3/bucketVersioning:BucketVersioning",
        "bucket-versions",
        {"versioningConfiguration": {"status": "Enabled"}},
        {"bucket": "bucket"},
    ),
    Declared("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "bucket-ownership"),
    Declared(
        "aws:s3/bucketPolicy:BucketPolicy",
        "bucket-policy",
        {"policy": document("s3:GetObject", "arn", Principal=NAMED)},
    ),
    Declared(
        "aws:dynamodb/table:Table",
        "coordination",
        {
            "region": "us-east-1",
            "serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY},
            "pointInTimeRecovery": {"enabled": True},
            "deletionProtectionEnabled": True,
            "replicas": [
                {
                    "regionName": "us-east-2",
                    "consistencyMode": "STRONG",
                    "kmsKeyArn": KEY,
                    "pointInTimeRecovery": True,
                    "deletionProtectionEnabled": True,
                }
            ],
            "globalTableWitness": {"regionName": "us-west-2"},
        },
    ),
    Declared(
        "aws:dynamodb/resourcePolicy:ResourcePolicy",
        "table-policy",
        {"policy": document("dynamodb:UpdateItem", "arn", Principal=NAMED)},
    ),
    Declared("aws:secretsmanager/secret:Secret", "secret", {"kmsKeyId": KEY}),
    Declared(
        "aws:secretsmanager/secretPolicy:SecretPolicy",
        "secret-policy",
        {"policy": document("secretsmanager:GetSecretValue", "*", Principal=NAMED)},
    ),
    Declared("aws:ssm/parameter:Parameter", "parameter", {"type": "SecureString", "keyId": KEY}),
    Declared("aws:sns/topic:Topic", "topic", {"kmsMasterKeyId": KEY}),
    Declared(
        "aws:sns/topicPolicy:TopicPolicy", "topic-policy", {"policy": document("sns:Publish", "arn", Principal=NAMED)}
    ),
    Declared("aws:sqs/queue:Queue", "queue", {"kmsMasterKeyId": KEY}),
    Declared("aws:sqs/queuePolicy:QueuePolicy", "queue-policy", {"policy": USED_BY_US}),
    Declared("aws:efs/fileSystem:FileSystem", "files", {"encrypted": True, "kmsKeyId": KEY}),
    Declared(
        "aws:efs/fileSystemPolicy:FileSystemPolicy",
        "files-policy",
        {"policy": document("elasticfilesystem:ClientMount", "*", Principal=NAMED)},
    ),
    *(
        Declared(
            type_,
            name,
            {
                "storageEncrypted": True,
                "kmsKeyId": KEY,
                "publiclyAccessible": False,
                "backupRetentionPeriod": 14,
                "deletionProtection": True,
            },
        )
        for type_, name in (("aws:rds/instance:Instance", "database"), ("aws:rds/cluster:Cluster", "cluster"))
    ),
    Declared("gcp:organizations/project:Project", "project", {"autoCreateNetwork": False}),
    Declared("gcp:compute/network:Network", "google-network", {"autoCreateSubnetworks": False}),
    Declared("gcp:compute/subnetwork:Subnetwork", "subnetwork", {"logConfig": {"flowSampling": 1}}),
    Declared(
        "gcp:compute/firewall:Firewall",
        "firewall",
        {
            "direction": "INGRESS",
            "sourceRanges": ["0.0.0.0/0"],
            "targetTags": ["seed"],
            "allows": [{"protocol": "tcp", "ports": ["26656"]}],
            "logConfig": {"metadata": "INCLUDE_ALL_METADATA"},
            "description": "p2p-internet-seed",
        },
    ),
    Declared("gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy", "firewall-policy"),
    Declared("gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation", "policy-association"),
    Declared(
        "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule",
        "firewall-policy-rule",
        {
            "direction": "INGRESS",
            "action": "allow",
            "match": {"srcIpRanges": ["10.0.0.0/8"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["22"]}]},
            "enableLogging": True,
            "description": "ssh-vpn",
        },
    ),
    Declared(
        "gcp:compute/instance:Instance",
        "google-instance",
        {
            "labels": {"role": "seed"},
            "bootDisk": {"kmsKeySelfLink": GOOGLE_KEY},
            "shieldedInstanceConfig": SHIELDED,
            "metadata": METADATA,
            "networkInterfaces": [{"subnetwork": "projects/p/regions/europe-west4/subnetworks/private"}],
            "serviceAccount": {"email": "seed@p.iam.gserviceaccount.com", "scopes": ["cloud-platform"]},
            "deletionProtection": True,
        },
    ),
    Declared(
        "gcp:compute/disk:Disk",
        "google-disk",
        {"labels": {"role": "seed"}, "diskEncryptionKey": {"kmsKeySelfLink": GOOGLE_KEY}},
    ),
    Declared("gcp:compute/projectMetadata:ProjectMetadata", "project-metadata", {"metadata": METADATA}),
    Declared(
        "gcp:compute/projectMetadataItem:ProjectMetadataItem",
        "metadata-item",
        {"key": "enable-oslogin", "value": "TRUE"},
    ),
    Declared("gcp:compute/vPNTunnel:VPNTunnel", "google-tunnel", {"ikeVersion": 2}),
    *(
        Declared(f"gcp:compute/{type_}", f"google-{number}")
        for number, type_ in enumerate(
            (
                "address:Address",
                "attachedDisk:AttachedDisk",
                "externalVpnGateway:ExternalVpnGateway",
                "forwardingRule:ForwardingRule",
                "haVpnGateway:HaVpnGateway",
                "healthCheck:HealthCheck",
                "instanceGroup:InstanceGroup",
                "networkPeering:NetworkPeering",
                "regionBackendService:RegionBackendService",
                "route:Route",
                "router:Router",
                "routerInterface:RouterInterface",
                "routerNat:RouterNat",
                "routerPeer:RouterPeer",
            )
        )
    ),
    Declared("gcp:compute/sSLPolicy:SSLPolicy", "ssl", {"minTlsVersion": "TLS_1_2", "profile": "MODERN"}),
    Declared(
        "gcp:compute/regionSslPolicy:RegionSslPolicy", "region-ssl", {"minTlsVersion": "TLS_1_3", "profile": "MODERN"}
    ),
    Declared("gcp:compute/targetHttpsProxy:TargetHttpsProxy", "https", {"sslPolicy": "ssl"}),
    Declared("gcp:compute/targetSSLProxy:TargetSSLProxy", "ssl-proxy", {"sslPolicy": "ssl"}),
    Declared("gcp:dns/managedZone:ManagedZone", "google-zone"),
    Declared("gcp:dns/recordSet:RecordSet", "google-record"),
    Declared("gcp:kms/keyRing:KeyRing", "ring"),
    Declared(
        "gcp:kms/cryptoKey:CryptoKey",
        "google-key",
        {"rotationPeriod": "7776000s", "destroyScheduledDuration": "2592000s"},
    ),
    Declared("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "key-member", MEMBER),
    Declared(
        "gcp:logging/projectBucketConfig:ProjectBucketConfig",
        "google-log",
        {"retentionDays": 400, "cmekSettings": {"kmsKeyName": GOOGLE_KEY}},
    ),
    Declared("gcp:projects/iAMMember:IAMMember", "project-member", MEMBER),
    Declared(
        "gcp:projects/iAMBinding:IAMBinding",
        "project-binding",
        {"members": [MEMBER["member"]], "role": "roles/logging.logWriter"},
    ),
    Declared("gcp:pubsub/topic:Topic", "google-topic", {"kmsKeyName": GOOGLE_KEY}),
    Declared("gcp:pubsub/topicIAMMember:TopicIAMMember", "topic-member", MEMBER),
    Declared(
        "gcp:secretmanager/secret:Secret",
        "google-secret",
        {"replication": {"auto": {"customerManagedEncryption": {"kmsKeyName": GOOGLE_KEY}}}},
    ),
    Declared("gcp:secretmanager/secretIamMember:SecretIamMember", "secret-member", MEMBER),
    Declared("gcp:serviceaccount/account:Account", "account"),
    Declared(
        "gcp:serviceaccount/iAMMember:IAMMember", "account-member", {**MEMBER, "role": "roles/iam.serviceAccountUser"}
    ),
    Declared(
        "gcp:sql/databaseInstance:DatabaseInstance",
        "google-database",
        {
            "encryptionKeyName": GOOGLE_KEY,
            "settings": {
                "userLabels": LABELS,
                "deletionProtectionEnabled": True,
                "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": "n", "sslMode": "ENCRYPTED_ONLY"},
                "backupConfiguration": {"enabled": True, "pointInTimeRecoveryEnabled": True},
            },
        },
    ),
    Declared(
        "gcp:storage/bucket:Bucket",
        "google-bucket",
        {
            "encryption": {"defaultKmsKeyName": GOOGLE_KEY},
            "publicAccessPrevention": "enforced",
            "uniformBucketLevelAccess": True,
            "versioning": {"enabled": True},
        },
    ),
    Declared("gcp:storage/bucketAccessControl:BucketAccessControl", "bucket-entry", {"entity": "user-seed@p"}),
    Declared("gcp:storage/bucketIAMMember:BucketIAMMember", "bucket-member", MEMBER),
    Declared(
        "gcp:storage/bucketIAMBinding:BucketIAMBinding",
        "bucket-binding",
        {"members": [MEMBER["member"]], "role": "roles/storage.objectViewer"},
    ),
)


def _over(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """``change`` laid over ``base``, mappings key by key; ``None`` leaves a key out."""
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _over(result[key], value)
        else:
            result[key] = value
    return result


def _tagged(declared: Declared) -> Declared:
    if declared.type in TAGGED:
        common: Mapping[str, Any] = {"tags": TAGS}
    elif declared.type in LABELLED and "settings" not in declared.properties:
        common = {"labels": LABELS}
    else:
        common = {}
    return replace(declared, properties=_over(common, declared.properties))


def changed(example: Example | None = None) -> tuple[Declared, ...]:
    """The sound stack, with the change of ``example``."""
    sound = [_tagged(each) for each in RESOURCES]
    if example is None:
        return tuple(sound)
    place = next((number for number, each in enumerate(sound) if each.type == example.type), len(sound))
    if place == len(sound):
        sound.append(_tagged(Declared(example.type, "added")))
    target = sound[place]
    sound[place] = replace(target, properties=_over(target.properties, example.properties), protect=example.protect)
    return tuple(each for each in sound if each.type not in example.missing)


def resources(stack: Sequence[Declared]) -> list[PolicyResource]:
    """``stack`` as the engine shows it to rules on all resources together."""
    made = {
        each.name: PolicyResource(
            each.type,
            unknown_checking_proxy(dict(each.properties)),
            each.urn,
            each.name,
            options(protect=each.protect),
            None,
            None,
            [],
            {},
        )
        for each in stack
    }
    for each in stack:
        found = {key: [made[name]] for key, name in each.refers.items() if name in made}
        made[each.name].property_dependencies = found
        made[each.name].dependencies = [one for ones in found.values() for one in ones]
    return list(made.values())


def broken(policies: Sequence[Any], stack: Sequence[Declared]) -> Iterator[tuple[str, str, str]]:
    """Rule, resource and message of every violation."""
    together = resources(stack)
    for policy in policies:
        if isinstance(policy, ResourceValidationPolicy):
            for each in stack:
                for message in judged(policy, each.type, each.properties, protect=each.protect, name=each.name):
                    yield policy.name, each.name, message
        else:
            for message, name in judged_together(policy, together):
                yield policy.name, name, message
