"""Objects of Kubernetes that change nothing outside of their cluster: no load balancer, no rule of a cloud.

Tokens are Pulumi's (``kubernetes:core/v1:ConfigMap``), or made from Terraform's types
(``kubernetes:index/configMapV1:ConfigMapV1``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reachability.resources import UNKNOWN, Resource

PROVIDER = "kubernetes:"
INSIDE = frozenset((
    "Annotations", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "ConfigMapData", "CronJob",
    "CustomResourceDefinition", "DaemonSet", "Daemonset", "DefaultServiceAccount", "Deployment", "Env",
    "HorizontalPodAutoscaler", "Job", "Labels", "LimitRange", "Namespace", "NetworkPolicy", "PersistentVolume",
    "PersistentVolumeClaim", "Pod", "PodDisruptionBudget", "PriorityClass", "ReplicaSet", "ReplicationController",
    "ResourceQuota", "Role", "RoleBinding", "Secret", "SecretData", "ServiceAccount", "StatefulSet", "StorageClass",
))  # fmt: skip
SERVICE = "Service"
WITHOUT_BALANCER = frozenset(("", "ClusterIP", "NodePort", "ExternalName"))
"""Types of services for which no load balancer is made."""
_VERSION = re.compile(r"V[0-9]+(?:(?:Alpha|Beta)[0-9]+)?(?=Data$|$)")


def inside_cluster(resource: Resource) -> bool:
    """Whether a resource is an object of Kubernetes that changes nothing outside of its cluster."""
    if not resource.type.startswith(PROVIDER):
        return False
    noun = _VERSION.sub("", resource.type.rpartition(":")[2])
    if noun != SERVICE:
        return noun in INSIDE
    spec = resource.properties.get("spec")
    if isinstance(spec, list | tuple) and len(spec) == 1:
        (spec,) = spec
    if not isinstance(spec, Mapping) or spec.get("type") is UNKNOWN:
        return False
    return (spec.get("type") or "") in WITHOUT_BALANCER
