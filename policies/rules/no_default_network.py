"""There must be no default network and no automatic subnets."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each, stated
from policies.rule import Example, resource_rule, violation

REASON = "the default network allows SSH from the whole internet and all traffic between instances"


def _network(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "autoCreateSubnetworks")
    if given is not False:
        yield violation(
            f"autoCreateSubnetworks is {given}",
            "it must be set to false",
            "automatic subnets have the same ranges everywhere",
            "set it to false",
        )


def _project(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "autoCreateNetwork")
    if given is not False:
        yield violation(f"autoCreateNetwork is {given}", "it must be set to false", REASON, "set it to false")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    for interface in each(args.props, "networkInterfaces"):
        if interface is UNKNOWN:
            yield violation("an interface is unknown", "it must be set", REASON, "set it")
            continue
        network, subnetwork = stated(interface, "network"), stated(interface, "subnetwork")
        for given in (network, subnetwork):
            if isinstance(given, str) and given.rsplit("/", 1)[-1] == "default":
                yield violation(
                    f"an interface is in {given}", "it must be in a network of the stack", REASON, "set its subnetwork"
                )
        if network is None and subnetwork is None:
            yield violation(
                "an interface names no network", "it must name its subnetwork", REASON, "set its subnetwork"
            )


RULE = resource_rule(
    "no-default-network",
    "Google Cloud projects must have no default network and no automatic subnets, and no instance may be in one.",
    {
        "gcp:compute/network:Network": _network,
        "gcp:organizations/project:Project": _project,
        "gcp:compute/instance:Instance": _instance,
    },
    Severity.HIGH,
    why="The default network comes with rules that allow SSH from the whole internet; automatic subnets overlap "
    "between projects.",
    fix="Set `autoCreateSubnetworks: false` and `autoCreateNetwork: false`; give each interface its `subnetwork`.",
    source="https://docs.cloud.google.com/vpc/docs/vpc#default-network",
    example=Example("gcp:compute/network:Network", {"autoCreateSubnetworks": True}),
)
