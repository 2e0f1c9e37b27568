"""What a production network declares must be served before it is deployed to real accounts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from pulumi_policy import PolicyResource, Severity

from estate.findings import DeclarationError
from estate.model import Network
from estate.plan.served import unserved
from policies import declaration
from policies.rule import stack_rule, violation

STACK = "pulumi:pulumi:Stack"
INSTANCE = "instance:Instance"
REHEARSAL = "ESTATE_REHEARSAL"
"""``true`` where the lab runs the engine. It counts only where the engine is attached to stand-ins of the providers."""
ATTACHED = "PULUMI_DEBUG_PROVIDERS"
"""``aws:40123,gcp:40123``: the providers that the engine does not start, but reaches at a port of this machine."""
PROVIDER = "pulumi:providers:"


def is_rehearsal(environment: Mapping[str, str], resources: Sequence[PolicyResource]) -> bool:
    """Whether nothing of a real account can change: the lab says so, and each provider in use is a stand-in of its own.

    Whatever else is the case, or cannot be told, is a live deploy.
    """
    if environment.get(REHEARSAL) != "true":
        return False
    attached = {each.partition(":")[0] for each in environment.get(ATTACHED, "").split(",")}
    types = {each.resource_type for each in resources}
    used = {each.removeprefix(PROVIDER) for each in types if each.startswith(PROVIDER)}
    used |= {each.partition(":")[0] for each in types if not each.startswith(("pulumi:", "estate:"))}
    return bool(used) and used <= attached


def judged(network: Network, given: Sequence[PolicyResource], root: str) -> Iterator[tuple[str, str]]:
    """A message for whatever is not served of a production network: on the host that it is for, else on the stack."""
    if network.stage != "production":
        return
    hosts = {each.name: each.urn for each in given if each.resource_type.endswith(INSTANCE)}
    for part in unserved(network):
        for name, entry in zip(part.names, part.entries, strict=True):
            yield (
                violation(
                    f"{entry} is declared and not served",
                    "a production network must not be deployed to real accounts with it",
                    part.reason,
                    "wait for a release that serves it, or accept that until a day in policies/exceptions.yaml",
                ),
                hosts.get(name, root),
            )


def check(given: Sequence[PolicyResource]) -> Iterator[tuple[str, str]]:
    """The findings for a stack of this project; none in a rehearsal, and none without a declaration."""
    if not given:
        return
    stack, project, *_ = given[0].urn.removeprefix("urn:pulumi:").split("::")
    if project != declaration.PROJECT or is_rehearsal(os.environ, given):
        return
    root = next((each.urn for each in given if each.resource_type == STACK), given[0].urn)
    try:
        network = declaration.network(stack)
    except (DeclarationError, OSError, ValueError) as error:
        yield (
            violation(
                f"the declaration cannot be read: {error}",
                "what it declares must be known to be served",
                "what is not known to be served may be missed in production",
                "fix the declaration",
            ),
            root,
        )
        return
    if network is not None:
        yield from judged(network, given, root)


RULE = stack_rule(
    "what-is-declared-is-served",
    "What a production network declares must be served by something, in a deploy to real accounts.",
    check,
    Severity.HIGH,
    why="Whoever reads that VPN, monitoring or leases are declared relies on them. The rule is silent in the lab's "
    "rehearsal, which says that it is one and has a stand-in for each provider; whatever else cannot be told is live.",
    fix="Use `stage: testnet`, or accept it until a day with an exception in `policies/exceptions.yaml`: `resource` is "
    "the host of a VPN or of monitoring, and for leases the stack. `exceptions-in-force` repeats it in every preview.",
    source="https://www.pulumi.com/docs/iac/crossguard/",
    example="`stage: production` with a VPN gateway, in `bin/estate up NETWORK --live`: the VPN service is declared, "
    "and OpenVPN is not configured by anything.",
)
