"""Who an instance is, to AWS and to Vault."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.policy_document import trust
from components.base import Args, Component
from estate.model import Role


@dataclass(frozen=True, kw_only=True)
class InstanceIdentityArgs(Args):
    role: Role
    boundary_arn: pulumi.Input[str]


class InstanceIdentity(Component):
    """A role's instance profile. It allows nothing: it proves to Vault what an instance is; leases do the rest."""

    TOKEN = "estate:security:InstanceIdentity"

    profile: pulumi.Output[str]

    def __init__(self, name: str, args: InstanceIdentityArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        purpose = {"role": args.role.value}
        role = self._child(
            aws.iam.Role,
            "role",
            purpose=purpose,
            name=f"{args.network.name}-{args.role}",
            description=f"Identity of {args.role} instances of {args.network.name}",
            assume_role_policy=trust({"Service": "ec2.amazonaws.com"}),
            permissions_boundary=args.boundary_arn,
        )
        profile = self._child(
            aws.iam.InstanceProfile, "profile", purpose=purpose, name=f"{args.network.name}-{args.role}", role=role.name
        )
        self.profile = profile.name
        self.register_outputs({"profile": profile.name})
