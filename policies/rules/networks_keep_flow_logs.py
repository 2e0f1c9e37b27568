"""Networks must have flow logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyResource, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, referred, stack_rule, violation

VPC, LOG = "aws:ec2/vpc:Vpc", "aws:ec2/flowLog:FlowLog"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
OTHER_PURPOSES = ("REGIONAL_MANAGED_PROXY", "GLOBAL_MANAGED_PROXY", "PRIVATE_SERVICE_CONNECT")
"""Subnetwork purposes without flow logs on Google Cloud."""

REASON = "a break-in can only be reconstructed from its packets"


def check(resources: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    logged = {
        vpc.urn
        for each in resources
        if each.resource_type == LOG
        and stated(each.props, "trafficType") == "ALL"
        and (vpc := referred(each, "vpcId", VPC))
    }
    for resource in resources:
        if resource.resource_type == VPC and resource.urn not in logged:
            yield (
                violation(
                    "the VPC has no flow log of ALL traffic",
                    "every VPC must have one",
                    REASON,
                    "add a FlowLog for the VPC with trafficType ALL",
                ),
                resource.urn,
            )
        elif resource.resource_type == SUBNETWORK and stated(resource.props, "purpose") not in OTHER_PURPOSES:
            config = stated(resource.props, "logConfig")
            if config is None or config is UNKNOWN:
                yield (
                    violation("the subnetwork has no logConfig", "it must have one", REASON, "set logConfig"),
                    resource.urn,
                )


RULE = stack_rule(
    "networks-keep-flow-logs",
    "Every VPC and every Google Cloud subnetwork must have flow logs.",
    check,
    Severity.MEDIUM,
    why="After a break-in, only flow logs show which hosts communicated; rejected packets show attempts.",
    fix="Add a `FlowLog` with `trafficType: ALL` for the VPC (Google Cloud: `logConfig` on each subnetwork).",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
    example=Example(LOG, {"trafficType": "REJECT"}),
)
