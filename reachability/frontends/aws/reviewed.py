"""Reviewed AWS resource types that do not handle packets; types that are not listed are not modelled."""

from __future__ import annotations

from reachability.frontends.aws.index import given, says
from reachability.resources import Resource

MODULES = frozenset(
    {
        "accessanalyzer", "account", "acm", "acmpca", "athena", "auditmanager", "backup", "budgets", "cfg", "chatbot",
        "cloudtrail", "cloudwatch", "codeartifact", "cognito", "costexplorer", "cur", "detective", "devopsguru",
        "dynamodb", "ebs", "ecr", "ecrpublic", "glacier", "guardduty", "iam", "identitystore", "inspector",
        "inspector2", "kms", "lambda", "licensemanager", "macie", "macie2", "organizations", "pricing", "ram",
        "resourceexplorer", "resourcegroups", "s3", "schemas", "secretsmanager", "securityhub", "securitylake",
        "servicequotas", "shield", "signer", "sns", "sqs", "ssoadmin", "xray",
    }
)  # fmt: skip
"""Modules none of whose types affects the modelled network."""

TYPES = frozenset(
    {
        "aws:dlm/lifecyclePolicy:LifecyclePolicy",
        "aws:ec2/ami:Ami",
        "aws:ec2/amiCopy:AmiCopy",
        "aws:ec2/amiFromInstance:AmiFromInstance",
        "aws:ec2/amiLaunchPermission:AmiLaunchPermission",
        "aws:ec2/availabilityZoneGroup:AvailabilityZoneGroup",
        "aws:ec2/capacityReservation:CapacityReservation",
        "aws:ec2/customerGateway:CustomerGateway",
        "aws:ec2/dedicatedHost:DedicatedHost",
        "aws:ec2/eipDomainName:EipDomainName",
        "aws:ec2/flowLog:FlowLog",
        "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults",
        "aws:ec2/keyPair:KeyPair",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ec2/serialConsoleAccess:SerialConsoleAccess",
        "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission",
        "aws:ec2/tag:Tag",
        "aws:ec2/volumeAttachment:VolumeAttachment",
        "aws:ec2/vpcEndpointConnectionNotification:VpcEndpointConnectionNotification",
        "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
        "aws:ec2/vpcEndpointPrivateDns:VpcEndpointPrivateDns",
        "aws:ec2/vpcDhcpOptions:VpcDhcpOptions",
        "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation",
        "aws:events/connection:Connection",
        "aws:lb/listenerCertificate:ListenerCertificate",
        "aws:lb/trustStore:TrustStore",
        "aws:lb/trustStoreRevocation:TrustStoreRevocation",
        "aws:route53/delegationSet:DelegationSet",
        "aws:route53/healthCheck:HealthCheck",
        "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec",
        "aws:route53/keySigningKey:KeySigningKey",
        "aws:route53/queryLog:QueryLog",
        "aws:route53/record:Record",
        "aws:route53/vpcAssociationAuthorization:VpcAssociationAuthorization",
        "aws:route53/zone:Zone",
        "aws:route53/zoneAssociation:ZoneAssociation",
        "aws:ssm/document:Document",
        "aws:ssm/parameter:Parameter",
    }
)


ONLY_WITHIN_A_VPC = {
    "aws:lambda/capacityProvider:CapacityProvider": "vpcConfig",
    "aws:lambda/function:Function": "vpcConfig",
}
"""Types that affect the network only if this property is set."""


def harmless(resource: Resource) -> bool:
    """Whether a resource's type is reviewed and does not handle packets."""
    type_ = resource.type
    inside = ONLY_WITHIN_A_VPC.get(type_)
    if inside is not None:
        return not says(given(resource, inside))
    return type_ in TYPES or type_.split(":")[1].partition("/")[0] in MODULES
