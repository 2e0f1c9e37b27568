"""What AWS refuses of services: load balancers, certificates, names, keys, identities, logs, tables, buckets."""

import json

import pytest

from lab.clouds.aws.services import tokens as t
from tests.lab.clouds.aws.landscape import PERMISSION, REGION, TRUST, Landscape, Refused, assert_refused, named

BALANCERS = [
    Refused(
        "an application load balancer in one zone",
        t.LOAD_BALANCER,
        "ValidationError",
        "two different Availability Zones",
        lambda e: {"name": "narrow", "subnets": [e.id("subnet a")]},
    ),
    Refused(
        "two subnets of a balancer in one zone",
        t.LOAD_BALANCER,
        "InvalidConfigurationRequest",
        "same Availability Zone",
        lambda e: _network_balancer(e, subnets=[e.id("subnet a"), e.id("subnet a2")]),
    ),
    Refused(
        "subnets of two VPCs",
        t.LOAD_BALANCER,
        "InvalidConfigurationRequest",
        "must belong to the same VPC",
        lambda e: _network_balancer(e, subnets=[e.id("subnet a"), e.id("other subnet")]),
    ),
    Refused(
        "a public balancer in a VPC without internet gateway",
        t.LOAD_BALANCER,
        "InvalidSubnet",
        "has no internet gateway",
        lambda e: _network_balancer(e, subnets=[e.id("other subnet")]),
    ),
    Refused(
        "a balancer in no subnet",
        t.LOAD_BALANCER,
        "SubnetNotFound",
        "subnet-0dead",
        lambda e: _network_balancer(e, subnets=["subnet-0dead"]),
    ),
    Refused(
        "a second balancer of one name",
        t.LOAD_BALANCER,
        "DuplicateLoadBalancerName",
        "'seeds' exists",
        lambda e: _network_balancer(e, name="seeds"),
    ),
    Refused(
        "a balancer with a group of another VPC",
        t.LOAD_BALANCER,
        "InvalidSecurityGroup",
        "sg-",
        lambda e: _network_balancer(e, securityGroups=[e.id("other group")]),
    ),
    Refused(
        "elastic addresses on an application load balancer",
        t.LOAD_BALANCER,
        "InvalidConfigurationRequest",
        "network load balancers only",
        lambda e: {
            "name": "fixed",
            "subnetMappings": [
                {"subnetId": e.id("subnet a"), "allocationId": e.id("address")},
                {"subnetId": e.id("subnet b")},
            ],
        },
    ),
    Refused(
        "elastic addresses on an internal balancer",
        t.LOAD_BALANCER,
        "ValidationError",
        "scheme 'internal'",
        lambda e: {
            "name": "inner",
            "internal": True,
            "loadBalancerType": "network",
            "subnetMappings": [{"subnetId": e.id("subnet a"), "allocationId": e.id("address")}],
        },
    ),
    Refused(
        "a balancer with an address in use",
        t.LOAD_BALANCER,
        "Resource.AlreadyAssociated",
        "already associated",
        lambda e: {
            "name": "fixed",
            "loadBalancerType": "network",
            "subnetMappings": [{"subnetId": e.id("subnet a"), "allocationId": e.id("nat address")}],
        },
    ),
    Refused("a protected balancer is deleted", "more seeds", "OperationNotPermitted", "deletion protection"),
    Refused(
        "a second target group of one name",
        t.TARGET_GROUP,
        "DuplicateTargetGroupName",
        "'p2p' exists",
        lambda e: {"name": "p2p", "port": 1, "protocol": "TCP", "vpcId": e.id("vpc")},
    ),
    Refused(
        "a target group of no VPC",
        t.TARGET_GROUP,
        "ValidationError",
        "vpc-0dead",
        lambda e: {"name": "lost", "port": 1, "protocol": "TCP", "vpcId": "vpc-0dead"},
    ),
    Refused(
        "a health check that cannot end in time",
        t.TARGET_GROUP,
        "ValidationError",
        "must be smaller than the interval",
        lambda e: {
            "name": "slow",
            "port": 1,
            "protocol": "TCP",
            "vpcId": e.id("vpc"),
            "healthCheck": {"interval": 10, "timeout": 10},
        },
    ),
    Refused(
        "a TCP health check of an HTTP group",
        t.TARGET_GROUP,
        "InvalidConfigurationRequest",
        "'TCP' is not supported",
        lambda e: {
            "name": "mixed",
            "port": 80,
            "protocol": "HTTP",
            "vpcId": e.id("vpc"),
            "healthCheck": {"protocol": "TCP"},
        },
    ),
    Refused("a target group in use is deleted", "p2p", "ResourceInUse", "in use by a listener"),
    Refused(
        "a target that is no instance",
        t.TARGET_GROUP_ATTACHMENT,
        "InvalidTarget",
        "i-0dead",
        lambda e: {"targetGroupArn": e.id("hosts"), "targetId": "i-0dead"},
    ),
    Refused(
        "a target instance of another VPC",
        t.TARGET_GROUP_ATTACHMENT,
        "InvalidTarget",
        "not in the target group VPC",
        lambda e: {"targetGroupArn": _instance_group_elsewhere(e), "targetId": e.id("node")},
    ),
    Refused(
        "a target address outside the VPC",
        t.TARGET_GROUP_ATTACHMENT,
        "ValidationError",
        "Availability Zone 'all'",
        lambda e: {"targetGroupArn": e.id("p2p"), "targetId": "10.200.0.1"},
    ),
    Refused(
        "a target of no group",
        t.TARGET_GROUP_ATTACHMENT,
        "TargetGroupNotFound",
        "nothing",
        lambda e: {
            "targetGroupArn": f"arn:aws:elasticloadbalancing:{REGION}:123456789012:targetgroup/nothing/0",
            "targetId": "10.0.1.10",
        },
    ),
    Refused(
        "a second listener on one port",
        t.LISTENER,
        "DuplicateListener",
        "already exists on this port",
        lambda e: _listener(e, port=26656),
    ),
    Refused(
        "HTTP on a network load balancer",
        t.LISTENER,
        "UnsupportedProtocol",
        "'HTTP' is not supported",
        lambda e: _listener(e, protocol="HTTP"),
    ),
    Refused(
        "TLS without certificate",
        t.LISTENER,
        "ValidationError",
        "A certificate must be specified",
        lambda e: _listener(e, protocol="TLS"),
    ),
    Refused(
        "a certificate on plain TCP",
        t.LISTENER,
        "ValidationError",
        "cannot be specified for TCP",
        lambda e: _listener(e, certificateArn=e.id("certificate")),
    ),
    Refused(
        "a certificate that waits for its validation",
        t.LISTENER,
        "UnsupportedCertificate",
        "PENDING_VALIDATION",
        lambda e: _listener(e, protocol="TLS", certificateArn=e.id("waiting")),
    ),
    Refused(
        "a certificate of nobody",
        t.LISTENER,
        "CertificateNotFound",
        "nobody",
        lambda e: _listener(e, protocol="TLS", certificateArn=f"arn:aws:acm:{REGION}:123456789012:certificate/nobody"),
    ),
    Refused(
        "a TLS policy that AWS does not have",
        t.LISTENER,
        "SSLPolicyNotFound",
        "ELBSecurityPolicy-Best",
        lambda e: _listener(e, protocol="TLS", certificateArn=e.id("certificate"), sslPolicy="ELBSecurityPolicy-Best"),
    ),
    Refused(
        "a TCP listener before an HTTP group",
        t.LISTENER,
        "IncompatibleProtocols",
        "'HTTP'",
        lambda e: _listener(e, group="pages"),
    ),
    Refused(
        "a group of another VPC",
        t.LISTENER,
        "InvalidConfigurationRequest",
        "and the load balancer in",
        lambda e: _listener(e, group="other targets"),
    ),
    Refused(
        "one group behind two balancers",
        t.LISTENER,
        "TargetGroupAssociationLimit",
        "more than one load balancer",
        lambda e: _listener(e, balancer="more seeds"),
    ),
    Refused(
        "a listener of no balancer",
        t.LISTENER,
        "LoadBalancerNotFound",
        "nothing",
        lambda e: (
            _listener(e)
            | {"loadBalancerArn": f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/net/nothing/0"}
        ),
    ),
    Refused(
        "two rules of one priority",
        t.LISTENER_RULE,
        "PriorityInUse",
        "'10'",
        lambda e: {
            "listenerArn": e.id("page listener"),
            "priority": 10,
            "actions": [{"type": "forward", "targetGroupArn": e.id("pages")}],
            "conditions": [{"pathPattern": {"values": ["/other"]}}],
        },
    ),
]
CERTIFICATES = [
    Refused(
        "a first name longer than a certificate holds",
        t.CERTIFICATE,
        "ValidationException",
        "64 octets",
        lambda e: {"domainName": f"{'a' * 60}.example.org", "validationMethod": "DNS"},
    ),
    Refused("a certificate in use is deleted", "certificate", "ResourceInUseException", "in use"),
    Refused(
        "a validation that no zone proves",
        t.CERTIFICATE_VALIDATION,
        "RequestInProgressException",
        "PENDING_VALIDATION",
        lambda e: {"certificateArn": e.id("waiting")},
    ),
    Refused(
        "a validation of no certificate",
        t.CERTIFICATE_VALIDATION,
        "ResourceNotFoundException",
        "nobody",
        lambda e: {"certificateArn": f"arn:aws:acm:{REGION}:123456789012:certificate/nobody"},
    ),
]
NAMES = [
    Refused(
        "a zone of no domain",
        t.HOSTED_ZONE,
        "InvalidDomainName",
        "exa mple.org",
        lambda e: {"name": "exa mple.org"},
    ),
    Refused(
        "a private zone of no VPC",
        t.HOSTED_ZONE,
        "InvalidVPCId",
        "vpc-0dead",
        lambda e: {"name": "inner.example.org", "vpcs": [{"vpcId": "vpc-0dead"}]},
    ),
    Refused("a zone with records is deleted", "zone", "HostedZoneNotEmpty", "non-required resource record sets"),
    Refused(
        "a record that is there already",
        t.DNS_RECORD,
        "InvalidChangeBatch",
        "already exists",
        lambda e: _record(e, name="seed"),
    ),
    Refused(
        "an alias name at the apex",
        t.DNS_RECORD,
        "InvalidChangeBatch",
        "not permitted at apex",
        lambda e: _record(e, name="example.org", type="CNAME", records=["seed.example.org"]),
    ),
    Refused(
        "an address beside an alias name",
        t.DNS_RECORD,
        "InvalidChangeBatch",
        "conflicting RRSet of type CNAME",
        lambda e: _record(e, name="www"),
    ),
    Refused(
        "an address that is none",
        t.DNS_RECORD,
        "InvalidChangeBatch",
        "ARRDATAIllegalIPv4Address",
        lambda e: _record(e, records=["203.0.113.256"]),
    ),
    Refused(
        "an alias to nowhere",
        t.DNS_RECORD,
        "InvalidChangeBatch",
        "does not lie within the target zone",
        lambda e: {
            "zoneId": e.id("zone"),
            "name": "lb",
            "type": "A",
            "aliases": [
                {
                    "name": "gone.elb.eu-central-1.amazonaws.com",
                    "zoneId": "Z0",
                    "evaluateTargetHealth": False,
                }
            ],
        },
    ),
    Refused(
        "a record in no zone",
        t.DNS_RECORD,
        "NoSuchHostedZone",
        "Z0DEAD",
        lambda e: _record(e) | {"zoneId": "Z0DEAD"},
    ),
    Refused(
        "a record with no health check",
        t.DNS_RECORD,
        "NoSuchHealthCheck",
        "nobody",
        lambda e: _record(e, healthCheckId="nobody"),
    ),
    Refused(
        "a health check of nothing",
        t.HEALTH_CHECK,
        "InvalidInput",
        "IPAddress or FullyQualifiedDomainName",
        lambda e: {"type": "TCP", "port": 26656},
    ),
]
KEYS = [
    Refused(
        "a key policy that locks its owner out",
        t.KMS_KEY,
        "MalformedPolicyDocumentException",
        "will not allow you to update",
        lambda e: {"policy": _key_policy("kms:Decrypt")},
    ),
    Refused(
        "a key policy without statement",
        t.KMS_KEY,
        "MalformedPolicyDocumentException",
        "no statement",
        lambda e: {"policy": '{"Version": "2012-10-17"}'},
    ),
    Refused(
        "rotation of a signing key",
        t.KMS_KEY,
        "UnsupportedOperationException",
        "ECC_SECG_P256K1",
        lambda e: {
            "customerMasterKeySpec": "ECC_SECG_P256K1",
            "keyUsage": "SIGN_VERIFY",
            "enableKeyRotation": True,
        },
    ),
    Refused(
        "signing with a symmetric key",
        t.KMS_KEY,
        "ValidationException",
        "SIGN_VERIFY",
        lambda e: {"keyUsage": "SIGN_VERIFY"},
    ),
    Refused(
        "a second alias of one name",
        t.KMS_ALIAS,
        "AlreadyExistsException",
        "alias/estate",
        lambda e: {"name": "alias/estate", "targetKeyId": e.id("encryption")},
    ),
    Refused(
        "an alias of AWS's own",
        t.KMS_ALIAS,
        "NotAuthorizedException",
        "alias/aws/ebs",
        lambda e: {"name": "alias/aws/ebs", "targetKeyId": e.id("encryption")},
    ),
    Refused(
        "an alias of no key",
        t.KMS_ALIAS,
        "NotFoundException",
        "key/nobody",
        lambda e: {"name": "alias/lost", "targetKeyId": "nobody"},
    ),
]
IDENTITIES = [
    Refused(
        "a second role of one name",
        t.IAM_ROLE,
        "EntityAlreadyExists",
        "sentry already exists",
        lambda e: {"name": "sentry", "assumeRolePolicy": TRUST},
    ),
    Refused(
        "a trust policy without principal",
        t.IAM_ROLE,
        "MalformedPolicyDocument",
        "must contain a principal",
        lambda e: {"name": "x", "assumeRolePolicy": _policy(Action="sts:AssumeRole")},
    ),
    Refused(
        "a trust policy for no service",
        t.IAM_ROLE,
        "MalformedPolicyDocument",
        '"SERVICE":"ec2"',
        lambda e: {"name": "x", "assumeRolePolicy": _policy(Action="sts:AssumeRole", Principal={"Service": "ec2"})},
    ),
    Refused(
        "a trust policy with a resource",
        t.IAM_ROLE,
        "MalformedPolicyDocument",
        "prohibited field Resource",
        lambda e: {"name": "x", "assumeRolePolicy": PERMISSION},
    ),
    Refused(
        "a trust policy of other actions",
        t.IAM_ROLE,
        "MalformedPolicyDocument",
        "STS AssumeRole actions",
        lambda e: {
            "name": "x",
            "assumeRolePolicy": _policy(Action="s3:GetObject", Principal={"Service": "ec2.amazonaws.com"}),
        },
    ),
    Refused("a role with policies is deleted", "role", "DeleteConflict", "must detach all policies"),
    Refused(
        "a policy with a principal",
        t.IAM_POLICY,
        "MalformedPolicyDocument",
        "should not specify a principal",
        lambda e: {"name": "x", "policy": TRUST},
    ),
    Refused(
        "a policy without resource",
        t.IAM_POLICY,
        "MalformedPolicyDocument",
        "must contain resources",
        lambda e: {"name": "x", "policy": _policy(Action="s3:GetObject")},
    ),
    Refused(
        "a policy of an action without service",
        t.IAM_POLICY,
        "MalformedPolicyDocument",
        "prefaced by a vendor",
        lambda e: {"name": "x", "policy": _policy(Action="GetObject", Resource="*")},
    ),
    Refused(
        "a policy on a resource that is no ARN",
        t.IAM_POLICY,
        "MalformedPolicyDocument",
        "must be in ARN format",
        lambda e: {"name": "x", "policy": _policy(Action="s3:GetObject", Resource="bucket/*")},
    ),
    Refused(
        "a policy longer than the quota",
        t.IAM_POLICY,
        "LimitExceeded",
        "PolicySize: 6144",
        lambda e: {"name": "x", "policy": _policy(Action=["s3:GetObject"] * 600, Resource="*")},
    ),
    Refused("a policy in use is deleted", "policy", "DeleteConflict", "attached to entities"),
    Refused(
        "an attachment to no role",
        t.ROLE_POLICY_ATTACHMENT,
        "NoSuchEntity",
        "role with name nobody",
        lambda e: {"role": "nobody", "policyArn": e.id("policy")},
    ),
    Refused(
        "an attachment of no policy",
        t.ROLE_POLICY_ATTACHMENT,
        "NoSuchEntity",
        "does not exist or is not attachable",
        lambda e: {"role": "sentry", "policyArn": "arn:aws:iam::123456789012:policy/nobody"},
    ),
    Refused(
        "a second profile of one name",
        t.INSTANCE_PROFILE,
        "EntityAlreadyExists",
        "sentry already exists",
        lambda e: {"name": "sentry", "role": "sentry"},
    ),
]
RECORDS = [
    Refused(
        "a second log group of one name",
        t.LOG_GROUP,
        "ResourceAlreadyExistsException",
        "already exists",
        lambda e: {"name": "/estate/flows"},
    ),
    Refused(
        "a log group under no key",
        t.LOG_GROUP,
        "AccessDeniedException",
        "key/nobody",
        lambda e: {"name": "/other", "kmsKeyId": f"arn:aws:kms:{REGION}:123456789012:key/nobody"},
    ),
    Refused(
        "an alarm with a period that CloudWatch does not keep",
        t.METRIC_ALARM,
        "ValidationError",
        "multiple of 60",
        lambda e: _alarm(period=45),
    ),
    Refused(
        "an alarm over more than a week",
        t.METRIC_ALARM,
        "ValidationError",
        "7 days",
        lambda e: _alarm(period=86400, evaluationPeriods=8),
    ),
    Refused(
        "an alarm to no topic",
        t.METRIC_ALARM,
        "ValidationError",
        "nobody",
        lambda e: _alarm(alarmActions=[f"arn:aws:sns:{REGION}:123456789012:nobody"]),
    ),
    Refused(
        "a FIFO topic of another name",
        t.SNS_TOPIC,
        "InvalidParameter",
        "ends with .fifo",
        lambda e: {"name": "ordered", "fifoTopic": True},
    ),
    Refused(
        "a second table of one name",
        t.DYNAMODB_TABLE,
        "ResourceInUseException",
        "height-lock",
        lambda e: _table(name="height-lock"),
    ),
    Refused(
        "a table without key",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "No Hash Key",
        lambda e: _table(hashKey=None),
    ),
    Refused(
        "a key that is not defined",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "not defined in AttributeDefinitions",
        lambda e: _table(rangeKey="height"),
    ),
    Refused(
        "an attribute that no key uses",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "unused: ['height']",
        lambda e: _table(attributes=[{"name": "chain", "type": "S"}, {"name": "height", "type": "N"}]),
    ),
    Refused(
        "provisioned capacity of none",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "BillingMode is PROVISIONED",
        lambda e: _table(billingMode="PROVISIONED"),
    ),
    Refused(
        "a replica where the table is",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "Cannot add replica",
        lambda e: _table(replicas=[{"regionName": REGION}]),
    ),
    Refused(
        "a strongly consistent table in two regions",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "requires exactly 2 replicas, or 1 replica and 1 witness",
        lambda e: _table(replicas=[_strong("eu-west-1")]),
    ),
    Refused(
        "a strongly consistent table in three regions with a witness",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "requires exactly 2 replicas, or 1 replica and 1 witness",
        lambda e: _table(
            replicas=[_strong("eu-west-1"), _strong("eu-west-2")], globalTableWitness={"regionName": "eu-west-3"}
        ),
    ),
    Refused(
        "one strong replica beside an eventual one",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "requires exactly 2 replicas",
        lambda e: _table(replicas=[_strong("eu-west-1"), {"regionName": "eu-west-2"}]),
    ),
    Refused(
        "a witness of an eventually consistent table",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "witness eu-west-2",
        lambda e: _table(replicas=[{"regionName": "eu-west-1"}], globalTableWitness={"regionName": "eu-west-2"}),
    ),
    Refused(
        "a strongly consistent table over two sets of regions",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "not three of one Region set",
        lambda e: _table(replicas=[_strong("eu-west-1"), _strong("us-east-1")]),
    ),
    Refused(
        "a witness where the table is",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "not three of one Region set",
        lambda e: _table(replicas=[_strong("eu-west-1")], globalTableWitness={"regionName": REGION}),
    ),
    Refused(
        "rows that age in a strongly consistent table",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "Time to Live is not supported",
        lambda e: _table(
            replicas=[_strong("eu-west-1"), _strong("eu-west-2")], ttl={"attributeName": "age", "enabled": True}
        ),
    ),
    Refused(
        "a replica of an encrypted table without a key",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "KMSMasterKeyId must be specified for each replica",
        lambda e: _table(
            serverSideEncryption={"enabled": True, "kmsKeyArn": f"arn:aws:kms:{REGION}:210987654321:key/theirs"},
            replicas=[{"regionName": "eu-west-1"}],
        ),
    ),
    Refused(
        "a table encrypted with no key",
        t.DYNAMODB_TABLE,
        "ValidationException",
        "key/nobody does not exist in eu-central-1",
        lambda e: _table(
            serverSideEncryption={"enabled": True, "kmsKeyArn": f"arn:aws:kms:{REGION}:123456789012:key/nobody"}
        ),
    ),
    Refused(
        "a table in use becomes strongly consistent",
        "lock",
        "ValidationException",
        "it must be empty",
        lambda e: _table(name="height-lock", replicas=[_strong("eu-west-1"), _strong("eu-west-2")]),
    ),
    Refused(
        "a replica leaves for another region",
        "watermark",
        "ValidationException",
        "can only be removed together",
        lambda e: _table(
            name="watermark", replicas=[_strong("eu-west-2")], globalTableWitness={"regionName": "eu-west-3"}
        ),
    ),
    Refused(
        "a witness leaves for another region",
        "watermark",
        "ValidationException",
        "can only be removed together",
        lambda e: _table(
            name="watermark", replicas=[_strong("eu-west-1")], globalTableWitness={"regionName": "eu-west-2"}
        ),
    ),
    Refused(
        "a table with a protected replica is deleted",
        "watermark",
        "ValidationException",
        "replica in eu-west-1 is currently protected",
    ),
    Refused("a protected table is deleted", "lock", "ValidationException", "protected against deletion"),
    Refused(
        "a bucket that is ours already",
        t.BUCKET,
        "BucketAlreadyOwnedByYou",
        "you already own it",
        lambda e: {"bucket": "estate-archive"},
    ),
    Refused(
        "a bucket of a name that is none",
        t.BUCKET,
        "InvalidBucketName",
        "Estate_Archive",
        lambda e: {"bucket": "Estate_Archive"},
    ),
    Refused(
        "a configuration of no bucket",
        t.BUCKET_VERSIONING,
        "NoSuchBucket",
        "nobody",
        lambda e: {"bucket": "nobody", "versioningConfiguration": {"status": "Enabled"}},
    ),
    Refused(
        "versioning of a locked bucket is suspended",
        t.BUCKET_VERSIONING,
        "InvalidBucketState",
        "Object Lock",
        lambda e: {"bucket": "estate-archive", "versioningConfiguration": {"status": "Suspended"}},
    ),
    Refused(
        "a bucket policy on another bucket",
        t.BUCKET_POLICY,
        "MalformedPolicy",
        "invalid resource",
        lambda e: _bucket_policy("arn:aws:s3:::other/*"),
    ),
    Refused(
        "a public policy of a closed bucket",
        t.BUCKET_POLICY,
        "AccessDenied",
        "BlockPublicPolicy",
        lambda e: _bucket_policy("arn:aws:s3:::estate-archive/*", principal="*"),
    ),
    Refused(
        "two lifecycle rules of one name",
        t.BUCKET_LIFECYCLE_CONFIGURATION,
        "InvalidArgument",
        "expire",
        lambda e: {
            "bucket": "estate-archive",
            "rules": [{"id": "expire", "status": "Enabled", "expiration": {"days": 1}}] * 2,
        },
    ),
    Refused(
        "a lifecycle rule that does nothing",
        t.BUCKET_LIFECYCLE_CONFIGURATION,
        "InvalidRequest",
        "At least one action",
        lambda e: {"bucket": "estate-archive", "rules": [{"id": "idle", "status": "Enabled"}]},
    ),
]


def _network_balancer(estate: Landscape, **other: object) -> dict:
    return {"name": "new", "loadBalancerType": "network", "subnets": [estate.id("subnet a")], **other}


def _listener(estate: Landscape, *, group: str = "p2p", balancer: str = "seeds", **other: object) -> dict:
    actions = [{"type": "forward", "targetGroupArn": estate.id(group)}]
    return {
        "loadBalancerArn": estate.id(balancer),
        "port": 443,
        "protocol": "TCP",
        "defaultActions": actions,
        **other,
    }


def _instance_group_elsewhere(estate: Landscape) -> str:
    return estate.id("other targets")


def _record(estate: Landscape, **other: object) -> dict:
    return {"zoneId": estate.id("zone"), "name": "new", "type": "A", "ttl": 60, "records": ["203.0.113.9"], **other}


def _policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _key_policy(action: str) -> str:
    return _policy(Action=action, Resource="*", Principal={"AWS": "arn:aws:iam::123456789012:root"})


def _bucket_policy(resource: str, principal: object = None) -> dict:
    who = principal or {"AWS": "arn:aws:iam::123456789012:root"}
    return {"bucket": "estate-archive", "policy": _policy(Action="s3:GetObject", Resource=resource, Principal=who)}


def _alarm(**other: object) -> dict:
    usual = {"comparisonOperator": "GreaterThanThreshold", "metricName": "CPUUtilization", "namespace": "AWS/EC2"}
    return {"name": "busy", **usual, "statistic": "Average", "period": 60, "evaluationPeriods": 1, **other}


def _table(**other: object) -> dict:
    usual = {"name": "new", "billingMode": "PAY_PER_REQUEST", "hashKey": "chain"}
    table = {**usual, "attributes": [{"name": "chain", "type": "S"}], **other}
    return {name: value for name, value in table.items() if value is not None}


def _strong(region: str) -> dict:
    return {"regionName": region, "consistencyMode": "STRONG"}


@pytest.mark.parametrize("row", named([*BALANCERS, *CERTIFICATES, *NAMES, *KEYS, *IDENTITIES, *RECORDS]))
def test_aws_refuses(settled: Landscape, row: Refused) -> None:
    assert_refused(settled, row)
