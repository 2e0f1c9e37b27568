"""A small estate in the lab's AWS, in which one more call is accepted or refused."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lab.clouds.aws.call import Settings
from lab.clouds.aws.provider import Aws
from lab.clouds.aws.services import tokens as t
from lab.clouds.errors import RefusedCall

REGION = "eu-central-1"
ACCOUNT = "123456789012"
PARTNER = "210987654321"
PARTNER_VPC = "vpc-0fedcba9876543210"
OVERLAPPING_VPC = "vpc-0aaaaaaaaaaaaaaaa"
WORLD = f"""{{
  "vpcs": [
    {{"ownerId": "{PARTNER}", "vpcId": "{PARTNER_VPC}", "cidr": "172.20.0.0/16", "region": "{REGION}"}},
    {{"ownerId": "{PARTNER}", "vpcId": "{OVERLAPPING_VPC}", "cidr": "10.0.128.0/17", "region": "{REGION}"}}
  ],
  "quotas": {{"{REGION}": {{"on_demand_standard_vcpus": 32}}}}
}}"""
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
    ' "Principal": {"Service": "ec2.amazonaws.com"}}]}'
)
PERMISSION = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxhYmxhYmxhYmxhYmxhYmxhYmxhYmxhYmxhYmxhYmxh operator"
IMAGE = "ami-0123456789abcdef0"


@dataclass
class Made:
    """One resource as the engine would remember it."""

    token: str
    urn: str
    id: str
    inputs: dict[str, Any]
    properties: dict[str, Any]


@dataclass
class Landscape:
    """Plays the engine: checks, makes, updates and deletes by name."""

    aws: Aws
    settings: Settings = field(default_factory=lambda: Settings(REGION))
    made: dict[str, Made] = field(default_factory=dict)

    def make(self, name: str, token: str, /, **inputs: Any) -> str:
        """Makes a resource and returns its id; a failed check raises `AssertionError`."""
        urn = urn_of(token, name)
        checked = self.aws.check(token, urn, {}, inputs, name.encode())
        assert not checked.problems, checked.problems
        id, properties = self.aws.create(token, urn, self.settings, checked.inputs)
        self.made[name] = Made(token, urn, id, checked.inputs, properties)
        return id

    def update(self, name: str, /, **changed: Any) -> Mapping[str, Any]:
        """Gives a resource other inputs; None takes one away."""
        made = self.made[name]
        inputs = {key: value for key, value in {**made.inputs, **changed}.items() if value is not None}
        made.properties = self.aws.update(made.token, made.id, made.urn, self.settings, made.properties, inputs)
        made.inputs = inputs
        return made.properties

    def delete(self, name: str) -> None:
        """Deletes a resource."""
        made = self.made[name]
        self.aws.delete(made.token, made.id, made.urn, self.settings, made.properties)

    def id(self, name: str) -> str:
        """Returns the id of a resource."""
        return self.made[name].id

    def of(self, name: str, property: str) -> Any:
        """Returns a property of a resource."""
        return self.made[name].properties[property]

    def granted(self, region: str = REGION, **quotas: int) -> None:
        """Has AWS raise service quotas of the account in a region."""
        world = self.aws.world
        raised = {**world.quotas, region: replace(world.quotas_in(region), **quotas)}
        self.aws.world = replace(world, quotas=raised)

    def everything(self) -> list[str]:
        """Returns the whole content of the store, to compare it before and after."""
        with sqlite3.connect(self.aws.store.path) as connection:
            return list(connection.iterdump())


def urn_of(token: str, name: str) -> str:
    """Returns the URN that the engine would give a resource."""
    return f"urn:pulumi:test::estate::{token}::{name}"


def settle(land: Landscape) -> None:
    """Builds the estate."""
    _settle_network(land)
    _settle_hosts(land)
    _settle_vpn(land)
    _settle_front(land)
    _settle_accounts(land)


def _settle_network(land: Landscape) -> None:
    vpc = land.make("vpc", t.VPC, cidrBlock="10.0.0.0/16", assignGeneratedIpv6CidrBlock=True)
    other = land.make("other vpc", t.VPC, cidrBlock="10.1.0.0/16")
    us = land.make("us vpc", t.VPC, cidrBlock="10.2.0.0/16", region="us-east-1")
    land.make("gateway", t.INTERNET_GATEWAY, vpcId=vpc)
    land.make("egress only", t.EGRESS_ONLY_INTERNET_GATEWAY, vpcId=vpc)
    a = land.make("subnet a", t.SUBNET, vpcId=vpc, cidrBlock="10.0.1.0/24", availabilityZone=f"{REGION}a")
    land.make("subnet b", t.SUBNET, vpcId=vpc, cidrBlock="10.0.2.0/24", availabilityZone=f"{REGION}b")
    land.make("subnet a2", t.SUBNET, vpcId=vpc, cidrBlock="10.0.3.0/24", availabilityZone=f"{REGION}a")
    land.make("other subnet", t.SUBNET, vpcId=other, cidrBlock="10.1.1.0/24", availabilityZone=f"{REGION}b")
    land.make("us subnet", t.SUBNET, vpcId=us, cidrBlock="10.2.1.0/24", region="us-east-1")
    land.make("address", t.EIP, domain="vpc")
    taken = land.make("nat address", t.EIP, domain="vpc")
    land.make("nat", t.NAT_GATEWAY, subnetId=a, allocationId=taken)
    land.make("nodes", t.SECURITY_GROUP, vpcId=vpc, name="nodes")
    land.make("balancers", t.SECURITY_GROUP, vpcId=vpc, name="balancers")
    land.make("third group", t.SECURITY_GROUP, vpcId=vpc, name="third")
    land.make("other group", t.SECURITY_GROUP, vpcId=other, name="other")
    lone = land.make("lone vpc", t.VPC, cidrBlock="10.3.0.0/16")
    land.make("lone group", t.SECURITY_GROUP, vpcId=lone, name="lone")
    land.make("us group", t.SECURITY_GROUP, vpcId=us, name="us", region="us-east-1")
    land.make(
        "ssh",
        t.SECURITY_GROUP_INGRESS_RULE,
        securityGroupId=land.id("nodes"),
        ipProtocol="tcp",
        fromPort=22,
        toPort=22,
        cidrIpv4="10.0.0.0/8",
    )
    land.make("peering", t.VPC_PEERING_CONNECTION, vpcId=vpc, peerVpcId=other, autoAccept=True)
    land.make("pending", t.VPC_PEERING_CONNECTION, vpcId=vpc, peerVpcId=us, peerRegion="us-east-1")
    table = land.make("table", t.ROUTE_TABLE, vpcId=vpc)
    land.make("other table", t.ROUTE_TABLE, vpcId=other)
    land.make("default", t.ROUTE, routeTableId=table, destinationCidrBlock="0.0.0.0/0", gatewayId=land.id("gateway"))
    land.make(
        "to other",
        t.ROUTE,
        routeTableId=table,
        destinationCidrBlock="10.1.0.0/16",
        vpcPeeringConnectionId=land.id("peering"),
    )
    land.make("association", t.ROUTE_TABLE_ASSOCIATION, routeTableId=table, subnetId=a)
    land.make("acl", t.NETWORK_ACL, vpcId=vpc)
    land.make(
        "acl rule",
        t.NETWORK_ACL_RULE,
        networkAclId=land.id("acl"),
        ruleNumber=100,
        protocol="-1",
        ruleAction="allow",
        cidrBlock="0.0.0.0/0",
    )
    land.make("prefixes", t.MANAGED_PREFIX_LIST, name="partners", addressFamily="IPv4", maxEntries=2)


def _settle_hosts(land: Landscape) -> None:
    a, b = land.id("subnet a"), land.id("subnet b")
    machine = {"ami": IMAGE, "instanceType": "m7i.large"}
    land.make("key", t.KEY_PAIR, keyName="operators", publicKey=PUBLIC_KEY)
    land.make("spare", t.NETWORK_INTERFACE, subnetId=a, privateIps=["10.0.1.20"], securityGroups=[land.id("nodes")])
    land.make("spare b", t.NETWORK_INTERFACE, subnetId=b, privateIps=["10.0.2.20"])
    land.make("primary", t.NETWORK_INTERFACE, subnetId=a, privateIps=["10.0.1.30"])
    land.make("node", t.INSTANCE, **machine, subnetId=a, privateIp="10.0.1.10", vpcSecurityGroupIds=[land.id("nodes")])
    land.make("guarded", t.INSTANCE, **machine, subnetId=b, disableApiTermination=True)
    land.make("by interface", t.INSTANCE, **machine, primaryNetworkInterface={"networkInterfaceId": land.id("primary")})
    land.make("public address", t.EIP, domain="vpc")
    land.make("public", t.EIP_ASSOCIATION, allocationId=land.id("public address"), instanceId=land.id("node"))
    land.make("disk", t.VOLUME, availabilityZone=f"{REGION}a", size=100, type="gp3")
    land.make("free disk", t.VOLUME, availabilityZone=f"{REGION}a", size=100, type="gp3")
    land.make("disk b", t.VOLUME, availabilityZone=f"{REGION}b", size=100, type="gp3")
    land.make(
        "disk of node", t.VOLUME_ATTACHMENT, deviceName="/dev/sdf", instanceId=land.id("node"), volumeId=land.id("disk")
    )


def _settle_vpn(land: Landscape) -> None:
    gateway = land.make("vpn gateway", t.VPN_GATEWAY, vpcId=land.id("vpc"), amazonSideAsn="64600")
    site = land.make("site", t.CUSTOMER_GATEWAY, type="ipsec.1", bgpAsn="65010", ipAddress="198.51.100.10")
    land.make(
        "tunnels",
        t.VPN_CONNECTION,
        type="ipsec.1",
        customerGatewayId=site,
        vpnGatewayId=gateway,
        tunnel1InsideCidr="169.254.10.0/30",
        tunnel2InsideCidr="169.254.10.4/30",
    )


def _settle_front(land: Landscape) -> None:
    vpc, a, b = land.id("vpc"), land.id("subnet a"), land.id("subnet b")
    land.make("zone", t.HOSTED_ZONE, name="example.org")
    land.make(
        "alias", t.DNS_RECORD, zoneId=land.id("zone"), name="www", type="CNAME", ttl=60, records=["seed.example.org"]
    )
    land.make("record", t.DNS_RECORD, zoneId=land.id("zone"), name="seed", type="A", ttl=60, records=["203.0.113.9"])
    land.make("waiting", t.CERTIFICATE, domainName="rpc.example.org", validationMethod="DNS")
    land.make("certificate", t.CERTIFICATE, domainName="lcd.example.org", validationMethod="DNS")
    proof = land.of("certificate", "domainValidationOptions")[0]
    land.make(
        "proof",
        t.DNS_RECORD,
        zoneId=land.id("zone"),
        name=proof["resourceRecordName"],
        type="CNAME",
        ttl=60,
        records=[proof["resourceRecordValue"]],
    )
    land.make("issued", t.CERTIFICATE_VALIDATION, certificateArn=land.id("certificate"))
    land.make("seeds", t.LOAD_BALANCER, name="seeds", loadBalancerType="network", subnets=[a, b])
    land.make(
        "more seeds",
        t.LOAD_BALANCER,
        name="more-seeds",
        loadBalancerType="network",
        subnets=[a],
        enableDeletionProtection=True,
    )
    land.make(
        "web",
        t.LOAD_BALANCER,
        name="web",
        loadBalancerType="application",
        subnets=[a, b],
        securityGroups=[land.id("balancers")],
    )
    land.make("p2p", t.TARGET_GROUP, name="p2p", port=26656, protocol="TCP", targetType="ip", vpcId=vpc)
    land.make("hosts", t.TARGET_GROUP, name="hosts", port=26657, protocol="TCP", vpcId=vpc)
    land.make("pages", t.TARGET_GROUP, name="pages", port=80, protocol="HTTP", vpcId=vpc)
    land.make(
        "other targets", t.TARGET_GROUP, name="other-targets", port=26656, protocol="TCP", vpcId=land.id("other vpc")
    )
    land.make(
        "p2p listener",
        t.LISTENER,
        loadBalancerArn=land.id("seeds"),
        port=26656,
        protocol="TCP",
        defaultActions=[{"type": "forward", "targetGroupArn": land.id("p2p")}],
    )
    land.make(
        "page listener",
        t.LISTENER,
        loadBalancerArn=land.id("web"),
        port=443,
        protocol="HTTPS",
        certificateArn=land.id("certificate"),
        defaultActions=[{"type": "forward", "targetGroupArn": land.id("pages")}],
    )
    land.make(
        "page rule",
        t.LISTENER_RULE,
        listenerArn=land.id("page listener"),
        priority=10,
        actions=[{"type": "forward", "targetGroupArn": land.id("pages")}],
        conditions=[{"pathPattern": {"values": ["/status"]}}],
    )


def _settle_accounts(land: Landscape) -> None:
    land.make("encryption", t.KMS_KEY, enableKeyRotation=True)
    land.make("encryption alias", t.KMS_ALIAS, name="alias/estate", targetKeyId=land.id("encryption"))
    land.make("role", t.IAM_ROLE, name="sentry", assumeRolePolicy=TRUST)
    land.make("policy", t.IAM_POLICY, name="read", policy=PERMISSION)
    land.make("attached", t.ROLE_POLICY_ATTACHMENT, role="sentry", policyArn=land.id("policy"))
    land.make("profile", t.INSTANCE_PROFILE, name="sentry", role="sentry")
    land.make("logs", t.LOG_GROUP, name="/estate/flows", retentionInDays=30)
    land.make("topic", t.SNS_TOPIC, name="alarms")
    land.make(
        "flows",
        t.FLOW_LOG,
        vpcId=land.id("vpc"),
        trafficType="ALL",
        logDestination=land.of("logs", "arn"),
        iamRoleArn=land.of("role", "arn"),
    )
    land.make(
        "lock",
        t.DYNAMODB_TABLE,
        name="height-lock",
        billingMode="PAY_PER_REQUEST",
        hashKey="chain",
        attributes=[{"name": "chain", "type": "S"}],
        deletionProtectionEnabled=True,
    )
    land.make(
        "watermark",
        t.DYNAMODB_TABLE,
        name="watermark",
        billingMode="PAY_PER_REQUEST",
        hashKey="chain",
        attributes=[{"name": "chain", "type": "S"}],
        replicas=[{"regionName": "eu-west-1", "consistencyMode": "STRONG", "deletionProtectionEnabled": True}],
        globalTableWitness={"regionName": "eu-west-3"},
    )
    land.make("bucket", t.BUCKET, bucket="estate-archive", objectLockEnabled=True)
    land.make("closed", t.BUCKET_PUBLIC_ACCESS_BLOCK, bucket="estate-archive", blockPublicPolicy=True)
    land.make(
        "s3",
        t.VPC_ENDPOINT,
        vpcId=land.id("vpc"),
        serviceName=f"com.amazonaws.{REGION}.s3",
        routeTableIds=[land.id("table")],
    )


@dataclass(frozen=True)
class Refused:
    """A call that AWS refuses.

    Attributes:
        why: the sentence that names the test.
        what: a type token to make one of, or the name of a resource of the estate to change or delete.
        code: the AWS error code.
        says: a part of the message: the value that was refused.
        inputs: the inputs, from the estate; None deletes.
        quotas: service quotas other than AWS's.
    """

    why: str
    what: str
    code: str
    says: str
    inputs: Callable[[Landscape], dict[str, Any]] | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)


def assert_refused(land: Landscape, row: Refused) -> None:
    """Makes the call, and asserts that it is refused with the code and in the words, and that nothing changed."""
    before, world = land.everything(), land.aws.world
    land.granted(**row.quotas)
    try:
        with pytest.raises(RefusedCall) as refused:
            if row.inputs is None:
                land.delete(row.what)
            elif row.what in land.made:
                land.update(row.what, **row.inputs(land))
            else:
                land.make("refused", row.what, **row.inputs(land))
    finally:
        land.aws.world = world
    assert refused.value.code == row.code, refused.value
    assert f"api error {row.code}: " in str(refused.value)
    assert row.says in str(refused.value), f"{row.says!r} is not in {refused.value}"
    assert land.everything() == before


def named(rows: list[Refused]) -> list[Any]:
    """Returns the rows as parameters of a test, each with its sentence."""
    return [pytest.param(row, id=row.why) for row in rows]
