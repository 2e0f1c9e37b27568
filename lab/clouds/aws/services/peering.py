"""VPC peering, with our own VPCs and with those of other accounts.

Source: the VPC peering guide on the lifecycle of a connection and on what cannot be peered.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.services import tokens
from lab.clouds.aws.services.vpc import IN_VPC, NO_VPC, blocks_of
from lab.clouds.aws.spec import Computed, Found, TypeSpec
from lab.clouds.store import Row

_CLOSED = {"allowRemoteVpcDnsResolution": False}


def peering_seen_from(call: Call, peering_id: str) -> Row | None:
    """Returns a peering connection that has an end in the call's account and region, or None."""
    for row in call.change.with_id(peering_id):
        ours = row.type == tokens.VPC_PEERING_CONNECTION and row.account == call.account
        if ours and call.region in (row.region, row.properties["peerRegion"]):
            return row
    return None


def active_peers(call: Call, vpc_id: str) -> list[str]:
    """Returns the VPCs that a VPC has an active peering with in the call's region."""
    peers: list[str] = []
    for row in call.find(tokens.VPC_PEERING_CONNECTION, acceptStatus="active"):
        ends = [row.properties["vpcId"], row.properties["peerVpcId"]]
        if vpc_id in ends and row.properties["peerRegion"] == row.region:
            peers.extend(end for end in ends if end != vpc_id)
    return peers


def _peer_owner(call: Call) -> str:
    return call.props.get("peerOwnerId") or call.account


def _peer_region(call: Call) -> str:
    return call.props.get("peerRegion") or call.region


def _refuse_peering(call: Call) -> None:
    if call.old is not None:
        return
    vpc = call.get(tokens.VPC, call.props["vpcId"])
    peer_id, owner, region = call.props["peerVpcId"], _peer_owner(call), _peer_region(call)
    if vpc is None:
        return
    if peer_id == vpc.id:
        call.refuse("InvalidParameterValue", f"The requester VPC and the accepter VPC are the same: {peer_id}")
    if call.props.get("autoAccept") and owner != call.account:
        call.refuse("OperationNotPermitted", f"User {call.account} cannot accept a peering for account {owner}")
    for row in call.find(tokens.VPC_PEERING_CONNECTION):
        ends = {row.properties["vpcId"], row.properties["peerVpcId"]}
        if ends == {vpc.id, peer_id}:
            call.refuse(
                "VpcPeeringConnectionAlreadyExists",
                f"A VPC peering connection between {vpc.id} and {peer_id} exists already: {row.id}",
            )
    peerings = len(active_peers(call, vpc.id))
    if peerings >= call.quotas.active_peerings_per_vpc:
        call.refuse(
            "VpcPeeringConnectionsPerVpcLimitExceeded", f"The VPC {vpc.id} has {peerings} active peering connections."
        )
    for ours in blocks_of(call, vpc):
        for theirs in _peer_blocks(call, peer_id, owner, region):
            if ours.overlaps(theirs):
                _refuse_failed(call, f"{theirs} of {peer_id} overlaps {ours} of {vpc.id}")


def _peer_blocks(call: Call, peer_id: str, owner: str, region: str) -> list[ipaddress.IPv4Network]:
    if owner == call.account:
        peer = call.get_in(region, tokens.VPC, peer_id)
        if peer is None:
            code, message = NO_VPC
            call.refuse(code, message.format(id=peer_id))
        secondary = call.change.rows(type=tokens.VPC_IPV4_CIDR_BLOCK_ASSOCIATION, account=owner, region=region)
        of_peer = [row for row in secondary if row.properties["vpcId"] == peer_id]
        return [ipaddress.IPv4Network(row.properties["cidrBlock"]) for row in (peer, *of_peer)]
    foreign = call.world.vpc(owner, peer_id, region)
    if foreign is None and owner in call.world.accounts():
        _refuse_failed(call, f"account {owner} has no VPC {peer_id} in {region}")
    return [ipaddress.IPv4Network(foreign.cidr)] if foreign else []


def _refuse_failed(call: Call, why: str) -> None:
    call.refuse(
        "OverlappingCIDR" if "overlaps" in why else "InvalidVpcPeeringConnection.Failed",
        "waiting for EC2 VPC Peering Connection create: unexpected state 'failed', wanted target 'active,"
        " pending-acceptance'. last error: failed: Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR"
        f" range ({why})",
    )


