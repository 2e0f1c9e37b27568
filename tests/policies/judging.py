"""Calling a rule on one resource, as the engine would."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs, StackValidationArgs
from pulumi_policy.policy import PolicyCustomTimeouts, PolicyProviderResource, PolicyResourceOptions
from pulumi_policy.proxy import unknown_checking_proxy

STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
BOOLEAN = "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"
NUMBER = "3eeb2bf0-c639-47a8-9e75-3b44932eb421"
"""What the engine sends in a preview for values that it cannot know."""

TAGS = {"Name": "example", "Network": "cosmoshub", "Owner": "network-operations", "Stage": "production"}


def options(*, protect: bool) -> PolicyResourceOptions:
    return PolicyResourceOptions(protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def judged(
    policy: Any,
    type_: str,
    properties: Mapping[str, Any],
    *,
    protect: bool = False,
    name: str = "example",
    provider: PolicyProviderResource | None = None,
) -> list[str]:
    """What the rule has to say of a resource."""
    found: list[str] = []
    props = unknown_checking_proxy(dict(properties))
    policy.validate(
        ResourceValidationArgs(
            type_, props, f"urn:pulumi:x::example::{type_}::{name}", name, options(protect=protect), provider
        ),
        lambda message, urn=None: found.append(message),
    )
    return found


def resource(
    type_: str, name: str, properties: Mapping[str, Any] | None = None, **referred: PolicyResource
) -> PolicyResource:
    """A resource of a stack; ``referred``: those that its properties were taken from."""
    given = {"tags": TAGS, **(properties or {})}
    return PolicyResource(
        type_,
        unknown_checking_proxy(given),
        f"urn:pulumi:x::example::{type_}::{name}",
        name,
        options(protect=False),
        None,
        None,
        list(referred.values()),
        {key: [each] for key, each in referred.items()},
    )


def judged_together(policy: Any, resources: Sequence[PolicyResource]) -> list[tuple[str, str]]:
    """Message and name of the resource, for each violation."""
    names = {each.urn: each.name for each in resources}
    found: list[tuple[str, str]] = []
    policy.validate(StackValidationArgs(list(resources)), lambda message, urn=None: found.append((message, names[urn])))
    return found


def is_whole(message: str) -> bool:
    """Whether a violation says what was found, the requirement (with "must" or "may"), its reason and the fix."""
    return re.search(r"\S; .*\b(must|may)\b.*, because .+; \S", message) is not None
