"""AWS: one implementation of the nouns that the program uses."""

from __future__ import annotations

from functools import partial

import pulumi

from components.aws import recorded
from components.aws.certificate import Certificate
from components.aws.dns_zone import DnsZone
from components.aws.encryption import EncryptionKey
from components.aws.endpoint import Endpoint
from components.aws.flow_log import FlowLog, FlowLogRole, FlowLogRoleArgs
from components.aws.instance_identity import InstanceIdentity
from components.aws.lease import Lease
from components.aws.machine import Machine
from components.aws.nat import Nat
from components.aws.peering import PartnerPeering, RegionPeering
from components.aws.private_gateway import PrivateGateway
from components.aws.provider import provider
from components.aws.role_boundary import RoleBoundary
from components.aws.security_group import SecurityGroup
from components.aws.seed_name import SeedName
from components.aws.signer import Signer
from components.aws.site_link import SiteLink
from components.aws.subnet_tier import SubnetTier
from components.aws.vpc import Vpc
from components.base import Args
from components.nouns import Cloud, Folder


def cloud() -> Folder:
    return Folder(provider=provider, open=_open, outputs=recorded.outputs)


def _open(name: str, args: Args, *, opts: pulumi.ResourceOptions | None = None) -> Cloud:
    """Creates first what all of the network's roles share: the permissions boundary and the flow logs' role."""
    boundary_arn = RoleBoundary(f"{name}-boundary", args, opts=opts).arn
    flow_logs = FlowLogRole(
        f"{name}-flow-logs", FlowLogRoleArgs(network=args.network, boundary_arn=boundary_arn), opts=opts
    )
    return Cloud(
        key=EncryptionKey,
        vpc=Vpc,
        flow_log=partial(FlowLog, role_arn=flow_logs.arn),
        subnet_tier=SubnetTier,
        nat=Nat,
        private_gateway=PrivateGateway,
        site_link=SiteLink,
        region_peering=RegionPeering,
        partner_peering=PartnerPeering,
        group=SecurityGroup,
        identity=partial(InstanceIdentity, boundary_arn=boundary_arn),
        machine=Machine,
        dns_zone=DnsZone,
        seed_name=SeedName,
        certificate=Certificate,
        endpoint=Endpoint,
        lease=partial(Lease, boundary_arn=boundary_arn),
        signer=partial(Signer, boundary_arn=boundary_arn),
    )
