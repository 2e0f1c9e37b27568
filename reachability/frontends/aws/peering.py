"""VPC peerings: between two VPCs, accepted by both, and no further.

Source: the VPC peering guide's "How VPC peering connections work" (lifecycle, no overlapping blocks, no transit, no
edge to edge routing through a gateway).
"""

from __future__ import annotations

from dataclasses import dataclass

from reachability.addresses import EVERYWHERE, difference, union
from reachability.frontends.aws.cloud import Cloud, Vpc
from reachability.frontends.aws.index import Malformed, flag, settled, text_of
from reachability.frontends.aws.vpcs import VPCS, known
from reachability.network import Blocked, LinkEnd, exit_stage
from reachability.resources import Resource

PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
ACCEPTER = "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter"
TYPES = (PEERING, ACCEPTER)

ENDED = frozenset({"rejected", "expired", "failed", "deleting", "deleted"})


@dataclass(slots=True, eq=False)
class Peering:
    """A peering between two VPCs of the input, or with an external peer VPC (``accepter`` is ``None``). ``refused``:
    why the peering is inactive; empty if it is active.
    """

    label: str
    requester: Vpc
    accepter: Vpc | None
    refused: str = ""


def read(cloud: Cloud) -> None:
    """Reads peerings and their accepters."""
    index = cloud.index
    accepted, accepters = set(), []
    for resource in index.of(ACCEPTER):
        with index.reading(resource):
            found = index.find(resource, "vpcPeeringConnectionId", PEERING)
            if found.foreign:
                accepters.append((resource, found.foreign[0]))
            elif found.unknown or len(found.resources) != 1:
                raise Malformed("the peering that it accepts is unknown")
            else:
                cloud.accepters[resource.urn] = found.resources[0]
                if _accepts(resource):
                    accepted.add(found.resources[0].urn)
    for resource in index.of(PEERING):
        with index.reading(resource):
            _read_peering(cloud, resource, accepted)
    for resource, id_ in accepters:
        with index.reading(resource):
            if _accepts(resource):
                vpc = index.find(resource, "vpcId", *VPCS, value=settled(resource, "vpcId", ""))
                cloud.foreign_peerings[resource.urn] = id_
                for each in vpc.resources:
                    _open(cloud, known(cloud.vpcs, each), id_, index.label(resource))


def _accepts(resource: Resource) -> bool:
    return flag(settled(resource, "autoAccept"), False) is True or _status(resource) == "active"


def _status(resource: Resource) -> str:
    return text_of(settled(resource, "acceptStatus"))


def _read_peering(cloud: Cloud, resource: Resource, accepted: set[str]) -> None:
    index, label = cloud.index, cloud.index.label(resource)
    requester = known(cloud.vpcs, index.need(resource, "vpcId", *VPCS))
    other = index.find(resource, "peerVpcId", *VPCS)
    if other.unknown and (len(other.resources) > 1 or "peerVpcId" in resource.concealed):
        raise Malformed("which VPC it joins is unknown")
    accepter = known(cloud.vpcs, other.resources[0]) if len(other.resources) == 1 else None
    peering = cloud.peerings[resource.urn] = Peering(label, requester, accepter)
    status = _status(resource)
    if status in ENDED:
        peering.refused = f"peering {label} is {status}"
    elif accepter is None:
        pass
    elif not (resource.urn in accepted or status == "active" or flag(settled(resource, "autoAccept"), False) is True):
        peering.refused = f"peering {label} is not accepted"
    elif _overlap(requester, accepter):
        peering.refused = f"peering {label} joins VPCs whose blocks overlap"
    if accepter is not None and not peering.refused:
        requester.peers[resource.urn] = accepter
        accepter.peers[resource.urn] = requester


def _overlap(one: Vpc, other: Vpc) -> bool:
    return any(low <= last and first <= high for low, high in one.blocks for first, last in other.blocks)


def stage(cloud: Cloud, target: Resource, vpc: Vpc) -> str:
    """The stage for packets of ``vpc`` to a peering."""
    if target.urn in cloud.foreign_peerings:
        return foreign(cloud, vpc, cloud.foreign_peerings[target.urn], cloud.index.label(target))
    connection = cloud.accepters.get(target.urn, target)
    peering = cloud.peerings.get(connection.urn)
    label = cloud.index.label(connection)
    stage = f"peering {label} from {vpc.label}"
    stages = cloud.fragment.stages
    if peering is None:
        reason = f"peering {label} is not active"
    elif vpc not in (peering.requester, peering.accepter):
        reason = f"peering {label} does not join {vpc.label}"
    elif peering.refused:
        reason = peering.refused
    elif peering.accepter is None:
        key = connection.id if isinstance(connection.id, str) and connection.id else connection.urn
        return foreign(cloud, vpc, key, label)
    else:
        other = peering.accepter if vpc is peering.requester else peering.requester
        return other.stage
    stages[stage] = Blocked(reason, connection.urn)
    return stage


def foreign(cloud: Cloud, vpc: Vpc, id_: str, label: str = "") -> str:
    """The stage for packets of ``vpc`` to a peering with an external peer VPC."""
    key = _open(cloud, vpc, id_, label)
    return exit_stage(key, vpc.label)


def _open(cloud: Cloud, vpc: Vpc, id_: str, label: str) -> str:
    key = f"peering {id_}"
    if (key, vpc.label) not in cloud.opened:
        cloud.opened.add((key, vpc.label))
        sources = difference(EVERYWHERE, union(vpc.blocks))
        cloud.fragment.link_ends.append(LinkEnd(key, vpc.label, vpc.stage, label or key, sources))
    return key


def compile(cloud: Cloud) -> None:
    """Adds the link ends through which external peer VPCs may send, whether or not a route leads to them."""
    for resource in cloud.index.of(PEERING):
        peering = cloud.peerings.get(resource.urn)
        if peering is not None and peering.accepter is None and not peering.refused:
            stage(cloud, resource, peering.requester)
