"""The resource types that are modelled, that do not handle packets, and that are not supported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reachability.frontends.gcp import (
    cloud_nat,
    cloud_router,
    firewall_policies,
    firewall_rules,
    hierarchy,
    interfaces,
    load_balancers,
    peering,
    static_routes,
    vpc,
)
from reachability.frontends.gcp.accounts import SERVICE_ACCOUNT
from reachability.frontends.gcp.managed import part
from reachability.frontends.gcp.properties import is_given
from reachability.resources import Resource

MODELLED = frozenset(
    {
        vpc.NETWORK,
        vpc.SUBNETWORK,
        *interfaces.INSTANCES,
        *interfaces.ADDRESSES,
        firewall_rules.FIREWALL,
        *firewall_policies.POLICIES,
        *firewall_policies.RULES,
        firewall_policies.HIERARCHICAL_ASSOCIATION,
        firewall_policies.GLOBAL_ASSOCIATION,
        firewall_policies.REGIONAL_ASSOCIATION,
        static_routes.ROUTE,
        cloud_router.ROUTER,
        cloud_router.ROUTER_INTERFACE,
        cloud_router.ROUTER_PEER,
        cloud_router.TUNNEL,
        cloud_router.ATTACHMENT,
        *cloud_router.GATEWAYS,
        cloud_nat.NAT,
        cloud_nat.NAT_ADDRESS,
        peering.PEERING,
        peering.ROUTES_CONFIG,
        *load_balancers.TYPES,
        hierarchy.PROJECT,
        hierarchy.FOLDER,
        SERVICE_ACCOUNT,
    }
)
HARMLESS_AREAS = frozenset(
    [
        "accessapproval",
        "accesscontextmanager",
        "artifactregistry",
        "assuredworkloads",
        "backupdisasterrecovery",
        "bigquery",
        "bigtable",
        "billing",
        "binaryauthorization",
        "certificateauthority",
        "certificatemanager",
        "cloudasset",
        "cloudidentity",
        "cloudquota",
        "cloudscheduler",
        "cloudsecuritycompliance",
        "cloudtasks",
        "containeranalysis",
        "dataloss",
        "dns",
        "endpoints",
        "essentialcontacts",
        "firebaserules",
        "firestore",
        "folder",
        "iam",
        "iap",
        "identityplatform",
        "kms",
        "logging",
        "monitoring",
        "networkmanagement",
        "organizations",
        "orgpolicy",
        "osconfig",
        "oslogin",
        "projects",
        "privilegedaccessmanager",
        "pubsub",
        "recaptcha",
        "resourcemanager",
        "runtimeconfig",
        "secretmanager",
        "securitycenter",
        "serviceaccount",
        "servicedirectory",
        "serviceusage",
        "sourcerepo",
        "spanner",
        "storage",
        "tags",
    ]
)
"""Areas of the provider (``gcp:<area>/...``) whose resources are not in a customer's network."""

HARMLESS = frozenset(
    {
        "gcp:alloydb/user:User",
        "gcp:cloudbuild/trigger:Trigger",
        "gcp:container/registry:Registry",
        "gcp:sql/database:Database",
        "gcp:sql/sslCert:SslCert",
        "gcp:sql/user:User",
    }
)
"""Types of other areas that do not handle packets."""

UNLESS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "gcp:cloudfunctions/function:Function": (("vpcConnector",),),
    "gcp:cloudfunctionsv2/function:Function": (
        ("serviceConfig", "vpcConnector"),
        ("serviceConfig", "directVpcNetworkInterfaces"),
        ("buildConfig", "workerPool"),
    ),
    "gcp:cloudrunv2/service:Service": (("template", "vpcAccess"),),
    "gcp:cloudrunv2/job:Job": (("template", "template", "vpcAccess"),),
}
"""Types that reach into a network only if one of these parts of their properties is set."""

HARMLESS_COMPUTE = frozenset(
    [
        "attachedDisk",
        "autoscaler",
        "backendBucketSignedUrlKey",
        "backendServiceSignedUrlKey",
        "caExternalAccountKey",
        "disk",
        "diskAsyncReplication",
        "diskResourcePolicyAttachment",
        "externalVpnGateway",
        "futureReservation",
        "healthCheck",
        "httpHealthCheck",
        "httpsHealthCheck",
        "image",
        "instanceSettings",
        "instanceTemplate",
        "instantSnapshot",
        "interconnect",
        "interconnectAttachmentGroup",
        "interconnectGroup",
        "machineImage",
        "managedSslCertificate",
        "mangedSslCertificate",
        "networkEdgeSecurityService",
        "nodeGroup",
        "nodeTemplate",
        "organizationSnapshotRecycleBinPolicy",
        "projectCloudArmorTier",
        "projectDefaultNetworkTier",
        "projectMetadata",
        "projectMetadataItem",
        "publicAdvertisedPrefix",
        "publicDelegatedPrefix",
        "regionAutoscaler",
        "regionCommitment",
        "regionCompositeHealthCheck",
        "regionDisk",
        "regionDiskResourcePolicyAttachment",
        "regionHealthAggregationPolicy",
        "regionHealthCheck",
        "regionHealthSource",
        "regionInstanceTemplate",
        "regionInstantSnapshot",
        "regionSslCertificate",
        "regionSslPolicy",
        "reservation",
        "resourcePolicy",
        "resourcePolicyAttachment",
        "routerStatus",
        "sSLCertificate",
        "sSLPolicy",
        "securityPolicy",
        "securityPolicyRule",
        "regionSecurityPolicy",
        "regionSecurityPolicyRule",
        "sharedVPCHostProject",
        "sharedVPCServiceProject",
        "snapshot",
        "snapshotRecycleBinPolicy",
        "snapshotSettings",
        "storagePool",
        "perInstanceConfig",
        "regionPerInstanceConfig",
    ]
)
"""Types of ``gcp:compute`` that do not handle packets themselves. Cloud Armor policies only restrict: what may pass may
pass without them too."""


def is_harmless(type_: str) -> bool:
    """Whether a type's resources neither forward, filter nor receive packets."""
    provider, _, rest = type_.partition(":")
    if provider != "gcp":
        return True
    area, _, noun = rest.partition(":")[0].partition("/")
    if noun.lower().endswith(("iammember", "iambinding", "iampolicy")):
        return True
    return type_ in HARMLESS or area in HARMLESS_AREAS or (area == "compute" and noun in HARMLESS_COMPUTE)


def _reaches_in(resource: Resource) -> bool:
    """Whether a serverless service is, or may be, connected to a network."""
    paths = UNLESS.get(resource.type)
    return paths is None or any(is_given(part(resource.properties.get(path[0]), *path[1:])) for path in paths)


def not_understood(resources: Iterable[Resource]) -> list[str]:
    """A sentence for each resource that may affect the network and is not modelled."""
    return [
        f"{each.urn}: {each.type} is not modelled"
        for each in resources
        if each.type not in MODELLED and not is_harmless(each.type) and _reaches_in(each)
    ]
