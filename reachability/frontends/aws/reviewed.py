"""Reviewed AWS resource types that do not handle packets; types that are not listed are not modelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reachability.frontends.aws.index import given, says
from reachability.frontends.aws_tokens import CLASSIC_SETTINGS
from reachability.resources import UNKNOWN, Resource

MODULES = frozenset(
    {
        "accessanalyzer", "account", "acm", "acmpca", "amplify", "apigateway", "apigatewayv2", "appautoscaling",
        "appconfig", "athena", "auditmanager", "backup", "budgets", "cfg", "chatbot", "cloudfront", "cloudtrail",
        "cloudwatch", "codeartifact", "codecommit", "codeconnections", "codedeploy", "codepipeline",
        "codestarconnections", "codestarnotifications", "cognito", "costexplorer", "cur", "detective", "devopsguru",
        "dynamodb", "ebs", "ecr", "ecrpublic", "glacier", "guardduty", "iam", "identitystore", "inspector",
        "inspector2", "kms", "lambda", "licensemanager", "macie", "macie2", "notifications", "oam", "organizations",
        "pricing", "ram", "rbin", "resourceexplorer", "resourcegroups", "rolesanywhere", "rum", "s3", "scheduler",
        "schemas", "secretsmanager", "securityhub", "securitylake", "servicediscovery", "servicequotas", "ses",
        "sesv2", "sfn", "shield", "signer", "sns", "sqs", "ssoadmin", "waf", "wafregional", "wafv2", "xray",
    }
)  # fmt: skip
"""Modules none of whose types affects the modelled network, apart from ``EXCEPT`` and ``UNLESS``."""

TYPES = frozenset(
    {
        *CLASSIC_SETTINGS,
        "aws:autoscaling/lifecycleHook:LifecycleHook",
        "aws:autoscaling/notification:Notification",
        "aws:autoscaling/policy:Policy",
        "aws:autoscaling/schedule:Schedule",
        "aws:autoscaling/tag:Tag",
        "aws:dlm/lifecyclePolicy:LifecyclePolicy",
        "aws:docdb/clusterInstance:ClusterInstance",
        "aws:docdb/clusterParameterGroup:ClusterParameterGroup",
        "aws:docdb/clusterSnapshot:ClusterSnapshot",
        "aws:docdb/eventSubscription:EventSubscription",
        "aws:docdb/globalCluster:GlobalCluster",
        "aws:docdb/subnetGroup:SubnetGroup",
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
        "aws:ec2/launchConfiguration:LaunchConfiguration",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ec2/serialConsoleAccess:SerialConsoleAccess",
        "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission",
        "aws:ec2/tag:Tag",
        "aws:ec2/volumeAttachment:VolumeAttachment",
        "aws:ec2/vpcDhcpOptions:VpcDhcpOptions",
        "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation",
        "aws:ec2/vpcEndpointConnectionNotification:VpcEndpointConnectionNotification",
        "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
        "aws:ec2/vpcEndpointPrivateDns:VpcEndpointPrivateDns",
        "aws:ecs/accountSettingDefault:AccountSettingDefault",
        "aws:ecs/capacityProvider:CapacityProvider",
        "aws:ecs/cluster:Cluster",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "aws:ecs/tag:Tag",
        "aws:ecs/taskDefinition:TaskDefinition",
        "aws:efs/accessPoint:AccessPoint",
        "aws:efs/backupPolicy:BackupPolicy",
        "aws:efs/fileSystem:FileSystem",
        "aws:efs/fileSystemPolicy:FileSystemPolicy",
        "aws:efs/replicationConfiguration:ReplicationConfiguration",
        "aws:eks/accessEntry:AccessEntry",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        "aws:eks/addon:Addon",
        "aws:eks/identityProviderConfig:IdentityProviderConfig",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "aws:elasticache/parameterGroup:ParameterGroup",
        "aws:elasticache/reservedCacheNode:ReservedCacheNode",
        "aws:elasticache/subnetGroup:SubnetGroup",
        "aws:elasticache/user:User",
        "aws:elasticache/userGroup:UserGroup",
        "aws:elasticache/userGroupAssociation:UserGroupAssociation",
        "aws:events/connection:Connection",
        "aws:kinesis/stream:Stream",
        "aws:kinesis/streamConsumer:StreamConsumer",
        "aws:lb/listenerCertificate:ListenerCertificate",
        "aws:lb/trustStore:TrustStore",
        "aws:lb/trustStoreRevocation:TrustStoreRevocation",
        "aws:memorydb/acl:Acl",
        "aws:memorydb/parameterGroup:ParameterGroup",
        "aws:memorydb/snapshot:Snapshot",
        "aws:memorydb/subnetGroup:SubnetGroup",
        "aws:memorydb/user:User",
        "aws:neptune/clusterInstance:ClusterInstance",
        "aws:neptune/clusterParameterGroup:ClusterParameterGroup",
        "aws:neptune/clusterSnapshot:ClusterSnapshot",
        "aws:neptune/eventSubscription:EventSubscription",
        "aws:neptune/parameterGroup:ParameterGroup",
        "aws:neptune/subnetGroup:SubnetGroup",
        "aws:rds/certificate:Certificate",
        "aws:rds/clusterActivityStream:ClusterActivityStream",
        "aws:rds/clusterEndpoint:ClusterEndpoint",
        "aws:rds/clusterParameterGroup:ClusterParameterGroup",
        "aws:rds/clusterRoleAssociation:ClusterRoleAssociation",
        "aws:rds/clusterSnapshot:ClusterSnapshot",
        "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy",
        "aws:rds/customDbEngineVersion:CustomDbEngineVersion",
        "aws:rds/eventSubscription:EventSubscription",
        "aws:rds/exportTask:ExportTask",
        "aws:rds/globalCluster:GlobalCluster",
        "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
        "aws:rds/instanceDesiredState:InstanceDesiredState",
        "aws:rds/optionGroup:OptionGroup",
        "aws:rds/parameterGroup:ParameterGroup",
        "aws:rds/reservedInstance:ReservedInstance",
        "aws:rds/roleAssociation:RoleAssociation",
        "aws:rds/snapshot:Snapshot",
        "aws:rds/snapshotCopy:SnapshotCopy",
        "aws:rds/subnetGroup:SubnetGroup",
        "aws:redshift/eventSubscription:EventSubscription",
        "aws:redshift/parameterGroup:ParameterGroup",
        "aws:redshift/snapshotCopyGrant:SnapshotCopyGrant",
        "aws:redshift/snapshotSchedule:SnapshotSchedule",
        "aws:redshift/snapshotScheduleAssociation:SnapshotScheduleAssociation",
        "aws:redshift/subnetGroup:SubnetGroup",
        "aws:route53/delegationSet:DelegationSet",
        "aws:route53/healthCheck:HealthCheck",
        "aws:route53/hostedZoneDnsSec:HostedZoneDnsSec",
        "aws:route53/keySigningKey:KeySigningKey",
        "aws:route53/queryLog:QueryLog",
        "aws:route53/record:Record",
        "aws:route53/vpcAssociationAuthorization:VpcAssociationAuthorization",
        "aws:route53/zone:Zone",
        "aws:route53/zoneAssociation:ZoneAssociation",
        "aws:ssm/activation:Activation",
        "aws:ssm/association:Association",
        "aws:ssm/contactsRotation:ContactsRotation",
        "aws:ssm/defaultPatchBaseline:DefaultPatchBaseline",
        "aws:ssm/document:Document",
        "aws:ssm/maintenanceWindow:MaintenanceWindow",
        "aws:ssm/maintenanceWindowTarget:MaintenanceWindowTarget",
        "aws:ssm/maintenanceWindowTask:MaintenanceWindowTask",
        "aws:ssm/parameter:Parameter",
        "aws:ssm/patchBaseline:PatchBaseline",
        "aws:ssm/patchGroup:PatchGroup",
        "aws:ssm/resourceDataSync:ResourceDataSync",
        "aws:ssm/serviceSetting:ServiceSetting",
    }
)


EXCEPT = frozenset(
    {
        "aws:apigateway/vpcLink:VpcLink",
        "aws:apigatewayv2/vpcLink:VpcLink",
        "aws:cloudfront/vpcOrigin:VpcOrigin",
    }
)
"""Types of these modules that lead into a VPC."""

UNLESS: Mapping[str, tuple[str, ...]] = {
    "aws:apigateway/integration:Integration": ("connectionId",),
    "aws:apigatewayv2/integration:Integration": ("connectionId",),
    "aws:cloudfront/distribution:Distribution": ("origins", "vpcOriginConfig"),
    "aws:cloudfront/multitenantDistribution:MultitenantDistribution": ("origins", "vpcOriginConfigs"),
    "aws:ecs/capacityProvider:CapacityProvider": ("managedInstancesProvider",),
    "aws:lambda/capacityProvider:CapacityProvider": ("vpcConfig",),
}
"""Types that affect the network only if this part of their properties is set."""


def harmless(resource: Resource) -> bool:
    """Whether a resource's type is reviewed and does not handle packets."""
    type_ = resource.type
    path = UNLESS.get(type_)
    if path is not None:
        return not _says(given(resource, path[0]), path[1:])
    module = type_.split(":")[1].partition("/")[0]
    return type_ in TYPES or (module in MODULES and type_ not in EXCEPT)


def _says(value: Any, path: tuple[str, ...]) -> bool:
    """Whether a part of a property is set, in any element of a list; unknown parts may be."""
    if value is UNKNOWN or not path:
        return says(value)
    if isinstance(value, (list, tuple)):
        return any(_says(each, path) for each in value)
    return isinstance(value, Mapping) and _says(value.get(path[0]), path[1:])
