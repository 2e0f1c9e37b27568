"""A credential that hosts take from Vault for a short time: what it may do, not the credential itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.policy_document import document, trust
from components.aws.role_boundary import discovery
from components.nouns import LeaseArgs
from estate.model import Lease as Declared
from estate.plan import naming

ROLE_NAME_LIMIT = 64
SHORTEST_SESSION_SECONDS = 3600
"""The least that AWS takes as a role's maximum."""


class Lease(AwsComponent):
    """For a lease on AWS, the role that only Vault may assume, for this network only. Others need nothing."""

    TOKEN = "estate:access:Lease"

    def __init__(
        self,
        name: str,
        args: LeaseArgs,
        *,
        boundary_arn: pulumi.Input[str],
        statements: Sequence[pulumi.Input[dict[str, Any]]] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``statements``: what an AWS lease may do, beside listing instances where ``args`` say so."""
        super().__init__(name, args, opts)
        declared = args.network.leases[args.lease]
        allowed = [*([discovery(args.network)] if args.discovers else []), *statements]
        role_arn = self._role(args, declared, boundary_arn, allowed) if declared.kind == "aws" else None
        self.register_outputs({"role_arn": role_arn})

    def _role(
        self,
        args: LeaseArgs,
        declared: Declared,
        boundary_arn: pulumi.Input[str],
        statements: Sequence[pulumi.Input[dict[str, Any]]],
    ) -> pulumi.Output[str]:
        network = args.network
        vault = f"arn:aws:iam::{network.aws.account_id}:role/vault"
        role = self._resource(
            aws.iam.Role,
            "role",
            purpose={"lease": args.lease},
            name=naming.safe(f"{network.name}-lease-{args.lease}", ROLE_NAME_LIMIT),
            description=f"Lease {args.lease} of {network.name}, by Vault for {', '.join(declared.roles)}",
            assume_role_policy=trust({"AWS": vault}, StringEquals={"sts:ExternalId": network.name}),
            permissions_boundary=boundary_arn,
            max_session_duration=max(declared.ttl_seconds, SHORTEST_SESSION_SECONDS),
        )
        if statements:
            policy = pulumi.Output.all(*statements).apply(document)
            self._resource(aws.iam.RolePolicy, "permissions", name="permissions", role=role.name, policy=policy)
        return role.arn
