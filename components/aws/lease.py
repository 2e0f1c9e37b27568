"""A credential that hosts take from Vault for a short time: what it may do, not the credential itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.policy_document import document, trust
from components.base import Args, Component
from estate.model import Lease as Declared
from estate.model import Network
from estate.plan import naming
from estate.plan.coordination import may_take
from estate.plan.hosts import of_role

ROLE_NAME_LIMIT = 64
SHORTEST_SESSION_SECONDS = 3600
"""The least that AWS takes as a role's maximum."""


def entry(network: Network, name: str) -> dict[str, Any]:
    """What the hosts must know of a declared lease, apart from its role."""
    declared = network.leases[name]
    return {
        "kind": declared.kind,
        "path": declared.path,
        "role_arn": None,
        "consumers": [host.name for host in of_role(network, *declared.roles) if may_take(network, host, name)],
        "ttl_seconds": declared.ttl_seconds,
        "renew_before_seconds": declared.renew_before_seconds,
        "single_use": declared.single_use,
    }


@dataclass(frozen=True, kw_only=True)
class LeaseArgs(Args):
    """``lease`` is a declared lease's name; ``statements``: what an AWS lease may do, by default nothing."""

    lease: str
    boundary_arn: pulumi.Input[str]
    statements: Sequence[pulumi.Input[dict[str, Any]]] = ()


class Lease(Component):
    """For a lease on AWS, the role that only Vault may assume, for this network only. Others need nothing in the cloud.

    ``entry`` is the lease as the hosts' inventory has it.
    """

    TOKEN = "estate:access:Lease"

    entry: dict[str, Any]

    def __init__(self, name: str, args: LeaseArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        declared = args.network.leases[args.lease]
        self.entry = entry(args.network, args.lease)
        if declared.kind == "aws":
            self.entry["role_arn"] = self._role(args, declared)
        self.register_outputs({"role_arn": self.entry["role_arn"]})

    def _role(self, args: LeaseArgs, declared: Declared) -> pulumi.Output[str]:
        network = args.network
        vault = f"arn:aws:iam::{network.aws.account_id}:role/vault"
        role = self._child(
            aws.iam.Role,
            "role",
            purpose={"lease": args.lease},
            name=naming.safe(f"{network.name}-lease-{args.lease}", ROLE_NAME_LIMIT),
            description=f"Lease {args.lease} of {network.name}, by Vault for {', '.join(declared.roles)}",
            assume_role_policy=trust({"AWS": vault}, StringEquals={"sts:ExternalId": network.name}),
            permissions_boundary=args.boundary_arn,
            max_session_duration=max(declared.ttl_seconds, SHORTEST_SESSION_SECONDS),
        )
        if args.statements:
            policy = pulumi.Output.all(*args.statements).apply(document)
            self._child(aws.iam.RolePolicy, "permissions", name="permissions", role=role.name, policy=policy)
        return role.arn
