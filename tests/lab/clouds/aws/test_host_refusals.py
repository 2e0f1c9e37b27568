"""What AWS refuses of hosts: security groups, interfaces, instances, volumes, VPN tunnels."""

import pytest

from lab.clouds.aws.services import tokens as t
from tests.lab.clouds.aws.landscape import IMAGE, PUBLIC_KEY, REGION, Landscape, Refused, assert_refused, named

GROUPS = [
    Refused(
        "a second group of one name in a VPC",
        t.SECURITY_GROUP,
        "InvalidGroup.Duplicate",
        "'nodes' already exists",
        lambda e: {"vpcId": e.id("vpc"), "name": "nodes"},
    ),
    Refused(
        "a group named default",
        t.SECURITY_GROUP,
        "InvalidParameterValue",
        "reserved security group name",
        lambda e: {"vpcId": e.id("vpc"), "name": "default"},
    ),
    Refused("a group of no VPC", t.SECURITY_GROUP, "VPCIdNotSpecified", "No default VPC", lambda e: {"name": "loose"}),
    Refused("a group in use is deleted", "nodes", "DependencyViolation", "has a dependent object"),
    Refused(
        "a rule that is there already",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidPermission.Duplicate",
        "peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW",
        lambda e: _rule(e),
    ),
    Refused(
        "a rule for a group that is not there",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidGroup.NotFound",
        "sg-0dead",
        lambda e: _rule(e, cidrIpv4=None, referencedSecurityGroupId="sg-0dead"),
    ),
    Refused(
        "a rule for a group of a VPC that is not peered",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidGroup.NotFound",
        "belong to different networks",
        lambda e: _rule(e, cidrIpv4=None, referencedSecurityGroupId=e.id("lone group")),
    ),
    Refused(
        "a rule for a group of another region",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidGroup.NotFound",
        "does not exist",
        lambda e: _rule(e, cidrIpv4=None, referencedSecurityGroupId=e.id("us group")),
    ),
    Refused(
        "a rule for a group of an account that is not peered",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidGroup.NotFound",
        "210987654321/sg-0123",
        lambda e: _rule(e, cidrIpv4=None, referencedSecurityGroupId="210987654321/sg-0123"),
    ),
    Refused(
        "a rule of a group that is not there",
        t.SECURITY_GROUP_EGRESS_RULE,
        "InvalidGroup.NotFound",
        "sg-0dead",
        lambda e: _rule(e) | {"securityGroupId": "sg-0dead"},
    ),
    Refused(
        "ports the wrong way round",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidParameterValue",
        "(443:80)",
        lambda e: _rule(e, fromPort=443, toPort=80),
    ),
    Refused(
        "a port beyond the last",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidParameterValue",
        "(70000:70000)",
        lambda e: _rule(e, fromPort=70000, toPort=70000),
    ),
    Refused(
        "TCP without ports",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidParameterValue",
        "both from and to ports",
        lambda e: _rule(e, fromPort=None, toPort=None),
    ),
    Refused(
        "no known protocol",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidParameterValue",
        "'tpc' for IP protocol",
        lambda e: _rule(e, ipProtocol="tpc"),
    ),
    Refused(
        "a source with host bits",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidParameterValue",
        "10.0.0.1/8 is malformed",
        lambda e: _rule(e, cidrIpv4="10.0.0.1/8"),
    ),
    Refused(
        "a rule beyond the group's quota",
        t.SECURITY_GROUP_INGRESS_RULE,
        "RulesPerSecurityGroupLimitExceeded",
        "maximum number of rules",
        lambda e: _rule(e, fromPort=80, toPort=80),
        {"rules_per_security_group": 1},
    ),
    Refused(
        "inline rules beyond the quota",
        t.SECURITY_GROUP,
        "RulesPerSecurityGroupLimitExceeded",
        "2 of 1 for IPv4",
        lambda e: {
            "vpcId": e.id("vpc"),
            "name": "wide",
            "ingress": [{"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": ["192.0.2.0/24", "10.0.0.0/8"]}],
        },
        {"rules_per_security_group": 1},
    ),
    Refused(
        "a prefix list that is not there",
        t.SECURITY_GROUP_INGRESS_RULE,
        "InvalidPrefixListID.NotFound",
        "pl-0dead",
        lambda e: _rule(e, cidrIpv4=None, prefixListId="pl-0dead"),
    ),
]
INTERFACES = [
    Refused(
        "an interface with a group of another VPC",
        t.NETWORK_INTERFACE,
        "InvalidGroup.NotFound",
        "does not exist in VPC",
        lambda e: {"subnetId": e.id("subnet a"), "securityGroups": [e.id("other group")]},
    ),
    Refused(
        "an interface with a group of another region",
        t.NETWORK_INTERFACE,
        "InvalidGroup.NotFound",
        "does not exist",
        lambda e: {"subnetId": e.id("subnet a"), "securityGroups": [e.id("us group")]},
    ),
    Refused(
        "more groups than an interface can have",
        t.NETWORK_INTERFACE,
        "SecurityGroupsPerInterfaceLimitExceeded",
        "3 of 2",
        lambda e: {
            "subnetId": e.id("subnet a"),
            "securityGroups": [e.id("nodes"), e.id("balancers"), e.id("third group")],
        },
        {"security_groups_per_interface": 2},
    ),
    Refused(
        "an address that another interface has",
        t.NETWORK_INTERFACE,
        "InvalidIPAddress.InUse",
        "10.0.1.20 is in use",
        lambda e: {"subnetId": e.id("subnet a"), "privateIps": ["10.0.1.20"]},
    ),
    Refused(
        "an address outside the subnet",
        t.NETWORK_INTERFACE,
        "InvalidParameterValue",
        "does not fall within",
        lambda e: {"subnetId": e.id("subnet a"), "privateIps": ["10.0.2.99"]},
    ),
    Refused(
        "an address that AWS keeps for itself",
        t.NETWORK_INTERFACE,
        "InvalidParameterValue",
        "reserved address range",
        lambda e: {"subnetId": e.id("subnet a"), "privateIps": ["10.0.1.2"]},
    ),
    Refused("an interface in use is deleted", "primary", "InvalidNetworkInterface.InUse", "currently in use"),
    Refused(
        "an interface that is attached already",
        t.NETWORK_INTERFACE_ATTACHMENT,
        "InvalidNetworkInterface.InUse",
        "in use",
        lambda e: {"networkInterfaceId": e.id("primary"), "instanceId": e.id("node"), "deviceIndex": 1},
    ),
    Refused(
        "a device index that is taken",
        t.NETWORK_INTERFACE_ATTACHMENT,
        "InvalidParameterValue",
        "device index '0'",
        lambda e: {"networkInterfaceId": e.id("spare"), "instanceId": e.id("node"), "deviceIndex": 0},
    ),
    Refused(
        "an interface of another zone",
        t.NETWORK_INTERFACE_ATTACHMENT,
        "InvalidParameterCombination",
        "same availability zone",
        lambda e: {"networkInterfaceId": e.id("spare b"), "instanceId": e.id("node"), "deviceIndex": 1},
    ),
    Refused(
        "an interface that is not there",
        t.NETWORK_INTERFACE_ATTACHMENT,
        "InvalidNetworkInterfaceID.NotFound",
        "eni-0dead",
        lambda e: {"networkInterfaceId": "eni-0dead", "instanceId": e.id("node"), "deviceIndex": 1},
    ),
]
INSTANCES = [
    Refused(
        "more virtual processors than the quota",
        t.INSTANCE,
        "VcpuLimitExceeded",
        "current vCPU limit of 7 allows",
        lambda e: _machine(e),
        {"on_demand_standard_vcpus": 7},
    ),
    Refused(
        "an instance of no image",
        t.INSTANCE,
        "InvalidAMIID.Malformed",
        "debian-12",
        lambda e: _machine(e, ami="debian-12"),
    ),
    Refused("an instance without image", t.INSTANCE, "MissingParameter", "ImageId", lambda e: _machine(e, ami=None)),
    Refused(
        "an instance of no type",
        t.INSTANCE,
        "InvalidParameterValue",
        "'m99.giant' for InstanceType",
        lambda e: _machine(e, instanceType="m99.giant"),
    ),
    Refused(
        "an instance without type",
        t.INSTANCE,
        "MissingParameter",
        "InstanceType",
        lambda e: _machine(e, instanceType=None),
    ),
    Refused("an instance in no subnet", t.INSTANCE, "MissingInput", "No subnets", lambda e: _machine(e, subnetId=None)),
    Refused(
        "an instance in a subnet that is not there",
        t.INSTANCE,
        "InvalidSubnetID.NotFound",
        "subnet-0dead",
        lambda e: _machine(e, subnetId="subnet-0dead"),
    ),
    Refused(
        "an instance in another zone than its subnet",
        t.INSTANCE,
        "InvalidParameterValue",
        "does not match",
        lambda e: _machine(e, availabilityZone=f"{REGION}b"),
    ),
    Refused(
        "an instance with a group of another VPC",
        t.INSTANCE,
        "InvalidGroup.NotFound",
        "does not exist in VPC",
        lambda e: _machine(e, vpcSecurityGroupIds=[e.id("other group")]),
    ),
    Refused(
        "an instance with a key that is not there",
        t.INSTANCE,
        "InvalidKeyPair.NotFound",
        "'nobody' does not exist",
        lambda e: _machine(e, keyName="nobody"),
    ),
    Refused(
        "an instance with a profile that is not there",
        t.INSTANCE,
        "InvalidParameterValue",
        "iamInstanceProfile.name",
        lambda e: _machine(e, iamInstanceProfile="nobody"),
    ),
    Refused(
        "an instance at an address in use",
        t.INSTANCE,
        "InvalidIPAddress.InUse",
        "10.0.1.10 is in use",
        lambda e: _machine(e, privateIp="10.0.1.10"),
    ),
    Refused(
        "an instance with an interface in use",
        t.INSTANCE,
        "InvalidNetworkInterface.InUse",
        "in use",
        lambda e: _machine(e, subnetId=None, primaryNetworkInterface={"networkInterfaceId": e.id("primary")}),
    ),
    Refused(
        "more user data than AWS takes",
        t.INSTANCE,
        "InvalidParameterValue",
        "limited to 16384 bytes",
        lambda e: _machine(e, userData="#" * 16385),
    ),
    Refused(
        "user data that is not base64",
        t.INSTANCE,
        "InvalidParameterValue",
        "BASE64",
        lambda e: _machine(e, userDataBase64="!!!"),
    ),
    Refused(
        "two disks on one device",
        t.INSTANCE,
        "InvalidBlockDeviceMapping",
        "/dev/sdf",
        lambda e: _machine(
            e,
            ebsBlockDevices=[
                {"deviceName": "/dev/sdf", "volumeSize": 10},
                {"deviceName": "/dev/sdf", "volumeSize": 20},
            ],
        ),
    ),
    Refused("a protected instance is terminated", "guarded", "OperationNotPermitted", "disableApiTermination"),
    Refused(
        "a running instance is given another VPC's group",
        "node",
        "InvalidGroup.NotFound",
        "does not exist in VPC",
        lambda e: {"vpcSecurityGroupIds": [e.id("other group")]},
    ),
    Refused(
        "a second key of one name",
        t.KEY_PAIR,
        "InvalidKeyPair.Duplicate",
        "'operators' already exists",
        lambda e: {"keyName": "operators", "publicKey": PUBLIC_KEY},
    ),
    Refused(
        "a key of a form that is not OpenSSH's",
        t.KEY_PAIR,
        "InvalidKey.Format",
        "OpenSSH",
        lambda e: {"keyName": "broken", "publicKey": "AAAAB3"},
    ),
]
VOLUMES = [
    Refused(
        "a volume in no zone",
        t.VOLUME,
        "InvalidZone.NotFound",
        "'us-east-1a' does not exist",
        lambda e: {"availabilityZone": "us-east-1a", "size": 10},
    ),
    Refused(
        "a volume larger than its type allows",
        t.VOLUME,
        "InvalidParameterValue",
        "20000GiB",
        lambda e: {"availabilityZone": f"{REGION}a", "size": 20000, "type": "gp2"},
    ),
    Refused(
        "I/O rate of a type that has none",
        t.VOLUME,
        "InvalidParameterCombination",
        "iops is not supported for gp2",
        lambda e: {"availabilityZone": f"{REGION}a", "size": 10, "type": "gp2", "iops": 3000},
    ),
    Refused(
        "throughput below the least",
        t.VOLUME,
        "InvalidParameterValue",
        "throughput of 100",
        lambda e: {"availabilityZone": f"{REGION}a", "size": 10, "type": "gp3", "throughput": 100},
    ),
    Refused(
        "a volume is made smaller",
        "disk",
        "InvalidParameterValue",
        "cannot be smaller",
        lambda e: {"size": 50},
    ),
    Refused(
        "a volume that is attached already",
        t.VOLUME_ATTACHMENT,
        "VolumeInUse",
        "already attached",
        lambda e: {"deviceName": "/dev/sdg", "instanceId": e.id("node"), "volumeId": e.id("disk")},
    ),
    Refused(
        "a volume of another zone",
        t.VOLUME_ATTACHMENT,
        "InvalidVolume.ZoneMismatch",
        "same availability zone",
        lambda e: {"deviceName": "/dev/sdg", "instanceId": e.id("node"), "volumeId": e.id("disk b")},
    ),
    Refused(
        "a device that is taken",
        t.VOLUME_ATTACHMENT,
        "InvalidParameterValue",
        "/dev/sdf is already in use",
        lambda e: {"deviceName": "/dev/sdf", "instanceId": e.id("node"), "volumeId": e.id("free disk")},
    ),
    Refused(
        "a volume that is not there",
        t.VOLUME_ATTACHMENT,
        "InvalidVolume.NotFound",
        "vol-0dead",
        lambda e: {"deviceName": "/dev/sdg", "instanceId": e.id("node"), "volumeId": "vol-0dead"},
    ),
    Refused("an attached volume is deleted", "disk", "VolumeInUse", "currently attached"),
]
TUNNELS = [
    Refused(
        "a customer gateway with the region's own ASN",
        t.CUSTOMER_GATEWAY,
        "InvalidParameterValue",
        "7224",
        lambda e: {"type": "ipsec.1", "bgpAsn": "7224", "ipAddress": "198.51.100.11", "region": "us-east-1"},
    ),
    Refused(
        "a customer gateway at an address that cannot be routed",
        t.CUSTOMER_GATEWAY,
        "InvalidParameterValue",
        "169.254.1.1",
        lambda e: {"type": "ipsec.1", "bgpAsn": "65010", "ipAddress": "169.254.1.1"},
    ),
    Refused(
        "a customer gateway with a certificate of nobody",
        t.CUSTOMER_GATEWAY,
        "InvalidParameterValue",
        "certificateArn",
        lambda e: {
            "type": "ipsec.1",
            "bgpAsn": "65010",
            "certificateArn": f"arn:aws:acm:{REGION}:123456789012:certificate/nobody",
        },
    ),
    Refused(
        "a customer gateway beyond the quota",
        t.CUSTOMER_GATEWAY,
        "CustomerGatewayLimitExceeded",
        "maximum number of customer gateways",
        lambda e: {"type": "ipsec.1", "bgpAsn": "65011", "ipAddress": "198.51.100.11"},
        {"customer_gateways_per_region": 1},
    ),
    Refused("a customer gateway in use is deleted", "site", "IncorrectState", "customer gateway is in use"),
    Refused(
        "a VPN gateway with a public ASN",
        t.VPN_GATEWAY,
        "InvalidParameterValue",
        "Invalid ASN",
        lambda e: {"amazonSideAsn": "3320"},
    ),
    Refused(
        "a second VPN gateway of a VPC",
        t.VPN_GATEWAY,
        "InvalidVpcState",
        "already has a virtual private gateway",
        lambda e: {"vpcId": e.id("vpc")},
    ),
    Refused(
        "a VPN gateway beyond the quota",
        t.VPN_GATEWAY,
        "VpnGatewayLimitExceeded",
        "maximum number of virtual private gateways",
        lambda e: {},
        {"vpn_gateways_per_region": 1},
    ),
    Refused(
        "a VPN gateway that is attached already",
        t.VPN_GATEWAY_ATTACHMENT,
        "VpnGatewayAttachmentLimitExceeded",
        "attached to a VPC already",
        lambda e: {"vpcId": e.id("other vpc"), "vpnGatewayId": e.id("vpn gateway")},
    ),
    Refused("a VPN gateway with tunnels is deleted", "vpn gateway", "IncorrectState", "in use"),
    Refused(
        "tunnels to no customer gateway",
        t.VPN_CONNECTION,
        "InvalidCustomerGatewayID.NotFound",
        "cgw-0dead",
        lambda e: _tunnels(e, customerGatewayId="cgw-0dead"),
    ),
    Refused(
        "tunnels from no VPN gateway",
        t.VPN_CONNECTION,
        "InvalidVpnGatewayID.NotFound",
        "vgw-0dead",
        lambda e: _tunnels(e, vpnGatewayId="vgw-0dead"),
    ),
    Refused(
        "an inside block that AWS reserves",
        t.VPN_CONNECTION,
        "InvalidParameterValue",
        "169.254.5.0/30",
        lambda e: _tunnels(e, tunnel1InsideCidr="169.254.5.0/30"),
    ),
    Refused(
        "an inside block that is not link-local",
        t.VPN_CONNECTION,
        "InvalidParameterValue",
        "10.0.0.0/30",
        lambda e: _tunnels(e, tunnel1InsideCidr="10.0.0.0/30"),
    ),
    Refused(
        "an inside block of another tunnel",
        t.VPN_CONNECTION,
        "InvalidParameterValue",
        "is in use by vpn-",
        lambda e: _tunnels(e, tunnel1InsideCidr="169.254.10.4/30"),
    ),
    Refused(
        "one inside block for both tunnels",
        t.VPN_CONNECTION,
        "InvalidParameterCombination",
        "same inside CIDR",
        lambda e: _tunnels(e, tunnel1InsideCidr="169.254.11.0/30", tunnel2InsideCidr="169.254.11.0/30"),
    ),
    Refused(
        "a shared key that starts with zero",
        t.VPN_CONNECTION,
        "InvalidParameterValue",
        "Pre-shared key",
        lambda e: _tunnels(e, tunnel1PresharedKey="0abcdefgh"),
    ),
    Refused(
        "tunnels beyond the gateway's quota",
        t.VPN_CONNECTION,
        "VpnConnectionLimitExceeded",
        "maximum number of VPN connections",
        lambda e: _tunnels(e),
        {"vpn_connections_per_gateway": 1},
    ),
    Refused(
        "a static route over a tunnel that speaks BGP",
        t.VPN_CONNECTION_ROUTE,
        "InvalidVpnConnection.InvalidType",
        "does not support static routes",
        lambda e: {"vpnConnectionId": e.id("tunnels"), "destinationCidrBlock": "172.16.0.0/16"},
    ),
]


def _rule(estate: Landscape, **other: object) -> dict:
    rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "10.0.0.0/8", **other}
    given = {name: value for name, value in rule.items() if value is not None}
    return {"securityGroupId": estate.id("nodes"), **given}


def _machine(estate: Landscape, **other: object) -> dict:
    machine = {"ami": IMAGE, "instanceType": "m7i.large", "subnetId": estate.id("subnet a"), **other}
    return {name: value for name, value in machine.items() if value is not None}


def _tunnels(estate: Landscape, **other: object) -> dict:
    ends = {"customerGatewayId": estate.id("site"), "vpnGatewayId": estate.id("vpn gateway")}
    return {"type": "ipsec.1", **ends, **other}


@pytest.mark.parametrize("row", named([*GROUPS, *INTERFACES, *INSTANCES, *VOLUMES, *TUNNELS]))
def test_aws_refuses(settled: Landscape, row: Refused) -> None:
    assert_refused(settled, row)