def _peering_attributes(call: Call) -> Computed:
    owner, region = _peer_owner(call), _peer_region(call)
    foreign = call.world.vpc(owner, call.props["peerVpcId"], region)
    accepted = bool(call.props.get("autoAccept")) or (owner != call.account and foreign is not None)
    return {
        "peerOwnerId": owner,
        "peerRegion": region,
        "acceptStatus": "active" if accepted else "pending-acceptance",
        "accepter": call.props.get("accepter") or _CLOSED,
        "requester": call.props.get("requester") or _CLOSED,
    }


def _accepted_in_its_region(inputs: Mapping[str, Any]) -> Found:
    if inputs.get("autoAccept") is True and inputs.get("peerRegion"):
        yield (
            "peerRegion",
            "`peer_region` cannot be set whilst `auto_accept` is `true` when creating a VPC peering connection",
        )


def _refuse_acceptance(call: Call) -> None:
    peering = _known_peering(call)
    if peering.properties["peerOwnerId"] != call.account:
        call.refuse(
            "OperationNotPermitted",
            f"User {call.account} cannot accept peering {peering.id}: its accepter is"
            f" {peering.properties['peerOwnerId']}",
        )
    if peering.properties["peerRegion"] != call.region:
        call.refuse(
            "OperationNotPermitted",
            f"Incorrect region ({call.region}) specified for this request. VPC peering connection {peering.id} must be"
            f" accepted in region {peering.properties['peerRegion']}",
        )


def _known_peering(call: Call) -> Row:
    peering_id = call.props["vpcPeeringConnectionId"]
    peering = peering_seen_from(call, peering_id)
    if peering is None:
        call.refuse(
            "InvalidVpcPeeringConnectionID.NotFound", f"The vpcPeeringConnection ID '{peering_id}' does not exist"
        )
    return peering


def _accept(call: Call) -> Computed:
    peering = _known_peering(call)
    if call.props.get("autoAccept") and peering.properties["acceptStatus"] == "pending-acceptance":
        peering.properties["acceptStatus"] = "active"
        call.change.save(peering)
    ours = peering.properties
    return {
        "acceptStatus": ours["acceptStatus"],
        "vpcId": ours["peerVpcId"],
        "peerVpcId": ours["vpcId"],
        "peerOwnerId": peering.account,
        "peerRegion": peering.region,
        "accepter": call.props.get("accepter") or ours["accepter"],
        "requester": call.props.get("requester") or ours["requester"],
    }


def _refuse_options(call: Call) -> None:
    peering = _known_peering(call)
    if peering.properties["acceptStatus"] != "active":
        call.refuse(
            "OperationNotPermitted",
            f"Peering {peering.id} is not active. Peering options can be added only to active peerings.",
        )


def _options(call: Call) -> Computed:
    return {name: call.props.get(name) or _CLOSED for name in ("accepter", "requester")}


SPECS = (
    TypeSpec(
        token=tokens.VPC_PEERING_CONNECTION,
        noun="EC2 VPC Peering Connection",
        service="EC2",
        create="CreateVpcPeeringConnection",
        update="ModifyVpcPeeringConnectionOptions",
        id="pcx-",
        replaces=frozenset({"vpcId", "peerVpcId", "peerOwnerId", "peerRegion"}),
        computed_inputs=frozenset({"peerOwnerId", "peerRegion", "accepter", "requester"}),
        rules=(_accepted_in_its_region,),
        references=(IN_VPC,),
        refusals=(_refuse_peering,),
        compute=_peering_attributes,
    ),
    TypeSpec(
        token=tokens.VPC_PEERING_CONNECTION_ACCEPTER,
        noun="EC2 VPC Peering Connection",
        service="EC2",
        create="AcceptVpcPeeringConnection",
        update="ModifyVpcPeeringConnectionOptions",
        delete="DeleteVpcPeeringConnection",
        id=lambda call: call.props["vpcPeeringConnectionId"],
        replaces=frozenset({"vpcPeeringConnectionId"}),
        computed_inputs=frozenset({"accepter", "requester"}),
        refusals=(_refuse_acceptance,),
        compute=_accept,
        recompute=_accept,
    ),
    TypeSpec(
        token=tokens.PEERING_CONNECTION_OPTIONS,
        noun="EC2 VPC Peering Connection Options",
        service="EC2",
        create="ModifyVpcPeeringConnectionOptions",
        update="ModifyVpcPeeringConnectionOptions",
        delete="ModifyVpcPeeringConnectionOptions",
        id=lambda call: call.props["vpcPeeringConnectionId"],
        replaces=frozenset({"vpcPeeringConnectionId"}),
        computed_inputs=frozenset({"accepter", "requester"}),
        refusals=(_refuse_options,),
        compute=_options,
    ),
)
