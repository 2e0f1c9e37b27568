"""Who an instance is, to AWS and to Vault."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.policy_document import trust
from components.nouns import IdentityArgs


class InstanceIdentity(AwsComponent):
    """A role's instance profile. It allows nothing: it proves to Vault what an instance is; leases do the rest.

    Its id: the profile's name.
    """

    TOKEN = "estate:security:InstanceIdentity"

    id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: IdentityArgs,
        *,
        boundary_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, args, opts)
        purpose = {"role": args.role.value}
        role = self._resource(
            aws.iam.Role,
            "role",
            purpose=purpose,
            name=f"{args.network.name}-{args.role}",
            description=f"Identity of {args.role} instances of {args.network.name}",
            assume_role_policy=trust({"Service": "ec2.amazonaws.com"}),
            permissions_boundary=boundary_arn,
        )
        profile = self._resource(
            aws.iam.InstanceProfile, "profile", purpose=purpose, name=f"{args.network.name}-{args.role}", role=role.name
        )
        self.id = profile.name
        self.register_outputs({"profile": profile.name})
