"""The record of a VPC's accepted and rejected connections."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.component import AwsComponent
from components.aws.encryption import log_group_name
from components.aws.policy_document import allow, document, trust
from components.base import Args
from components.nouns import FlowLogArgs

RETENTION_DAYS = 365
WRITE_ACTIONS = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
LOG_FORMAT = (
    "${version} ${vpc-id} ${subnet-id} ${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${srcport} "
    "${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${tcp-flags} ${flow-direction} ${log-status}"
)


def flow_log_group(network: str, region: str) -> str:
    return log_group_name(network, "flow", region)


@dataclass(frozen=True, kw_only=True)
class FlowLogRoleArgs(Args):
    boundary_arn: pulumi.Input[str]


class FlowLogRole(AwsComponent):
    """The role in which AWS writes the network's flow logs: into its own log groups, and nothing else."""

    TOKEN = "estate:security:FlowLogRole"

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: FlowLogRoleArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        network = args.network
        account = network.aws.account_id
        groups = [
            f"arn:aws:logs:{region}:{account}:log-group:{flow_log_group(network.name, region)}"
            for region in sorted(network.regions)
        ]
        role = self._resource(
            aws.iam.Role,
            "role",
            name=name,
            description=f"Flow logs of {network.name}",
            assume_role_policy=trust(
                {"Service": "vpc-flow-logs.amazonaws.com"}, StringEquals={"aws:SourceAccount": account}
            ),
            permissions_boundary=args.boundary_arn,
        )
        self._resource(
            aws.iam.RolePolicy,
            "write",
            name="write",
            role=role.name,
            policy=document(
                [allow(WRITE_ACTIONS, [arn for group in groups for arn in (group, f"{group}:log-stream:*")])]
            ),
        )
        self.arn = role.arn
        self.register_outputs({"arn": role.arn})


class FlowLog(AwsComponent):
    """All traffic of one VPC, kept encrypted for a year."""

    TOKEN = "estate:network:FlowLog"

    def __init__(
        self,
        name: str,
        args: FlowLogArgs,
        *,
        role_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``role_arn``: the role in which AWS writes the log."""
        super().__init__(name, args, opts)
        group = self._resource(
            aws.cloudwatch.LogGroup,
            "group",
            keep=True,
            name=flow_log_group(args.network.name, args.region),
            retention_in_days=RETENTION_DAYS,
            kms_key_id=args.key_id,
        )
        self._resource(
            aws.ec2.FlowLog,
            "log",
            vpc_id=args.vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role_arn,
            log_format=LOG_FORMAT,
            max_aggregation_interval=60,
        )
        self.register_outputs({})
