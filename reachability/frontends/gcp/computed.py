"""Inputs that Google computes if the program does not set them.

A preview shows them as unknown, like an input that depends on another resource. The latter has dependencies. So in a
resource with any dependencies, an unknown input without a dependency was not set.
"""

from __future__ import annotations

from dataclasses import replace

from reachability.resources import UNKNOWN, Resource

COMPUTED = {
    "gcp:compute/network:Network": ("routingMode", "internalIpv6Range"),
    "gcp:compute/subnetwork:Subnetwork": (
        "stackType", "ipv6AccessType", "secondaryIpRanges", "purpose", "privateIpGoogleAccess", "region",
    ),
    "gcp:compute/firewall:Firewall": ("direction", "sourceRanges", "destinationRanges"),
    "gcp:compute/router:Router": ("region",),
    "gcp:compute/routerNat:RouterNat": ("region", "endpointTypes", "autoNetworkTier"),
    "gcp:compute/routerInterface:RouterInterface": ("region",),
    "gcp:compute/vPNTunnel:VPNTunnel": ("region", "localTrafficSelectors", "remoteTrafficSelectors"),
    "gcp:compute/instance:Instance": ("zone",),
    "gcp:compute/forwardingRule:ForwardingRule": (
        "region", "network", "subnetwork", "portRange", "ports", "ipProtocol",
    ),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": ("network", "subnetwork", "portRange", "ipProtocol"),
    "gcp:compute/backendService:BackendService": ("portName",),
    "gcp:compute/regionBackendService:RegionBackendService": ("portName", "region"),
    "gcp:compute/route:Route": ("nextHopIp", "nextHopInstance", "nextHopGateway", "nextHopIlb", "nextHopHub"),
}  # fmt: skip


def without_computed(resource: Resource) -> Resource:
    """The resource without the inputs that were not set."""
    fields = COMPUTED.get(resource.type)
    if not fields or not resource.references:
        return resource
    left_out = [each for each in fields if resource.properties.get(each) is UNKNOWN and resource.left_out(each)]
    if not left_out:
        return resource
    return replace(
        resource, properties={key: value for key, value in resource.properties.items() if key not in left_out}
    )
