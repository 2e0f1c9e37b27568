"""The most that any role of a network can ever be allowed."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.flow_log import WRITE_ACTIONS, flow_log_group
from components.aws.policy_document import allow, document
from components.aws.signing_table import boundary_statements
from components.base import Args
from estate.model import Network

DISCOVERY_ACTIONS = ("ec2:DescribeInstances",)
"""The action does not support resource-level permissions, so it is limited to the network's regions."""

BACKUP_ACTIONS = ("kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")


def discovery(network: Network) -> dict[str, object]:
    return allow(DISCOVERY_ACTIONS, "*", StringEquals={"aws:RequestedRegion": sorted(network.regions)})


class RoleBoundary(AwsComponent):
    """The permissions boundary of every role: the account's own if declared, else what all roles need together."""

    TOKEN = "estate:security:RoleBoundary"

    arn: pulumi.Input[str]

    def __init__(self, name: str, args: Args, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network = args.network
        self.arn = network.aws.permissions_boundary or self._own(network)
        self.register_outputs({"arn": self.arn})

    def _own(self, network: Network) -> pulumi.Output[str]:
        account = network.aws.account_id
        groups = [
            f"arn:aws:logs:{region}:{account}:log-group:{flow_log_group(network.name, region)}"
            for region in sorted(network.regions)
        ]
        keys = [f"arn:aws:kms:{region}:{account}:key/*" for region in sorted(network.regions)]
        policy = self._resource(
            aws.iam.Policy,
            "policy",
            name=self.name,
            description=f"The most that a role of {network.name} can be allowed",
            policy=document(
                [
                    discovery(network),
                    allow(BACKUP_ACTIONS, keys, StringEquals={"aws:ResourceTag/Network": network.name}),
                    allow(WRITE_ACTIONS, [arn for group in groups for arn in (group, f"{group}:log-stream:*")]),
                    *boundary_statements(network),
                ]
            ),
        )
        return policy.arn
