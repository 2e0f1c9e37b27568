"""Google's managed services as the parts of a network of which they are made.

A GKE cluster is nodes on a subnet, which stand as one instance with one interface; the addresses of its nodes and pods
may be any of their ranges. GKE makes firewall rules for the nodes, and more of them for each service of the cluster, so
what may come in is unknown, for the nodes alone (cloud.google.com/kubernetes-engine/docs/concepts/firewall-rules:
each targets the nodes). Databases and caches with private addresses, and control planes of private clusters, are in
networks of Google that peer with the customer's (cloud.google.com/vpc/docs/private-services-access).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reachability.addresses import AddressError, block, covers
from reachability.frontends.gcp.firewall_rules import FIREWALL
from reachability.frontends.gcp.interfaces import DEFAULT, INSTANCE, POD_RANGES
from reachability.frontends.gcp.inventory import project_of
from reachability.frontends.gcp.peering import OF_A_SERVICE, PEERING
from reachability.frontends.gcp.properties import flag, is_given, word
from reachability.frontends.gcp.vpc import SUBNETWORK
from reachability.resources import UNKNOWN, Resource

CLUSTER = "gcp:container/cluster:Cluster"
NODE_POOL = "gcp:container/nodePool:NodePool"
CONNECTION = "gcp:servicenetworking/connection:Connection"
PRIVATE: Mapping[str, tuple[str, ...]] = {
    CONNECTION: ("network",),
    "gcp:sql/databaseInstance:DatabaseInstance": ("settings", "ipConfiguration", "privateNetwork"),
    "gcp:redis/instance:Instance": ("authorizedNetwork",),
    "gcp:memcache/instance:Instance": ("authorizedNetwork",),
    "gcp:filestore/instance:Instance": ("networks", "network"),
    "gcp:alloydb/cluster:Cluster": ("networkConfig", "network"),
}
"""Where a service names the network that peers with Google's. Without it, no packet of a customer's network reaches a
database but over the internet; a cache or file store is on the default network."""

DEFAULTED = frozenset(
    {"gcp:redis/instance:Instance", "gcp:memcache/instance:Instance", "gcp:filestore/instance:Instance"}
)
TYPES = (CLUSTER, NODE_POOL, *PRIVATE)
POD_SUBNET = "GKE_PODS"
"""The purpose of the subnets that stand for ranges of pods."""


def expanded(resources: list[Resource]) -> list[Resource]:
    """The resources with managed services replaced by the parts of the network of which they are made."""
    clusters = [each for each in resources if each.type == CLUSTER]
    pools = [(each, _owner(each, clusters)) for each in resources if each.type == NODE_POOL]
    ranges = [block_ for each in resources if each.type == SUBNETWORK for block_ in _ranges_of(each)]
    replaced: dict[str, tuple[Resource, ...]] = {}
    for each in clusters:
        own = [pool for pool, owner in pools if owner is each]
        if not any(_several_networks(pool) for pool in own):
            replaced[each.urn] = tuple(_cluster(each, own, ranges))
            replaced |= {pool.urn: () for pool in own}
    for each in resources:
        if each.type in PRIVATE:
            replaced[each.urn] = tuple(_peered(each))
    return [part for each in resources for part in replaced.get(each.urn, (each,))]


def part(value: Any, *names: str) -> Any:
    """A part of nested objects, of each of which there is at most one, as itself or as a list."""
    for name in names:
        if isinstance(value, (list, tuple)) and len(value) == 1:
            (value,) = value
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _owner(pool: Resource, clusters: list[Resource]) -> Resource | None:
    """The cluster of a node pool: the one on which it depends, else the one of that name or id in its project."""
    value = pool.properties.get("cluster")
    if value is UNKNOWN:
        found = [each for each in clusters if each.urn in pool.references.get("cluster", ())]
    else:
        named = word(value).rpartition("/")[2]
        found = [each for each in clusters if named and named == word(each.properties.get("name"))]
        place = word(pool.properties.get("location"))
        found = [each for each in found if word(each.properties.get("location")) in ("", place)] or found
        found = [each for each in found if project_of(each) == project_of(pool)] or found
    return found[0] if len(found) == 1 else None


def _unless_computed(resource: Resource, name: str) -> Any:
    """A property; ``None`` if it was left to Google."""
    return None if resource.left_out(name) else resource.properties.get(name)


def _several_networks(pool: Resource) -> bool:
    config = _unless_computed(pool, "networkConfig")
    return any(
        is_given(part(config, name))
        for name in ("additionalNodeNetworkConfigs", "additionalPodNetworkConfigs", "subnetwork")
    )


def _ranges_of(subnetwork: Resource) -> Iterator[tuple[int, int]]:
    values = [subnetwork.properties.get("ipCidrRange")]
    secondary = subnetwork.properties.get("secondaryIpRanges")
    values += [part(each, "ipCidrRange") for each in secondary] if isinstance(secondary, (list, tuple)) else []
    for value in values:
        try:
            yield block(value if isinstance(value, str) else "")
        except AddressError:
            continue


def _made(of: Resource, type_: str, what: str, **properties: Any) -> Resource:
    """A resource that stands for a part of a service; its unknown references are those of the service."""
    references = {name: urns for name, urns in of.references.items() if name in properties}
    given = {"name": f"{word(of.properties.get('name'), of.name)} {what}", "project": project_of(of), **properties}
    return Resource(f"{of.urn} {what}", type_, given["name"], "", given, references, of.concealed)


def _region(resource: Resource) -> Any:
    given = (resource.properties.get(each) for each in ("location", "region", "zone"))
    place = next((each for each in given if each is UNKNOWN or each), None)
    return re.sub(r"-[a-z]$", "", place) if isinstance(place, str) else place


def _cluster(cluster: Resource, pools: list[Resource], ranges: list[tuple[int, int]]) -> Iterator[Resource]:
    given = cluster.properties
    network, region = given.get("network"), _region(cluster)
    network = DEFAULT if network is None or network == "" else network
    private = part(_unless_computed(cluster, "privateClusterConfig"), "enablePrivateNodes")
    exceptions = [part(_unless_computed(each, "networkConfig"), "enablePrivateNodes") for each in pools]
    public = flag(private) is not True or any(flag(each, True) is not True for each in exceptions)
    pods = _pods(cluster)
    interface = {
        "network": network,
        "subnetwork": given.get("subnetwork"),
        "accessConfigs": [{}] if public else [],
        POD_RANGES: pods,
    }
    references = {
        "networkInterfaces": tuple(
            urn for name in ("network", "subnetwork") for urn in cluster.references.get(name, ())
        )
    }
    name = word(given.get("name"), cluster.name)
    marks = {"name": name, "project": project_of(cluster), "region": region, "labels": given.get("resourceLabels")}
    nodes = {
        "networkInterfaces": [interface],
        "tags": UNKNOWN,
        "serviceAccount": UNKNOWN,
        "selfLink": given.get("selfLink"),
    }
    yield Resource(cluster.urn, INSTANCE, cluster.name, cluster.id, {**marks, **nodes}, references)
    yield _made(
        cluster,
        FIREWALL,
        "rules that GKE makes for its nodes",
        network=network,
        direction="INGRESS",
        priority=0,
        sourceRanges=["0.0.0.0/0", "::/0"],
        allows=[{"protocol": "all"}],
        targetTags=[f"nodes of {cluster.urn}"],
    )
    for number, each in enumerate(pods if isinstance(pods, list) else ()):
        try:
            inside = any(covers((own,), (block(each),)) for own in ranges)
        except AddressError:
            continue
        if not inside:
            yield _made(
                cluster, SUBNETWORK, f"pods {number}", network=network, region=region, ipCidrRange=each,
                purpose=POD_SUBNET,
            )  # fmt: skip
    if private is not None and flag(private) is not False:
        yield _peering(cluster, "network", network, "control plane")


def _pods(cluster: Resource) -> Any:
    """The blocks of a cluster's pods; ``UNKNOWN`` if it does not tell."""
    found = []
    for value in (
        cluster.properties.get("clusterIpv4Cidr"),
        part(cluster.properties.get("ipAllocationPolicy"), "clusterIpv4CidrBlock"),
    ):
        if isinstance(value, str) and "/" in value.strip("/") and value not in found:
            found.append(value)
    return found or UNKNOWN


def _peered(resource: Resource) -> Iterator[Resource]:
    """The peering of a service with private addresses; nothing if it has none."""
    path = PRIVATE[resource.type]
    value = part(resource.properties.get(path[0]), *path[1:])
    if value is None and resource.type in DEFAULTED:
        value = DEFAULT
    if is_given(value):
        yield _peering(resource, path[0], value, "of Google's services")


def _peering(resource: Resource, name: str, network: Any, what: str) -> Resource:
    peer = f"the network {what} of {resource.urn}"
    made = _made(resource, PEERING, what, network=network, peerNetwork=peer, **{OF_A_SERVICE: True})
    return Resource(
        made.urn, made.type, made.name, made.urn, made.properties, {"network": resource.references.get(name, ())}
    )
