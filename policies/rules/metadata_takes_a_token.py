"""Instances must require IMDSv2, with a hop limit of one."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, stated
from policies.rule import Example, resource_rule, violation


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    options = stated(args.props, "metadataOptions", {})
    options = {} if options is UNKNOWN else options
    tokens, hops = stated(options, "httpTokens"), stated(options, "httpPutResponseHopLimit")
    if tokens != "required":
        yield violation(
            f"httpTokens is {tokens}",
            "it must be required (IMDSv2)",
            "with IMDSv1 one forged request reads the role's credentials",
            "set it to required",
        )
    if hops != 1:
        yield violation(
            f"httpPutResponseHopLimit is {hops}", "it must be 1", "a token must not pass through a proxy", "set it to 1"
        )


RULE = resource_rule(
    "metadata-takes-a-token",
    "Instances must only offer IMDSv2, with a hop limit of one.",
    {"aws:ec2/instance:Instance": _instance},
    Severity.HIGH,
    why="With IMDSv1, one forged request through a proxy or a web hook reads the role's credentials.",
    fix="Set `metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 1}`.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
    example=Example("aws:ec2/instance:Instance", {"metadataOptions": {"httpTokens": "optional"}}),
)
