"""Networks are declared, not found."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.reading.properties import UNKNOWN, each, stated
from policies.rule import Example, resource_rule, violation

REASON = "the default network lets SSH in from the whole world, and every instance talk to every other"


def _network(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "autoCreateSubnetworks")
    if given is not False:
        yield violation(
            f"autoCreateSubnetworks is {given}",
            "it is stated, false",
            "its ranges are the same everywhere",
            "state false",
        )


def _project(args: ResourceValidationArgs) -> Iterator[str]:
    given = stated(args.props, "autoCreateNetwork")
    if given is not False:
        yield violation(f"autoCreateNetwork is {given}", "it is stated, false", REASON, "state false")


def _instance(args: ResourceValidationArgs) -> Iterator[str]:
    for interface in each(args.props, "networkInterfaces"):
        if interface is UNKNOWN:
            yield violation("an interface is unknown", "it is stated", REASON, "state it")
            continue
        network, subnetwork = stated(interface, "network"), stated(interface, "subnetwork")
        for given in (network, subnetwork):
            if isinstance(given, str) and given.rsplit("/", 1)[-1] == "default":
                yield violation(
                    f"an interface is in {given}", "it is in a network of ours", REASON, "give its subnetwork"
                )
        if network is None and subnetwork is None:
            yield violation("an interface names no network", "it names its subnetwork", REASON, "give its subnetwork")


RULE = resource_rule(
    "no-default-network",
    "Google Cloud projects have no default network, networks make no subnets of their own, and no instance is in one.",
    {
        "gcp:compute/network:Network": _network,
        "gcp:organizations/project:Project": _project,
        "gcp:compute/instance:Instance": _instance,
    },
    Severity.HIGH,
    why="The default network comes with rules that let SSH in from the whole world; automatic subnets overlap "
    "between projects.",
    fix="State `autoCreateSubnetworks: false` and `autoCreateNetwork: false`; give each interface its `subnetwork`.",
    source="https://docs.cloud.google.com/vpc/docs/vpc#default-network",
    example=Example("gcp:compute/network:Network", {"autoCreateSubnetworks": True}),
)
