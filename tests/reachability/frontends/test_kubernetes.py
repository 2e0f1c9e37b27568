"""Objects of Kubernetes: those that change nothing outside of their cluster, and those that may."""

from __future__ import annotations

from typing import Any

import pytest

from reachability.frontends.kubernetes import inside_cluster
from reachability.resources import UNKNOWN, Resource


def inside(type_: str, **properties: Any) -> bool:
    return inside_cluster(Resource(f"urn::{type_}", type_, "thing", "thing", properties, {}))


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:apps/v1:Deployment",
        "kubernetes:index/configMap:ConfigMap",
        "kubernetes:index/deploymentV1:DeploymentV1",
        "kubernetes:index/configMapV1Data:ConfigMapV1Data",
        "kubernetes:index/horizontalPodAutoscalerV2Beta2:HorizontalPodAutoscalerV2Beta2",
    ],
)
def test_what_is_only_in_a_cluster_touches_no_network(type_: str) -> None:
    assert inside(type_)


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:networking.k8s.io/v1:Ingress",
        "kubernetes:index/ingressV1:IngressV1",
        "kubernetes:index/manifest:Manifest",
        "kubernetes:helm.sh/v3:Release",
        "helm:index/release:Release",
    ],
)
def test_what_may_make_a_balancer_may_touch_one(type_: str) -> None:
    assert not inside(type_)


@pytest.mark.parametrize("type_", ["kubernetes:core/v1:Service", "kubernetes:index/serviceV1:ServiceV1"])
def test_a_service_touches_the_network_where_it_has_a_balancer(type_: str) -> None:
    for kind, harmless in (("ClusterIP", True), ("NodePort", True), (None, True), ("LoadBalancer", False)):
        assert inside(type_, spec=[{"type": kind}]) is harmless
        assert inside(type_, spec={"type": kind}) is harmless
    for spec in (UNKNOWN, {"type": UNKNOWN}, [UNKNOWN], None):
        assert not inside(type_, spec=spec)
