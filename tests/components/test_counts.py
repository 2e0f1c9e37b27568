"""How much of each type a network asks for, written down: a change here is a change of every account."""

from __future__ import annotations

from collections import Counter

import pytest

from components.recording import Recorded
from estate.model import Network

COUNTS = {
    "cosmoshub": {
        "acm/certificate:Certificate": 2,
        "acm/certificateValidation:CertificateValidation": 2,
        "cloudwatch/logGroup:LogGroup": 4,
        "dynamodb/table:Table": 2,
        "ebs/volume:Volume": 11,
        "ec2/customerGateway:CustomerGateway": 12,
        "ec2/defaultNetworkAcl:DefaultNetworkAcl": 3,
        "ec2/defaultRouteTable:DefaultRouteTable": 3,
        "ec2/defaultSecurityGroup:DefaultSecurityGroup": 3,
        "ec2/eip:Eip": 14,
        "ec2/eipAssociation:EipAssociation": 8,
        "ec2/flowLog:FlowLog": 3,
        "ec2/instance:Instance": 13,
        "ec2/internetGateway:InternetGateway": 3,
        "ec2/natGateway:NatGateway": 6,
        "ec2/route:Route": 31,
        "ec2/routeTable:RouteTable": 11,
        "ec2/routeTableAssociation:RouteTableAssociation": 16,
        "ec2/securityGroup:SecurityGroup": 14,
        "ec2/subnet:Subnet": 16,
        "ec2/volumeAttachment:VolumeAttachment": 11,
        "ec2/vpc:Vpc": 3,
        "ec2/vpcPeeringConnection:VpcPeeringConnection": 4,
        "ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter": 3,
        "ec2/vpnConnection:VpnConnection": 12,
        "ec2/vpnGateway:VpnGateway": 3,
        "ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": 9,
        "iam/instanceProfile:InstanceProfile": 5,
        "iam/policy:Policy": 1,
        "iam/role:Role": 10,
        "iam/rolePolicy:RolePolicy": 5,
        "kms/alias:Alias": 6,
        "kms/key:Key": 6,
        "lb/listener:Listener": 4,
        "lb/loadBalancer:LoadBalancer": 2,
        "lb/targetGroup:TargetGroup": 4,
        "lb/targetGroupAttachment:TargetGroupAttachment": 6,
        "route53/healthCheck:HealthCheck": 3,
        "route53/record:Record": 12,
        "route53/zone:Zone": 3,
    },
    "terra": {
        "acm/certificate:Certificate": 2,
        "acm/certificateValidation:CertificateValidation": 2,
        "cloudwatch/logGroup:LogGroup": 3,
        "dynamodb/table:Table": 2,
        "ebs/volume:Volume": 8,
        "ec2/customerGateway:CustomerGateway": 8,
        "ec2/defaultNetworkAcl:DefaultNetworkAcl": 2,
        "ec2/defaultRouteTable:DefaultRouteTable": 2,
        "ec2/defaultSecurityGroup:DefaultSecurityGroup": 2,
        "ec2/eip:Eip": 11,
        "ec2/eipAssociation:EipAssociation": 6,
        "ec2/flowLog:FlowLog": 2,
        "ec2/instance:Instance": 10,
        "ec2/internetGateway:InternetGateway": 2,
        "ec2/natGateway:NatGateway": 5,
        "ec2/route:Route": 18,
        "ec2/routeTable:RouteTable": 9,
        "ec2/routeTableAssociation:RouteTableAssociation": 15,
        "ec2/securityGroup:SecurityGroup": 12,
        "ec2/subnet:Subnet": 15,
        "ec2/volumeAttachment:VolumeAttachment": 8,
        "ec2/vpc:Vpc": 2,
        "ec2/vpcPeeringConnection:VpcPeeringConnection": 2,
        "ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter": 1,
        "ec2/vpnConnection:VpnConnection": 8,
        "ec2/vpnGateway:VpnGateway": 2,
        "ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": 7,
        "iam/instanceProfile:InstanceProfile": 5,
        "iam/policy:Policy": 1,
        "iam/role:Role": 10,
        "iam/rolePolicy:RolePolicy": 5,
        "kms/alias:Alias": 4,
        "kms/key:Key": 4,
        "lb/listener:Listener": 4,
        "lb/loadBalancer:LoadBalancer": 2,
        "lb/targetGroup:TargetGroup": 4,
        "lb/targetGroupAttachment:TargetGroupAttachment": 4,
        "route53/healthCheck:HealthCheck": 2,
        "route53/record:Record": 11,
        "route53/zone:Zone": 3,
    },
}
DERIVED = (
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
"""Counted by the topology, and compared with it rule by rule elsewhere."""


@pytest.mark.slow
def test_a_network_registers_as_much_as_is_written_down(recorded: Recorded, network: Network) -> None:
    if network.name not in COUNTS:
        pytest.skip(f"no counts are written down for {network.name}")
    found = Counter(each.type.removeprefix("aws:") for each in recorded.resources if each.type.startswith("aws:"))
    assert {type_: count for type_, count in found.items() if type_ not in DERIVED} == COUNTS[network.name]
