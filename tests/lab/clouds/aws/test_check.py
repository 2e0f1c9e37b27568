"""What the provider refuses before it asks AWS: unknown types, typing errors, arguments that do not go together."""

import pytest

from lab.clouds.aws.schema import AWS_SCHEMA
from lab.clouds.aws.services import SPECS
from lab.clouds.aws.services import tokens as t
from lab.clouds.errors import UnknownType
from lab.clouds.values import UNKNOWN
from tests.lab.clouds.aws.landscape import Landscape, urn_of

WRONG = [
    pytest.param(t.VPC, {"cidrBlok": "10.0.0.0/16"}, "cidrBlok", "did you mean 'cidrBlock'?", id="a misspelt input"),
    pytest.param(
        t.INSTANCE,
        {"rootBlockDevice": {"volumSize": 8}},
        "rootBlockDevice.volumSize",
        "did you mean 'volumeSize'?",
        id="a misspelt input of a nested block",
    ),
    pytest.param(
        t.SECURITY_GROUP,
        {"ingress": [{"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrs": ["10.0.0.0/8"]}]},
        "ingress[0].cidrs",
        "is not expected",
        id="a misspelt input in a list",
    ),
    pytest.param(t.SUBNET, {"cidrBlock": "10.0.0.0/24"}, "vpcId", "Missing required argument", id="a missing input"),
    pytest.param(t.VPC, {"cidrBlock": 10}, "cidrBlock", "expected a string, got int 10", id="a number for a text"),
    pytest.param(
        t.VPC, {"enableDnsSupport": "yes"}, "enableDnsSupport", "expected a boolean", id="a text for a boolean"
    ),
    pytest.param(t.LISTENER, {"port": 26656.5}, "port", "expected a integer", id="a fraction for a whole number"),
    pytest.param(
        t.INSTANCE, {"vpcSecurityGroupIds": "sg-1"}, "vpcSecurityGroupIds", "expected a list", id="a text for a list"
    ),
    pytest.param(t.VPC, {"tags": ["a"]}, "tags", "expected an object", id="a list for a map"),
    pytest.param(t.VPC, {"region": "eu-mars-1"}, "region", "invalid AWS Region: eu-mars-1", id="no region of AWS"),
    pytest.param(
        t.VPC, {"cidrBlock": "10.0.0.1/16"}, "cidrBlock", 'did you mean "10.0.0.0/16"?', id="a block with host bits"
    ),
    pytest.param(t.VPC, {"cidrBlock": "10.0.0.0/33"}, "cidrBlock", "not a valid CIDR block", id="no block at all"),
    pytest.param(
        t.VPC,
        {"cidrBlock": "2001:db8::/56"},
        "cidrBlock",
        "not a valid IPv4 CIDR block",
        id="an IPv6 block for an IPv4 one",
    ),
    pytest.param(
        t.SUBNET,
        {"vpcId": "vpc-1", "availabilityZone": "a", "availabilityZoneId": "b"},
        "availabilityZone",
        "conflicts with 'availabilityZoneId'",
        id="zone by name and by id",
    ),
    pytest.param(
        t.ROUTE,
        {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1", "natGatewayId": "nat-1"},
        "carrierGatewayId",
        "exactly one of",
        id="a route with two targets",
    ),
    pytest.param(
        t.ROUTE,
        {"routeTableId": "rtb-1", "gatewayId": "igw-1"},
        "destinationCidrBlock",
        "exactly one of",
        id="a route to nowhere",
    ),
    pytest.param(
        t.SECURITY_GROUP_INGRESS_RULE,
        {"securityGroupId": "sg-1", "ipProtocol": "tcp"},
        "cidrIpv4",
        "exactly one of",
        id="a rule for nobody",
    ),
    pytest.param(
        t.SECURITY_GROUP,
        {"name": "sg-nodes", "vpcId": "vpc-1"},
        "name",
        "cannot begin with sg-",
        id="a name like an id",
    ),
    pytest.param(
        t.SECURITY_GROUP,
        {"vpcId": "vpc-1", "description": "größer"},
        "description",
        "characters",
        id="a description beyond ASCII",
    ),
    pytest.param(
        t.INSTANCE,
        {"metadataOptions": {"httpTokens": "maybe"}},
        "metadataOptions.httpTokens",
        "one of ['optional', 'required']",
        id="tokens that are neither required nor optional",
    ),
    pytest.param(
        t.INSTANCE,
        {"metadataOptions": {"httpPutResponseHopLimit": 65}},
        "metadataOptions.httpPutResponseHopLimit",
        "(1 - 64)",
        id="more hops than metadata may travel",
    ),
    pytest.param(
        t.INSTANCE,
        {"primaryNetworkInterface": {"networkInterfaceId": "eni-1"}, "subnetId": "subnet-1"},
        "primaryNetworkInterface",
        "conflicts with 'subnetId'",
        id="an interface and a subnet",
    ),
    pytest.param(
        t.VPN_CONNECTION,
        {"customerGatewayId": "cgw-1", "type": "ipsec.2", "vpnGatewayId": "vgw-1"},
        "type",
        "['ipsec.1']",
        id="a VPN of another type",
    ),
    pytest.param(
        t.VPN_CONNECTION,
        {"customerGatewayId": "cgw-1", "type": "ipsec.1", "transitGatewayId": "tgw-1"},
        "transitGatewayId",
        "virtual private gateway only",
        id="a transit gateway, which the lab has not",
    ),
    pytest.param(
        t.CUSTOMER_GATEWAY, {"type": "ipsec.1"}, "ipAddress", "one of", id="a customer gateway without identity"
    ),
    pytest.param(t.EIP_ASSOCIATION, {"allocationId": "eipalloc-1"}, "instanceId", "one of", id="an address for nobody"),
    pytest.param(
        t.KMS_KEY, {"deletionWindowInDays": 3}, "deletionWindowInDays", "(7 - 30)", id="a key that is gone too soon"
    ),
    pytest.param(
        t.KMS_ALIAS, {"name": "estate", "targetKeyId": "k"}, "name", "'alias/'", id="an alias without its prefix"
    ),
    pytest.param(t.IAM_POLICY, {"policy": "{"}, "policy", "invalid JSON", id="a policy that is not JSON"),
    pytest.param(
        t.IAM_ROLE, {"assumeRolePolicy": "[]"}, "assumeRolePolicy", "not a JSON object", id="a list as policy"
    ),
    pytest.param(
        t.LOG_GROUP, {"retentionInDays": 42}, "retentionInDays", "one of", id="a retention that CloudWatch has not"
    ),
    pytest.param(
        t.LOAD_BALANCER,
        {"name": "internal-seeds", "subnets": ["subnet-1"]},
        "name",
        "at most 32",
        id="a balancer's name that AWS reserves",
    ),
    pytest.param(
        t.TARGET_GROUP,
        {"targetType": "pod"},
        "targetType",
        "['instance', 'ip', 'lambda', 'alb']",
        id="no kind of target",
    ),
    pytest.param(
        t.DNS_RECORD,
        {"zoneId": "Z1", "name": "a", "type": "A", "records": ["192.0.2.1"]},
        "ttl",
        "'ttl' is required",
        id="a record without a time to live",
    ),
    pytest.param(
        t.CERTIFICATE, {"domainName": "example.org"}, "validationMethod", "DNS or EMAIL", id="a certificate unproved"
    ),
    pytest.param(
        t.DYNAMODB_TABLE,
        {"name": "t", "hashKey": "h", "attributes": [{"name": "h", "type": "X"}]},
        "attributes[].type",
        "['B', 'N', 'S']",
        id="an attribute of no type",
    ),
    pytest.param(
        t.VPC_PEERING_CONNECTION,
        {"vpcId": "vpc-1", "peerVpcId": "vpc-2", "peerRegion": "us-east-1", "autoAccept": True},
        "peerRegion",
        "auto_accept",
        id="a peering that accepts itself in another region",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "property", "reason"), WRONG)
def test_the_provider_refuses(land: Landscape, token: str, inputs: dict, property: str, reason: str) -> None:
    problems = land.aws.check(token, urn_of(token, "wrong"), {}, inputs).problems
    assert any(p.property == property and reason in p.reason for p in problems), problems


def test_a_type_that_the_lab_does_not_know_is_refused_by_name(land: Landscape) -> None:
    with pytest.raises(UnknownType, match="'aws:rds/instance:Instance'"):
        land.aws.check("aws:rds/instance:Instance", urn_of("aws:rds/instance:Instance", "x"), {}, {})


def test_a_refused_type_names_the_nearest_that_is_known(land: Landscape) -> None:
    with pytest.raises(UnknownType, match="nearest it knows is 'aws:ec2/subnet:Subnet'"):
        land.aws.check("aws:ec2/subnett:Subnett", urn_of("x", "x"), {}, {})


@pytest.mark.parametrize("token", sorted(SPECS))
def test_what_is_not_known_yet_is_not_refused(land: Landscape, token: str) -> None:
    inputs = dict.fromkeys(AWS_SCHEMA[token].required, UNKNOWN)
    reasons = [problem.reason for problem in land.aws.check(token, urn_of(token, "later"), {}, inputs).problems]
    assert all("exactly one of" in r or "Missing required" in r or "one of domainName" in r for r in reasons), reasons


def test_every_problem_is_reported_at_once(land: Landscape) -> None:
    problems = land.aws.check(t.SUBNET, urn_of(t.SUBNET, "x"), {}, {"cidr": "x", "mapPublicIpOnLaunch": 1}).problems
    assert [problem.property for problem in problems] == ["vpcId", "cidr", "mapPublicIpOnLaunch"]


def test_a_name_is_made_up_from_the_logical_name_and_kept(land: Landscape) -> None:
    urn = urn_of(t.SECURITY_GROUP, "nodes")
    first = land.aws.check(t.SECURITY_GROUP, urn, {}, {"vpcId": "vpc-1"}, b"seed").inputs
    again = land.aws.check(t.SECURITY_GROUP, urn, first, {"vpcId": "vpc-1"}, b"another seed").inputs
    assert first["name"].startswith("nodes-")
    assert first["__defaults"] == ["name"]
    assert again["name"] == first["name"]


def test_a_made_up_name_is_not_longer_than_aws_allows(land: Landscape) -> None:
    urn = urn_of(t.TARGET_GROUP, "a-network-with-a-long-name-and-a-role")
    assert len(land.aws.check(t.TARGET_GROUP, urn, {}, {}).inputs["name"]) == 32


def test_a_name_that_is_given_is_left_alone(land: Landscape) -> None:
    inputs = land.aws.check(t.LOG_GROUP, urn_of(t.LOG_GROUP, "x"), {}, {"name": "/estate"}).inputs
    assert inputs == {"name": "/estate"}


CONFIGURATIONS = [
    pytest.param({}, "region", "Missing region", id="no region"),
    pytest.param({"region": "eu-mars-1"}, "region", "invalid AWS Region", id="no region of AWS"),
    pytest.param(
        {"region": "eu-central-1", "regoin": "x"}, "regoin", "did you mean 'region'?", id="a misspelt setting"
    ),
    pytest.param(
        {"region": "eu-central-1", "allowedAccountIds": ["1"], "forbiddenAccountIds": ["2"]},
        "allowedAccountIds",
        "conflicts",
        id="accounts both allowed and forbidden",
    ),
]


@pytest.mark.parametrize(("settings", "property", "reason"), CONFIGURATIONS)
def test_a_provider_is_not_configured(land: Landscape, settings: dict, property: str, reason: str) -> None:
    problems = land.aws.check_config(settings)
    assert any(p.property == property and reason in p.reason for p in problems), problems
