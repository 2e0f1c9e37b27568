"""What is deployed in a lab's cloud, as the prover reads resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.clouds import store
from lab.paths import LabPaths
from reachability.resources import Resource

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
ADDRESS = "aws:ec2/eip:Eip"


def resources(paths: LabPaths) -> tuple[Resource, ...]:
    """The resources of the stack, as the lab's cloud has them now."""
    with store.Store(paths.cloud_state) as opened:
        return tuple(_read(opened.resources()))


def _read(found: list[store.Resource]) -> Iterator[Resource]:
    """What AWS makes by itself is known to the prover, but for the addresses that it chose: those of a load balancer's
    nodes are listed as if they had been declared.
    """
    for each in found:
        if not each.urn:
            continue
        properties = dict(each.properties)
        if each.type == BALANCER:
            nodes = [node for node in found if node.type == INTERFACE and node.made_for == each.id]
            properties["subnetMappings"] = [_mapping(node) for node in nodes]
            yield from _addresses(each.urn, nodes)
        yield Resource(each.urn, each.type, each.urn.split("::", 3)[-1], each.id, properties, {})


def _mapping(node: store.Resource) -> dict[str, str]:
    asked = {"subnetId": node.properties["subnetId"], "privateIpv4Address": node.properties["privateIp"]}
    return {**asked, "allocationId": f"eipalloc-{node.id}"} if node.properties.get("publicIp") else asked


def _addresses(owner: str, nodes: Iterable[store.Resource]) -> Iterator[Resource]:
    """The public addresses of a load balancer's nodes as resources of their own."""
    for node in nodes:
        if public := node.properties.get("publicIp"):
            name = f"address of {node.id}"
            properties = {"publicIp": public, "region": node.region, "domain": "vpc"}
            yield Resource(f"{owner} {name}", ADDRESS, name, f"eipalloc-{node.id}", properties, {})
