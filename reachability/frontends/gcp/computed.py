"""Inputs that Google fills in where the program leaves them out.

A preview gives them as unknown, as it gives an input that waits for another resource. The latter names what it
depends on; so in
a resource that tells its dependencies at all, an unknown that depends on nothing was left out.
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
    """The resource without what was left out."""
    fields = COMPUTED.get(resource.type)
    if not fields or not resource.references:
        return resource
    left_out = [each for each in fields if resource.properties.get(each) is UNKNOWN and resource.left_out(each)]
    if not left_out:
        return resource
    return replace(
        resource, properties={key: value for key, value in resource.properties.items() if key not in left_out}
    )
