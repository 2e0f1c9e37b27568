"""Network load balancers: listeners, targets, health checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from lab.wiring.cloud.model import HealthCheck, Listener, LoadBalancer, Subnet, Target
from lab.wiring.cloud.resources import Resources


def _certificate_names(resources: Resources, arn: str) -> tuple[str, ...]:
    for resource in resources.of("acm/certificate"):
        if arn in (resource.id, resource.properties.get("arn")):
            properties = resource.properties
            return tuple(
                dict.fromkeys([properties["domainName"], *sorted(properties.get("subjectAlternativeNames") or ())])
            )
    return ()


def load_balancers(resources: Resources) -> dict[str, LoadBalancer]:
    listeners: dict[str, list[Listener]] = defaultdict(list)
    for resource in resources.of("lb/listener"):
        properties = resource.properties
        actions: list[Mapping[str, Any]] = properties.get("defaultActions") or []
        action = next((each for each in actions if each.get("type") == "forward"), {})
        listeners[properties["loadBalancerArn"]].append(
            Listener(
                port=int(properties["port"]),
                protocol=str(properties.get("protocol", "TCP")).upper(),
                target_group=action.get("targetGroupArn", ""),
                names=_certificate_names(resources, properties.get("certificateArn") or ""),
            )
        )
    balancers = {}
    for resource in resources.of("lb/loadBalancer"):
        properties = resource.properties
        kind = properties.get("loadBalancerType", "application")
        if kind != "network":
            resources.not_modelled.append(
                f"{resource.id}: a load balancer of type {kind} is not wired, only network load balancers are"
            )
            continue
        balancers[resource.id] = LoadBalancer(
            id=resource.id,
            name=properties.get("name", ""),
            region=resource.region,
            across_zones=bool(properties.get("enableCrossZoneLoadBalancing")),
            listeners=tuple(sorted(listeners[properties.get("arn", resource.id)], key=lambda each: each.port)),
        )
    return balancers


def health_checks(resources: Resources) -> dict[str, HealthCheck]:
    checks = {}
    for resource in resources.of("lb/targetGroup"):
        declared = resource.properties.get("healthCheck") or {}
        by_http = str(declared.get("protocol", "TCP")).upper() == "HTTP"
        checks[resource.properties.get("arn", resource.id)] = HealthCheck(
            path=declared.get("path") or "/" if by_http else "",
            matcher=str(declared.get("matcher") or HealthCheck.matcher),
            interval_seconds=int(declared.get("interval") or HealthCheck.interval_seconds),
            rise=int(declared.get("healthyThreshold") or HealthCheck.rise),
            fall=int(declared.get("unhealthyThreshold") or HealthCheck.fall),
        )
    return checks


def targets_of(resources: Resources, subnets: Mapping[str, Subnet]) -> dict[str, tuple[Target, ...]]:
    groups = {resource.properties.get("arn", resource.id): resource for resource in resources.of("lb/targetGroup")}
    targets: dict[str, list[Target]] = defaultdict(list)
    for resource in resources.of("lb/targetGroupAttachment"):
        arn = resource.properties["targetGroupArn"]
        target = resource.properties["targetId"]
        port = int(resource.properties.get("port") or groups[arn].properties["port"])
        instance = resources.by_id.get(target)
        address = IPv4Address(instance.properties["privateIp"] if instance else target)
        zone = next((subnet.zone for subnet in subnets.values() if address in subnet.block), "")
        targets[arn].append(Target(address=address, port=port, zone=zone))
    return {arn: tuple(sorted(each, key=lambda target: (target.address, target.port))) for arn, each in targets.items()}
